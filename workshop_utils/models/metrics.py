"""Accuracy, macro-F1, bootstrap intervals and the table of results, developed in lesson 02.

Labels may be strings or numbers; ``true`` and predictions are sequences of shape (n,). Predictions may also
have shape (repeats, n), as repeated cross-validation makes them; a metric is then its mean over the repeats.
A bootstrap draws n texts with replacement, again and again (Efron and Tibshirani, *An Introduction to the
Bootstrap*, 1993, chapter 13, percentile interval). The metrics depend only on how often each combination of
true and predicted labels occurs, and drawing texts draws these counts from a multinomial distribution:
100,000 texts of two classes cost no more than 100.

Intervals of shares: Wilson, *Probable inference, the law of succession, and statistical inference*, JASA 22,
1927; of their difference: Newcombe, *Interval estimation for the difference between independent proportions*,
Statistics in Medicine 17, 1998, method 10. Many tests at once: Holm, *A simple sequentially rejective
multiple test procedure*, Scandinavian Journal of Statistics 6, 1979. Used in lesson 08.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write
from workshop_utils.paths import home

if TYPE_CHECKING:  # evaluating needs neither
    import pandas as pd
    from matplotlib.axes import Axes

Metric = Literal["accuracy", "macro_f1"]

#: Columns of a table of results; ``low`` and ``high`` bound ``macro_f1``.
RESULTS_COLUMNS = ["model", "accuracy", "macro_f1", "low", "high", "seconds"]


class Interval(NamedTuple):
    """A value with its lower and upper bound."""

    value: float
    low: float
    high: float


def accuracy(true: ArrayLike, predicted: ArrayLike) -> float:
    """Share of right predictions."""
    return float(_Cells(true, predicted).score("accuracy", 0)[0])


def macro_f1(true: ArrayLike, predicted: ArrayLike) -> float:
    """Mean over the classes of ``2 * hits / (true members + predicted members)``.

    A class counts when it occurs among the true labels or among the predictions, as in scikit-learn.
    """
    return float(_Cells(true, predicted).score("macro_f1", 0)[0])


def bootstrap_interval(
    true: ArrayLike,
    predicted: ArrayLike,
    metric: Metric = "macro_f1",
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The metric with its bootstrap interval; says nothing about other training data or seeds."""
    cells = _Cells(true, predicted)
    again = [cells.score(metric, 0, counts) for counts in cells.redrawn(resamples, seed)]
    return Interval(float(cells.score(metric, 0)[0]), *_bounds(np.concatenate(again), level))


