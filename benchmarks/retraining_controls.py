"""Negative controls of retraining: what must never be promoted, what must be, and what needs no training.

    WORKSHOP_DATA_DIR=… python -m benchmarks.retraining_controls              # 200 seeds, about an hour
    WORKSHOP_DATA_DIR=… python -m benchmarks.retraining_controls --seeds 3    # a trial

Each run fills a store with the answers of a real champion to real texts and with labels, and calls the
function behind ``workshop retrain``: no metric is set by hand, and rows differ only in the texts and labels
that came. Finished runs stand in ``build/benchmarks/retraining_controls.jsonl`` and are not repeated; delete
the file to begin anew. Writes ``benchmarks/results/retraining_controls.json`` and ``.md``. Seeds take the
three tables of :mod:`benchmarks.retraining_cases` in turn.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binomtest

from benchmarks.retraining_cases import (
    CHAMPIONS,
    LABELS,
    TABLES,
    WORDS,
    Champion,
    Labelled,
    RealTable,
    champion_of,
    train_words,
)
from workshop_utils.files import atomic_write
from workshop_utils.models.training.job import Predictions, TrainingJob
from workshop_utils.paths import home
from workshop_utils.production.deployment import open_version, pointed_version
from workshop_utils.production.policy import CLASSROOM_POLICY, DataPolicy, Policy, read_policy
from workshop_utils.production.retraining.retrain import RetrainRequest, RetrainTools, retrain
from workshop_utils.production.store import (
    Feedback,
    Prediction,
    Store,
    add_many_labels,
    add_predictions,
    new_prediction_id,
    open_store,
)

RESULTS = Path(__file__).parent / "results"
SEEDS = 200
#: Runs between two looks at the clock.
TOGETHER = 40
#: Labels that come in most rows, in the one with an improvement (at most; of the film reviews there are 450),
#: in the one with too few, and in the one where only inputs have changed.
COMING, IMPROVING, TOO_FEW, AUDITED = 250, 1500, 30, 30
#: Of texts in the stream with a skewed prior, this share is positive.
SKEWED = 0.88
REASON = "the study asks for it"


class Stream(NamedTuple):
    """What comes into the store, in this order. A text whose label is None gets none."""

    texts: list[str]
    labels: list[str | None]


class Situation(NamedTuple):
    """What a row may draw from: the real table, its champion and random numbers."""

    table: RealTable
    champion: Champion
    rng: np.random.Generator

    def drawn(self, pool: Labelled, size: int) -> Labelled:
        """So many different texts at random."""
        return pool.at(self.rng.permutation(len(pool.texts))[:size])

    def skewed(self, size: int) -> Labelled:
        """Usual texts, most of them positive."""
        pool = self.champion.unseen
        positive = np.array(pool.labels) == "positive"
        wanted = (round(SKEWED * size), size - round(SKEWED * size))
        rows = [
            self.rng.permutation(np.flatnonzero(of))[:few]
            for of, few in zip((positive, ~positive), wanted, strict=True)
        ]
        return pool.at(self.rng.permutation(np.concatenate(rows)))


def no_drift(given: Situation) -> Stream:
    """Usual texts with their labels."""
    return Stream(*given.drawn(given.champion.unseen, COMING))


def mild_drift(given: Situation) -> Stream:
    """Other inputs; the first few have labels."""
    texts, labels = given.drawn(given.table.other, COMING)
    return Stream(texts, [*labels[:AUDITED], *[None] * (len(texts) - AUDITED)])


def shuffled_labels(given: Situation) -> Stream:
    """Most labels are positive, and they are dealt to the texts at random."""
    texts, labels = given.skewed(COMING)
    return Stream(texts, [str(label) for label in given.rng.permutation(labels)])


def majority_model(given: Situation) -> Stream:
    """Somebody calls every text positive, in a stream in which most are."""
    texts = given.skewed(COMING).texts
    return Stream(texts, ["positive"] * len(texts))


def degenerate(given: Situation) -> Stream:
    """Somebody calls every text negative, in a stream in which few are."""
    texts = given.skewed(COMING).texts
    return Stream(texts, ["negative"] * len(texts))


def leaked_test_rows(given: Situation) -> Stream:
    """A third is the frozen test set in disguise; the others come twice, with labels dealt at random."""
    frozen = given.drawn(given.champion.frozen, COMING // 3)
    drawn = given.drawn(given.champion.unseen, COMING // 3)
    twice = drawn._replace(labels=[str(label) for label in given.rng.permutation(drawn.labels)])
    again = twice.at(given.rng.permutation(len(twice.texts)))
    first = frozen.and_(twice)
    first = first.at(given.rng.permutation(len(first.texts)))
    texts = [disguised(text, given.rng) for text in [*first.texts, *again.texts]]
    return Stream(texts, [*first.labels, *again.labels])


def disguised(text: str, rng: np.random.Generator) -> str:
    """The same text as a reader sees it, or nearly."""
    way = rng.integers(3)
    if way == 0:
        return text.upper()
    return text.replace(" ", "  ") if way == 1 else f"{text} Thank you."


def flipped_labels(given: Situation) -> Stream:
    """Every label is the wrong one."""
    texts, labels = given.drawn(given.champion.unseen, COMING)
    return Stream(texts, [LABELS[1 - LABELS.index(label)] for label in labels])


def equal_challenger(given: Situation) -> Stream:
    """Usual texts with their labels, and somebody asks for a training: little can be learned from them."""
    return Stream(*given.drawn(given.champion.unseen, COMING // 2))


def real_improvement(given: Situation) -> Stream:
    """Texts on which the champion is wrong too often, with their labels."""
    return Stream(*given.drawn(given.table.changed, IMPROVING))


def too_few_labels(given: Situation) -> Stream:
    """Changed texts, and labels of a few."""
    return Stream(*given.drawn(given.table.changed, TOO_FEW))


class Control(NamedTuple):
    """A row. ``asked``: somebody asks for a training. ``before``: the champion is the one to be improved."""

    make: Callable[[Situation], Stream]
    asked: bool = True
    before: bool = False


NO_DRIFT, MILD, TOO_FEW_LABELS = "no drift", "mild drift", "too few labels"
EQUAL, REAL = "an equal challenger", "a real improvement"
CONTROLS = {
    NO_DRIFT: Control(no_drift, asked=False),
    MILD: Control(mild_drift, asked=False),
    TOO_FEW_LABELS: Control(too_few_labels),
    "shuffled labels": Control(shuffled_labels),
    "majority model": Control(majority_model),
    "degenerate challenger": Control(degenerate),
    "leaked test rows": Control(leaked_test_rows),
    "flipped labels": Control(flipped_labels),
    EQUAL: Control(equal_challenger),
    REAL: Control(real_improvement, before=True),
}
#: Rows of which nothing may ever be promoted.
BROKEN = list(CONTROLS)[3:8]

#: What must hold: (lowest, highest).
BOUNDS = {
    "runs of each row": (SEEDS, SEEDS),
    f"{NO_DRIFT}: share trained": (0, 0),
    f"{MILD}: share trained": (0, 0),
    f"{MILD}: share that says how many labels to buy": (0.95, 1),
    f"{TOO_FEW_LABELS}: share that says how many are missing": (1, 1),
    **{f"{name}: share promoted": (0, 0) for name in BROKEN},
    f"{EQUAL}: share promoted": (0, 0.05),
    f"{REAL}: share promoted": (0.8, 1),
}


def study_policy(champion: Champion) -> Policy:
    """The default one with the champion's tables; inputs are watched as in the classroom."""
    data = DataPolicy(
        table=str(champion.folder / "table.csv"), frozen_test=str(champion.folder / "frozen.csv")
    )
    return Policy(data=data, inputs=read_policy(CLASSROOM_POLICY).inputs)


