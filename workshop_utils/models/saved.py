"""A learned Keras network on disk: ``model.keras``, its ``tokenizer.json`` and the card ``bundle.json``.

:func:`~workshop_utils.models.export.export_keras` makes of it a bundle that can be served.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from workshop_utils.data.errors import WorkshopError
from workshop_utils.data.paths import home
from workshop_utils.models.card import FORMAT, Card, describe, read_card, read_file, write_folder
from workshop_utils.models.encoding import encode

if TYPE_CHECKING:
    import keras


class SavedNetwork(NamedTuple):
    """A network with everything that is needed to read a text."""

    network: "keras.Model"
    tokenizer: Tokenizer
    labels: list[str]
    max_length: int
    keep: str

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities, shape (n, classes), float32."""
        if len(texts) == 0:
            return np.empty((0, len(self.labels)), dtype=np.float32)
        return self.network.predict(encode(self.tokenizer, texts, self.max_length, self.keep), verbose=0)


def model_folder(name: str) -> Path:
    """Where a lesson's learned model lives: ``models/<name>`` under ``WORKSHOP_HOME``."""
    return home() / "models" / name


def save_network(
    folder: Path,
    network: "keras.Model",
    tokenizer: Tokenizer,
    labels: Sequence[str],
    max_length: int,
    keep: str = "head",
    metrics: Mapping[str, float] | None = None,
    test_texts: Sequence[str] = (),
) -> Path:
    """Write the folder anew, whole or not at all, and return it.

    Args:
        labels: names of the classes, in the order of the network's outputs.
        max_length: ids per text. keep: which part of a longer text stays, as in ``encode``.
        metrics: results such as ``{"accuracy": 0.8}``. test_texts: the texts they were measured on; only
            their fingerprint is kept.
    """

    def write(draft: Path) -> None:
        network.save(draft / "model.keras")
        tokenizer.save(str(draft / "tokenizer.json"))

    packages = ("keras", "tokenizers", "numpy")
    card = describe("keras", labels, max_length, metrics, test_texts, packages, keep=keep)
    return write_folder(folder, card, write)


def load_network(folder: Path) -> SavedNetwork:
    """The network that :func:`save_network` wrote.

    Raises:
        WorkshopError: nothing there, another format, or a file that does not fit its sha256.
    """
    card, tokenizer = read_network(folder)
    import keras

    network = keras.saving.load_model(folder / "model.keras", compile=False)
    return SavedNetwork(network, tokenizer, card.labels, card.max_length, card.keep)


def read_network(folder: Path) -> tuple[Card, Tokenizer]:
    """Card and tokenizer of a saved network, its files verified, without loading Keras.

    Raises:
        WorkshopError: as :func:`load_network`.
    """
    card = read_card(folder)
    if card.kind != "keras" or "model.keras" not in card.sha256:
        raise WorkshopError(f"{folder.name} holds no Keras model of this course ({FORMAT}).")
    read_file(folder, card, "model.keras")
    return card, Tokenizer.from_buffer(read_file(folder, card, "tokenizer.json"))
