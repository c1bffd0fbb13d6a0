"""The child process of ``export_keras``: Keras on PyTorch, started with ``KERAS_BACKEND=torch``.

``python -m workshop_utils.models.export.keras_to_onnx model.keras FOLDER`` reads ``FOLDER/ids.npy``, int32 of
shape (n, length), and writes ``FOLDER/probabilities.npy``, float32 of shape (n, classes), and
``FOLDER/model.onnx``.
"""

import sys
import warnings
from pathlib import Path

import numpy as np


def convert(network: Path, work: Path) -> None:
    """Export the network and answer the ids with it."""
    import keras

    model = keras.saving.load_model(network, compile=False)
    ids = np.load(work / "ids.npy")
    np.save(
        work / "probabilities.npy", model.predict(ids, verbose=0)
    )  # export wants a model that has been called
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.export(work / "model.onnx", format="onnx", verbose=False)


if __name__ == "__main__":
    convert(*map(Path, sys.argv[1:]))