def run_control(row: str, name: str, seed: int, scratch: Path) -> dict[str, Any]:
    """One run: fill a store, retrain, and tell what came of it."""
    control, began = CONTROLS[row], time.perf_counter()
    champion = champion_of(name, seed % CHAMPIONS, control.before, scratch)
    rng = np.random.default_rng([2, list(CONTROLS).index(row), list(TABLES).index(name), seed])
    stream = control.make(Situation(TABLES[name](), champion, rng))
    trained = 0

    def train(job: TrainingJob, folder: Path) -> Predictions:
        nonlocal trained
        trained += 1
        return train_words(job, folder)

    with house_of_its_own() as folder:
        deployment = folder / "deployment"
        shutil.copytree(champion.deployment, deployment)
        store = open_store()
        fill(store, deployment, stream)
        request = RetrainRequest(
            deployment, study_policy(champion), REASON if control.asked else "", seed=seed
        )
        outcome = retrain(request, store, RetrainTools(trainer=train))
        store.close()
    checks = outcome.gate.checks if outcome.gate else ()
    return {
        "row": row,
        "table": name,
        "seed": seed,
        "outcome": outcome.outcome,
        "reason": outcome.reason,
        "trained": trained > 0,
        "refused by": [check.name for check in checks if not check.passed],
        "figures": dict(outcome.gate.figures) if outcome.gate else {},
        "weight": outcome.weight,
        "labels missing": outcome.labels_missing,
        "labels to buy": outcome.labels_to_buy,
        "seconds": round(time.perf_counter() - began, 2),
    }


