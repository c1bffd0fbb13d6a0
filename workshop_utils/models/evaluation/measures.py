"""Probabilities against true labels: accuracy and macro-F1 with intervals, confusion matrix, worst errors.

Needs NumPy only, so that a bundle can be evaluated where it is served.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workshop_utils.models.metrics import Interval, bootstrap_interval

#: How many of the worst errors are shown.
WORST = 10


class ResultRow(NamedTuple):
    """One model in a table of results; seconds to train and to predict, None where nothing was measured."""

    model: str
    accuracy: Interval
    macro_f1: Interval
    seconds: float | None = None
    chosen: bool = False


class ClassResult(NamedTuple):
    """One class: how many texts have this true label, and the shares between 0 and 1."""

    label: str
    texts: int
    precision: float
    recall: float
    f1: float


class WorstError(NamedTuple):
    """A wrong prediction, and how probable the model found it."""

    text: str
    true: str
    predicted: str
    probability: float


class Evaluation(NamedTuple):
    """How a model did on n labelled texts.

    Attributes:
        labels: names of the classes.
        accuracy: with a 95 % interval.
        macro_f1: with a 95 % interval.
        confusion: counts of shape (classes, classes), a row for each true label, a column for each predicted.
        classes: one entry per label, in the order of ``labels``.
        worst: wrong predictions, the most probable ones first.
    """

    labels: list[str]
    accuracy: Interval
    macro_f1: Interval
    confusion: np.ndarray
    classes: list[ClassResult]
    worst: list[WorstError]

    @property
    def texts(self) -> int:
        """How many texts were judged."""
        return int(self.confusion.sum())

    def confused(self, limit: int = WORST) -> list[tuple[str, str, int]]:
        """The most frequent mistakes: true label, predicted label, how often; the most frequent first."""
        mistakes = self.confusion * (1 - np.eye(len(self.labels), dtype=int))
        order = np.argsort(-mistakes, axis=None, kind="stable")[:limit]
        places = zip(*np.unravel_index(order, mistakes.shape), strict=True)
        return [
            (self.labels[true], self.labels[said], int(mistakes[true, said]))
            for true, said in places
            if mistakes[true, said]
        ]


def evaluate_probabilities(
    labels: Sequence[str],
    true: np.ndarray,
    probabilities: np.ndarray,
    texts: Sequence[str],
    seed: int = 0,
) -> Evaluation:
    """Judge the most probable class of each text.

    Args:
        labels: names of the classes, in the order of the probabilities.
        true: class number of each text, int of shape (n,), n at least 1.
        probabilities: shape (n, classes), or (repeats, n, classes) from repeated cross-validation. Then
            accuracy and macro-F1 are means over the repeats; all else shows the first one.
        texts: n texts, for the list of the worst errors.
        seed: of the bootstrap.
    """
    repeats = probabilities if probabilities.ndim == 3 else probabilities[None]
    predicted = repeats.argmax(axis=2)
    first = predicted[0]
    size = len(labels)
    confusion = np.bincount(true * size + first, minlength=size * size).reshape(size, size)
    wrong = np.flatnonzero(first != true)
    sure = repeats[0][wrong, first[wrong]]
    worst = wrong[np.argsort(-sure, kind="stable")][:WORST]
    return Evaluation(
        list(labels),
        bootstrap_interval(true, predicted, "accuracy", seed=seed),
        bootstrap_interval(true, predicted, "macro_f1", seed=seed),
        confusion,
        _classes(labels, confusion),
        [
            WorstError(texts[row], labels[true[row]], labels[first[row]], float(repeats[0][row, first[row]]))
            for row in worst
        ],
    )


def evaluate_constant(model: str, true: np.ndarray, predicted: int, seed: int = 0) -> ResultRow:
    """The row of a model that gives every text the same class.

    Args:
        model: its name.
        true: class number of each text, shape (n,).
        predicted: the number of the class.
        seed: of the bootstrap.
    """
    always = np.full(len(true), predicted)
    return ResultRow(
        model,
        bootstrap_interval(true, always, "accuracy", seed=seed),
        bootstrap_interval(true, always, "macro_f1", seed=seed),
    )


def _classes(labels: Sequence[str], confusion: np.ndarray) -> list[ClassResult]:
    hits, true, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return [
        ClassResult(
            label,
            int(true[number]),
            float(hits[number] / max(1, said[number])),
            float(hits[number] / max(1, true[number])),
            float(2 * hits[number] / max(1, true[number] + said[number])),
        )
        for number, label in enumerate(labels)
    ]