def paired_difference(
    true: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    metric: Metric = "macro_f1",
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Metric of ``second`` minus metric of ``first`` on the same texts, with its bootstrap interval.

    Both models meet the same draw each time, so a hard draw hurts both and cancels. The difference is
    larger than the noise when the interval does not hold zero.
    """
    cells = _Cells(true, first, second)

    def difference(counts: np.ndarray | None = None) -> np.ndarray:
        return cells.score(metric, 1, counts) - cells.score(metric, 0, counts)

    again = [difference(counts) for counts in cells.redrawn(resamples, seed)]
    return Interval(float(difference()[0]), *_bounds(np.concatenate(again), level))


def wilson(hits: int, texts: int, level: float = 0.95) -> Interval:
    """The share ``hits / texts`` with Wilson's interval, sensible for small and for extreme shares too."""
    from scipy.stats import binomtest

    bounds = binomtest(hits, texts).proportion_ci(level, method="wilson")
    return Interval(hits / texts, float(bounds.low), float(bounds.high))


def newcombe(first: Interval, second: Interval) -> Interval:
    """Share ``first`` minus share ``second`` of different texts, each with Wilson's interval."""
    difference = first.value - second.value
    below = np.hypot(first.value - first.low, second.high - second.value)
    above = np.hypot(first.high - first.value, second.value - second.low)
    return Interval(difference, float(difference - below), float(difference + above))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """The p-values adjusted for their number, shape (n,); NaN is no test, is not counted and stays NaN.

    Reject what is below 0.05 afterwards, and the chance of even one false alarm among all tests is below
    5 %, however they depend on each other.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values)[: np.isfinite(values).sum()]
    adjusted = np.full(len(values), np.nan)
    steps = np.arange(len(order), 0, -1) * values[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def results_table(
    true: ArrayLike,
    predictions: Mapping[str, tuple[ArrayLike, float]],
    resamples: int = 2000,
    seed: int = 0,
) -> "pd.DataFrame":
    """One row per model with :data:`RESULTS_COLUMNS`, in the order of ``predictions``.

    ``predictions`` maps a model's name to its predictions, shape (n,), and the seconds it took to train and
    to predict.
    """
    import pandas as pd

    rows = []
    for name, (predicted, seconds) in predictions.items():
        interval = bootstrap_interval(true, predicted, "macro_f1", resamples, seed)
        rows.append((name, accuracy(true, predicted), *interval, seconds))
    return pd.DataFrame(rows, columns=RESULTS_COLUMNS)


def plot_results(table: "pd.DataFrame", axis: "Axes") -> None:
    """Horizontal bars of macro-F1 with their intervals, the first model on top."""
    table = table.iloc[::-1]
    errors = [table["macro_f1"] - table["low"], table["high"] - table["macro_f1"]]
    axis.barh(table["model"], table["macro_f1"], xerr=np.clip(errors, 0, None), color="C5", capsize=4)
    axis.set(xlim=(0, 1), xlabel="macro-F1 with 95 % interval")
    axis.grid(visible=False, axis="y")


def baselines_path() -> Path:
    """Where lesson 02 keeps the table for the lessons after it."""
    return home() / "results" / "baselines.csv"


def save_baselines(table: "pd.DataFrame", path: Path | None = None) -> Path:
    """Write the table as CSV, never half; by default to :func:`baselines_path`."""
    path = path or baselines_path()
    text = table[RESULTS_COLUMNS].round(4).to_csv(index=False, lineterminator="\n")
    return atomic_write(path, text)


def read_baselines(path: Path | None = None) -> "pd.DataFrame":
    """The table that lesson 02 saved.

    Raises:
        WorkshopError: lesson 02 has not been run, or the file is another table.
    """
    import pandas as pd

    path = path or baselines_path()
    if not path.is_file():
        raise WorkshopError("There are no baselines yet; run lesson 02 first (`workshop run 02`).")
    table = pd.read_csv(path, encoding="utf-8")
    if list(table.columns) != RESULTS_COLUMNS:
        raise WorkshopError(f"{path.name} is not the table of lesson 02; delete it and run lesson 02 again.")
    return table


class _Cells:
    """How often each combination of a true label and all predictions occurs among the texts.

    Only combinations that occur are kept: 200 classes and two models would have 8 million.

    Args:
        true: labels, shape (n,).
        predictions: of each model, shape (n,) or (repeats, n).
    """

    def __init__(self, true: ArrayLike, *predictions: ArrayLike) -> None:
        models = [np.atleast_2d(np.asarray(values)) for values in predictions]
        labels = np.asarray(true)
        if labels.ndim != 1 or len(labels) == 0 or any(m.shape[1:] != labels.shape for m in models):
            shapes = ", ".join(str(np.shape(values)) for values in (true, *predictions))
            raise ValueError(
                f"Labels and predictions must be equally long lists that are not empty, not {shapes}."
            )
        columns = np.concatenate([labels[None], *models])
        classes, codes = np.unique(columns, return_inverse=True)
        cells, self._counts = np.unique(codes.reshape(columns.shape), axis=1, return_counts=True)
        self._classes, self._true = len(classes), cells[0]
        ends = np.cumsum([len(model) for model in models])[:-1]
        self._models = np.split(cells[1:], ends)

    def redrawn(self, resamples: int, seed: int) -> Iterator[np.ndarray]:
        """Counts of ``resamples`` draws of n texts with replacement, in parts of shape (some, cells)."""
        rng, n = np.random.default_rng(seed), self._counts.sum()
        some = max(1, 4_000_000 // len(self._counts))
        for start in range(0, resamples, some):
            yield rng.multinomial(n, self._counts / n, size=min(some, resamples - start))

    def score(self, metric: Metric, model: int, counts: np.ndarray | None = None) -> np.ndarray:
        """The metric of a model for counts of shape (draws, cells), shape (draws,); mean of its repeats."""
        counts = self._counts[None] if counts is None else counts
        one = {"accuracy": self._accuracy, "macro_f1": self._macro_f1}[metric]
        return np.mean([one(predicted, counts) for predicted in self._models[model]], axis=0)

    def _accuracy(self, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return counts[:, predicted == self._true].sum(axis=1) / counts.sum(axis=1)

    def _macro_f1(self, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
        right = predicted == self._true
        hits = self._by_class(self._true[right], counts[:, right])
        members = self._by_class(self._true, counts) + self._by_class(predicted, counts)
        present = members > 0
        return (2 * hits / np.where(present, members, 1)).sum(axis=1) / present.sum(axis=1)

    def _by_class(self, labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Sums of the counts of each class's cells, shape (draws, classes)."""
        sums = np.zeros((len(counts), self._classes), dtype=np.int64)
        if len(labels):
            order = np.argsort(labels, kind="stable")
            found, starts = np.unique(labels[order], return_index=True)
            sums[:, found] = np.add.reduceat(counts[:, order], starts, axis=1)
        return sums


def _bounds(values: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
