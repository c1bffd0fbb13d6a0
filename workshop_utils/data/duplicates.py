"""Near-duplicates by shared runs of words, developed in lesson 01."""

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer

#: A run of words in more texts than this is a common phrase.
COMMON = 50


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


def duplicate_groups(texts: Iterable[str], share: float = 0.4) -> np.ndarray:
    """Group number of each text, shape (n,): near-duplicates, and chains of them, share a number.

    Split by these groups, so that no text of the test set has a twin in training. The pairs are those of
    :func:`near_duplicates`, found by the numbers of the words, so that 100,000 texts take seconds. A run of
    words that stands in more than :data:`COMMON` texts is no reason to compare them all: each is compared
    with the next of them only.
    """
    runs = _distinct_runs(texts)
    first, second, shared = _pairs_with_shared_runs(runs)
    near = shared / np.minimum(runs.sizes[first], runs.sizes[second]) > share
    n = len(runs.sizes)
    edges = coo_array((np.ones(near.sum()), (first[near], second[near])), shape=(n, n))
    return connected_components(edges, directed=False)[1]


class _Runs(NamedTuple):
    """Which texts share a run: ``text`` and ``run`` say for each place that text holds run, sorted by run.

    ``sizes``: distinct runs of each text, also those that no other text has.
    """

    text: np.ndarray
    run: np.ndarray
    sizes: np.ndarray


def _distinct_runs(texts: Iterable[str], words: int = 5) -> _Runs:
    numbers: dict[str, int] = {}
    rows = [[numbers.setdefault(word, len(numbers)) for word in text.casefold().split()] for text in texts]
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    ids = np.fromiter(chain.from_iterable(rows), dtype=np.uint64, count=int(lengths.sum()))
    places = np.maximum(lengths - words + 1, 0)  # where a run begins, in each text
    text = np.repeat(np.arange(len(rows)), places)
    # the begin of each text among all words, and the place of each run within its text
    begin = np.repeat(np.cumsum(lengths) - lengths, places)
    place = np.arange(len(text)) - np.repeat(np.cumsum(places) - places, places)
    factors = np.random.default_rng(0).integers(1, 2**63, size=words, dtype=np.uint64) * 2 + 1
    keys = np.zeros(len(text), dtype=np.uint64)
    for number, factor in enumerate(factors):
        keys += ids[begin + place + number] * factor
    order = np.argsort(keys, kind="stable")
    keys, text = keys[order], text[order]
    new = np.ones(len(keys), dtype=bool)
    new[1:] = (keys[1:] != keys[:-1]) | (text[1:] != text[:-1])
    keys, text = keys[new], text[new]
    sizes = np.bincount(text, minlength=len(rows))
    _, run, count = np.unique(keys, return_inverse=True, return_counts=True)
    shared = count[run] > 1
    return _Runs(text[shared], run[shared], sizes)


def _pairs_with_shared_runs(runs: _Runs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texts ``first < second`` and how many distinct runs they share."""
    n = len(runs.sizes)
    _, starts, counts = np.unique(runs.run, return_index=True, return_counts=True)
    keys = [np.empty(0, dtype=np.int64)]
    for count in np.unique(counts[counts <= COMMON]):
        members = runs.text[starts[counts == count][:, None] + np.arange(count)]
        left, right = np.triu_indices(count, 1)
        keys.append((members[:, left] * n + members[:, right]).ravel())
    pairs, shared = np.unique(np.concatenate(keys), return_counts=True)
    common = np.repeat(counts > COMMON, counts)
    if common.any():
        text, run = runs.text[common], runs.run[common]
        follows = run[1:] == run[:-1]
        neighbours = np.unique(text[:-1][follows] * n + text[1:][follows])
        everything = np.union1d(pairs, neighbours)
        rare = np.zeros(len(everything), dtype=np.int64)
        rare[np.searchsorted(everything, pairs)] = shared
        holds = coo_array((np.ones(len(text), np.int32), (text, run)), shape=(n, int(runs.run.max()) + 1))
        rows = holds.tocsr()
        both = rows[everything // n].multiply(rows[everything % n]).sum(axis=1)
        pairs, shared = everything, rare + np.asarray(both).ravel()
    return pairs // n, pairs % n, shared


def _runs(items: list[str], length: int) -> list[list[str]]:
    return [items[start : start + length] for start in range(len(items) - length + 1)]
