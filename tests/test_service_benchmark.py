"""The comparison of the service with others: its load, its page, and the results that are kept."""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from benchmarks.service.load import NO_ANSWER, Load, answers, closed_loop, open_loop
from benchmarks.service.models import mixed
from benchmarks.service.page import page, speed_ratios, spread
from benchmarks.service.servers import OURS, SERVERS, request

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


class Echo(BaseHTTPRequestHandler):
    """Answers with the text; refuses every text that begins with "no"."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
        body = json.dumps(text).encode()
        self.send_response(429 if text.startswith("no") else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(params=["HTTP/1.0", "HTTP/1.1"])
def port(request):
    """A server that closes each connection, and one that keeps them."""
    handler = type("Handler", (Echo,), {"protocol_version": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_answers_come_in_the_order_of_their_requests(port):
    texts = [f"{number} ä 😴" for number in range(30)]
    found = answers(port, [request(OURS, port, text) for text in texts], clients=8)
    assert [(status, json.loads(body)) for status, body in found] == [(200, text) for text in texts]


def test_a_closed_loop_counts_answers_and_refusals_apart(port):
    load = closed_loop(port, [request(OURS, port, text) for text in ("yes", "no")], clients=3, seconds=0.3)
    figures = load.figures()
    assert set(figures["codes"]) == {"200", "429"}
    assert figures["answered"] == figures["codes"]["200"]
    assert sum(figures["codes"].values()) == len(load.answers)


def test_an_open_loop_sends_at_its_rate_whatever_is_answered(port):
    load = open_loop(port, [request(OURS, port, "no")], rate=200, seconds=0.5)
    again = np.random.default_rng(0).exponential(1 / 200, 1000).cumsum()
    assert len(load.answers) == (again < 0.5).sum()
    assert load.figures()["answered"] == 0


def test_who_does_not_answer_at_all_is_counted():
    with_nobody = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    port = with_nobody.server_port
    with_nobody.server_close()
    assert answers(port, [b"GET / HTTP/1.1\r\n\r\n"], 1) == [(NO_ANSWER, b"")]


def test_only_what_was_answered_within_the_time_counts_as_speed():
    load = Load(2.0, [(0.0, 1.0, 200), (1.0, 2.0, 200), (1.5, 3.5, 200), (0.0, 0.1, 429)])
    figures = load.figures()
    assert figures["texts_per_second"] == 1.0
    assert figures["p50_ms"] == 1000
    assert figures["codes"] == {"200": 3, "429": 1}


def test_every_run_of_texts_is_a_mixture_of_lengths():
    lengths = list(range(1, 201))
    order = mixed([str(length) for length in lengths], lengths)
    assert sorted(map(int, order)) == lengths
    means = [np.mean([int(text) for text in order[start : start + 10]]) for start in range(0, 200, 10)]
    assert np.ptp(means) < 40


def made_up(factor: float) -> dict:
    """Results in which each server is slower than the one before it by ``factor``."""
    rounds = []
    for number in range(3):
        servers = {}
        for place, name in enumerate(SERVERS):
            load = {
                "texts_per_second": (100 + number) / factor**place,
                "p50_ms": 10.0,
                "p99_ms": 20.0 * factor**place,
                "answered": 100,
                "codes": {"200": 100},
                "client_ms": 0.2,
                "server_ms": 20.0,
            }
            other = {"largest_difference": 0.0, "other_labels": 0}
            servers[name] = {f"clients_{clients}": load for clients in (1, 8, 64)} | {
                "ready_seconds": 1.0,
                "ready_mb": 200.0,
                "mb": 200.0 + 100 * place,
                "answers": {"clients_1": other, "clients_8": other},
            }
        rounds.append(
            {
                "bare": {"bundle": 110.0, "bundle_ms": 18.0, "session": 115.0, "openvino": 90.0},
                "servers": servers,
            }
        )
    load = rounds[0]["servers"][OURS]["clients_64"]
    flood = {"one_client": load, "capacity": load, "load": load | {"codes": {"200": 9, "500": 1}}}
    flood |= {"rate": 400.0, "recovered_seconds": 1.0, "mb": 200.0, "seconds": 20.0}
    head = {"command": "c", "machine": "m", "date": "d", "versions": {}, "texts": 500, "mean_tokens": 200.0}
    return head | {"rounds": rounds, "overload": flood}


def test_a_target_that_is_missed_is_called_missed():
    reached = {line.split("|")[1].strip(): line.split("|")[4].strip() for line in target_lines(made_up(2.0))}
    assert reached["codes under four times capacity"] == "**no**"
    assert reached["texts a second, BentoML, 8 clients"] == "yes"
    slower = {line.split("|")[1].strip(): line.split("|")[4].strip() for line in target_lines(made_up(0.9))}
    assert slower["texts a second, BentoML, 8 clients"] == "**no**"
    assert slower["p99, BentoML, 64 clients"] == "**no**"


def target_lines(result: dict) -> list[str]:
    table = page(result).partition("## Against the targets")[2].partition("\n## ")[0]
    return [line for line in table.splitlines() if line.startswith("|")][2:]


def kept() -> tuple[dict, str]:
    result = json.loads((RESULTS / "service.json").read_text(encoding="utf-8"))
    return result, (RESULTS / "service.md").read_text(encoding="utf-8")


def test_the_kept_page_names_its_command_and_every_server_and_has_the_numbers_of_its_json():
    result, text = kept()
    assert text == page(result)
    assert "`python -m benchmarks.service`" in text
    for name in SERVERS:
        assert f"- **{name}**: " in text
        assert re.search(
            rf"^\| {re.escape(name)} +\|.*{re.escape(spread(speed_ratios(result['rounds'], name, 8), 2))}",
            text,
            re.M,
        )


def test_the_kept_ratios_are_those_of_the_raw_numbers():
    result, text = kept()
    for name in SERVERS:
        for clients in (8, 64):
            key = f"clients_{clients}"
            by_hand = [
                each["servers"][OURS][key]["texts_per_second"]
                / each["servers"][name][key]["texts_per_second"]
                for each in result["rounds"]
            ]
            shown = f"{np.median(by_hand):.2f} ({min(by_hand):.2f} to {max(by_hand):.2f})"
            line = next(line for line in text.splitlines() if line.startswith(f"| {name} ") and shown in line)
            assert shown in line


def test_every_server_of_the_kept_run_gave_the_same_answers_first():
    result, _ = kept()
    for name, server in SERVERS.items():
        found = result["rounds"][0]["servers"][name]["answers"]["clients_1"]
        assert found["other_labels"] == 0 or server.file == "float32"
        if server.file == "same":
            assert found["largest_difference"] < 1e-6
