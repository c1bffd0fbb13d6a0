"""The int8 gate: int8 replaces float32 only where that changes nothing that matters."""

from collections.abc import Sequence

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.card import Gate

#: int8 may lose this share of accuracy, and must give at least this share of equal labels.
MAX_LOSS, MIN_EQUAL = 0.003, 0.99


def int8_gate(
    float32: Sequence[str], int8: Sequence[str], true: Sequence[str], labels: Sequence[str]
) -> Gate:
    """The gate's figures from both models' predictions and the true labels, each of shape (n,).

    Args:
        float32: predicted labels of the float32 model.
        int8: those of the int8 model.
        true: the true labels.
        labels: all that the model knows.

    Raises:
        WorkshopError: no texts, unequal lengths, or a true label that the model does not know.
    """
    if len(true) == 0 or not len(true) == len(float32) == len(int8):
        raise WorkshopError("The int8 gate needs validation texts, and one true label for each.")
    refuse_unknown(true, labels)
    before, after, right = np.asarray(float32), np.asarray(int8), np.asarray(true)
    accuracy_float32, accuracy_int8 = float((before == right).mean()), float((after == right).mean())
    equal = float((before == after).mean())
    # a bound is met when it is reached: 0.9 - 0.897 is a hair more than 0.003 in floating point
    passed = accuracy_float32 - accuracy_int8 <= MAX_LOSS + 1e-9 and equal >= MIN_EQUAL - 1e-9
    return Gate(
        texts=len(true),
        accuracy_float32=round(accuracy_float32, 6),
        accuracy_int8=round(accuracy_int8, 6),
        equal_labels=round(equal, 6),
        passed=passed,
    )


def refuse_unknown(true: Sequence[str], labels: Sequence[str]) -> None:
    """Raise :class:`WorkshopError` where a true label is not among the model's, letter by letter."""
    unknown = [label for label in true if label not in labels]
    if unknown:
        known = ", ".join(map(repr, labels))
        raise WorkshopError(f"The model knows no label {unknown[0]!r}, only {known}.")
