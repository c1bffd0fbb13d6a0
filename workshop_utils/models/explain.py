"""Which words carried an answer? Leave one out and look what happens; developed in lesson 08."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


class Explanation(NamedTuple):
    """The winning label with its probability, and (word, weight) in the order of the text.

    A weight is what the winning probability loses without the word: above 0 the word spoke for the label,
    below 0 against it. ``left_out`` words at the end of a long text were not weighed.
    """

    label: str
    probability: float
    words: list[tuple[str, float]]
    left_out: int

    @property
    def note(self) -> str:
        """A sentence where not all words were weighed, else an empty text."""
        whole = len(self.words) + self.left_out
        return f"Only the first {len(self.words)} of {whole:,} words were weighed." if self.left_out else ""


def leave_one_out(
    predict_proba: Callable[[Sequence[str]], np.ndarray], labels: Sequence[str], text: str, limit: int = 100
) -> Explanation:
    """Weigh the first ``limit`` words (runs without white space) by the drop that their absence causes.

    Costs one scoring per word. Source: Li, Monroe and Jurafsky, *Understanding neural networks through
    representation erasure*, 2016, section 4. Words that only work together share their weight badly.

    Args:
        predict_proba: from n texts to probabilities of shape (n, classes).
    """
    words = list(re.finditer(r"\S+", text))
    weighed = words[:limit]
    without = [text[: word.start()] + text[word.end() :] for word in weighed]
    scores = predict_proba([text, *without])
    best = int(scores[0].argmax())
    drops = scores[0, best] - scores[1:, best]
    pairs = [(word.group(), float(drop)) for word, drop in zip(weighed, drops, strict=True)]
    return Explanation(labels[best], float(scores[0, best]), pairs, len(words) - len(weighed))
