"""A network for the larger corpora: convolutions beside one learned weight for every n-gram and class.

Convolutions generalise; weights of single n-grams remember, as logistic regression does. Their scores are
added and trained together (Cheng and others, *Wide & deep learning for recommender systems*, DLRS 2016,
section 3). Each n-gram counts by its evidence, as naive Bayes (lesson 02) weighs it (Wang and Manning,
*Baselines and bigrams*, ACL 2012, section 2). Built on lesson 05's network.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from workshop_utils.models.cnn.networks import convolve, highest, text_mask

if TYPE_CHECKING:
    import keras


def ngram_ids(vectorizer: Any, texts: Sequence[str]) -> list[np.ndarray]:
    """Numbers of the n-grams that each text holds, each once, int32; they count from 1, for 0 is padding.

    Args:
        vectorizer: a fitted ``CountVectorizer`` of scikit-learn, or a union of several.
    """
    counted = sparse.csr_matrix(vectorizer.transform(texts))
    counted.sort_indices()
    return np.split(counted.indices.astype(np.int32) + 1, counted.indptr[1:-1])


def nb_log_ratio(rows: Sequence[np.ndarray], labels: Sequence[int], size: int) -> np.ndarray:
    """How much more frequent each of ``size`` n-grams is in a class than in the others, as a logarithm.

    Shape (size + 1, classes), float32; the row of the padding is 0.

    Args:
        rows, labels: bags and class numbers of the training texts, and of no others.
    """
    labels = np.asarray(labels)
    counts = np.zeros((size + 1, labels.max() + 1))
    for row, label in zip(rows, labels, strict=True):
        counts[row, label] += 1
    others = counts.sum(axis=1, keepdims=True) - counts
    ratio = np.log((counts + 1) / (counts + 1).sum(axis=0)) - np.log((others + 1) / (others + 1).sum(axis=0))
    ratio[0] = 0
    return ratio.astype(np.float32)


def wide_cnn(
    words: int,
    known: np.ndarray,
    dimensions: int = 64,
    filters: int = 64,
    kernels: Sequence[int] = (3, 5, 7),
    pace: float = 10.0,
    dropout: float = 0.5,
    seed: int = 0,
) -> "keras.Model":
    """Word ids through parallel convolutions, maximum and mean, plus the weights of the n-grams.

    Two inputs: word ids and bags, int32 of shape (batch, length), 0 for padding. Answers have shape
    (batch, classes).

    Args:
        words: size of the words' vocabulary. known: the n-grams' :func:`evidence`, shape (n + 1, classes).
        pace: the n-grams' weights count so many times, and so learn so much faster than the filters.
    """
    import keras

    keras.utils.set_random_seed(seed)
    ids = keras.Input((None,), dtype="int32", name="words")
    bag = keras.Input((None,), dtype="int32", name="bag")
    features = keras.layers.Dropout(dropout)(_convolutions(ids, words, dimensions, filters, kernels, dropout))
    scores = keras.layers.Dense(known.shape[1])(features) + pace * _weigh(bag, known)
    return keras.Model([ids, bag], keras.layers.Softmax()(scores))


def _convolutions(ids, vocabulary: int, dimensions: int, filters: int, kernels, dropout: float):
    """The maximum of each filter and the mean word vector, shape (batch, filters * kernels + dimensions)."""
    import keras

    mask = text_mask(ids)
    embedded = keras.layers.Embedding(vocabulary, dimensions)(ids) * mask
    embedded = keras.layers.SpatialDropout1D(dropout / 2)(embedded)
    pooled = [highest(convolve(embedded, mask, filters, width)) for width in kernels]
    length = keras.ops.maximum(keras.ops.sum(mask, axis=1), 1)
    return keras.layers.Concatenate()([*pooled, keras.ops.sum(embedded, axis=1) / length])


def _weigh(bag, known: np.ndarray):
    """Sum of the n-grams' weights times evidence, over the length of the evidence: (batch, classes)."""
    import keras

    fixed = keras.initializers.Constant(known)
    factor = keras.layers.Embedding(*known.shape, embeddings_initializer=fixed, trainable=False)(bag)
    weight = keras.layers.Embedding(*known.shape, embeddings_initializer="zeros")(bag)
    length = keras.ops.sqrt(keras.ops.sum(keras.ops.square(factor), axis=1))
    return keras.ops.sum(weight * factor, axis=1) / keras.ops.maximum(length, 1)
