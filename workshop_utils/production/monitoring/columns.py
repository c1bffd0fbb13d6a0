"""What is compared between a new text and a reference text, as one row of numbers for each text."""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from workshop_utils.models.bundle.reference import Reference
from workshop_utils.models.bundle.text_traits import NO_PROBABILITY, PROBABILITY_STEPS, TextTraits

#: Languages with a smaller share of the reference are counted together.
_LANGUAGE_SHARE = 0.05

#: Of what kind a change is: of what comes in, or of what the model answers.
DriftKind = Literal["data", "prediction"]


class Watched(NamedTuple):
    """A quantity that is watched.

    Attributes:
        name: as people read it. kind: ``data`` or ``prediction``. weight: its part of the run length.
        columns: its place in a row of numbers. column_names: one for each of them.
    """

    name: str
    kind: DriftKind
    weight: float
    columns: slice
    column_names: list[str]


class WatchedColumns:
    """Turns texts into rows, float64 of shape (columns,); NaN where a text tells nothing.

    Attributes:
        watched: the quantities. rows: those of the reference texts, shape (n, columns).
        mean_of_each: times a column of numbers, the mean of each quantity's; shape (watched, columns).
    """

    def __init__(self, reference: Reference) -> None:
        self._counts = reference.known_counts if reference.known_texts else None
        self._classes, self._same_model = reference.class_names, reference.same_model
        shares = np.bincount(reference.languages, minlength=len(reference.language_names)) / max(
            1, len(reference)
        )
        self._languages = [
            name
            for name, share in zip(reference.language_names, shares, strict=True)
            if share >= _LANGUAGE_SHARE
        ]
        self.watched: list[Watched] = []
        self._read: list[Callable[[TextTraits], Sequence[float]]] = []
        self._watch("length", "data", 1 / 10, ["characters"], _length)
        self._watch("unknown words", "data", 1 / 10, ["share of a text's words"], self._unknown)
        self._watch("truncated", "data", 1 / 10, ["share of texts"], _truncated)
        self._watch("language", "data", 1 / 10, [*self._languages, "other"], self._language)
        self._watch("label", "prediction", 1 / 3, [*self._classes, "other"], self._label)
        self._watch("probability", "prediction", 1 / 3, [*self._classes, "no number"], self._probability)
        self._watch("confidence", "prediction", 1 / 3, ["largest probability"], self._confidence)
        rows = [self.row(traits) for traits in _traits_of(reference)]
        self.rows = np.array(rows, dtype=np.float64).reshape(len(rows), self.width)
        self.mean_of_each = np.zeros((len(self.watched), self.width))
        for place, each in enumerate(self.watched):
            self.mean_of_each[place, each.columns] = 1 / len(each.column_names)

    @property
    def width(self) -> int:
        """How many columns."""
        return self.watched[-1].columns.stop

    def row(self, traits: TextTraits) -> np.ndarray:
        """The row of one text."""
        return np.array([value for read in self._read for value in read(traits)])

    def _watch(
        self,
        name: str,
        kind: DriftKind,
        weight: float,
        column_names: list[str],
        read: Callable[[TextTraits], Sequence[float]],
    ) -> None:
        start = self.watched[-1].columns.stop if self.watched else 0
        columns = slice(start, start + len(column_names))
        self.watched.append(Watched(name, kind, weight, columns, column_names))
        self._read.append(read)

    def _unknown(self, traits: TextTraits) -> Sequence[float]:
        if traits.buckets is None or self._counts is None or not len(traits.buckets):
            return [math.nan]
        return [1 - np.count_nonzero(self._counts[traits.buckets]) / len(traits.buckets)]

    def _language(self, traits: TextTraits) -> Sequence[float]:
        if traits.length is None:
            return [math.nan] * (len(self._languages) + 1)
        return _one_of(traits.language, self._languages)

    def _label(self, traits: TextTraits) -> Sequence[float]:
        row = _one_of(traits.label, self._classes)
        return row if self._same_model else [*[math.nan] * len(self._classes), row[-1]]

    def _probability(self, traits: TextTraits) -> Sequence[float]:
        steps = traits.probabilities.tolist()
        if len(steps) != len(self._classes) or NO_PROBABILITY in steps:
            return [*[math.nan] * len(self._classes), 1.0]
        if not self._same_model:
            return [*[math.nan] * len(self._classes), 0.0]
        return [*(step / PROBABILITY_STEPS for step in steps), 0.0]

    def _confidence(self, traits: TextTraits) -> Sequence[float]:
        return [max(self._probability(traits)[:-1])]


def _length(traits: TextTraits) -> Sequence[float]:
    return [math.nan if traits.length is None else float(traits.length)]


def _truncated(traits: TextTraits) -> Sequence[float]:
    return [float(traits.truncated)]


def _one_of(name: str, names: list[str]) -> Sequence[float]:
    """1 in the column of the name, the last one for every other name."""
    row = [0.0] * (len(names) + 1)
    row[names.index(name) if name in names else -1] = 1.0
    return row


def _traits_of(reference: Reference) -> list[TextTraits]:
    """The reference texts as traits, without their words."""
    words = reference.words_of()
    return [
        TextTraits(
            None,
            None if words is None else words[row],
            int(reference.lengths[row]),
            reference.language_names[reference.languages[row]],
            bool(reference.truncated[row]),
            reference.class_names[reference.labels[row]],
            reference.probabilities[row],
        )
        for row in range(len(reference))
    ]
