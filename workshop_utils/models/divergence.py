"""Weights and losses that are no numbers any more: the sign of a training that has diverged.

A network of NaN always gives the same answer, with nothing to show for it but a strange confidence, so such
weights are neither kept nor used.
"""

from collections.abc import Iterable

import numpy as np

from workshop_utils.errors import WorkshopError

_REMEDY = "Make the model anew and train it with a smaller learning rate"


def diverged(what: str, rates: str = "") -> WorkshopError:
    """The error for a training that has lost its way.

    Args:
        what: what is no number, and when, such as ``the loss was nan in epoch 2``.
        rates: the learning rates that were too large, such as ``0.1 and 1``.
    """
    than = f" than {rates}" if rates else ""
    return WorkshopError(f"The training has diverged: {what}. {_REMEDY}{than}.")


def refuse_not_finite(weights: Iterable[np.ndarray], verb: str = "saved") -> None:
    """Do nothing if all numbers are finite.

    Args:
        weights: arrays of any shape: a network's weights, or its answers.
        verb: what is refused otherwise.

    Raises:
        WorkshopError: one of them is NaN or infinite.
    """
    if not all(np.isfinite(array).all() for array in weights):
        raise WorkshopError(
            f"The model is not {verb}: its numbers hold NaN or infinity, for its training has diverged. "
            f"{_REMEDY}."
        )
