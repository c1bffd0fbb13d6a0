"""A learned Keras network on disk: ``model.keras``, its ``tokenizer.json`` and the card ``bundle.json``.

:func:`~workshop_utils.models.export.keras.export_keras` makes of it a bundle that can be served.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.card import FORMAT, Card, describe, read_card, read_file, write_folder
from workshop_utils.models.divergence import refuse_not_finite
from workshop_utils.models.tokenization import Truncation, as_texts, encode, with_settings

if TYPE_CHECKING:
    import keras


class SavedNetwork(NamedTuple):
    """A network with everything that is needed to read a text."""

    network: "keras.Model"
    tokenizer: Tokenizer
    labels: list[str]
    max_length: int
    truncation: Truncation

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities, shape (n, classes), float32."""
        ids = encode(self.tokenizer, as_texts(texts), self.max_length, self.truncation)
        if len(ids) == 0:
            return np.empty((0, len(self.labels)), dtype=np.float32)
        probabilities = self.network.predict(ids, verbose=0)
        refuse_not_finite([probabilities], "used")
        return probabilities


def save_network(
    folder: Path,
    network: "keras.Model",
    tokenizer: Tokenizer,
    labels: Sequence[str],
    max_length: int,
    truncation: Truncation = "head",
    metrics: Mapping[str, float] | None = None,
    test_texts: Sequence[str] = (),
) -> Path:
    """Write the folder anew, whole or not at all, and return it.

    Args:
        folder: where the model goes.
        network: takes ids of shape (n, length), gives probabilities of shape (n, classes).
        tokenizer: the one that made the ids in training.
        labels: names of the classes, in the order of the network's outputs.
        max_length: tokens per text.
        truncation: which part of a longer text stays.
        metrics: results such as ``{"accuracy": 0.8}``.
        test_texts: the texts they were measured on; only their fingerprint is kept.
    """

    def write(draft: Path) -> None:
        network.save(draft / "model.keras")
        # as the network has learned to read: without a template, truncation or padding of the tokenizer's
        plain = with_settings(tokenizer, truncation=None, padding=None, post_processor=None)
        plain.save(str(draft / "tokenizer.json"))

    refuse_not_finite(network.get_weights())
    if network.output_shape[-1] != len(labels):
        raise WorkshopError(
            f"The network has {network.output_shape[-1]} outputs, but there are {len(labels)} labels."
        )
    packages = ("keras", "tokenizers", "numpy")
    card = describe("keras", labels, max_length, metrics, test_texts, packages, truncation=truncation)
    return write_folder(folder, card, write)


def load_network(folder: Path) -> SavedNetwork:
    """The network that :func:`save_network` wrote.

    Raises:
        WorkshopError: nothing there, another format, or a file that does not fit its sha256.
    """
    card, tokenizer = read_network(folder)
    import keras

    network = keras.saving.load_model(folder / "model.keras", compile=False)
    if card.max_length is None:
        raise WorkshopError(f"{folder.name}/bundle.json is damaged; run its lesson again.")
    return SavedNetwork(network, tokenizer, card.labels, card.max_length, card.truncation)


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
