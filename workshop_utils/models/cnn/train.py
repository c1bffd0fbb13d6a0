"""Train a Keras network with one line of progress, and give back its history as a table."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm import tqdm

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
) -> pd.DataFrame:
    """Train; return one row per epoch with ``loss, accuracy``, and ``val_loss, val_accuracy`` if validated.

    With ``patience``, training stops after so many epochs without a lower validation loss, and the weights
    of the best epoch come back. The progress line vanishes at the end; the environment variable
    ``TQDM_DISABLE=1`` (as the runner sets it) keeps logs free of it.

    Args:
        inputs: ids or features, shape (n, ...). labels: class numbers, shape (n,).

    Raises:
        ValueError: patience without validation texts.
    """
    import keras

    if patience is not None and validation is None:
        raise ValueError("Early stopping needs validation texts; pass validation=(inputs, labels).")
    keras.utils.set_random_seed(seed)
    callbacks = []
    if patience is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)
        )
    with tqdm(total=epochs, desc="training", unit="epoch", leave=False) as bar:
        history = network.fit(
            inputs,
            np.asarray(labels),
            epochs=epochs,
            validation_data=validation and (validation[0], np.asarray(validation[1])),
            batch_size=batch_size,
            class_weight=class_weight and dict(class_weight),
            callbacks=[*callbacks, _show_on(bar)],
            verbose=0,
        )
    return pd.DataFrame(history.history, index=[epoch + 1 for epoch in history.epoch]).rename_axis("epoch")


def _show_on(bar: tqdm) -> "keras.callbacks.Callback":
    import keras

    def show(epoch: int, logs: dict) -> None:
        bar.set_postfix({name: f"{value:.3f}" for name, value in logs.items()}, refresh=False)
        bar.update()

    return keras.callbacks.LambdaCallback(on_epoch_end=show)
