"""More training texts from those we have: synonyms and slips of the finger. Developed in lesson 03.

Every function takes a text and a :class:`numpy.random.Generator` and returns the changed text.
"""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from workshop_utils.data.bundled import bundled_file

_ENGLISH_WORD = re.compile(r"[A-Za-z]+")
_WORD = re.compile(r"[^\W\d_]{4,}")


def load_synonyms() -> dict[str, str]:
    """The bundled English synonyms of ``data/synonyms.csv``, lower case, from word to synonym."""
    frame = pd.read_csv(bundled_file("synonyms.csv"), dtype=str, keep_default_na=False)
    return dict(zip(frame["word"], frame["synonym"], strict=True))


def replace_synonyms(
    text: str, rng: np.random.Generator, synonyms: Mapping[str, str], share: float = 0.5
) -> str:
    """Replace about ``share`` of the words that have a synonym; a capital first letter stays one.

    >>> replace_synonyms("Funny film!", np.random.default_rng(0), {"funny": "amusing"}, share=1)
    'Amusing film!'
    """

    def other(match: re.Match) -> str:
        word = match[0]
        synonym = synonyms.get(word.lower())
        if synonym is None or rng.random() >= share:
            return word
        return synonym.capitalize() if word[0].isupper() else synonym

    return _ENGLISH_WORD.sub(other, text)


def swap_letters(text: str, rng: np.random.Generator, share: float = 0.1) -> str:
    """Swap two neighbouring inner letters in about ``share`` of the words of four letters or more.

    First and last letter stay. Signs that are no letters (emoji, digits, the vowel signs of Hindi) are never
    moved.
    """

    def slip(match: re.Match) -> str:
        word = match[0]
        if rng.random() >= share:
            return word
        at = int(rng.integers(1, len(word) - 2))
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]

    return _WORD.sub(slip, text)
