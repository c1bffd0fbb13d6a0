"""From a score to a decision: thresholds and costs, calibration, temperature; developed in lesson 08.

A score is the probability of the class that leads to an action ("show it"). A text is *called* when its
score is not below the threshold. Costs are in any unit, as long as all of them are in the same one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from scipy.stats import binomtest

#: Columns of a threshold table; ``cost`` is per text.
THRESHOLD_COLUMNS = ["threshold", "false_alarms", "misses", "cost"]

#: A probability of exactly 0 has no logarithm; below this one, none is told from another.
_TINY = 1e-12


class Costs(NamedTuple):
    """What each of the four outcomes costs; a gain is a negative cost.

    ``false_alarm``: called, and should not have been. ``miss``: not called, and should have been.
    """

    false_alarm: float
    miss: float
    hit: float = 0.0
    passed_over: float = 0.0

    @property
    def threshold(self) -> float:
        """Where calling and not calling cost the same, if scores are true probabilities.

        Source: Elkan, *The foundations of cost-sensitive learning*, IJCAI 2001, section 1.3.

        >>> Costs(false_alarm=3, miss=1).threshold
        0.75
        """
        wrongly = self.false_alarm - self.passed_over
        return wrongly / (wrongly + self.miss - self.hit)


def threshold_table(true: Sequence[bool], scores: Sequence[float], costs: Costs) -> pd.DataFrame:
    """What each threshold would have cost: :data:`THRESHOLD_COLUMNS`, thresholds ascending.

    One row for every way in which a threshold can divide these texts: 0 calls all of them, infinity none,
    and between two neighbouring scores it stands in the middle.

    Args:
        true: should the text be called? Shape (n,). scores: its probability, shape (n,).

    Raises:
        ValueError: no texts, unequal lengths, or a score that is no number.
    """
    true, scores = np.asarray(true, dtype=bool), np.asarray(scores, dtype=float)
    if true.shape != scores.shape or true.ndim != 1 or true.size == 0 or np.isnan(scores).any():
        raise ValueError("A threshold needs texts, and for each of them one truth and one score.")
    levels, position = np.unique(scores, return_inverse=True)
    wanted = np.bincount(position, weights=true)
    unwanted = np.bincount(position, weights=~true)
    misses = np.concatenate([[0], np.cumsum(wanted)])
    passed_over = np.concatenate([[0], np.cumsum(unwanted)])
    false_alarms, hits = unwanted.sum() - passed_over, wanted.sum() - misses
    total = costs.false_alarm * false_alarms + costs.miss * misses
    total += costs.hit * hits + costs.passed_over * passed_over
    middle = (levels[:-1] + levels[1:]) / 2
    middle = np.where(middle > levels[:-1], middle, levels[1:])  # neighbours in floating point have none
    thresholds = np.concatenate([[min(0.0, levels[0])], middle, [np.inf]])
    columns = (thresholds, false_alarms.astype(int), misses.astype(int), total / len(true))
    return pd.DataFrame(dict(zip(THRESHOLD_COLUMNS, columns, strict=True)))


def best_threshold(true: Sequence[bool], scores: Sequence[float], costs: Costs) -> float:
    """The threshold that would have cost least on these texts; of several, the lowest."""
    table = threshold_table(true, scores, costs)
    return float(table["threshold"][table["cost"].idxmin()])


def cost_at(true: Sequence[bool], scores: Sequence[float], threshold: float, costs: Costs) -> float:
    """Cost per text of one threshold, for example of one that was chosen on other texts."""
    true, called = np.asarray(true, dtype=bool), np.asarray(scores) >= threshold
    outcomes = [called & ~true, ~called & true, called & true, ~called & ~true]
    return float(sum(cost * found.mean() for cost, found in zip(costs, outcomes, strict=True)))


def cheapest_action(probabilities: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """For each text the action of the lowest expected cost, int of shape (n,).

    Args:
        probabilities: of shape (n, classes). costs: row for the true class, column for the action, shape
            (classes, actions). There may be more actions than classes, such as "ask a person".
    """
    return (np.asarray(probabilities) @ np.asarray(costs, dtype=float)).argmin(axis=1)


def calibration_table(true: Sequence[int], probabilities: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """Is the model right as often as it says? Equally filled bins of ``confidence``, lowest first.

    Columns ``texts, confidence, accuracy, low, high``: the mean of the highest probability, the share of
    right answers, and its 95 % Wilson interval. Equal probabilities stay in one bin, so there may be fewer.

    Args:
        true: class numbers, shape (n,). probabilities: shape (n, classes).
    """
    probabilities = np.asarray(probabilities, dtype=float)
    right = probabilities.argmax(axis=1) == np.asarray(true)
    confidence = probabilities.max(axis=1)
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1]))
    number = np.searchsorted(edges, confidence, side="right")
    rows = []
    for one in np.unique(number):
        here = number == one
        bounds = binomtest(int(right[here].sum()), int(here.sum())).proportion_ci(method="wilson")
        rows.append((int(here.sum()), confidence[here].mean(), right[here].mean(), bounds.low, bounds.high))
    return pd.DataFrame(rows, columns=["texts", "confidence", "accuracy", "low", "high"])


def expected_calibration_error(true: Sequence[int], probabilities: np.ndarray, bins: int = 10) -> float:
    """Mean distance between confidence and accuracy over the bins, each weighed by its texts.

    Chance alone makes it larger than 0, the more so with few texts per bin. Source: Guo, Pleiss, Sun and
    Weinberger, *On calibration of modern neural networks*, ICML 2017, section 2; there with bins of equal
    width.
    """
    table = calibration_table(true, probabilities, bins)
    return float(np.average((table["confidence"] - table["accuracy"]).abs(), weights=table["texts"]))


def log_loss(true: Sequence[int], probabilities: np.ndarray) -> float:
    """Mean of minus the logarithm of the true class's probability, the loss of every lesson."""
    probabilities = np.asarray(probabilities, dtype=float)
    chance = probabilities[np.arange(len(probabilities)), np.asarray(true)]
    return float(-np.log(np.maximum(chance, _TINY)).mean())


def fit_temperature(probabilities: np.ndarray, true: Sequence[int]) -> float:
    """The temperature, between 0.05 and 20, at which these texts' loss is lowest.

    Above 1 the model was too sure of itself, below 1 not sure enough. Fit it on texts that the model was not
    trained on. Source: Guo and others, section 4.2; logits and log-probabilities differ by a constant per
    text, which the softmax drops, so none but the probabilities are needed.

    Args:
        probabilities: of shape (n, classes). true: class numbers, shape (n,).
    """

    def loss(log_temperature: float) -> float:
        return log_loss(true, apply_temperature(probabilities, np.exp(log_temperature)))

    return float(np.exp(minimize_scalar(loss, bounds=np.log([0.05, 20]), method="bounded").x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (n, classes) made softer (above 1) or sharper (below 1). The winner stays the same."""
    if temperature <= 0:
        raise ValueError(f"A temperature is larger than 0, not {temperature}.")
    return softmax(np.log(np.maximum(np.asarray(probabilities, dtype=float), _TINY)) / temperature, axis=1)
