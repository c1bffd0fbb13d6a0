"""Near-duplicates by shared runs of words, developed in lesson 01."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer


def near_duplicates(texts: pd.Series, share: float = 0.4, words: int = 5) -> pd.DataFrame:
    """Pairs of texts that share more than ``share`` of their word ``words``-grams.

    The share is taken of the shorter text's distinct n-grams, after Broder, *On the resemblance and
    containment of documents*, 1997, section 2 (containment). Texts with fewer words than that have no n-grams
    and are never paired.

    Returns:
        Columns ``first, second`` (positions, first < second) and ``share``, largest share first.
    """
    pairs = pd.DataFrame(
        {"first": np.array([], int), "second": np.array([], int), "share": np.array([], float)}
    )
    counter = CountVectorizer(
        analyzer=lambda text: [" ".join(run) for run in _runs(text.casefold().split(), words)],
        binary=True,
        dtype=np.int32,
    )
    if not any(len(text.split()) >= words for text in texts):
        return pairs
    grams = counter.fit_transform(texts)
    sizes = np.asarray(grams.sum(axis=1)).ravel()
    common = (grams @ grams.T).tocoo()
    upper = common.row < common.col
    first, second, shared = common.row[upper], common.col[upper], common.data[upper]
    shares = shared / np.minimum(sizes[first], sizes[second])
    pairs = pd.DataFrame({"first": first, "second": second, "share": shares})
    return pairs[pairs["share"] > share].sort_values("share", ascending=False, ignore_index=True)


def duplicate_groups(texts: pd.Series, share: float = 0.4) -> np.ndarray:
    """Group number of each text, shape (n,): near-duplicates, and chains of them, share a number.

    Split by these groups, so that no text of the test set has a twin in training.
    """
    pairs = near_duplicates(texts, share)
    n = len(texts)
    edges = coo_array((np.ones(len(pairs)), (pairs["first"], pairs["second"])), shape=(n, n))
    return connected_components(edges, directed=False)[1]


def _runs(items: list[str], length: int) -> list[list[str]]:
    return [items[start : start + length] for start in range(len(items) - length + 1)]
