"""What the filters of a text network listen to, developed in lesson 05.

A filter's activation by a text is the highest of its activations by the windows of it, so the window with the
highest activation of all says what the filter has learned to look for. Source of the idea: Jacovi, Sar Shalom
and Goldberg, *Understanding convolutional neural networks for text classification*, BlackboxNLP 2018.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

if TYPE_CHECKING:
    import keras

COLUMNS = ["width", "phrase", "text", "response"]


def top_activating_ngrams(network: "keras.Model", ids: np.ndarray, tokenizer: Tokenizer) -> pd.DataFrame:
    """The window of the texts to which each filter of a ``word_cnn`` responds most strongly.

    Args:
        network: made by ``word_cnn`` and trained.
        ids: ids of n texts, shape (n, length), 0 for padding.
        tokenizer: the one that made the ids.

    Returns:
        One row per filter, in the order of the last layer's inputs: ``width`` of the window, ``phrase`` (its
        words, without padding), ``text`` (row of ids) and ``response``; a filter that never responds has an
        empty phrase and response 0.
    """
    import keras

    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv1D)]
    pools = [layer for layer in network.layers if isinstance(layer, keras.layers.GlobalMaxPooling1D)]
    listen = keras.Model(network.input, [pool.input for pool in pools])
    best = [_Best(layer.filters) for layer in convolutions]
    for start in range(0, len(ids), 64):
        signals = listen(ids[start : start + 64])
        for one, signal in zip(best, signals if len(pools) > 1 else [signals], strict=True):
            one.update(np.asarray(signal), start)
    rows = []
    for layer, one in zip(convolutions, best, strict=True):
        width = layer.kernel_size[0]
        for response, text, place in zip(one.response, one.text, one.place, strict=True):
            phrase = _phrase(ids[text], place, width, tokenizer) if response > 0 else ""
            rows.append((width, phrase, int(text), float(response)))
    return pd.DataFrame(rows, columns=COLUMNS).rename_axis("filter")


def ngrams_by_class(
    network: "keras.Model", phrases: pd.DataFrame, labels: Sequence[str], count: int = 5
) -> pd.DataFrame:
    """For each class the phrases of the ``count`` filters with the largest weight to it, heaviest first.

    The softmax only sees differences between classes, so a filter's ``weight`` is its weight to the class
    minus its mean weight to all. Filters that never respond are left out.

    Returns:
        Columns ``label, weight`` and those of ``phrases``.
    """
    kernel = np.asarray(network.layers[-1].kernel)
    pull = kernel - kernel.mean(axis=1, keepdims=True)
    tables = []
    for number, label in enumerate(labels):
        table = phrases.assign(label=label, weight=pull[:, number])[phrases["response"] > 0]
        tables.append(table.nlargest(count, "weight"))
    return pd.concat(tables)[["label", "weight", *phrases.columns]]


class _Best:
    """The highest activation of each filter so far, and where it was."""

    def __init__(self, filters: int) -> None:
        self.response = np.zeros(filters, dtype=np.float32)
        self.text = np.zeros(filters, dtype=int)
        self.place = np.zeros(filters, dtype=int)

    def update(self, signal: np.ndarray, first: int) -> None:
        """Take in the activations by more texts, shape (texts, length, filters)."""
        if signal.size == 0:
            return
        flat = signal.reshape(-1, signal.shape[-1])
        where = flat.argmax(axis=0)
        highest = flat.max(axis=0)
        higher = highest > self.response
        self.response[higher] = highest[higher]
        text, place = np.unravel_index(where, signal.shape[:2])
        self.text[higher], self.place[higher] = text[higher] + first, place[higher]


def _phrase(row: np.ndarray, place: int, width: int, tokenizer: Tokenizer) -> str:
    """The words under the window of a convolution with ``padding="same"`` that stands at ``place``."""
    start = place - (width - 1) // 2
    window = row[max(start, 0) : start + width]
    return " ".join(tokenizer.id_to_token(int(n)) or "" for n in window if n > 0)
