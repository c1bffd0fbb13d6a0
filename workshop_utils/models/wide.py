"""Networks for the larger corpora: convolutions beside one learned weight for every n-gram and class.

Convolutions generalise; weights of single n-grams remember, as logistic regression does. Their scores are
added and trained together (Cheng and others, *Wide & deep learning for recommender systems*, DLRS 2016,
section 3). N-grams find their weight by a hash of their ids, so that no list of them is needed (Weinberger
and others, *Feature hashing for large scale multitask learning*, ICML 2009); each counts by its rarity, as
in TF-IDF (lesson 03). Inputs are ids of shape (batch, length), int32, 0 for filling; answers have shape
(batch, classes). Built on lesson 05's network.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workshop_utils.models.nets import convolve, highest, text_mask

if TYPE_CHECKING:
    import keras

#: Table size for hashed n-grams; ``BUCKETS * _STEP`` must stay below 2**31.
BUCKETS = 2**18
_STEP = 7919


#: For each size of n-grams the rarity of each bucket, shape (BUCKETS,), float32.
Rarity = dict[int, np.ndarray]


def ngram_rarity(rows: Sequence[Sequence[int]], ngrams: Sequence[int], min_texts: int = 2) -> Rarity:
    """Inverse document frequency of hashed n-grams; 0 for those in fewer than ``min_texts`` texts.

    An n-gram of a single text says nothing about other texts, but lets a network know that text by heart.
    """
    texts = {size: np.zeros(BUCKETS) for size in ngrams}
    for row in rows:
        for size, hashed in _hashed(np.asarray(row, dtype=np.int32), ngrams):
            texts[size][np.unique(hashed)] += 1
    return {
        size: np.where(df >= min_texts, np.log((1 + len(rows)) / (1 + df)) + 1, 0).astype(np.float32)
        for size, df in texts.items()
    }


def wide_word_cnn(
    vocabulary: int,
    classes: int,
    rarity: Rarity,
    dimensions: int = 64,
    filters: int = 64,
    kernels: Sequence[int] = (3, 5, 7),
    pace: float = 3.0,
    dropout: float = 0.5,
    seed: int = 0,
) -> "keras.Model":
    """Word ids through parallel convolutions, maximum and mean, plus weights of word n-grams.

    Args:
        rarity: of the word n-grams, from :func:`ngram_rarity`. pace: as in :func:`joined_cnn`.
    """
    import keras

    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32", name="words")
    features = _convolutions(ids, vocabulary, dimensions, filters, kernels, dropout)
    return _answer([ids], features, pace * _ngram_weights(ids, classes, rarity), classes, dropout)


def joined_cnn(
    words: int,
    classes: int,
    character_rarity: Rarity,
    word_rarity: Rarity,
    dimensions: int = 96,
    filters: int = 64,
    kernels: Sequence[int] = (1, 3),
    pace: float = 3.0,
    dropout: float = 0.5,
    seed: int = 0,
) -> "keras.Model":
    """Two inputs, ids of characters and of words: convolutions over words, weights of n-grams of both.

    Args:
        words: size of the words' vocabulary; characters need none, their n-grams are hashed.
        character_rarity, word_rarity: of the n-grams, from :func:`ngram_rarity`.
        pace: the n-grams' weights count so many times, and so learn so much faster than the filters.
    """
    import keras

    keras.utils.set_random_seed(seed)
    letters = keras.Input((None,), dtype="int32", name="characters")
    ids = keras.Input((None,), dtype="int32", name="words")
    features = _convolutions(ids, words, dimensions, filters, kernels, dropout)
    weights = _ngram_weights(letters, classes, character_rarity) + _ngram_weights(ids, classes, word_rarity)
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


def _ngram_weights(ids, classes: int, rarity: Rarity):
    """Sum of the n-grams' weights times rarity, over the length of the text's vector: (batch, classes)."""
    import keras

    hashed, complete, total, squares = ids, ids > 0, 0, 0
    for size in range(1, max(rarity) + 1):
        if size > 1:
            following = keras.ops.pad(ids, [[0, 0], [0, size - 1]])[:, size - 1 :]
            hashed = keras.ops.mod(hashed * _STEP + following, BUCKETS)
            complete = keras.ops.logical_and(complete, following > 0)
        if size in rarity:
            rare = keras.layers.Embedding(
                BUCKETS, 1, embeddings_initializer=_fixed(rarity[size]), trainable=False
            )
            weight = keras.layers.Embedding(BUCKETS, classes, embeddings_initializer="zeros")
            factor = rare(hashed) * keras.ops.expand_dims(keras.ops.cast(complete, "float32"), -1)
            total = total + keras.ops.sum(weight(hashed) * factor, axis=1)
            squares = squares + keras.ops.sum(keras.ops.square(factor), axis=1)
    return total / keras.ops.sqrt(keras.ops.maximum(squares, 1))


def _fixed(rarity: np.ndarray):
    import keras

    return keras.initializers.Constant(rarity[:, None])


def _hashed(row: np.ndarray, ngrams: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """The buckets of a text's n-grams, as :func:`_ngram_weights` computes them."""
    hashed = row
    for size in range(1, max(ngrams) + 1):
        if size > 1:
            hashed = (hashed[:-1] * _STEP + row[size - 1 :]) % BUCKETS
        if size in ngrams:
            yield size, hashed


def _answer(inputs: list, features, weights, classes: int, dropout: float) -> "keras.Model":
    import keras

    scores = keras.layers.Dense(classes)(keras.layers.Dropout(dropout)(features)) + weights
    return keras.Model(inputs, keras.layers.Softmax()(scores))
