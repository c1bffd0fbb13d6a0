"""Keras networks that read ids of characters or words, developed in lessons 04 and 05.

All take int32 ids of shape (batch, length), 0 for padding, and answer with class probabilities of shape
(batch, classes). Padding never changes an answer: it is multiplied by zero before and after each
convolution, so a text gets the same score whatever stands beside it in the batch, up to rounding.
Keras is imported when a network is built, not before.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def word_cnn(
    vocabulary: int,
    classes: int,
    dimensions: int = 96,
    filters: int = 96,
    kernels: Sequence[int] = (3, 5, 7),
    dropout: float = 0.5,
    batch_norm: bool = False,
    vectors: np.ndarray | None = None,
    seed: int = 0,
) -> "keras.Model":
    """Parallel convolutions over embedded words, the maximum of each filter, and a softmax.

    Args:
        vocabulary: how many ids there are.
        classes: how many classes.
        dimensions: length of an embedding.
        filters: convolution filters of each width.
        kernels: widths of the filters, in words.
        dropout: share of features switched off; half of it for the embeddings.
        batch_norm: normalise after each convolution.
        vectors: starting values of the embedding, shape (vocabulary, dimensions); random without.
        seed: of the starting weights.

    Source: Kim, *Convolutional neural networks for sentence classification*, EMNLP 2014, section 2.
    """
    import keras

    keras.utils.set_random_seed(seed)
    ids, mask = _ids()
    start = "uniform" if vectors is None else keras.initializers.Constant(vectors)
    embedded = keras.layers.Embedding(vocabulary, dimensions, embeddings_initializer=start)(ids)
    embedded = keras.layers.SpatialDropout1D(dropout / 2)(embedded * mask)
    pooled = [highest(convolve(embedded, mask, filters, width, batch_norm)) for width in kernels]
    joined = keras.layers.Concatenate()(pooled) if len(pooled) > 1 else pooled[0]
    return _classify(ids, keras.layers.Dropout(dropout)(joined), classes, "word_cnn")


def character_cnn(
    vocabulary: int,
    classes: int,
    dimensions: int = 32,
    filters: int = 128,
    kernel: int = 5,
    layers: int = 2,
    dropout: float = 0.5,
    seed: int = 0,
) -> "keras.Model":
    """``layers`` stacked convolutions over embedded characters, the maximum of each filter, and a softmax.

    Source: the idea of Zhang, Zhao and LeCun, *Character-level convolutional networks for text
    classification*, NeurIPS 2015, section 2, in small.
    """
    import keras

    keras.utils.set_random_seed(seed)
    ids, mask = _ids()
    signal = keras.layers.Embedding(vocabulary, dimensions)(ids) * mask
    for _ in range(layers):
        signal = convolve(signal, mask, filters, kernel)
    return _classify(ids, keras.layers.Dropout(dropout)(highest(signal)), classes, "character_cnn")


def _ids() -> tuple[Any, Any]:
    """The input of ids and its :func:`text_mask`."""
    import keras

    ids = keras.Input((None,), dtype="int32", name="ids")
    return ids, text_mask(ids)


def text_mask(ids: Any) -> Any:
    """1 where there is text and 0 where there is padding, shape (batch, length, 1)."""
    import keras

    return keras.ops.expand_dims(keras.ops.cast(ids > 0, "float32"), -1)


def convolve(signal: Any, mask: Any, filters: int, width: int, batch_norm: bool = False) -> Any:
    """One convolution with ReLU, silent on padding, shape (batch, length, filters)."""
    import keras

    signal = keras.layers.Conv1D(filters, width, padding="same")(signal)
    if batch_norm:
        signal = keras.layers.BatchNormalization()(signal)
    return keras.layers.ReLU()(signal) * mask


def highest(signal: Any) -> Any:
    """The strongest answer of each filter; after ReLU the padding's zeros can never be the only winner."""
    import keras

    return keras.layers.GlobalMaxPooling1D()(signal)


def _classify(ids: Any, features: Any, classes: int, name: str) -> "keras.Model":
    import keras

    network = keras.Model(ids, keras.layers.Dense(classes, activation="softmax")(features), name=name)
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network
