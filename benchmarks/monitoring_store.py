"""How long does ``workshop monitor`` take, and how much memory, with a hundred thousand predictions?

    python -m benchmarks.monitoring_store            # about three minutes on an idle machine
    python -m benchmarks.monitoring_store --small    # a trial of seconds; writes nothing

Fills a store with answers to the bundled reviews, their words shuffled so that no text comes twice, and
labels for one in twenty. Looks at all of it, again with nothing new, and again after a thousand more, each
look in a process of its own. Writes ``benchmarks/results/monitoring_store.md``.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import psutil

from benchmarks.child import last_line
from workshop_utils.data import load_reviews
from workshop_utils.files import atomic_write
from workshop_utils.models.bundle import Bundle
from workshop_utils.paths import BUNDLED
from workshop_utils.production.monitoring import monitor_store, open_monitored_model
from workshop_utils.production.policy import Policy
from workshop_utils.production.store import (
    Feedback,
    Prediction,
    add_many_labels,
    add_predictions,
    new_prediction_id,
    open_store,
)

RESULTS = Path(__file__).parent / "results" / "monitoring_store.md"
PREDICTIONS, LATER, EVERY = 100_000, 1_000, 20
_BATCH = 1_000
_START = datetime(2026, 3, 1, tzinfo=UTC)


def train(folder: Path) -> Path:
    """A TF-IDF bundle with reference statistics, as `workshop train` makes it."""
    columns = ["--text-column", "review", "--label-column", "sentiment"]
    command = ["train", str(BUNDLED / "reviews.csv"), *columns, "--model", "tfidf", "--bundle", str(folder)]
    subprocess.run([sys.executable, "-m", "workshop_utils", *command], check=True, capture_output=True)
    return folder


def fill(url: str, bundle: Path, count: int, seed: int) -> float:
    """Store answers to so many different texts, and true labels of some; return the words of a text."""
    frame, rng, model = load_reviews("sample"), random.Random(seed), Bundle.load(bundle)
    rows = list(zip(frame["review"], frame["sentiment"], strict=True))
    store, version, words = open_store(url), open_monitored_model(bundle).version, 0
    rest = iter(range(count))
    while numbers := list(islice(rest, _BATCH)):
        texts, truths = [], []
        for _ in numbers:
            review, truth = rng.choice(rows)
            shuffled = review.split()
            rng.shuffle(shuffled)
            words += len(shuffled)
            texts.append(" ".join(shuffled))
            truths.append(truth)
        scores, records = model.score(texts), []
        for number, text, shares, cut in zip(numbers, texts, *scores, strict=True):
            records.append(
                Prediction(
                    *(new_prediction_id(), version, tuple(model.labels), text),
                    *(model.labels[int(shares.argmax())], tuple(map(float, shares)), bool(cut)),
                    infer_ms=rng.gammavariate(2, 10),
                    time=_START + timedelta(seconds=number),
                )
            )
        add_predictions(store, records, store_texts=True)
        labels = zip(records[::EVERY], truths[::EVERY], strict=True)
        list(add_many_labels(store, (Feedback(each.prediction_id, truth, "anna") for each, truth in labels)))
    store.close()
    return words / count


def look(url: str, bundle: str, state: str) -> None:
    """One look, as `workshop monitor` does it; prints what it cost as a line of JSON."""
    store, process = open_store(url), psutil.Process()
    before, began, used = process.memory_info().rss, time.perf_counter(), time.process_time()
    report = monitor_store(store, Path(bundle), Policy(), Path(state))
    told = {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - used,
        "megabytes": (process.memory_info().rss - before) / 1e6,
        "state": sum(path.stat().st_size for path in Path(state).iterdir()) / 1e6,
        "predictions": report.predictions,
        "labels": report.labels,
    }
    print(json.dumps(told))


def page(looks: dict[str, dict], words: float) -> str:
    """The results as Markdown."""
    lines = [
        "# What a look at the model costs",
        "",
        f"Made by `python -m benchmarks.monitoring_store`: texts of {words:.0f} words on average in a store "
        "in SQLite, the bundled reviews with their words shuffled; one in "
        f"{EVERY} has a true label. Each look is a process of its own; memory is what it holds at the end "
        "beyond what it held before.",
        "",
        "| look | predictions | labels | seconds | of them processor | memory, MB | state on disk, MB |",
        "|:--|--:|--:|--:|--:|--:|--:|",
    ]
    for name, each in looks.items():
        lines.append(
            f"| {name} | {each['predictions']:,} | {each['labels']:,} | {each['seconds']:.1f} | "
            f"{each['processor']:.1f} | {each['megabytes']:.0f} | {each['state']:.1f} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure all, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--look", nargs=3, metavar=("URL", "BUNDLE", "STATE"))
    arguments = parser.parse_args()
    if arguments.look:
        look(*arguments.look)
        return
    count = 2_000 if arguments.small else PREDICTIONS
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bundle, url = train(folder / "model"), f"sqlite:///{folder / 'store.db'}"

        def looked(state: str) -> dict:
            told = last_line("benchmarks.monitoring_store", "--look", url, str(bundle), str(folder / state))
            return json.loads(told)

        fill(url, bundle, count // 10, 0)
        looks = {"a tenth of them": looked("tenth")}
        words = fill(url, bundle, count - count // 10, 1)
        looks["all, from the first on"] = looked("state")
        looks["nothing new"] = looked("state")
        fill(url, bundle, LATER, 2)
        looks[f"{LATER:,} more"] = looked("state")
    told = page(looks, words)
    print(told)
    if not arguments.small:
        atomic_write(RESULTS, told)


if __name__ == "__main__":
    main()
