"""A service on a free port of this machine for the tests, and a client that hides nothing."""

import http.client
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from workshop_utils.files import atomic_write, sha256
from workshop_utils.production.deployment import Lineage, write_manifest
from workshop_utils.production.service import Limits, PredictionLog, Service, ServiceSettings
from workshop_utils.production.service.tracing import RequestTracer

JSON = {"Content-Type": "application/json"}
TOKEN = "a-token-für-tests"
BEARER = {"Authorization": b"Bearer " + TOKEN.encode()}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection for each request, unless it is used ``with`` a kept one."""

    def __init__(self, address: str) -> None:
        self.address, parts = address, urlsplit(address)
        self.host, self.port = parts.hostname or "", parts.port or 0

    def request(self, method: str, path: str, body: Any = None, headers: dict | None = None) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            return exchange(connection, method, path, body, headers)
        finally:
            connection.close()

    def get(self, path: str, headers: dict | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def post(self, path: str, value: Any, headers: dict | None = None) -> Answer:
        return self.request("POST", path, json.dumps(value).encode(), JSON | (headers or {}))

    def predict(self, text: str) -> Answer:
        return self.post("/predict", {"text": text})

    def raw(self, data: bytes) -> bytes:
        """Send bytes and read until the server closes."""
        with socket.create_connection((self.host, self.port), timeout=10) as connection:
            connection.sendall(data)
            return read_all(connection)

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=20)


def exchange(connection, method, path, body=None, headers=None) -> Answer:
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return Answer(response.status, dict(response.getheaders()), response.read())


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


@contextmanager
def running(
    bundle: Path | None = None,
    prediction_log: PredictionLog | None = None,
    tracer: RequestTracer | None = None,
    **settings: Any,
) -> Iterator[tuple[Client, Service]]:
    """Run a service in a thread; it is drained at the end."""
    settings = {"port": 0, "token": TOKEN, "bundle": bundle, "poll_seconds": 0.05} | settings
    service = Service(ServiceSettings(**settings), prediction_log, tracer)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield Client(service.address), service
    finally:
        service.stop()
        thread.join(60)
        assert not thread.is_alive(), "the service did not end"


def short_limits(**values: Any) -> Limits:
    return Limits(**({"stall_seconds": 1.0, "request_seconds": 2.0, "drain_seconds": 10.0} | values))


def add_version(deployment: Path, name: str, bundle: Path) -> Path:
    """A copy of a bundle under a name of the test's own, with a manifest that vouches for it."""
    shutil.copytree(bundle, deployment / "versions" / name)
    return vouch(deployment / "versions" / name)


def vouch(folder: Path) -> Path:
    """Write the manifest of a version as its card is now, whatever somebody has done to it."""
    card = folder / "bundle.json"
    files = {card.name: sha256(card), **json.loads(card.read_text(encoding="utf-8"))["sha256"]}
    write_manifest(folder, files, Lineage())
    return folder


def point(deployment: Path, version: str, pointer: str = "current") -> None:
    atomic_write(deployment / pointer, version + "\n")


class SlowModel:
    """Put in the place of a loaded model's bundle: each text takes until ``go`` is set."""

    def __init__(self, bundle) -> None:
        self._bundle = bundle
        self.card, self.sha256, self.labels = bundle.card, bundle.sha256, bundle.labels
        self.go, self.entered = threading.Event(), threading.Semaphore(0)

    def score_timed(self, text):
        self.entered.release()
        assert self.go.wait(30)
        return self._bundle.score_timed(text)
