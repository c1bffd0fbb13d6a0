"""Train a Keras network with one line of progress, and give back its history as a table."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm import tqdm

from workshop_utils.models.divergence import diverged

if TYPE_CHECKING:
    import keras


def fit(
    network: "keras.Model",
    inputs: np.ndarray,
    labels: Sequence[int],
    epochs: int,
    validation: tuple[np.ndarray, Sequence[int]] | None = None,
    patience: int | None = None,
    batch_size: int = 32,
    class_weight: Mapping[int, float] | None = None,
    seed: int = 0,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
) -> pd.DataFrame:
    """Train; return one row per epoch with ``loss, accuracy``, and ``val_loss, val_accuracy`` if validated.

    With ``patience``, training stops after so many epochs without a lower validation loss, and the weights
    of the best epoch come back. The progress line vanishes at the end; the environment variable
    ``TQDM_DISABLE=1`` (as the runner sets it) keeps logs free of it.

    Args:
        network: compiled.
        inputs: ids or features, shape (n, ...).
        labels: class numbers, shape (n,).
        epochs: how often all inputs are seen, at most.
        validation: inputs and labels that are not trained on.
        patience: epochs without a lower validation loss before training stops.
        batch_size: inputs for one update.
        class_weight: what a mistake costs, by class number.
        seed: of the order of the batches and of dropout.
        callbacks: more callbacks for Keras.

    Raises:
        ValueError: patience without validation texts.
        WorkshopError: the loss is no finite number any more.
    """
    import keras

    if patience is not None and validation is None:
        raise ValueError("Early stopping needs validation texts; pass validation=(inputs, labels).")
    keras.utils.set_random_seed(seed)
    stop = []
    if patience is not None:
        stop.append(keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True))
    with tqdm(total=epochs, desc="training", unit="epoch", leave=False) as bar:
        history = network.fit(
            inputs,
            np.asarray(labels),
            epochs=epochs,
            validation_data=validation and (validation[0], np.asarray(validation[1])),
            batch_size=batch_size,
            class_weight=class_weight and dict(class_weight),
            callbacks=[*callbacks, *stop, _show_on(bar), _stop_when_diverged()],
            verbose=0,
        )
    if not all(np.isfinite(weights).all() for weights in network.get_weights()):
        raise diverged("its weights are no finite numbers after the last update")
    return pd.DataFrame(history.history, index=[epoch + 1 for epoch in history.epoch]).rename_axis("epoch")


def _stop_when_diverged() -> "keras.callbacks.Callback":
    """``TerminateOnNaN`` of Keras ends a training without a word, and with a network that is of no use."""
    import keras

    def look(epoch: int, logs: dict[str, float]) -> None:
        for name in ("loss", "val_loss"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise diverged(f"the {name} was {logs[name]} in epoch {epoch + 1}")

    return keras.callbacks.LambdaCallback(on_epoch_end=look)


def _show_on(bar: tqdm) -> "keras.callbacks.Callback":
    import keras

    def show(epoch: int, logs: dict) -> None:
        bar.set_postfix({name: f"{value:.3f}" for name, value in logs.items()}, refresh=False)
        bar.update()

    return keras.callbacks.LambdaCallback(on_epoch_end=show)
