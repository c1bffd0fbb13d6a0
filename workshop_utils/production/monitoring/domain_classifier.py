"""A classifier that tells new texts from reference texts, and bets on its answer before it learns.

Of a new text and a reference text it says which is which. As long as nothing has changed, the two could
change places, so its answer is a toss of a coin whatever it has learned, and no bet on it gains on average.
Where it wins, the inputs have changed, and its weights tell by which words. The bet is the likelihood ratio
of a classifier two-sample test (Pandeva and others 2024, E-valuating classifier two-sample tests) on pairs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from workshop_utils.models.bundle.text_traits import BUCKETS
from workshop_utils.production.monitoring.betting import bet_once

#: The classifier may be too sure or not sure enough of itself: bets on several multiples of its logit.
SHARPNESS = np.array([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0])
#: Step of the online logistic regression on vectors of length 1. Between 2 and 16 the delays are the same.
_LEARNING_RATE = 4.0
_MOST_NAMES, _KEPT_NAMES = 6000, 1500
#: Words that fewer different new texts have are never told: they might be one person's, such as a name.
TOLD_FROM_TEXTS = 3


class TellingWords(NamedTuple):
    """Words by which new texts are told from reference texts, the most telling first.

    A new word is told only if at least three different new texts have it, a gone one only if at least five
    texts of the table had it. It is texts that are counted, not people: whoever writes three texts with the
    same name in them brings it into a report.
    """

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
        self._former: tuple[np.ndarray, float] | None = None
        self._clear()

    def _clear(self) -> None:
        self.weights = np.zeros(BUCKETS)
        self.capital = np.zeros(len(SHARPNESS))
        self._names: dict[int, tuple[str, int]] = {}  # a word, and how many texts have it, up to three
        self.reference_logit = 0.0
        self._learned = False

    def forget(self) -> None:
        """Start anew, with no capital; what was learned is kept for :meth:`similarity` only."""
        if self._learned:
            self._former = self.weights, self.reference_logit
        self._clear()

    def read(self, buckets: np.ndarray) -> HashedText:
        """A text's hashed words, different ones, with their weights."""
        rarity = self._rarity[buckets]
        return HashedText(buckets, rarity / np.sqrt(rarity @ rarity) if len(rarity) else rarity)

    def logit(self, text: HashedText) -> float:
        """How much the text looks like a new one; 0 when nothing is known."""
        return float(self.weights[text.buckets] @ text.vector)

    def similarity(self, text: HashedText, former: bool = False) -> float:
        """Between 0 and 1: how many times as likely among reference texts as among new ones, at most 1.

        Args:
            text: one that was not learned from.
            former: by what was known before :meth:`forget`, if anything was.
        """
        weights, reference_logit = self.weights, self.reference_logit
        if former and self._former is not None:
            weights, reference_logit = self._former
        return float(np.exp(min(0.0, reference_logit - weights[text.buckets] @ text.vector)))

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
        self._learned = True
        for x, y in zip(new, reference, strict=True):
            step = _LEARNING_RATE / (1 + np.exp(min(30.0, self.logit(x) - self.logit(y))))
            self.weights[x.buckets] += step * x.vector
            self.weights[y.buckets] -= step * y.vector

    def remember(self, buckets: np.ndarray, words: Sequence[str]) -> None:
        """Count the texts that have a word, up to three, as long as it tells much.

        Of two words with one number the first stays that has been in three texts.

        Args:
            buckets: of a new text, different ones.
            words: their names.
        """
        names = self._names
        for bucket, word in zip(buckets.tolist(), words, strict=True):
            known = names.get(bucket)
            if known is None or (known[1] < TOLD_FROM_TEXTS and known[0] != word):
                names[bucket] = word, 1
            elif known[1] < TOLD_FROM_TEXTS:
                names[bucket] = word, known[1] + 1
        if len(self._names) > _MOST_NAMES:
            best = self._by_weight(self._names)[:_KEPT_NAMES]
            self._names = {bucket: self._names[bucket] for bucket in sorted(best)}

    def telling_words(self, told_words: Sequence[str], buckets: np.ndarray, count: int = 12) -> TellingWords:
        """The words of new texts with the largest weights, and of known texts with the smallest.

        Args:
            told_words: words of known texts, the most frequent first.
            buckets: their numbers.
            count: how many in each direction.
        """
        often = {bucket: word for bucket, (word, texts) in self._names.items() if texts >= TOLD_FROM_TEXTS}
        new = [bucket for bucket in self._by_weight(often) if self.weights[bucket] > 0][:count]
        known: dict[int, str] = {}
        for bucket, word in zip(buckets.tolist(), told_words, strict=True):
            known.setdefault(bucket, word)
        gone = [bucket for bucket in reversed(self._by_weight(known)) if self.weights[bucket] < 0][:count]
        return TellingWords([often[bucket] for bucket in new], [known[bucket] for bucket in gone])

    def to_json(self) -> dict[str, Any]:
        """Of all that a restart needs, what is small; it has words of new texts."""
        return {
            "names": [[bucket, *named] for bucket, named in self._names.items()],
            "reference_logit": self.reference_logit,
            "learned": self._learned,
            "former_logit": None if self._former is None else self._former[1],
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """The rest of it."""
        former = np.zeros(0) if self._former is None else self._former[0]
        return {"classifier_capital": self.capital, "weights": self.weights, "former_weights": former}

    def restore(self, told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what :meth:`to_json` and :meth:`arrays` told of a classifier of the same texts."""
        self.capital, self.weights = arrays["classifier_capital"], arrays["weights"]
        self._names = {bucket: (word, texts) for bucket, word, texts in told["names"]}
        self.reference_logit, self._learned = told["reference_logit"], told["learned"]
        logit = told["former_logit"]
        self._former = None if logit is None else (arrays["former_weights"], logit)

    def _by_weight(self, named: Mapping[int, Any]) -> list[int]:
        """These numbers, what speaks most for a new text first."""
        buckets = np.array(sorted(named), dtype=np.int64)
        order = np.argsort(-self.weights[buckets] * self._rarity[buckets], kind="stable")
        return buckets[order].tolist()
