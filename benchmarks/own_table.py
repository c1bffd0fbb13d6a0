"""``workshop train --model tfidf`` beside a bare scikit-learn script of the same model, on 100,000 rows.

    WORKSHOP_DATA_DIR=… python -m benchmarks.own_table

The table is the two halves of each original film review. The script reads it with pandas, splits at random,
fits, predicts and stops there: no look at duplicates or language, no intervals, no bundle, no report. Both
run in processes of their own, in turn; each ratio is of one turn.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.child import last_line
from workshop_utils.data import load_reviews
from workshop_utils.paths import ROOT

RESULTS = Path(__file__).parent / "results"
ROWS = 100_000


def main() -> None:
    """Measure in turns and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "TABLE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        way, table = arguments.one
        return print(json.dumps(measure(way, Path(table))))
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "halves.csv"
        write_table(table)
        runs = [
            json.loads(last_line("benchmarks.own_table", "--one", way, str(table))) | {"turn": turn}
            for turn in range(arguments.turns)
            for way in ("script", "train")
        ]
    write(pd.DataFrame(runs))


def write_table(path: Path) -> None:
    """The two halves of each review, in random order."""
    frame = load_reviews("full")
    half = frame["review"].str.len() // 2
    rows = [
        (part, label)
        for text, middle, label in zip(frame["review"], half, frame["sentiment"], strict=True)
        for part in (text[:middle], text[middle:])
    ]
    halves = pd.DataFrame(rows, columns=["text", "label"]).sample(ROWS, random_state=0)
    halves.to_csv(path, index=False)


def measure(way: str, table: Path) -> dict:
    """Run one way in this process (the script) or in a child (the command)."""
    began = time.perf_counter()
    accuracy = script(table) if way == "script" else command(table)
    seconds = time.perf_counter() - began
    who = resource.RUSAGE_SELF if way == "script" else resource.RUSAGE_CHILDREN
    peak = resource.getrusage(who).ru_maxrss // 1024
    return {"way": way, "seconds": round(seconds, 1), "accuracy": round(accuracy, 4), "peak_mb": peak}


def script(table: Path) -> float:
    """What somebody would write: the accuracy on a random fifth."""
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.model_selection import train_test_split

    from workshop_utils.models.training.learn_tfidf import tfidf_parts

    frame = pd.read_csv(table)
    train, test = train_test_split(frame, test_size=0.2, stratify=frame["label"], random_state=0)
    vectorizer, classifier = tfidf_parts(len(train))
    classifier.fit(vectorizer.fit_transform(train["text"]), train["label"])
    predicted = classifier.predict(vectorizer.transform(test["text"]))
    f1_score(test["label"], predicted, average="macro")
    return float(accuracy_score(test["label"], predicted))


def command(table: Path) -> float:
    """The whole command; the accuracy that its card tells."""
    bundle = table.with_name("bundle")
    columns = ["--text-column", "text", "--label-column", "label", "--model", "tfidf"]
    call = [sys.executable, "-m", "workshop_utils", "train", str(table), *columns, "--bundle", str(bundle)]
    told = subprocess.run(call, capture_output=True, text=True, encoding="utf-8", cwd=ROOT)
    if told.returncode:
        raise SystemExit(told.stdout + told.stderr)
    card = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    return float(card["metrics"]["accuracy"])


def write(runs: pd.DataFrame) -> None:
    """The page in the results folder."""
    names = {"script": "bare scikit-learn script", "train": "workshop train --model tfidf"}
    seconds = runs.pivot(index="turn", columns="way", values="seconds")
    ratios = seconds["train"] / seconds["script"]
    rows = []
    for way, group in runs.groupby("way"):
        ratio = (
            "1" if way == "script" else f"{ratios.median():.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
        )
        accuracy = f"{100 * group['accuracy'].median():.2f}"
        rows.append((names[way], ratio, f"{group['seconds'].median():.0f}", accuracy, group["peak_mb"].max()))
    columns = ["", "time against the script", "seconds", "accuracy, %", "peak MB of a process"]
    table = pd.DataFrame(rows, columns=columns).to_markdown(index=False)
    text = (
        f"# `workshop train` on {ROWS:,} rows\n\nMade by `python -m benchmarks.own_table`.\n\n{table}\n\n"
        f"Halves of film reviews. Median of {len(ratios)} turn(s), each way in a process of its own. The "
        "command also looks for near-duplicates, keeps them on one side of the split, names the language, "
        "measures intervals, and writes a bundle that has been compared with scikit-learn, and a report.\n"
    )
    (RESULTS / "own_table.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
