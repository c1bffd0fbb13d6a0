"""The servers that are compared: how each is started, what it is sent, how it is stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.service import rivals
from benchmarks.service.load import answers
from workshop_utils.paths import ROOT

OURS, OURS_UNSTORED = "workshop serve", "workshop serve --storage none"
FLASK, GUNICORN = "Flask's own server, PyTorch, padded", "Flask and pipeline, gunicorn"
BENTO, BENTO_BATCHED = "BentoML", "BentoML, batches"
LIT, LIT_BATCHED = "LitServe", "LitServe, batches"
FAST = "FastAPI, uvicorn"


class Server(NamedTuple):
    """``command`` follows the interpreter; PORT and SERVED in it are filled in. ``file`` is what it scores
    by: "same" (the bundle's), "masked" (its twin for batches) or "float32" (PyTorch)."""

    command: tuple[str, ...]
    file: str
    configuration: str
    as_list: bool = False


_MODULES = "benchmarks.service.rivals"
_SERVE = ("-m", "workshop_utils", "serve", "--bundle", "SERVED/encoder", "--port", "PORT")
_BENTO = ("-m", "bentoml", "serve", "--host", "127.0.0.1", "--port", "PORT")
_TWO = "one process, two threads that score, one text each"

SERVERS = {
    OURS: Server(_SERVE, "same", f"as anybody starts it: {_TWO}; stores predictions, logs each request"),
    OURS_UNSTORED: Server((*_SERVE, "--storage", "none"), "same", "the same, nothing stored"),
    FLASK: Server(
        ("-m", f"{_MODULES}.flask_own", "PORT"),
        "float32",
        "`app.run()`, transformers in float32 with PyTorch's two threads, a text a request, "
        "`padding='max_length'` (512 tokens)",
    ),
    GUNICORN: Server(
        (
            *("-m", "gunicorn", "--bind", "127.0.0.1:PORT", "--workers", "2", "--threads", "2"),
            *("--worker-class", "gthread", "--timeout", "120", f"{_MODULES}.flask_pipeline:app"),
        ),
        "float32",
        "two gthread workers of two threads, PyTorch with one thread in each; float32, no padding; "
        "no access log",
    ),
    BENTO: Server((*_BENTO, f"{_MODULES}.bento:Single"), "same", f"{_TWO}; no access log"),
    BENTO_BATCHED: Server(
        (*_BENTO, f"{_MODULES}.bento:Batched"),
        "masked",
        "adaptive batches of at most 8 texts, two at a time, a thread each; no access log",
        as_list=True,
    ),
    LIT: Server(
        ("-m", f"{_MODULES}.lit", "single", "PORT"),
        "same",
        "one process that answers and two that score, one text each; no access log",
    ),
    LIT_BATCHED: Server(
        ("-m", f"{_MODULES}.lit", "batched", "PORT"),
        "masked",
        "the same with batches of at most 8 texts that wait at most 5 ms",
    ),
    FAST: Server(
        (
            *("-m", "uvicorn", f"{_MODULES}.fast:app", "--port", "PORT", "--no-access-log"),
            *("--loop", "uvloop", "--http", "httptools"),
        ),
        "same",
        f"{_TWO}; uvloop, httptools, no access log",
    ),
}


class Running(NamedTuple):
    """A server that answers. ``ready_seconds`` passed from its start to its first answered text."""

    name: str
    port: int
    ready_seconds: float
    process: psutil.Process

    def requests(self, texts: list[str]) -> list[bytes]:
        """HTTP requests, one text each."""
        return [request(self.name, self.port, text) for text in texts]

    def probabilities(self, texts: list[str], clients: int) -> list[tuple[str, float]]:
        """Label and probability of class 1 of each text."""
        return [self._read(*found) for found in answers(self.port, self.requests(texts), clients)]

    def ask(self, wanted: bytes) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        return answers(self.port, [wanted], 1)[0]

    def megabytes(self) -> float:
        """Resident memory of all its processes; pages that they share count once (PSS)."""
        return sum(each.memory_full_info().pss for each in self._family()) / 1e6

    def processor_seconds(self) -> float:
        """Processor time of all its processes since they began."""
        return sum(sum(each.cpu_times()[:2]) for each in self._family())

    def _family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def _read(self, status: int, body: bytes) -> tuple[str, float]:
        if status != 200:
            raise SystemExit(f"{self.name} answered {status}: {body[:500]!r}")
        found = json.loads(body)
        found = found[0] if isinstance(found, list) else found
        return found["label"], found["class_1_probability"]


def request(name: str, port: int, text: str) -> bytes:
    """One text as HTTP."""
    body = json.dumps({"text": [text] if SERVERS[name].as_list else text}, ensure_ascii=False).encode()
    head = (
        f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


@contextmanager
def running(name: str, served: Path, work: Path) -> Iterator[Running]:
    """Start a server, wait until it answers a text, and stop it with all its processes."""
    port = _free_port()
    places = {"PORT": str(port), "SERVED": str(served)}
    command = [sys.executable, *(_filled(part, places) for part in SERVERS[name].command)]
    environment = os.environ | {
        "SERVED": str(served),
        "WORKSHOP_HOME": str(work / "home"),
        "BENTOML_HOME": str(work / "bento"),
        "BENTOML_DO_NOT_TRACK": "True",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
    if name not in (OURS, OURS_UNSTORED):
        environment["PYTHONPATH"] = rivals.path()
    with (work / "log.txt").open("ab") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            seconds = _wait(name, port, process, began, work / "log.txt")
            yield Running(name, port, seconds, psutil.Process(process.pid))
        finally:
            _stop(process)


def _wait(name: str, port: int, process: subprocess.Popen, began: float, log: Path) -> float:
    text = [request(name, port, "A good film.")]
    while answers(port, text, 1)[0][0] != 200:
        if process.poll() is not None or time.perf_counter() - began > 120:
            raise SystemExit(f"{name} does not start:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.02)
    return time.perf_counter() - began


def _stop(process: subprocess.Popen) -> None:
    """Ask it to end, then end what is left of its group."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _filled(part: str, places: dict[str, str]) -> str:
    for place, value in places.items():
        part = part.replace(place, value)
    return part


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
