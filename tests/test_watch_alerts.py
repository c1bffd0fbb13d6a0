"""What Alertmanager posts to a watch begins a round; whatever else is refused in one sentence."""

import json
import threading

import pytest

from tests.serving import BEARER, JSON, TOKEN, Client
from workshop_utils.production.watch import create_listener


def message(*alerts, status="firing", **changes):
    """What Alertmanager posts, with all its members."""
    told = [
        {
            "status": each,
            "labels": {"alertname": "ModelIsSlow", "severity": "page"},
            "annotations": {"summary": "Grüße"},
            "startsAt": "2026-04-01T10:00:00.000Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.org/graph",
            "fingerprint": "1a30ba71cca2921f",
        }
        for each in alerts
    ]
    whole = {
        "receiver": "workshop",
        "status": status,
        "alerts": told,
        "groupLabels": {"alertname": "ModelIsSlow"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.org",
        "version": "4",
        "groupKey": '{}:{alertname="ModelIsSlow"}',
        "truncatedAlerts": 0,
    }
    return whole | changes


class Asked:
    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1


def listening(token):
    server = create_listener(token, asked := Asked(), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    client = Client(server.address)
    client.asked = asked
    yield client
    server.drain()
    thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def alerts():
    yield from listening(TOKEN)


def test_a_firing_alert_begins_a_round(alerts):
    before = alerts.asked.times
    answer = alerts.post("/alerts", message("resolved", "firing"), BEARER)
    assert answer.status == 202 and answer.json["started"] is True
    assert alerts.asked.times == before + 1


@pytest.mark.parametrize("body", [message("resolved", status="resolved"), message("resolved"), message()])
def test_what_is_over_begins_nothing(alerts, body):
    before = alerts.asked.times
    answer = alerts.post("/alerts", body, BEARER)
    assert answer.status == 200 and answer.json["started"] is False
    assert alerts.asked.times == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": b"Basic " + TOKEN.encode()},
        {"Authorization": b"Bearer " + TOKEN.encode() + b"x"},
    ],
)
def test_without_the_token_nothing_is_looked_at(alerts, headers):
    before = alerts.asked.times
    for body in (b"{", json.dumps(message("firing")).encode()):
        answer = alerts.request("POST", "/alerts", body, JSON | headers)
        assert answer.status == 403 and answer.headers["Content-Type"] == "application/problem+json"
        assert "Authorization: Bearer" in answer.json["detail"]
    assert alerts.asked.times == before


def test_a_watch_that_has_no_token_refuses_everybody():
    for client in listening(None):
        answer = client.post("/alerts", message("firing"), BEARER)
        assert answer.status == 403 and "WORKSHOP_TOKEN" in answer.json["detail"]
        assert client.asked.times == 0


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"", 400, None),
        (b"not json", 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"version": "4", "status": "firing", "alerts": NaN}', 400, None),
        (b"[]", 422, ""),
        (json.dumps(message("firing", version="3")).encode(), 422, "/version"),
        (json.dumps(message("firing", version=4)).encode(), 422, "/version"),
        (json.dumps(message("firing", status="burning")).encode(), 422, "/status"),
        (json.dumps(message("burning")).encode(), 422, "/alerts/0/status"),
        (json.dumps(message(alerts=None)).encode(), 422, "/alerts"),
        (json.dumps(message(alerts=[{"status": "firing"}] * 10_001)).encode(), 422, "/alerts"),
        (b'{"alerts": "' + b"x" * (1 << 20) + b'"}', 413, None),
    ],
    ids=range(12),
)
def test_what_is_no_alert_is_one_sentence(alerts, body, status, pointer):
    before = alerts.asked.times
    answer = alerts.request("POST", "/alerts", body, JSON | BEARER)
    assert answer.status == status and answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == status and answer.json["detail"]
    if pointer is not None:
        assert answer.json["errors"][0]["pointer"] == pointer
    assert alerts.asked.times == before


def test_other_media_types_and_other_routes_are_refused(alerts):
    text = {"Content-Type": "text/plain"}
    assert alerts.request("POST", "/alerts", b"{}", text | BEARER).status == 415
    assert alerts.get("/alerts", BEARER).status == 405
    answer = alerts.get("/nowhere")
    assert answer.status == 404 and "POST /alerts" in answer.json["detail"]
    assert alerts.get("/livez").json == {"status": "alive"}
