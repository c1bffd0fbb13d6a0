"""Networks for the larger corpora: convolutions beside one learned weight for every n-gram and class.

Convolutions generalise; weights of single n-grams remember, as logistic regression does. Their scores are
added and trained together (Cheng and others, *Wide & deep learning for recommender systems*, DLRS 2016,
section 3). N-grams find their weight by a hash of their ids, so that no list of them is needed (Weinberger
and others, *Feature hashing for large scale multitask learning*, ICML 2009). Inputs are ids of shape
(batch, length), int32, 0 for filling; answers have shape (batch, classes). Built on lesson 05's network.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workshop_utils.models.nets import convolve, highest, text_mask

if TYPE_CHECKING:
    import keras

#: Table size for hashed n-grams; ``BUCKETS * _STEP`` must stay below 2**31.
BUCKETS = 2**18
_STEP = 7919


def wide_word_cnn(
    vocabulary: int,
    classes: int,
    dimensions: int = 64,
    filters: int = 64,
    kernels: Sequence[int] = (3, 5, 7),
    ngrams: Sequence[int] = (1, 2),
    dropout: float = 0.5,
    seed: int = 0,
) -> "keras.Model":
    """Word ids through parallel convolutions, maximum and mean, plus weights of words and word pairs."""
    import keras

    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32", name="words")
    features = _convolutions(ids, vocabulary, dimensions, filters, kernels, dropout)
    return _answer([ids], features, _ngram_weights(ids, classes, ngrams), classes, dropout)


def joined_cnn(
    words: int,
    classes: int,
    dimensions: int = 96,
    filters: int = 64,
    kernels: Sequence[int] = (1, 3),
    word_ngrams: Sequence[int] = (1, 2),
    character_ngrams: Sequence[int] = (2, 3, 4, 5),
    pace: float = 3.0,
    dropout: float = 0.5,
    seed: int = 0,
) -> "keras.Model":
    """Two inputs, ids of characters and of words: convolutions over words, weights of n-grams of both.

    Args:
        words: size of the words' vocabulary; characters need none, their n-grams are hashed.
        pace: the n-grams' weights count so many times, and so learn so much faster than the filters.
    """
    import keras

    keras.utils.set_random_seed(seed)
    letters = keras.Input((None,), dtype="int32", name="characters")
    ids = keras.Input((None,), dtype="int32", name="words")
    features = _convolutions(ids, words, dimensions, filters, kernels, dropout)
    weights = _ngram_weights(letters, classes, character_ngrams) + _ngram_weights(ids, classes, word_ngrams)
    return _answer([letters, ids], features, pace * weights, classes, dropout)


def _convolutions(ids, vocabulary: int, dimensions: int, filters: int, kernels, dropout: float):
    """The maximum of each filter and the mean word vector, shape (batch, filters * kernels + dimensions)."""
    import keras

    mask = text_mask(ids)
    embedded = keras.layers.Embedding(vocabulary, dimensions)(ids) * mask
    embedded = keras.layers.SpatialDropout1D(dropout / 2)(embedded)
    pooled = [highest(convolve(embedded, mask, filters, width)) for width in kernels]
    length = keras.ops.maximum(keras.ops.sum(mask, axis=1), 1)
    return keras.layers.Concatenate()([*pooled, keras.ops.sum(embedded, axis=1) / length])


def _ngram_weights(ids, classes: int, ngrams: Sequence[int]):
    """Sum of the n-grams' weights over the square root of the text's length, shape (batch, classes)."""
    import keras

    length = keras.ops.maximum(keras.ops.sum(text_mask(ids), axis=1), 1)
    hashed, complete, total = ids, ids > 0, 0
    for size in range(1, max(ngrams) + 1):
        if size > 1:
            following = keras.ops.pad(ids, [[0, 0], [0, size - 1]])[:, size - 1 :]
            hashed = keras.ops.mod(hashed * _STEP + following, BUCKETS)
            complete = keras.ops.logical_and(complete, following > 0)
        if size in ngrams:
            table = keras.layers.Embedding(BUCKETS, classes, embeddings_initializer="zeros")
            there = keras.ops.expand_dims(keras.ops.cast(complete, "float32"), -1)
            total = total + keras.ops.sum(table(hashed) * there, axis=1)
    return total / keras.ops.sqrt(length)


def _answer(inputs: list, features, weights, classes: int, dropout: float) -> "keras.Model":
    import keras

    scores = keras.layers.Dense(classes)(keras.layers.Dropout(dropout)(features)) + weights
    return keras.Model(inputs, keras.layers.Softmax()(scores))
