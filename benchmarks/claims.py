"""Do the lessons' claims hold, and could they fail? Three seeds, and once with shuffled labels.

    python -m benchmarks.claims          # about a minute for each lesson and seed
    python -m benchmarks.claims --all    # also lessons that have not changed since

Only lessons that make claims are run: workshop profile, solved, bundled data. Writes
``benchmarks/results/claims.json`` with a fingerprint of each lesson, of the data and of the locked
versions that results depend on; the tests fail when one of them has changed since.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workshop_utils.course.builder import source_cells
from workshop_utils.course.packages import LOCK
from workshop_utils.course.runner import Outcome, run_lesson
from workshop_utils.course.syllabus import Lesson, lesson_source, load_course
from workshop_utils.data.bundled import BUNDLED_SUMS
from workshop_utils.files import atomic_write, sha256, sha256_of_texts

FILE = Path(__file__).parent / "results" / "claims.json"

#: Packages that compute; another version of one of them may change a result.
NUMERIC = {
    *("keras", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow", "tensorflow-cpu"),
    *("tokenizers", "torch", "transformers"),
}
SEEDS = (0, 1, 2)


def with_claims() -> list[Lesson]:
    """The lessons that make claims."""
    return [
        lesson
        for lesson in load_course().lessons
        if any("claim" in cell.metadata.get("tags", []) for cell in source_cells(lesson))
    ]


def fingerprints() -> dict[str, str]:
    """SHA-256 of everything that the results depend on."""
    lessons = {lesson.slug: sha256(lesson_source(lesson)) for lesson in with_claims()}
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    numeric = [line for line in lines if line.split("==")[0] in NUMERIC]
    return lessons | {"data": sha256(BUNDLED_SUMS), "lock": sha256_of_texts(numeric)}


def claims_of(lesson: Lesson, seed: int) -> Outcome:
    """One run and its claims; a lesson that ends for another reason before it makes any is an error."""
    outcome = run_lesson(lesson, "workshop", "solved", {"seed": seed})
    if not outcome.claims:
        raise SystemExit(f"{lesson.slug} made no claim: {outcome.error}")
    return outcome


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Variables of the environment for the time of the block; no original corpora."""
    with tempfile.TemporaryDirectory() as folder:
        before = dict(os.environ)
        os.environ.update(values, WORKSHOP_HOME=f"{folder}/home", WORKSHOP_DATA_DIR=f"{folder}/none")
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def measure(before: dict[str, Any]) -> dict[str, Any]:
    """All runs; ``false_when_shuffled`` is the share of claims about learning that are false then.

    Args:
        before: an earlier result; what its lessons, data and versions are, is not run again.
    """
    then, now = before.get("fingerprints", {}), fingerprints()
    same_world = all(then.get(name) == now[name] for name in ("data", "lock"))
    found: dict[str, Any] = {}
    for lesson in with_claims():
        if same_world and then.get(lesson.slug) == now[lesson.slug]:
            found[lesson.slug] = before["lessons"][lesson.slug]
            continue
        with environment():
            runs = {str(seed): claims_of(lesson, seed).claims for seed in SEEDS}
        with environment(WORKSHOP_SHUFFLE_LABELS="1"):
            shuffled = claims_of(lesson, SEEDS[0])
        false = [sentence for sentence in shuffled.learning_claims if not shuffled.claims[sentence]]
        found[lesson.slug] = {
            "seeds": runs,
            "shuffled": shuffled.claims,
            "false_when_shuffled": round(len(false) / len(shuffled.learning_claims), 3),
        }
    return {"fingerprints": now, "lessons": found}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--all", action="store_true", help="run lessons that have not changed, too")
    result = measure({} if parser.parse_args().all else json.loads(FILE.read_text(encoding="utf-8")))
    atomic_write(FILE, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    for name, figures in result["lessons"].items():
        false = {s for run in figures["seeds"].values() for s, holds in run.items() if not holds}
        print(f"{name}: {len(figures['shuffled'])} claims, false in a seed: {sorted(false) or 'none'}")
        print(f"   with shuffled labels {figures['false_when_shuffled']:.0%} about learning are false; true:")
        print("   " + "; ".join(s for s, holds in figures["shuffled"].items() if holds))
