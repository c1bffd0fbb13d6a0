"""A classifier that tells new texts from reference texts, and bets on its answer before it learns.

Of a new text and a reference text it says which is which. As long as nothing has changed, the two could
change places, so its answer is a toss of a coin whatever it has learned, and no bet on it gains on average.
Where it wins, the inputs have changed, and its weights tell by which words. The bet is the likelihood ratio
of a classifier two-sample test (Pandeva and others 2024, E-valuating classifier two-sample tests) on pairs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workshop_utils.models.bundle.text_traits import BUCKETS
from workshop_utils.production.monitoring.betting import bet_once

#: The classifier may be too sure or not sure enough of itself: bets on several multiples of its logit.
SHARPNESS = np.array([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0])
#: Step of the online logistic regression on vectors of length 1. Between 2 and 16 the delays are the same.
_LEARNING_RATE = 4.0
_MOST_NAMES, _KEPT_NAMES = 6000, 1500


class TellingWords(NamedTuple):
    """Words by which new texts are told from reference texts, the most telling first."""

    new: list[str]
    gone: list[str]


class HashedText(NamedTuple):
    """Different hashed words, uint16 of shape (words,), and their weights, a vector of length 1."""

    buckets: np.ndarray
    vector: np.ndarray


class DomainClassifier:
    """Online logistic regression on hashed words, weighed by how rare they are in the known texts.

    Args:
        known_counts: in how many of ``known_texts`` a hashed word occurs, shape (65536,). These are neither
            new texts nor reference texts: weights that depended on the reference would break the symmetry.
    """

    def __init__(self, known_counts: np.ndarray, known_texts: int) -> None:
        self._rarity = np.log((1 + known_texts) / (1 + np.minimum(known_counts, known_texts))) + 1
        self.forget()

    def forget(self) -> None:
        """Start anew, with no capital."""
        self.weights = np.zeros(BUCKETS)
        self.capital = np.zeros(len(SHARPNESS))
        self.names: dict[int, str] = {}
        self.reference_logit = 0.0

    def read(self, buckets: np.ndarray) -> HashedText:
        """A text's hashed words, different ones, with their weights."""
        rarity = self._rarity[buckets]
        return HashedText(buckets, rarity / np.sqrt(rarity @ rarity) if len(rarity) else rarity)

    def logit(self, text: HashedText) -> float:
        """How much the text looks like a new one; 0 when nothing is known."""
        return float(self.weights[text.buckets] @ text.vector)

    def similarity(self, text: HashedText) -> float:
        """Between 0 and 1: how many times as likely among reference texts as among new ones, at most 1."""
        return float(np.exp(min(0.0, self.reference_logit - self.logit(text))))

    def bet(self, new: Sequence[HashedText], reference: Sequence[HashedText]) -> float:
        """Bet on some pairs of texts that were not learned from; the largest mean capital on the way."""
        largest = 0.0
        of_reference = np.array([self.logit(text) for text in reference])
        differences = np.array([self.logit(text) for text in new]) - of_reference
        factors = 2 / (1 + np.exp(-np.clip(differences[:, None] * SHARPNESS, -30, 30)))
        for each in factors:
            self.capital = bet_once(self.capital, each)
            largest = max(largest, float(self.capital.mean()))
        # slowly, so that a few odd texts do not decide what looks the same
        self.reference_logit += 0.2 * (float(of_reference.mean()) - self.reference_logit)
        return largest

    def learn(self, new: Sequence[HashedText], reference: Sequence[HashedText]) -> None:
        """Learn from the same pairs, one after the other."""
        for x, y in zip(new, reference, strict=True):
            step = _LEARNING_RATE / (1 + np.exp(min(30.0, self.logit(x) - self.logit(y))))
            self.weights[x.buckets] += step * x.vector
            self.weights[y.buckets] -= step * y.vector

    def remember(self, buckets: np.ndarray, words: Sequence[str]) -> None:
        """Keep the words of a new text, which have these numbers, as long as they tell much."""
        self.names.update(zip(buckets.tolist(), words, strict=True))
        if len(self.names) > _MOST_NAMES:
            best = self._by_weight(self.names)[:_KEPT_NAMES]
            self.names = {bucket: self.names[bucket] for bucket in sorted(best)}

    def telling_words(self, told_words: Sequence[str], buckets: np.ndarray, count: int = 12) -> TellingWords:
        """The words of new texts with the largest weights, and of known texts with the smallest.

        Args:
            told_words: words of known texts, the most frequent first.
            buckets: their numbers.
            count: how many in each direction.
        """
        new = [bucket for bucket in self._by_weight(self.names) if self.weights[bucket] > 0][:count]
        known: dict[int, str] = {}
        for bucket, word in zip(buckets.tolist(), told_words, strict=True):
            known.setdefault(bucket, word)
        gone = [bucket for bucket in reversed(self._by_weight(known)) if self.weights[bucket] < 0][:count]
        return TellingWords([self.names[bucket] for bucket in new], [known[bucket] for bucket in gone])

    def _by_weight(self, named: dict[int, str]) -> list[int]:
        """These numbers, what speaks most for a new text first."""
        buckets = np.array(sorted(named), dtype=np.int64)
        order = np.argsort(-self.weights[buckets] * self._rarity[buckets], kind="stable")
        return buckets[order].tolist()
