"""From a score to a decision: thresholds and costs, calibration, temperature; developed in lesson 08.

A score is the probability of the class that leads to an action ("show it"). A text is *predicted positive*
when its score is not below the threshold. Costs are in any unit, as long as all of them are in the same one.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn import metrics

#: Columns of a threshold table; ``cost`` is per text.
THRESHOLD_COLUMNS = ["threshold", "false_positives", "false_negatives", "cost"]

#: A probability of exactly 0 has no logarithm; below this one, none is told from another.
_TINY = 1e-12


class Costs(NamedTuple):
    """What each of the four outcomes costs; a gain is a negative cost.

    Attributes:
        false_positive: predicted positive and is not.
        false_negative: predicted negative and is not.
        true_positive: predicted positive and is.
        true_negative: predicted negative and is.
    """

    false_positive: float
    false_negative: float
    true_positive: float = 0.0
    true_negative: float = 0.0

    @property
    def threshold(self) -> float:
        """Where predicting positive and negative cost the same, if scores are true probabilities.

        Source: Elkan, *The foundations of cost-sensitive learning*, IJCAI 2001, section 1.3.

        >>> Costs(false_positive=3, false_negative=1).threshold
        0.75
        """
        wrongly = self.false_positive - self.true_negative
        return wrongly / (wrongly + self.false_negative - self.true_positive)


def threshold_table(true: Sequence[bool], scores: Sequence[float], costs: Costs) -> pd.DataFrame:
    """What each threshold would have cost: :data:`THRESHOLD_COLUMNS`, thresholds ascending.

    One row for every way in which a threshold can divide these texts: 0 predicts all of them positive,
    infinity none, and between two neighbouring scores it stands in the middle.

    Args:
        true: is the text positive? Shape (n,).
        scores: its probability, shape (n,).
        costs: of the four outcomes.

    Raises:
        ValueError: no texts, unequal lengths, or a score that is no number.
    """
    is_positive, score = np.asarray(true, dtype=bool), np.asarray(scores, dtype=float)
    if is_positive.shape != score.shape or score.ndim != 1 or score.size == 0 or np.isnan(score).any():
        raise ValueError("A threshold needs texts, and for each of them one truth and one score.")
    levels, position = np.unique(score, return_inverse=True)
    wanted = np.bincount(position, weights=is_positive)
    unwanted = np.bincount(position, weights=~is_positive)
    false_negatives = np.concatenate([[0], np.cumsum(wanted)])
    true_negative = np.concatenate([[0], np.cumsum(unwanted)])
    false_positives, true_positives = unwanted.sum() - true_negative, wanted.sum() - false_negatives
    total = costs.false_positive * false_positives + costs.false_negative * false_negatives
    total += costs.true_positive * true_positives + costs.true_negative * true_negative
    middle = (levels[:-1] + levels[1:]) / 2
    middle = np.where(middle > levels[:-1], middle, levels[1:])  # neighbours in floating point have none
    thresholds = np.concatenate([[min(0.0, levels[0])], middle, [np.inf]])
    columns = (thresholds, false_positives.astype(int), false_negatives.astype(int), total / len(score))
    return pd.DataFrame(dict(zip(THRESHOLD_COLUMNS, columns, strict=True)))


def best_threshold(true: Sequence[bool], scores: Sequence[float], costs: Costs) -> float:
    """The threshold that would have cost least on these texts; of several, the lowest."""
    table = threshold_table(true, scores, costs)
    return float(table["threshold"][table["cost"].idxmin()])


def cost_at(true: Sequence[bool], scores: Sequence[float], threshold: float, costs: Costs) -> float:
    """Cost per text of one threshold, for example of one that was chosen on other texts."""
    positive, predicted = np.asarray(true, dtype=bool), np.asarray(scores) >= threshold
    outcomes = [predicted & ~positive, ~predicted & positive, predicted & positive, ~predicted & ~positive]
    return float(sum(cost * found.mean() for cost, found in zip(costs, outcomes, strict=True)))


def cheapest_action(probabilities: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """For each text the action of the lowest expected cost, int of shape (n,).

    Args:
        probabilities: of shape (n, classes).
        costs: row for the true class, column for the action, shape (classes, actions). There may be more
            actions than classes, such as "ask a person".
    """
    return (np.asarray(probabilities) @ np.asarray(costs, dtype=float)).argmin(axis=1)


def calibration_table(true: Sequence[int], probabilities: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """Is the model right as often as it says? Equally filled bins of ``confidence``, lowest first.

    Columns ``texts, confidence, accuracy, low, high``: the mean of the highest probability, the share of
    right answers, and its 95 % Wilson interval. Equal probabilities stay in one bin, so there may be fewer.

    Args:
        true: class numbers, shape (n,).
        probabilities: shape (n, classes).
        bins: how many, at most.
    """
    probabilities = np.asarray(probabilities, dtype=float)
    if np.asarray(true).dtype.kind not in "iub":
        raise ValueError("Calibration takes class numbers, the places of the columns, not names of classes.")
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
    """Mean of minus the logarithm of the true class's probability, the loss of every lesson.

    Args:
        true: class numbers, shape (n,).
        probabilities: shape (n, classes).

    Raises:
        ValueError: no texts, unequal lengths, or a class without a column.
    """
    probabilities = np.clip(np.asarray(probabilities, dtype=float), _TINY, 1)
    classes = np.arange(probabilities.shape[1])
    if not np.isin(true, classes).all():
        raise ValueError(f"The true classes are numbers from 0 to {len(classes) - 1}, one for each column.")
    with warnings.catch_warnings():  # probabilities in float32 add up to 1 in seven digits only
        warnings.simplefilter("ignore", UserWarning)
        return metrics.log_loss(true, probabilities, labels=classes)


def fit_temperature(probabilities: np.ndarray, true: Sequence[int]) -> float:
    """The temperature, between 0.05 and 20, at which these texts' loss is lowest.

    Above 1 the model was too sure of itself, below 1 not sure enough. Fit it on texts that the model was not
    trained on. Source: Guo and others, section 4.2; logits and log-probabilities differ by a constant per
    text, which the softmax drops, so none but the probabilities are needed.

    Args:
        probabilities: of shape (n, classes).
        true: class numbers, shape (n,).
    """

    def loss(log_temperature: float) -> float:
        return log_loss(true, apply_temperature(probabilities, np.exp(log_temperature)))

    return float(np.exp(minimize_scalar(loss, bounds=np.log([0.05, 20]), method="bounded").x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities made softer (above 1) or sharper (below 1). The winner stays the same.

    Args:
        probabilities: of shape (n, classes).
        temperature: larger than 0.

    Raises:
        ValueError: another temperature.
    """
    if temperature <= 0:
        raise ValueError(f"A temperature is larger than 0, not {temperature}.")
    return softmax(np.log(np.maximum(np.asarray(probabilities, dtype=float), _TINY)) / temperature, axis=1)