@contextmanager
def house_of_its_own() -> Iterator[Path]:
    """A folder that holds store and retrainings while the run lasts."""
    before = os.environ.get("WORKSHOP_HOME")
    with tempfile.TemporaryDirectory(prefix="retraining-", ignore_cleanup_errors=True) as folder:
        os.environ["WORKSHOP_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ["WORKSHOP_HOME"]
            else:
                os.environ["WORKSHOP_HOME"] = before


def fill(store: Store, deployment: Path, stream: Stream) -> None:
    """The champion answers all texts; then people label some of them, in the same order."""
    champion = pointed_version(deployment)
    assert champion is not None
    bundle = open_version(deployment, champion)
    scores = bundle.score(stream.texts).probabilities
    answers = [
        Prediction(
            new_prediction_id(),
            champion,
            tuple(bundle.labels),
            text,
            bundle.labels[int(score.argmax())],
            tuple(map(float, score)),
            infer_ms=1.0,
        )
        for text, score in zip(stream.texts, scores, strict=True)
    ]
    add_predictions(store, answers, store_texts=True)
    given = [
        Feedback(answer.prediction_id, label, "anna")
        for answer, label in zip(answers, stream.labels, strict=True)
        if label is not None
    ]
    refused = [each for each in add_many_labels(store, given) if each != "new"]
    assert not refused, refused[0]


def summarised(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What the page tells of each row."""
    found: dict[str, Any] = {}
    for row in CONTROLS:
        own = [line for line in lines if line["row"] == row]
        refusals = Counter(name for line in own for name in line["refused by"])
        found[row] = {
            "runs": len(own),
            "outcomes": dict(Counter(line["outcome"] for line in own).most_common()),
            "trained": sum(line["trained"] for line in own),
            "promoted": sum(line["outcome"] == "promoted" for line in own),
            "promoted of": {
                name: [sum(line["outcome"] == "promoted" for line in some), len(some)]
                for name in TABLES
                if (some := [line for line in own if line["table"] == name])
            },
            "says labels to buy": sum(bool(line["labels to buy"]) for line in own),
            "says labels missing": sum(bool(line["labels missing"]) for line in own),
            "refused by": dict(sorted(refusals.items(), key=lambda each: (-each[1], each[0]))),
            "example": own[0]["reason"] if own else "",
            "gains": {
                name: round(float(np.median([line["figures"][name] for line in own if line["figures"]])), 4)
                for name in ("recent_macro_f1_gain", "recent_accuracy_gain", "frozen_macro_f1_gain")
                if any(line["figures"] for line in own)
            },
            "seconds": round(float(np.mean([line["seconds"] for line in own])), 2) if own else None,
        }
    return found


def measures(found: dict[str, Any]) -> dict[str, float]:
    """The numbers that have bounds."""

    def share(row: str, what: str) -> float:
        return found[row][what] / max(1, found[row]["runs"])

    return {
        "runs of each row": min(each["runs"] for each in found.values()),
        f"{NO_DRIFT}: share trained": share(NO_DRIFT, "trained"),
        f"{MILD}: share trained": share(MILD, "trained"),
        f"{MILD}: share that says how many labels to buy": share(MILD, "says labels to buy"),
        f"{TOO_FEW_LABELS}: share that says how many are missing": share(
            TOO_FEW_LABELS, "says labels missing"
        ),
        **{f"{name}: share promoted": share(name, "promoted") for name in BROKEN},
        f"{EQUAL}: share promoted": share(EQUAL, "promoted"),
        f"{REAL}: share promoted": share(REAL, "promoted"),
    }


def page(found: dict[str, Any]) -> str:
    """The numbers for people."""
    bounds = [
        f"| {name} | {value:.3g} | {low:.3g} to {high:.3g} |"
        for (name, value), (low, high) in zip(measures(found).items(), BOUNDS.values(), strict=True)
    ]
    rows, of_each = [row_line(name, each) for name, each in found.items()], ", ".join(TABLES)
    said = [f"- **{name}**: {each['example']}" for name, each in found.items()]
    return f"""# Negative controls of retraining

Made by `python -m benchmarks.retraining_controls`; do not edit. Each run fills a store with the answers of a
champion and with labels, and calls the function behind `workshop retrain` with the default policy (inputs are
watched with the classroom's run length). No metric is set by hand: rows differ only in the texts and labels
that came. The seeds take in turn the bundled film reviews, reviews of clothing and Amazon's reviews of goods;
texts are cut after {WORDS} words, and the model is TF-IDF of single words with logistic regression.

## Bounds

| what | measured | allowed |
|:--|--:|--:|
{chr(10).join(bounds)}

## Rows

*Promoted*: how many, with the 95 % interval of their share (Clopper and Pearson), and of each table. *Refused
by*: the checks that failed most often, and in how many runs; one run may fail several. Gains are the
challenger's macro-F1 less the champion's, in points, the median of the runs that trained.

| what came | runs | trained | promoted | {of_each} | refused by | gain, recent | gain, frozen |
|:--|--:|--:|:--|:--|:--|--:|--:|
{chr(10).join(rows)}

{chr(10).join(f"- **{name}**: {first_line(control.make)}" for name, control in CONTROLS.items())}

## What it says, of the first run of each row

{chr(10).join(said)}
"""


def first_line(make: Callable[[Situation], Stream]) -> str:
    """Of its docstring: what came."""
    return (make.__doc__ or "").splitlines()[0]


def row_line(name: str, one: dict[str, Any]) -> str:
    """One row of the table."""
    promoted, runs = one["promoted"], one["runs"]
    interval = "–"
    if runs:
        low, high = binomtest(promoted, runs).proportion_ci(method="exact")
        interval = f"{promoted} ({100 * low:.1f}–{100 * high:.1f} %)"
    of = ", ".join(f"{count} of {some}" for count, some in one["promoted of"].values())
    failed = "; ".join(f"{check} {count}" for check, count in list(one["refused by"].items())[:3]) or "–"
    recent, frozen = (
        f"{100 * one['gains'][key]:+.1f}" if key in one["gains"] else "–"
        for key in ("recent_macro_f1_gain", "frozen_macro_f1_gain")
    )
    return f"| {name} | {runs} | {one['trained']} | {interval} | {of} | {failed} | {recent} | {frozen} |"


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Finished runs, in the order of rows and seeds; a line that a killed run left half is none."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            one = json.loads(line)
        except ValueError:
            continue
        found[one["row"], one["table"], one["seed"]] = one
    rows = list(CONTROLS)
    return sorted(found.values(), key=lambda one: (rows.index(one["row"]), one["seed"], one["table"]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(CONTROLS)}; by default all")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="fewer for a trial")
    parser.add_argument("--processes", type=int, default=2, help="that run side by side")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="end after these; run again to go on"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where they go; elsewhere for a trial")
    told = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    scratch, end = home().resolve() / "benchmarks", time.monotonic() + 60 * told.minutes
    path = scratch / "retraining_controls.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {(line["row"], line["table"], line["seed"]) for line in read_lines(path)}
    names = list(TABLES)
    all_runs = [
        (row, names[seed % len(names)], seed) for seed in range(told.seeds) for row in told.rows or CONTROLS
    ]
    missing = [run for run in all_runs if run not in done]
    with ProcessPoolExecutor(told.processes, multiprocessing.get_context("spawn")) as pool:
        for first in range(0, len(missing), TOGETHER):
            if time.monotonic() > end:
                break
            runs = missing[first : first + TOGETHER]
            for row, name, seed in runs:  # before two processes want to make the same
                champion_of(name, seed % CHAMPIONS, CONTROLS[row].before, scratch / "champions")
            for line in pool.map(
                partial(run_control, scratch=scratch / "champions"), *zip(*runs, strict=True)
            ):
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
    lines = [line for line in read_lines(path) if line["seed"] < told.seeds]
    found = summarised(lines)
    atomic_write(told.results / "retraining_controls.json", json.dumps(found, indent=1) + "\n")
    atomic_write(told.results / "retraining_controls.md", page(found))
    for name, value in measures(found).items():
        low, high = BOUNDS[name]
        print(f"{name}: {value:.3g}{'' if low <= value <= high else '  OUTSIDE'}", flush=True)


if __name__ == "__main__":
    main()
