"""What do traces cost the service? The same service with and without them, asked in turn.

    python -m benchmarks.tracing BUNDLE [BUNDLE ...]      # two minutes a bundle on two idle cores

Two services of one bundle run in processes of their own. One makes a trace of every request, as
``workshop serve --trace-to`` does, for an exporter that drops them. Each round asks both for the same texts,
first one, then the other, in changing order. Writes ``benchmarks/results/tracing.md``.
"""

import argparse
import http.client
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from workshop_utils.data import load_reviews
from workshop_utils.models.bundle.card import read_card
from workshop_utils.models.bundle.cores import usable_cores
from workshop_utils.production.service import Service, ServiceSettings

RESULT = Path(__file__).parent / "results" / "tracing.md"
CLIENTS, ROUNDS, SECONDS = 4, 24, 2.0
WORDS = 64


class Round(NamedTuple):
    """One service in one round: requests a second, and processor seconds of the service for a request."""

    per_second: float
    processor: float


def serve(bundle: Path, traced: bool, told: Connection) -> None:
    """Run a service until somebody says stop."""
    service = Service(ServiceSettings(bundle=bundle, port=0), tracer=_dropping() if traced else None)
    told.send(service.address)
    with ThreadPoolExecutor(1) as waiting:
        waiting.submit(lambda: (told.recv(), service.stop()))
        service.run()


def _dropping():
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    from workshop_utils.production.service.tracing import SpanTracer

    class Dropping(SpanExporter):
        def export(self, spans):
            return SpanExportResult.SUCCESS

    provider = TracerProvider(shutdown_on_exit=False)
    return SpanTracer(provider, BatchSpanProcessor(Dropping()))


@contextmanager
def started(bundle: Path, traced: bool) -> Iterator[tuple[str, psutil.Process]]:
    """The address of a service in a process of its own, and the process."""
    fresh = multiprocessing.get_context("spawn")
    ours, theirs = fresh.Pipe()
    process = fresh.Process(target=serve, args=(bundle, traced, theirs))
    process.start()
    try:
        yield ours.recv(), psutil.Process(process.pid)
    finally:
        ours.send("stop")
        process.join(60)


def ask(address: str, bodies: Sequence[str], seconds: float) -> int:
    """Ask over one kept connection for so long; how many answers there were."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"))
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        body = bodies[count % len(bodies)]
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        count += 1
    connection.close()
    return count


def measure(address: str, process: psutil.Process, bodies: Sequence[str], seconds: float) -> Round:
    """One service, asked by several clients at once."""
    before, begin = sum(process.cpu_times()[:2]), time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as clients:
        counts = list(clients.map(lambda n: ask(address, bodies[n:] + bodies[:n], seconds), range(CLIENTS)))
    took = time.monotonic() - begin
    return Round(sum(counts) / took, (sum(process.cpu_times()[:2]) - before) / sum(counts))


def compare(bundle: Path, rounds: int, seconds: float) -> list[tuple[Round, Round]]:
    """Each round without and with traces."""
    reviews = list(load_reviews("sample")["review"])
    bodies, words = [], []
    for review in reviews:
        words += review.split()
        if len(words) >= WORDS:
            bodies.append(json.dumps({"text": " ".join(words)}))
            words = []
    found = []
    with started(bundle, False) as plain, started(bundle, True) as traced:
        for number in range(-1, rounds):  # the first one warms up
            order = [plain, traced] if number % 2 else [traced, plain]
            results = {each[0]: measure(*each, bodies, seconds) for each in order}
            if number >= 0:
                found.append((results[plain[0]], results[traced[0]]))
    return found


def row(bundle: Path, rounds: list[tuple[Round, Round]]) -> str:
    """A line of the table: medians, and ratios within a round with their quartiles."""
    plain = np.array([each[0] for each in rounds])
    traced = np.array([each[1] for each in rounds])
    ratio, cost = (traced / plain)[:, 0], (traced[:, 1] - plain[:, 1]) * 1e6
    low, middle, high = np.quantile(ratio, [0.25, 0.5, 0.75])
    return (
        f"| {read_card(bundle).kind} | {np.median(plain[:, 0]):.0f} | {np.median(traced[:, 0]):.0f} "
        f"| {middle:.3f} ({low:.3f} to {high:.3f}) | {np.median(cost):.0f} µs "
        f"| {100 * np.median(traced[:, 1] / plain[:, 1]) - 100:.1f} % |"
    )


def main() -> None:
    """Measure each bundle and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    asked = parser.parse_args()
    rows = [row(each, compare(each, asked.rounds, asked.seconds)) for each in asked.bundles]
    text = (
        "# What traces cost, measured\n\n"
        f"Made by `python -m benchmarks.tracing` on {usable_cores()} cores: {asked.rounds} rounds of "
        f"{asked.seconds:g} s for each of two services that differ in nothing but the traces, {CLIENTS} "
        f"clients, one text of {WORDS} words or more in a request. A trace of four spans is made of every "
        "request, and an exporter drops it. Ratios are within a round: median, and quartiles in brackets. "
        "Target: at most 2 % of the throughput with the packaged encoder.\n\n"
        "| model | requests per second | with traces | ratio | processor time of a trace | of a request's |\n"
        "|:--|--:|--:|--:|--:|--:|\n" + "\n".join(rows) + "\n"
    )
    RESULT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
