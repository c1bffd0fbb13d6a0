"""Two models on the same texts: what the second gains, with its bootstrap interval, also after uneven draws.

As :func:`workshop_utils.models.metrics.paired_difference`, and each text may count with a weight of its own:
where texts were drawn for labelling with different probabilities, the inverse of these (Horvitz, Thompson
1952, doi 10.1080/01621459.1952.10483446).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from workshop_utils.errors import WorkshopError
from workshop_utils.models.metrics import Interval

#: ``f1`` is that of one label, of answers that are True where they name it.
GainMetric = Literal["accuracy", "macro_f1", "f1"]


class Gain(NamedTuple):
    """A metric of the first model, of the second, and the difference with its interval."""

    before: float
    after: float
    gain: Interval


@dataclass(frozen=True)
class PairedAnswers:
    """What is true of n texts, and what two models say about them. Labels may be strings or numbers.

    Attributes:
        true, champion, challenger: labels, shape (n,). weights: above 0, shape (n,); None: all count 1.
        slices: from the name of a slice to each text's value, shape (n,).
    """

    true: ArrayLike
    champion: ArrayLike
    challenger: ArrayLike
    weights: ArrayLike | None = None
    slices: Mapping[str, ArrayLike] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = np.shape(self.true)
        given = [self.champion, self.challenger, *self.slices.values()]
        given += [] if self.weights is None else [self.weights]
        if len(size) != 1 or any(np.shape(each) != size for each in given):
            raise WorkshopError(
                "A true label, two answers and a value of each slice belong to each text; these differ in "
                "length."
            )
        if self.weights is not None and not np.all(np.asarray(self.weights, dtype=float) > 0):
            raise WorkshopError("The weight of a text is above 0; leave out the texts that do not count.")

    def __len__(self) -> int:
        return len(np.asarray(self.true))

    @property
    def differing(self) -> int:
        """On so many texts one of both is right and the other wrong."""
        true = np.asarray(self.true)
        return int(((np.asarray(self.champion) == true) != (np.asarray(self.challenger) == true)).sum())

    def part(self, rows: np.ndarray) -> "PairedAnswers":
        """Some of the texts, without slices; ``rows`` is bool of shape (n,)."""
        weights = None if self.weights is None else np.asarray(self.weights)[rows]
        true, champion, challenger = (
            np.asarray(each)[rows] for each in (self.true, self.champion, self.challenger)
        )
        return PairedAnswers(true, champion, challenger, weights)

    def about(self, label: Any) -> "PairedAnswers":
        """Who names this label? Answers that are True or False, for its F1."""
        true, champion, challenger = (
            np.asarray(each) == label for each in (self.true, self.champion, self.challenger)
        )
        return PairedAnswers(true, champion, challenger, self.weights)

    def beside_majority(self) -> "PairedAnswers":
        """The challenger beside a model that gives every text the most frequent true label."""
        names, codes = np.unique(np.asarray(self.true), return_inverse=True)
        counts = np.bincount(codes, weights=None if self.weights is None else np.asarray(self.weights))
        always = np.full(len(self), names[int(counts.argmax())])
        return PairedAnswers(self.true, always, self.challenger, self.weights)


def paired_gain(
    answers: PairedAnswers,
    metric: GainMetric = "macro_f1",
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Gain:
    """Metric of the challenger minus metric of the champion, both asked the same texts in every draw.

    Raises:
        WorkshopError: no texts.
    """
    if not len(answers):
        raise WorkshopError("Two models can be compared on labelled texts only, and there is none.")
    cells = _PairedCells(answers)
    before, after = (float(cells.score(metric, model)[0]) for model in (0, 1))
    drawn = [
        cells.score(metric, 1, counts) - cells.score(metric, 0, counts)
        for counts in cells.redrawn(resamples, seed)
    ]
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return Gain(before, after, Interval(after - before, float(low), float(high)))


class _PairedCells:
    """How often each combination of true label, both answers and weight occurs."""

    def __init__(self, answers: PairedAnswers) -> None:
        columns = np.stack([np.asarray(e) for e in (answers.true, answers.champion, answers.challenger)])
        classes, codes = np.unique(columns, return_inverse=True)
        weights = (
            np.ones(len(answers)) if answers.weights is None else np.asarray(answers.weights, dtype=float)
        )
        different, weight = np.unique(weights, return_inverse=True)
        cells, self._counts = np.unique(
            np.concatenate([codes.reshape(columns.shape), weight[None]]), axis=1, return_counts=True
        )
        self._true, self._models, self._weights = cells[0], cells[1:3], different[cells[3]]
        self._one_hot = np.eye(len(classes))

    def redrawn(self, resamples: int, seed: int) -> Iterator[np.ndarray]:
        """Counts of draws of n texts with replacement, in parts of shape (some, cells)."""
        rng, n = np.random.default_rng(seed), self._counts.sum()
        some = max(1, 4_000_000 // len(self._counts))
        for start in range(0, resamples, some):
            yield rng.multinomial(n, self._counts / n, size=min(some, resamples - start))

    def score(self, metric: GainMetric, model: int, counts: np.ndarray | None = None) -> np.ndarray:
        """The metric of a model for counts of shape (draws, cells), shape (draws,)."""
        weighted = (self._counts[None] if counts is None else counts) * self._weights
        said = self._models[model]
        right = said == self._true
        if metric == "accuracy":
            return weighted[:, right].sum(axis=1) / weighted.sum(axis=1)
        hits = weighted[:, right] @ self._one_hot[said[right]]
        members = weighted @ (self._one_hot[self._true] + self._one_hot[said])
        present = members > 0
        f1 = 2 * hits / np.where(present, members, 1)
        return f1[:, -1] if metric == "f1" else f1.sum(axis=1) / present.sum(axis=1)
