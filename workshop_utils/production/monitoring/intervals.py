"""Accuracy and macro-F1 with intervals that hold at every moment, however often one looks.

A **confidence sequence** covers the true value at all times together with the stated probability; an
ordinary 95 % interval that is looked at after every label leaves it sooner or later for certain. It is made
of bets, as alarms are (Waudby-Smith, Ramdas 2023, *Estimating means of bounded random variables by
betting*, JRSS B, arXiv 2010.09686): whoever claims that the rate of hits is r is bet against with several
stakes at a time, and r leaves the interval when the mean capital of the bets reaches 2 / (1 - level), on
either side.

The stakes are the shares 1 / (1 + 2^k) of the largest stake allowed: as the odds double from one to the
next, some stake is close to the best one for few labels as well as for millions. They do not change with
time, so the capital depends only on how often which label was seen, not on the order.

What is assumed: the rate is one and the same for all labels from the first on. After a change the interval
speaks of a mixture; begin it anew after an alarm or a new model. Labels that people give because they were
annoyed are no sample of anything, and no interval makes them one.

**Labels drawn unequally** count with weights, see :class:`~.label_weights.LabelWeights`: then the bets are
about the rate among all texts of a draw, and a weight of at most 1 keeps every capital at or above 0.

**Macro-F1.** Among the texts that are of a class or were taken for it, a share J is both (Jaccard's index),
and F1 = 2 J / (1 + J). So a confidence sequence for J, label by label on these texts alone, is one for the
class's F1. That of each class gets an equal part of 1 - level, and the means of the lower and of the upper
ends bound the macro-F1 (union bound): valid, and wider than need be, the more so the more classes there
are. A true label that the model does not know is a class, too, with an F1 of 0 for certain: it lowers the
macro-F1 as soon as it has come once, as it does in scikit-learn.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.metrics import Interval

#: The stakes of the bets, as shares of the largest one allowed.
STAKE_SHARES = 1 / (1 + 2.0 ** np.arange(-4, 15))
_BISECTIONS = 60


@dataclass(frozen=True)
class WeightedHits:
    """How often something was hit and missed, by weight: three arrays of one length."""

    weights: np.ndarray
    hits: np.ndarray
    misses: np.ndarray

    @classmethod
    def counted(cls, counts: Iterable[tuple[float, bool, int]]) -> "WeightedHits":
        """From triples of a weight, whether it was a hit, and how many of these there were."""
        by_weight: dict[float, list[int]] = {}
        for weight, hit, count in counts:
            by_weight.setdefault(weight, [0, 0])[0 if hit else 1] += count
        order = sorted(weight for weight in by_weight if weight > 0)
        table = np.array([by_weight[weight] for weight in order], dtype=float).reshape(-1, 2)
        return cls(np.array(order, dtype=float), table[:, 0], table[:, 1])

    @property
    def rate(self) -> float:
        """Weighted share of hits; NaN without any label."""
        total = float(self.weights @ (self.hits + self.misses))
        return float(self.weights @ self.hits) / total if total else math.nan

    def turned(self) -> "WeightedHits":
        """Hits for misses."""
        return WeightedHits(self.weights, self.misses, self.hits)

    def plus(self, hits: float, misses: float) -> "WeightedHits":
        """With more labels of weight 1."""
        return WeightedHits(
            np.append(self.weights, 1.0), np.append(self.hits, hits), np.append(self.misses, misses)
        )


def log_capital(seen: WeightedHits, rate: float) -> float:
    """Logarithm of the mean capital of bets that more is hit than ``rate``, which is above 0 and below 1.

    As long as ``rate`` is right, the capital reaches c at any time with a probability of 1 / c at most.
    """
    stakes = STAKE_SHARES[:, None] * seen.weights
    growth = np.log1p(stakes * (1 / rate - 1)) @ seen.hits + np.log1p(-stakes) @ seen.misses
    top = growth.max()
    return float(top + np.log(np.exp(growth - top).mean()))


def rate_interval(seen: WeightedHits, level: float = 0.95) -> Interval:
    """The rate of hits with its anytime-valid interval; NaN with 0 to 1 as long as there is no label."""
    if not 0 < level < 1:
        raise WorkshopError(f"The level of an interval lies between 0 and 1, and {level} does not.")
    rate = seen.rate
    if math.isnan(rate):
        return Interval(rate, 0.0, 1.0)
    wanted = math.log(2 / (1 - level))
    return Interval(rate, _lower(seen, rate, wanted), 1 - _lower(seen.turned(), 1 - rate, wanted))


def _lower(seen: WeightedHits, rate: float, wanted: float) -> float:
    """The greatest rate against which enough was won; the capital falls as the rate rises."""
    low, high = 0.0, rate
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if middle <= 0 or middle >= 1:
            break
        low, high = (middle, high) if log_capital(seen, middle) >= wanted else (low, middle)
    return low


@dataclass
class LabelTally:
    """How often which true and predicted label came together, by weight.

    Without drawing probabilities its size is that of a confusion matrix. With them it grows by a line for
    each different probability, so by what people label and not by what the model predicts.

    Attributes:
        classes: the model's labels. A true label that is none of them is an error, a miss of the class that
            was predicted, and a class of its own with an F1 of 0.
    """

    classes: tuple[str, ...]
    _counts: Counter[tuple[str, str, float]] = field(default_factory=Counter)

    def add(self, true: str, predicted: str, weight: float = 1.0) -> None:
        """One label; ``weight`` from 0 to 1."""
        if not 0 <= weight <= 1:
            raise WorkshopError(f"A label has the weight {weight}, which is not between 0 and 1.")
        self._counts[true, predicted, float(weight)] += 1

    @property
    def labels(self) -> int:
        """How many there are."""
        return self._counts.total()

    @property
    def unknown(self) -> dict[str, int]:
        """How many true labels there are that the model does not know, by name, the most frequent first."""
        known, found = set(self.classes), Counter[str]()
        for (true, _, weight), count in self._counts.items():
            if true not in known and weight > 0:
                found[true] += count
        return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))

    def hits(self) -> WeightedHits:
        """Right predictions, hits, against wrong ones."""
        return WeightedHits.counted(
            (weight, true == predicted, count) for (true, predicted, weight), count in self._counts.items()
        )

    def accuracy(self, level: float = 0.95) -> Interval:
        """Accuracy with its anytime-valid interval."""
        return rate_interval(self.hits(), level)

    def macro_f1(self, level: float = 0.95) -> Interval:
        """Macro-F1 with its anytime-valid interval; see the head of this module for what is valid.

        As in :func:`~workshop_utils.models.metrics.macro_f1` the value is the mean over the classes that have
        occurred, those among them that the model does not know with an F1 of 0. In the interval a class of
        the model's that has not occurred yet may have any F1 from 0 to 1; labels that the model does not know
        and that have not come yet are not foreseen.
        """
        part = self.class_level(level)
        return self.macro_f1_of([rate_interval(hits, part) for hits in self.class_hits()])

    def class_level(self, level: float) -> float:
        """The level of each class's interval, where all of them together shall have ``level``."""
        return 1 - (1 - level) / max(1, len(self.classes))

    def class_hits(self) -> list[WeightedHits]:
        """Of each class, among the texts that are of it or were taken for it: both, or only one."""
        found: dict[str, list[tuple[float, bool, int]]] = {name: [] for name in self.classes}
        for (true, predicted, weight), count in self._counts.items():
            for name in {true, predicted} & found.keys():
                found[name].append((weight, true == predicted, count))
        return [WeightedHits.counted(found[name]) for name in self.classes]

    def macro_f1_of(self, intervals: Sequence[Interval]) -> Interval:
        """The macro-F1, from the interval of each rate of :meth:`class_hits` at :meth:`class_level`."""
        unknown = len(self.unknown)
        if not self.classes:
            return Interval(0.0, 0.0, 0.0) if unknown else Interval(math.nan, 0.0, 1.0)
        value, low, high = (
            np.array([2 * end / (1 + end) for end in ends]) for ends in zip(*intervals, strict=True)
        )
        occurred = value[~np.isnan(value)]
        seen, of_all = len(occurred) + unknown, len(self.classes) + unknown
        return Interval(
            float(occurred.sum()) / seen if seen else math.nan,
            float(low.sum()) / of_all,
            float(high.sum()) / of_all,
        )

    def to_json(self) -> dict[str, Any]:
        """All that a restart needs; floats keep every bit in JSON."""
        return {
            "classes": list(self.classes),
            "counts": [[*key, count] for key, count in sorted(self._counts.items())],
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "LabelTally":
        """What :meth:`to_json` told.

        Raises:
            WorkshopError: it is damaged.
        """
        try:
            counts = {(true, said, float(weight)): int(n) for true, said, weight, n in told["counts"]}
            return cls(tuple(told["classes"]), Counter(counts))
        except (KeyError, TypeError, ValueError) as error:
            raise WorkshopError(
                "The tally of labels is damaged; remove the monitor's state, and counting begins anew."
            ) from error
