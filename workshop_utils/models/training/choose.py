"""Which model is kept: the cheapest that is not worse, by paired comparison on the same texts."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from workshop_utils.models.metrics import Interval, paired_difference
from workshop_utils.models.training.learner import TITLES, TrainedKind


class Choice(NamedTuple):
    """The kind that is kept, and how each dearer one compared with the one that was kept till then."""

    kind: TrainedKind
    sentences: list[str]


def cheapest_not_worse(
    true: np.ndarray, predicted: Mapping[TrainedKind, np.ndarray], seed: int = 0
) -> Choice:
    """Begin with the cheapest; a dearer model takes its place when its macro-F1 is higher beyond the noise.

    Beyond the noise: the 95 % interval of the paired difference lies above 0.

    Args:
        true: class numbers, shape (n,).
        predicted: class numbers by kind, the cheapest first, shape (n,) or (repeats, n).
        seed: of the bootstrap.
    """
    kept, *dearer = predicted
    sentences = []
    for kind in dearer:
        gain = paired_difference(true, predicted[kept], predicted[kind], "macro_f1", seed=seed)
        sentences.append(f"{TITLES[kind]} against {TITLES[kept]}: {_in_points(gain)}.")
        if gain.low > 0:
            kept = kind
    return Choice(kept, sentences)


def no_better(
    true: np.ndarray, predicted: Mapping[TrainedKind, np.ndarray], kind: TrainedKind, seed: int = 0
) -> list[str]:
    """What to say to somebody who wants a model of this kind when TF-IDF is as good.

    Args:
        true: class numbers, shape (n,).
        predicted: class numbers by kind, shape (n,) or (repeats, n).
        kind: what was asked for.
        seed: of the bootstrap.
    """
    gain = paired_difference(true, predicted["tfidf"], predicted[kind], "macro_f1", seed=seed)
    worse = "is worse than" if gain.high < 0 else "is no better than"
    title = TITLES[kind]
    return [f"{title} {worse} TF-IDF beyond the noise; --model tfidf gives a smaller and faster bundle."]


def no_better_than_majority(true: np.ndarray, majority: int, predicted: np.ndarray, title: str) -> list[str]:
    """A warning where a model has learned nothing that accuracy could see.

    Args:
        true: class numbers, shape (n,).
        majority: the class that is most frequent in training.
        predicted: class numbers, shape (n,) or (repeats, n).
        title: of the model.
    """
    gain = paired_difference(true, np.full(len(true), majority), predicted, "accuracy")
    if gain.low > 0:
        return []
    return [
        f"The accuracy of {title} is not higher than that of the majority class beyond the noise: there are "
        "too few texts, or these texts do not tell their labels."
    ]


def _in_points(difference: Interval) -> str:
    """A difference of macro-F1 in percentage points, with its interval."""
    value, low, high = (100 * bound for bound in difference)
    return f"{value:+.1f} points macro-F1 (95 % interval {low:+.1f} to {high:+.1f})"
