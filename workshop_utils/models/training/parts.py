"""Who learns from what, and what judges: a held-out part, or repeated cross-validation of small tables."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from workshop_utils.data.duplicates import duplicate_groups
from workshop_utils.data.usable_texts import same_text, shortened
from workshop_utils.errors import WorkshopError

#: A test part is a fifth of the texts. With fewer than so many texts in it, cross-validation judges.
FOLDS, MIN_JUDGED, REPEATS = 5, 500, 2


class Fit(NamedTuple):
    """One training: places of the texts to learn from, and of those to predict afterwards."""

    train: np.ndarray
    ask: np.ndarray


class Plan(NamedTuple):
    """All trainings of a model.

    Attributes:
        folds: of each repeat of a cross-validation its trainings; empty where a test part judges.
        final: the training whose model becomes the bundle.
    """

    folds: list[list[Fit]]
    final: Fit

    @property
    def fits(self) -> list[Fit]:
        """All trainings in the order in which they run; the last one's model becomes the bundle."""
        return [*(fit for repeat in self.folds for fit in repeat), self.final]


def plan_fits(codes: np.ndarray, groups: np.ndarray, test: np.ndarray, seed: int) -> Plan:
    """Divide the texts.

    Args:
        codes: class number of each text, shape (n,).
        groups: near-duplicates share a number, shape (n,).
        test: places of texts of a test table, never learned from; empty where there is none.
        seed: of the division.
    """
    rows = np.setdiff1d(np.arange(len(codes)), test)
    if len(test) >= MIN_JUDGED:
        return Plan([], Fit(rows, test))
    if not len(test) and len(rows) >= FOLDS * MIN_JUDGED:
        held = grouped_folds(codes, groups, FOLDS, seed) == 0
        return Plan([], Fit(np.flatnonzero(~held), np.flatnonzero(held)))
    repeats = []
    for repeat in range(REPEATS):
        fold = grouped_folds(codes[rows], groups[rows], FOLDS, seed + repeat)
        repeats.append([Fit(rows[fold != number], rows[fold == number]) for number in range(FOLDS)])
    return Plan(repeats, Fit(rows, test))


def grouped_folds(codes: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold of each text, shape (n,): labels dealt evenly, texts of a group together.

    Args:
        codes: class number of each text, shape (n,).
        groups: group number of each text, shape (n,).
        folds: how many there are.
        seed: of the order in which groups are dealt.
    """
    members, sizes = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    rng = np.random.default_rng(seed)
    label = np.zeros(len(sizes), dtype=int)
    label[members[::-1]] = codes[::-1]  # of each group's first text
    order = np.lexsort((rng.permutation(len(sizes)), -sizes))  # the largest first
    tie = rng.permutation(folds).tolist()
    texts_of_label = [[0] * folds for _ in range(codes.max() + 1)]
    texts = [0] * folds
    fold = np.zeros(len(sizes), dtype=int)
    for group in order:
        own = texts_of_label[label[group]]
        emptiest = min(range(folds), key=lambda number: (own[number], texts[number], tie[number]))
        own[emptiest] += int(sizes[group])
        texts[emptiest] += int(sizes[group])
        fold[group] = emptiest
    return fold[members]


def refuse_one_group(labels: Sequence[str], groups: np.ndarray) -> None:
    """Do nothing if the texts of each label form at least two groups.

    Raises:
        WorkshopError: a label whose texts are all near-duplicates: none can be held out.
    """
    found: dict[str, set[int]] = {}
    for label, group in zip(labels, groups.tolist(), strict=True):
        found.setdefault(label, set()).add(group)
    for label, numbers in found.items():
        if len(numbers) == 1:
            raise WorkshopError(
                f"All texts of the label {shortened(label)} are near-duplicates of each other, so that none "
                "can be held out; add different texts, or leave its rows out of the table."
            )


def without_leaks(texts: Sequence[str], test_texts: Sequence[str]) -> tuple[np.ndarray, int]:
    """Which texts have no copy and no near-duplicate among the test texts, and how many have.

    Returns:
        True for the texts to keep, shape (n,), and the number of the others.
    """
    asked = {same_text(text) for text in test_texts}
    equal = np.array([same_text(text) in asked for text in texts])
    groups = duplicate_groups([*texts, *test_texts])
    near = np.isin(groups[: len(texts)], groups[len(texts) :])
    leaks = equal | near
    return ~leaks, int(leaks.sum())


def stratified_share(codes: Iterable[int], share: float, most: int, seed: int) -> np.ndarray:
    """A random part of each class, at least one text of each, True for the texts of the part, shape (n,).

    Args:
        codes: class number of each text.
        share: of each class.
        most: texts in all, beyond one of each class.
        seed: of the drawing.
    """
    numbers = np.asarray(list(codes))
    share = min(share, most / max(1, len(numbers)))
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(numbers), dtype=bool)
    for code in np.unique(numbers):
        places = rng.permutation(np.flatnonzero(numbers == code))
        chosen[places[: max(1, round(share * len(places)))]] = True
    return chosen
