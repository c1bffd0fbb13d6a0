"""How fast is the reader of people's tables, and how much memory does it take?

    python -m benchmarks.reading              # about three minutes on an idle machine
    python -m benchmarks.reading --small      # a trial of seconds; writes nothing

Reads one table of 1,000,000 rows with quotes, line breaks and umlauts in every way, each in a process of its
own, all ways in turn and several times. Writes ``benchmarks/results/reading.md``. Linux only.
"""

import argparse
import csv
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow

from benchmarks.child import last_line
from workshop_utils.data.tables import open_table, read_labelled

RESULTS = Path(__file__).parent / "results" / "reading.md"
WORDS = [
    "soup",
    "tea",
    "film",
    "great",
    "the",
    "of",
    "a",
    "Käse",
    "bad",
    "always",
    "today,",
    '"quoted"',
    "late",
]
YARDSTICK = "pandas, C reader"


def write_table(path: Path, rows: int) -> None:
    """Number, text of 8 to 30 words and one of three labels; each fiftieth text has two lines."""
    dice = random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        for number in range(rows):
            text = " ".join(dice.choices(WORDS, k=dice.randint(8, 30)))
            if number % 50 == 0:
                text = text.replace(" ", "\n", 1)
            writer.writerow([number, text, dice.choice(["positive", "negative", "neutral"])])


def row_by_row(path: str) -> int:
    """Every record, none kept: what scoring does."""
    with open_table(path, "text") as reader:
        return sum(not record.problem for record in reader.records())


def texts_and_labels(path: str) -> int:
    """Lists of texts and labels: what training does."""
    return len(read_labelled(path, "text", "label").texts)


def by_pandas(path: str) -> int:
    """The whole table, every field a string."""
    return len(pd.read_csv(path, dtype=str, keep_default_na=False))


def by_pyarrow(path: str) -> int:
    """The whole table as Arrow's strings; uses all cores."""
    strings = arrow.ConvertOptions(column_types=dict.fromkeys(["id", "text", "label"], pa.string()))
    options = arrow.ParseOptions(newlines_in_values=True)
    return arrow.read_csv(path, parse_options=options, convert_options=strings).num_rows


def by_csv_module(path: str) -> int:
    """Python's csv module alone: no line numbers, nothing checked."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


WAYS: dict[str, Callable[[str], int]] = {
    "`open_table`, row by row": row_by_row,
    "`read_labelled`, texts and labels": texts_and_labels,
    YARDSTICK: by_pandas,
    "pyarrow": by_pyarrow,
    "Python's csv module, row by row": by_csv_module,
}


def one_run(way: str, path: str) -> None:
    """Print rows, seconds and the growth of this process's peak memory in MB, as JSON."""
    before = _peak()
    began = time.perf_counter()
    rows = WAYS[way](path)
    print(json.dumps([rows, time.perf_counter() - began, _peak() - before]))


def _peak() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measured(rows: int, rounds: int) -> pd.DataFrame:
    """Median, lowest and highest of each way; ratios within the same round."""
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "table.csv"
        write_table(path, rows)
        names = list(WAYS)
        for number in range(rounds):
            turned = names[number % len(names) :] + names[: number % len(names)]
            for way in turned:
                count, seconds, memory = json.loads(last_line(__spec__.name, "--way", way, str(path)))
                if count != rows:
                    sys.exit(f"{way} read {count:,} rows of {rows:,}.")
                found[way].append((rows / seconds, memory))
    speeds = pd.DataFrame({way: [speed for speed, _ in runs] for way, runs in found.items()})
    ratios = speeds / speeds[[YARDSTICK]].to_numpy()
    table = {
        way: {
            "rows per second": _spread(speeds[way], 0),
            "times as fast as pandas": _spread(ratios[way], 2),
            "memory it took, MB": _spread(pd.Series([memory for _, memory in runs]), 0),
        }
        for way, runs in found.items()
    }
    return pd.DataFrame(table).T


def _spread(values: pd.Series, digits: int) -> str:
    low, middle, high = values.quantile([0, 0.5, 1])
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def page(rows: int, rounds: int) -> str:
    """The results as Markdown."""
    return (
        "# Reading a table, measured\n\n"
        f"Made by `python -m benchmarks.reading`: {rows:,} rows, texts of 8 to 30 words with quotes, line "
        f"breaks and umlauts, {rounds} rounds, each way in a process of its own. Median with range; ratios "
        "within the same round. Our reader and the csv module use one core, pyarrow all of them.\n\n"
        f"{measured(rows, rounds).to_markdown()}\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a quick trial that writes nothing")
    parser.add_argument("--way", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        one_run(*options.way)
    else:
        text = page(20_000, 2) if options.small else page(1_000_000, 5)
        print(text)
        if not options.small:
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(text, encoding="utf-8")
