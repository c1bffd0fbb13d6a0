"""The whole comparison: models, measurements, page."""

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import pandas as pd

from benchmarks.runtimes import rivals
from benchmarks.runtimes.models import LABELS, LENGTH, encoder, split, write_models
from benchmarks.runtimes.scorers import BEFORE, BUNDLE, NNCF
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.paths import ROOT

RESULTS = Path(__file__).parents[1] / "results"
INSTRUCTIONS = ("AVX-512", "AVX2")
BF16, FLOAT32 = "OpenVINO, bf16", "ONNX Runtime, float32"
OUT_OF_THE_RACE = ("ONNX Runtime, int8, one scale per channel", "ONNX Runtime, int8, static")


class Sizes(NamedTuple):
    """Reviews to train on, to gate on, to test on and for kinds that are out of the race; rounds; tokens."""

    train: int = 3000
    gate: int = 2000
    test: int = 5000
    some: int = 1000
    rounds: int = 7
    tokens: tuple[int, ...] = (16, 128, 512)


SMALL = Sizes(train=64, gate=60, test=60, some=60, rounds=2)


def measured(instructions: str, what: str, folder: Path, *arguments: object) -> dict:
    """What a child process prints."""
    environment = os.environ | {"PYTHONPATH": rivals.path(instructions), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.runtimes.measure", what, str(folder), *map(str, arguments)]
    told = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    if told.returncode:
        raise SystemExit(told.stderr[-3000:])
    print(f"{datetime.now(UTC):%H:%M:%S} {instructions} {what} {' '.join(map(str, arguments))}", flush=True)
    return json.loads(told.stdout.splitlines()[-1])


def speed_table(folder: Path, instructions: str, sizes: Sizes) -> pd.DataFrame:
    """Processor milliseconds a text, and how many times as fast as bundles were before, by tokens."""
    columns: dict[str, dict[str, str]] = {}
    for tokens in sizes.tokens:
        found = measured(instructions, "encoder_speeds", folder, tokens, sizes.rounds)
        before = np.array(found[BEFORE])[:, 0]
        for way, rounds in found.items():
            spent = np.array(rounds)
            columns.setdefault(f"{tokens} tokens, ms", {})[way] = f"{np.median(spent[:, 0]):.2f}"
            columns.setdefault(f"{tokens}: times as fast as before", {})[way] = spread(before / spent[:, 0])
            if tokens == LENGTH:
                columns.setdefault("texts a second, two cores", {})[way] = (
                    f"{1000 / np.median(spent[:, 1]):.0f}"
                )
    return pd.DataFrame(columns)


def answer_table(folder: Path, true: np.ndarray, sizes: Sizes) -> pd.DataFrame:
    """Accuracy, equal labels and mean change of a probability; the main ways on all test reviews."""
    plan = {
        "AVX-512": dict.fromkeys([FLOAT32, BUNDLE, BEFORE, NNCF, BF16], sizes.test)
        | dict.fromkeys(OUT_OF_THE_RACE, sizes.some),
        "AVX2": dict.fromkeys([BUNDLE, BEFORE, NNCF], sizes.test),
    }
    exact, rows = None, []
    for instructions, counts in plan.items():
        for way, count in counts.items():
            target = folder / "answers.npy"
            measured(instructions, "answers", folder, way, count, target)
            scores = np.load(target)
            exact = scores if exact is None else exact
            hits = np.array(LABELS)[scores.argmax(1)] == true[: len(scores)]
            wide = np.array(LABELS)[exact[: len(scores)].argmax(1)] == true[: len(scores)]
            rows.append(
                {
                    "": way,
                    "instructions": instructions,
                    "reviews": len(scores),
                    "accuracy": f"{hits.mean():.2%}",
                    "points to float32": f"{100 * (hits.mean() - wide.mean()):+.2f}",
                    "equal labels": f"{(scores.argmax(1) == exact[: len(scores)].argmax(1)).mean():.2%}",
                    "mean change of a probability": f"{np.abs(scores - exact[: len(scores)]).mean():.4f}",
                }
            )
    return pd.DataFrame(rows)


def bit_table(folder: Path) -> pd.DataFrame:
    """Are 64 reviews scored to the same bits, whatever happens around them?"""
    rows = []
    for way in (BUNDLE, BEFORE, NNCF, BF16):
        first, second = measured("AVX-512", "bits", folder, way), measured("AVX-512", "bits", folder, way)
        rows.append(
            {
                "": way,
                "alone and among 64": yes(first["alone"] == first["1"]),
                "1, 2 or 7 threads": yes(len({first[n] for n in ("1", "2", "7")}) == 1),
                "another process": yes(first == second),
            }
        )
    return pd.DataFrame(rows)


def memory_table(folder: Path) -> pd.DataFrame:
    """Start-up, resident memory over many lengths, and what a new length costs."""
    rows = []
    for way in (BUNDLE, BEFORE, NNCF, BF16):
        found = measured("AVX-512", "memory", folder, way)
        rows.append(
            {
                "": way,
                "seconds to the first answer": f"{found['start']:.2f}",
                "MB then": f"{found['loaded']:.0f}",
                "MB after 170 lengths": f"{found['first']:.0f}",
                "MB after them again": f"{found['second']:.0f}",
                "ms a text of a new length": f"{found['first milliseconds']:.1f}",
                "ms of a known length": f"{found['second milliseconds']:.1f}",
                "answers in a forked process": found["child"],
            }
        )
    return pd.DataFrame(rows)


def kind_table(folder: Path, sizes: Sizes) -> pd.DataFrame:
    """The other two kinds of bundle in both runtimes, 200 reviews at their own lengths."""
    rows = []
    for instructions in INSTRUCTIONS:
        for kind in ("tfidf", "keras"):
            found = measured(instructions, "other_kinds", folder, kind, sizes.rounds)
            row = {"": kind, "instructions": instructions}
            for runtime, rounds in found["speeds"].items():
                row[f"{runtime}, ms"] = f"{np.median(np.array(rounds)[:, 0]):.3f}"
            row["largest difference"] = found.get("difference") or found["refused"]
            rows.append(row)
    return pd.DataFrame(rows).fillna("")


def report(sizes: Sizes, folder: Path) -> str:
    """The whole page as Markdown."""
    rivals.install()
    reviews = split(*sizes[:3])
    folder.mkdir(parents=True, exist_ok=True)
    classifier = encoder(folder / "classifier", reviews)
    write_models(folder, classifier, reviews)
    (folder / "test.json").write_text(json.dumps(list(reviews.test["review"])), encoding="utf-8")
    card = Bundle.load(folder / "encoder").card
    own = measured("AVX-512", "bundle_speeds", folder, 2 * sizes.rounds)
    share = spread(np.array(own["bare"]) / np.array(own["bundle"]))
    tables = {name: speed_table(folder, name, sizes).to_markdown() for name in INSTRUCTIONS}
    size = {
        "onnxruntime": rivals.megabytes(Path(onnxruntime.__file__).parent),
        "openvino": rivals.megabytes(rivals.RIVALS / "openvino"),
    }
    gate = card.gate
    parts = [
        "# Runtimes, measured\n",
        f"Made by `python -m benchmarks.runtimes` on {os.cpu_count()} cores ({processor()}), onnxruntime "
        f"{onnxruntime.__version__}, {rivals.PACKAGES[0]}, {rivals.PACKAGES[1]}. The packaged encoder "
        f"(6 layers, width 384), fine-tuned on {len(reviews.train):,} film reviews; every text alone, two "
        "side by side. Milliseconds are processor time a text, which a busy machine disturbs least; medians "
        f"of {sizes.rounds} rounds, all ways in each round; ratios within the same round, with their range. "
        "AVX2: copies of both runtimes that are told of no AVX-512, on the same processor.\n",
        f"Gate of the bundle: accuracy {gate.accuracy_float32:.2%} in float32, {gate.accuracy_int8:.2%} in "
        f"int8, {gate.equal_labels:.2%} equal labels on {gate.texts:,} reviews; it is served in "
        f"{card.precision}. With its tokenizer it reaches {share} of the bare session on ready ids. "
        f"Installed: onnxruntime {size['onnxruntime']:.0f} MB, openvino {size['openvino']:.0f} MB.\n",
        *(f"\n## Speed with {name}\n\n{table}\n" for name, table in tables.items()),
    ]
    more = {
        "Answers": answer_table(folder, reviews.test["sentiment"].to_numpy(), sizes),
        "The same bits": bit_table(folder),
        "Memory, start, new lengths": memory_table(folder),
        "The other kinds of bundle": kind_table(folder, sizes),
    }
    parts += [f"\n## {name}\n\n{table.to_markdown(index=False)}\n" for name, table in more.items()]
    return "\n".join(parts)


def processor() -> str:
    """Its name, as Linux knows it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))


def spread(values: np.ndarray) -> str:
    """Median with range."""
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def yes(holds: bool) -> str:
    """A word for the table."""
    return "yes" if holds else "no"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a quick trial that writes nothing")
    small = parser.parse_args().small
    page = report(SMALL if small else Sizes(), ROOT / "build" / ("runtimes-small" if small else "runtimes"))
    print(page)
    if not small:
        (RESULTS / "runtimes.md").write_text(page, encoding="utf-8")
