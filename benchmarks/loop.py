"""The whole loop on tables with dates, as ``workshop loop`` runs it: what is promoted, what it is worth.

    WORKSHOP_DATA_DIR=… python -m benchmarks.loop            # all tables, about ten minutes
    WORKSHOP_DATA_DIR=… python -m benchmarks.loop reviews    # these cases; others are kept

Writes ``benchmarks/results/loop.json`` and ``.md``. Each case is a command in a process of its own, in an
empty folder, so its seconds are those that a person waits. The product reviews are the original corpus of
Blitzer and others, 2007 (``amazon.csv.gz``): without it, their cases are left as they are.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from workshop_utils.files import atomic_write
from workshop_utils.paths import ROOT, corpora_dir
from workshop_utils.production.policy import CLASSROOM_POLICY

RESULTS = Path(__file__).parent / "results"
AMAZON = "amazon.csv.gz"
REVIEWS = "data/reviews.csv --text-column review --label-column sentiment --date-column written_at"
PRODUCTS = f"{AMAZON} --text-column text --label-column label --date-column date_parsed --rows 20000"
CLASSROOM = f"--policy {CLASSROOM_POLICY.relative_to(ROOT).as_posix()}"
#: A model is trained anew twice a year, whatever monitoring says.
SCHEDULE = "[retraining]\nevery_days = 180\n"

#: Name, what is asked, and the options; ``schedule.toml`` holds :data:`SCHEDULE`.
CASES = {
    "reviews": (
        "The bundled reviews as `make loop` runs them: every label comes, a week late.",
        f"{REVIEWS} --until 2026-03-01 --label-share 1 {CLASSROOM}",
    ),
    "reviews, few labels": (
        "The same with three labels of ten texts.",
        f"{REVIEWS} --until 2026-03-01 --label-share 0.3 {CLASSROOM}",
    ),
    "reviews, looked at each week": (
        "The same with every label, looked at each week.",
        f"{REVIEWS} --until 2026-03-01 --label-share 1 --period week {CLASSROOM}",
    ),
    "products from 2005": (
        "Product reviews: a model of the years to 2004 answers 2005 and 2006, with the default policy.",
        f"{PRODUCTS} --until 2005-01-01",
    ),
    "products from 2002, on a schedule": (
        "A model of the years to 2001 answers 2002 to 2006, and is trained anew after 180 days.",
        f"{PRODUCTS} --until 2002-01-01 --period quarter --policy schedule.toml",
    ),
}


def looped(options: str, folder: Path) -> dict[str, Any]:
    """What the command reports, and how long a person waits."""
    schedule = folder / "schedule.toml"
    schedule.write_text(SCHEDULE, encoding="utf-8")
    places = {AMAZON: str(corpora_dir() / AMAZON), schedule.name: str(schedule)}
    told = [places.get(each, each) for each in shlex.split(options)]
    began = time.perf_counter()
    command = [sys.executable, "-m", "workshop_utils", "loop", *told, "--home", str(folder / "loop")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr[-2000:])
    report: dict[str, Any] = json.loads((folder / "loop" / "loop.json").read_text(encoding="utf-8"))
    names = ("expected", "accuracy", "first", "worth", "delivered", "rows", "trained_on", "frozen", "trained")
    kept = {name: report[name] for name in (*names, "promoted", "refused", "compared", "same", "verdict")}
    seconds = report["seconds"] | {"the whole command": round(time.perf_counter() - began, 1)}
    return kept | {"seconds": seconds, "periods": [period(each) for each in report["periods"]]}


def period(told: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a period."""
    names = ("name", "rows", "accuracy", "first", "labels", "verdict", "alarms")
    retraining = {name: told["retraining"][name] for name in ("outcome", "trained", "reason", "swap_seconds")}
    return {name: told[name] for name in names} | {"retraining": retraining}


def page(results: dict[str, Any]) -> str:
    """All cases for people."""
    parts = [
        "# The whole loop on tables with dates",
        "Made by `python -m benchmarks.loop`; do not edit. Each case is one command, in an empty folder: it "
        "trains TF-IDF on the oldest rows, serves it, answers the others over HTTP in the order of their "
        "dates, takes labels late, monitors and retrains. *Never retrained* is the first model on the same "
        "rows. Intervals: 95 %.",
    ]
    for name, (about, options) in CASES.items():
        if name in results:
            parts += section(name, about, options, results[name])
    return "\n\n".join(parts) + "\n"


def section(name: str, about: str, options: str, found: dict[str, Any]) -> list[str]:
    """One case."""
    rows = [
        f"| {each['name']} | {each['rows']:,} | {interval(each['accuracy'])} | {interval(each['first'])} | "
        f"{each['labels']:,} | {', '.join([each['verdict'], *each['alarms']])} | "
        f"{each['retraining']['outcome'] if each['retraining']['trained'] else ''} |"
        for each in found["periods"]
    ]
    head = "| period | rows | accuracy | never retrained | labels | monitor | retrain |"
    seconds = ", ".join(f"{part} {each:.0f}" for part, each in found["seconds"].items() if part != "all")
    return [
        f"## {name.capitalize()}",
        f"{about}",
        f"```\nworkshop loop {options}\n```",
        " ".join(found["verdict"]),
        "\n".join([head, "|:--|--:|--:|--:|--:|:--|:--|", *rows]),
        f"{found['trained_on']:,} texts to learn from, {found['frozen']:,} in the frozen test set; "
        f"{1 + found['trained']} models trained; {found['refused']} rows were not taken; of "
        f"{found['compared']:,} answers compared {found['same']:,} were equal to the bundle's to the last "
        f"bit. Seconds: {seconds}.",
    ]


def interval(told: dict[str, float]) -> str:
    """``82.0 % (75 to 87)``."""
    return f"{100 * told['value']:.1f} % ({100 * told['low']:.0f} to {100 * told['high']:.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}")
    path = RESULTS / "loop.json"
    for name in parser.parse_args().cases:
        if AMAZON in CASES[name][1] and not (corpora_dir() / AMAZON).exists():
            print(f"{name}: left out; WORKSHOP_DATA_DIR holds no {AMAZON}.")
            continue
        with tempfile.TemporaryDirectory() as folder:
            result = looped(CASES[name][1], Path(folder))
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        found = {each: (found | {name: result})[each] for each in CASES if each in found or each == name}
        atomic_write(path, json.dumps(found, indent=1) + "\n")
        atomic_write(path.with_suffix(".md"), page(found))
        print(f"{name}: {result['seconds']['the whole command']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
