"""Which words carried an answer? Leave one out and look what happens; developed in lesson 08."""

import html
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from workshop_utils.models.tokenization import well_formed

#: Background for words that speak for the label and against it, with the line under them: two signs beside
#: the colour. Even the strongest background leaves black text a contrast of more than 7 to 1.
_FOR, _AGAINST = ("0, 114, 178", "solid"), ("213, 94, 0", "dashed")
_STRONGEST = 0.45


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
        labels: names of the classes, in the order of the columns.
        text: the text to explain.
        limit: how many words are weighed.
    """
    words = list(re.finditer(r"\S+", text))
    weighed = words[:limit]
    without = [text[: word.start()] + text[word.end() :] for word in weighed]
    scores = predict_proba([text, *without])
    best = int(scores[0].argmax())
    drops = scores[0, best] - scores[1:, best]
    pairs = [(word.group(), float(drop)) for word, drop in zip(weighed, drops, strict=True)]
    return Explanation(labels[best], float(scores[0, best]), pairs, len(words) - len(weighed))


def as_html(explanation: Explanation) -> str:
    """The text as a coloured HTML fragment that is safe to show, whatever the text holds.

    Blue with a solid line and ``+`` speaks for the label, orange with a dashed line and ``−`` against it; the
    stronger the colour, the heavier the word compared with the text's heaviest. Line and sign are left away
    below a quarter of that. The weight itself is the word's tool tip.
    """
    heaviest = max((abs(weight) for _, weight in explanation.words), default=0.0)
    marked = " ".join(_marked(word, weight, heaviest) for word, weight in explanation.words)
    note = f" <em>{html.escape(explanation.note)}</em>" if explanation.note else ""
    label = html.escape(well_formed(explanation.label))
    return (
        '<div style="background: #fff; color: #000; line-height: 1.9; padding: 0.4em 0.8em; max-width: 60em">'
        f"<strong>{label}</strong> ({explanation.probability:.2f}): {marked}{note}</div>"
    )


def _marked(word: str, weight: float, heaviest: float) -> str:
    share = abs(weight) / heaviest if heaviest else 0.0
    shown = html.escape(well_formed(word))
    colour, line = _FOR if weight > 0 else _AGAINST
    style = f"background: rgba({colour}, {_STRONGEST * share:.2f}); padding: 0.1em 0.2em"
    if share >= 0.25:
        style += f"; border-bottom: 2px {line} rgb({colour})"
        shown += f"<sup>{'+' if weight > 0 else '−'}</sup>"
    return f'<span style="{style}" title="{weight:+.3f}">{shown}</span>'
