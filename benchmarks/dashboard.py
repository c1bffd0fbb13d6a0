"""How long does ``/dashboard`` take with a million predictions in the store, and what does it cost others?

    python -m benchmarks.dashboard            # about ten minutes on an idle machine, 1.5 GB of disk
    python -m benchmarks.dashboard --small    # a trial of a minute; writes nothing
    python -m benchmarks.dashboard --store FILE    # keeps the store, and takes it the next time

Fills a store in SQLite with predictions of four versions over sixty days, their texts of ninety words with
them, true labels for one in twenty and a look of monitoring every six hours. Reads and draws the dashboard of
each span in a process of its own: cold, when the system has forgotten the file (Linux only), and warm, again
and again. Then twenty clients reload the page without a pause while one asks for predictions. Writes
``benchmarks/results/dashboard.md``.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from benchmarks.child import last_line
from benchmarks.monitoring_store import train
from workshop_utils.files import atomic_write
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.dashboard import SPANS, make_panels, read_dashboard
from workshop_utils.production.service_process import ServiceProcess
from workshop_utils.production.store import (
    Decision,
    Feedback,
    Prediction,
    Store,
    add_many_labels,
    add_predictions,
    new_prediction_id,
    open_store,
    record_decision,
)

RESULTS = Path(__file__).parent / "results" / "dashboard.md"
PREDICTIONS, DAYS, EVERY, WARM = 1_000_000, 60, 20, 5
_BATCH, _WORDS, _CLIENTS, _SECONDS = 5_000, 90, 20, 15.0
_VERSIONS = tuple(f"{number:04d}-3f2a9c01b7d{number}" for number in range(1, 5))
_DETECTORS = ("errors", "inputs", "answers", "service")


def fill(store: Store, count: int, labels: tuple[str, ...]) -> None:
    """Predictions that end now, labels for some, and looks."""
    rng, words = random.Random(0), ("good", "bad", "film", "plot", "scene", "dress", "sleeve")
    begin, step = datetime.now(UTC) - timedelta(days=DAYS), timedelta(days=DAYS) / count
    for start in range(0, count, _BATCH):
        records, given = [], []
        for number in range(start, min(start + _BATCH, count)):
            share = rng.random()
            answer = labels[share < 0.5]
            record = Prediction(
                *(new_prediction_id(), _VERSIONS[4 * number // count], labels),
                *(" ".join(rng.choices(words, k=_WORDS)), answer, (share, 1 - share), False, "/predict"),
                queue_ms=rng.expovariate(1),
                tokenise_ms=0.1,
                infer_ms=rng.gammavariate(2, 10),
                time=begin + step * number,
            )
            records.append(record)
            if number % EVERY == 0:
                truth = answer if rng.random() < 0.9 else labels[share >= 0.5]
                given.append(Feedback(record.prediction_id, truth, "anna"))
        add_predictions(store, records, store_texts=True)
        list(add_many_labels(store, given))
    for look in range(4 * DAYS):
        record_decision(store, _look(begin + timedelta(hours=6 * look), _VERSIONS[look // DAYS]))


def _look(moment: datetime, version: str) -> Decision:
    detectors = [
        {"name": about, "about": about, "evidence": 0.01, "limit": 1.0, "verdict": "quiet", "alarm_at": None}
        for about in _DETECTORS
    ]
    return Decision(
        "monitor", "quiet", "Errors are tolerable.", version, {"detectors": detectors}, time=moment
    )


def forget(file: Path) -> bool:
    """Let the system forget what it has read of a file; False where it cannot be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in (file, file.with_name(f"{file.name}-wal")):
        if path.exists():
            with path.open("rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def look(file: str, span: str, repeats: int) -> None:
    """Read and draw it so many times; prints seconds and seconds of processor of each as JSON."""
    store, told = open_store(f"sqlite:///{file}"), []
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        found = read_dashboard(store, None, datetime.now(UTC), span)
        panels = make_panels(found, None)
        told.append((time.perf_counter() - began, time.process_time() - used))
    store.close()
    print(json.dumps({"times": told, "shown": sum(found.volume), "panels": len(panels)}))


class Asker(threading.Thread):
    """Sends the same request again and again until it is told to stop; knows how long each answer took."""

    def __init__(self, url: str, method: str, path: str, body: bytes | None, headers: dict) -> None:
        super().__init__(daemon=True)
        self._place, self._request = urlsplit(url), (method, path, body, headers)
        self.seconds, self.statuses, self.ended = [], Counter(), threading.Event()

    def run(self) -> None:
        connection = HTTPConnection(self._place.hostname, self._place.port, timeout=60)
        while not self.ended.is_set():
            began = time.perf_counter()
            try:
                connection.request(*self._request)
                answer = connection.getresponse()
                answer.read()
            except (OSError, HTTPException):
                connection.close()
                continue
            self.seconds.append(time.perf_counter() - began)
            self.statuses[answer.status] += 1


def session(service: ServiceProcess) -> dict:
    """The header of a browser that has shown the token."""
    place = urlsplit(service.url)
    connection = HTTPConnection(place.hostname, place.port, timeout=60)
    form = urlencode({"token": service.token, "name": "anna", "next": "/dashboard"})
    connection.request("POST", "/session", form, {"Content-Type": "application/x-www-form-urlencoded"})
    return {"Cookie": connection.getresponse().headers["Set-Cookie"].split(";")[0]}


def beside(service: ServiceProcess, clients: int, seconds: float) -> tuple[Asker, list[Asker]]:
    """One who asks for predictions, and so many who reload the dashboard."""
    body, headers = json.dumps({"text": "I love it"}).encode(), {"Content-Type": "application/json"}
    predicts = Asker(service.url, "POST", "/predict", body, headers)
    reloads = [Asker(service.url, "GET", "/dashboard", None, session(service)) for _ in range(clients)]
    askers = [predicts, *reloads]
    for each in askers:
        each.start()
    time.sleep(seconds)
    for each in askers:
        each.ended.set()
    for each in askers:
        each.join(60)
    return predicts, reloads


def _milliseconds(seconds: list[float], share: float) -> str:
    return f"{1000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]:,.1f}"


def main() -> None:
    """Measure all, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--store", type=Path, metavar="FILE")
    parser.add_argument("--look", nargs=3, metavar=("FILE", "SPAN", "REPEATS"))
    arguments = parser.parse_args()
    if arguments.look:
        look(arguments.look[0], arguments.look[1], int(arguments.look[2]))
        return
    count, seconds = (20_000, 2.0) if arguments.small else (PREDICTIONS, _SECONDS)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bundle = train(folder / "model")
        file = (arguments.store or folder / "store.db").resolve()
        if not file.exists():
            store = open_store(f"sqlite:///{file}")
            fill(store, count, tuple(Bundle.load(bundle).labels))
            store.close()
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        rows = [_row(file, span) for span in SPANS]
        os.environ["WORKSHOP_DATABASE_URL"] = f"sqlite:///{file}"
        with ServiceProcess(bundle=bundle) as service:
            crowds = {clients: beside(service, clients, seconds) for clients in (0, _CLIENTS)}
        told = page(count, file.stat().st_size / 1e9, load, rows, crowds)
    print(told)
    if not arguments.small:
        atomic_write(RESULTS, told)


def _row(file: Path, span: str) -> str:
    def looked(repeats: int) -> dict:
        return json.loads(last_line("benchmarks.dashboard", "--look", str(file), span, str(repeats)))

    cold = looked(1)["times"][0] if forget(file) else None
    warm = looked(WARM)
    seconds, processor = (statistics.median(each) for each in zip(*warm["times"], strict=True))
    first = "–" if cold is None else f"{cold[0]:.2f}"
    return f"| {span} | {warm['shown']:,} | {first} | {seconds:.2f} | {processor:.2f} |"


def page(
    count: int,
    gigabytes: float,
    load: float,
    rows: list[str],
    crowds: dict[int, tuple[Asker, list[Asker]]],
) -> str:
    """The results as Markdown."""
    lines = [
        "# What the dashboard costs",
        "",
        f"Made by `python -m benchmarks.dashboard` ({sys.platform}, {os.cpu_count()} cores, on which "
        f"{load:.0f} other processes were at work): {count:,} "
        f"predictions of {len(_VERSIONS)} versions in {DAYS} days, with texts of {_WORDS} words, one in "
        f"{EVERY} with a true label, {4 * DAYS} looks; {gigabytes:.1f} GB in SQLite. Seconds to read all and "
        "draw it, in a process of its own: cold, the first time after the system has forgotten the file; "
        f"warm, the median of {WARM}.",
        "",
        "| span | predictions on the axis | cold, s | warm, s | warm, s of processor |",
        "|:--|--:|--:|--:|--:|",
        *rows,
        "",
        "One client asks for predictions one after the other (TF-IDF) while others reload `/dashboard` "
        "without a pause.",
        "",
        "| reloading clients | predictions answered | median, ms | 95 of 100 within, ms | slowest, ms | "
        "not 200 | pages sent | asked to come again |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for clients, (predicts, reloads) in crowds.items():
        statuses = sum((each.statuses for each in reloads), Counter())
        wrong = sum(number for status, number in predicts.statuses.items() if status != 200)
        lines.append(
            f"| {clients} | {len(predicts.seconds):,} | {_milliseconds(predicts.seconds, 0.5)} | "
            f"{_milliseconds(predicts.seconds, 0.95)} | {_milliseconds(predicts.seconds, 1.0)} | {wrong} | "
            f"{statuses[200]:,} | {statuses[429] + statuses[503]:,} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
