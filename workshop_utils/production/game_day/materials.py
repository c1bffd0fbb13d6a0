"""What a game day needs: a model of the bundled reviews, texts like those that it knows, and later months."""

import csv
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_path
from workshop_utils.models.bundle.card import CARD, read_card, write_folder
from workshop_utils.paths import BUNDLED

#: Reviews up to this month are those that the model was made for; every fourth of them is kept apart.
_LAST_REFERENCE_MONTH, _KEPT_APART = "2026-02", 4
_DRIFTED, _QUIET, _TURNED = "2026-03", "2026-04", ("2026-05", "2026-06", "2026-07")


class Review(NamedTuple):
    """A text and its true label."""

    text: str
    label: str


@dataclass(frozen=True)
class Materials:
    """What all faults use.

    Attributes:
        bundle: the champion. table: what it learned from. frozen: a table that nobody learns from.
        quiet: reviews of the same months and of a quiet one later, which the champion has not read.
        drifted: reviews of new subjects. turned: of months in which old words mean something else.
    """

    bundle: Path
    table: Path
    frozen: Path
    quiet: Sequence[Review]
    drifted: Sequence[Review]
    turned: Sequence[Review]


class QuietReviews:
    """Reviews like those that the model knows, in a random order; again from the first when all have come.

    Safe to use from several threads.
    """

    def __init__(self, reviews: Sequence[Review], seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(reviews))
        self._next, self._lock = cycle([reviews[place] for place in order.tolist()]), Lock()

    def take(self, count: int) -> list[Review]:
        """The next ones."""
        with self._lock:
            return list(islice(self._next, count))

    def texts(self, count: int) -> list[str]:
        """Their texts alone."""
        return [review.text for review in self.take(count)]


def make_materials(folder: Path, bundle: Path) -> Materials:
    """Write the tables, and train the champion by `workshop train` where there is none yet.

    Args:
        folder: for the tables.
        bundle: where the champion lies, or will.

    Raises:
        WorkshopError: no model can be trained here.
    """
    months = _months()
    reference = [
        review for month in sorted(months) if month <= _LAST_REFERENCE_MONTH for review in months[month]
    ]
    known = reference[::_KEPT_APART]
    learned = [review for number, review in enumerate(reference) if number % _KEPT_APART]
    table, frozen = folder / "table.csv", folder / "frozen.csv"
    write_rows(table, ("text", "label"), learned)
    write_rows(frozen, ("text", "label"), known)
    if not (bundle / CARD).exists():
        _train(table, bundle)
    turned = [review for month in _TURNED for review in months[month]]
    return Materials(bundle, table, frozen, [*known, *months[_QUIET]], months[_DRIFTED], turned)


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """A table in UTF-8."""
    with atomic_path(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def another_bundle(bundle: Path, target: Path, created: str) -> Path:
    """The same model under another date, and so another version."""
    card = read_card(bundle)

    def copy(folder: Path) -> None:
        for name in card.sha256:
            shutil.copyfile(bundle / name, folder / name)

    return write_folder(target, card.model_copy(update={"created": created}), copy)


def _months() -> dict[str, list[Review]]:
    found: dict[str, list[Review]] = {}
    with (BUNDLED / "reviews.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["written_at"][:7], []).append(Review(row["review"], row["sentiment"]))
    return found


def _train(table: Path, bundle: Path) -> None:
    command = [sys.executable, "-m", "workshop_utils", "train", str(table), "--bundle", str(bundle)]
    columns = ["--model", "tfidf", "--text-column", "text", "--label-column", "label"]
    done = subprocess.run([*command, *columns], capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise WorkshopError(f"No model could be trained for the game day: {last[0]}")
