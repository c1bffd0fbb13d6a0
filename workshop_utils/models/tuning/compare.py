"""Small, honest experiments: several splits, paired differences, and a word about the noise.

Developed in lesson 03 and used wherever two ways of doing something are compared.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import clone
from sklearn.model_selection import StratifiedShuffleSplit
from threadpoolctl import threadpool_limits

Split = tuple[np.ndarray, np.ndarray]
Change = Callable[[str, np.random.Generator], str]


def splits(
    labels: Sequence[str],
    repeats: int = 6,
    test_share: float = 0.25,
    train_size: int | None = None,
    seed: int = 0,
) -> list[Split]:
    """``repeats`` random splits (positions for training, positions for testing), stratified by label.

    ``train_size`` limits the training part to so many rows; the test part stays the same size.
    """
    drawn = StratifiedShuffleSplit(repeats, test_size=test_share, train_size=train_size, random_state=seed)
    return list(drawn.split(np.zeros(len(labels)), np.asarray(labels)))


def scores(
    variants: Mapping[str, Any],
    texts: Sequence[Any],
    labels: Sequence[str],
    parts: Sequence[Split],
    augment: Change | None = None,
    distort: Change | None = None,
) -> pd.DataFrame:
    """Accuracy of each variant on each split: shape (n_splits, n_variants), the same splits for all.

    A variant is a scikit-learn estimator that takes ``texts`` (or the rows of a matrix) as they are. A fresh
    clone is fitted on each split, with every ``random_state`` set to the number of the split.
    ``augment(text, rng)`` gives a changed copy of each training text, added to the training part;
    ``distort(text, rng)`` changes each test text. Neither ever sees the other part.
    """
    items, true = _rows(texts), np.asarray(labels, dtype=object)
    rows = []
    for number, (train, test) in enumerate(parts):
        x, y, questions = items[train], true[train], items[test]
        if augment:
            x, y = np.concatenate([x, _changed(x, augment, number)]), np.concatenate([y, y])
        if distort:
            questions = _changed(questions, distort, number)
        with threadpool_limits(1):  # small matrices: waiting for each other, threads cost more than they save
            fitted = {name: _seeded(model, number).fit(x, y) for name, model in variants.items()}
            rows.append({name: model.score(questions, true[test]) for name, model in fitted.items()})
    return pd.DataFrame(rows).rename_axis("split")


def noise(differences: Any, parts: Sequence[Split], confidence: float = 0.95) -> float:
    """How large a mean difference must be before chance is an unlikely explanation.

    The half-width of the corrected resampled t interval: the splits overlap, so their variance is multiplied
    by 1/J + n_test/n_train instead of 1/J (Nadeau and Bengio, *Inference for the generalization error*,
    Machine Learning 52, 2003, section 3). Infinite for a single split.

    Args:
        differences: one paired difference per split, shape (J,).
        parts: the splits.
        confidence: of the interval.
    """
    differences = np.asarray(differences, dtype=float)
    if len(differences) < 2:
        return float("inf")
    train, test = parts[0]
    variance = differences.var(ddof=1) * (1 / len(differences) + len(test) / len(train))
    return float(stats.t.ppf((1 + confidence) / 2, len(differences) - 1) * np.sqrt(variance))


def compare(results: pd.DataFrame, parts: Sequence[Split], base: str | None = None) -> pd.DataFrame:
    """One row per variant: ``mean, spread`` of its accuracy, ``difference, noise, verdict`` against the base.

    The base is the first variant unless named. ``spread`` is the standard deviation over the splits.
    """
    base = base or results.columns[0]
    differences = results.sub(results[base], axis=0)
    table = pd.DataFrame(
        {
            "mean": results.mean(),
            "spread": results.std(),
            "difference": differences.mean(),
            "noise": [noise(differences[name], parts) for name in results.columns],
        }
    )
    table["verdict"] = [
        "base" if name == base else verdict(row.difference, row.noise)
        for name, row in zip(table.index, table.itertuples(), strict=True)
    ]
    return table.round(3)


def verdict(difference: float, noise: float) -> str:
    """``better``, ``worse`` or ``smaller than the noise``."""
    if abs(difference) <= noise:
        return "smaller than the noise"
    return "better" if difference > 0 else "worse"


def _rows(texts: Sequence[Any]) -> Any:
    """Something that can be indexed by an array: matrices as they are, everything else as an object array."""
    if hasattr(texts, "ndim") and texts.ndim == 2:
        return texts
    rows = np.empty(len(texts), dtype=object)
    rows[:] = list(texts)
    return rows


def _changed(texts: np.ndarray, change: Change, number: int) -> np.ndarray:
    """Each text changed by its own generator, so that one text's change does not depend on its neighbours."""
    return _rows([change(text, np.random.default_rng([number, zlib.crc32(_bytes(text))])) for text in texts])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


def _seeded(model: Any, number: int) -> Any:
    """A fresh clone whose random steps are seeded by the split's number."""
    copy = clone(model)
    names = [name for name in copy.get_params() if name.split("__")[-1] == "random_state"]
    return copy.set_params(**dict.fromkeys(names, number))
