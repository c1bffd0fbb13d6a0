"""Which language a table is in, by a sample, and whether its script puts spaces between words."""

from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import regex

from workshop_utils.models.tokenization import well_formed

_SAMPLE, _LONGEST = 200, 300
#: Scripts whose words run together.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_LETTER = regex.compile(r"\p{L}")
#: Encoders that have read English only.
_ENGLISH_ENCODERS = ("packaged", "distilbert-base-uncased", "distilbert-base-cased")


class NamedLanguage(NamedTuple):
    """The most frequent language of a sample and its share of it; no name where it was not looked at."""

    name: str | None
    share: float

    @property
    def sentence(self) -> str:
        """What was found, to be read by people."""
        if self.name is None:
            return (
                "The language was not looked at: `pip install lingua-language-detector` brings what names it."
            )
        return f"Language: {self.name} ({self.share:.0%} of a sample)."


def name_language(texts: Sequence[str], seed: int = 0) -> NamedLanguage:
    """The language of most texts of a sample, by lingua where it is installed (about a second).

    Texts without a letter count for no language.
    """
    if find_spec("lingua") is None:
        return NamedLanguage(None, 0.0)
    from lingua import LanguageDetectorBuilder

    detector = LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()
    found = detector.detect_languages_in_parallel_of(
        [text for text in _sample(texts, seed) if _LETTER.search(text)]
    )
    counts = Counter(language.name.title() for language in found if language is not None)
    if not counts:
        return NamedLanguage("none that could be recognised", 1.0)
    name, count = min(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return NamedLanguage(name, count / sum(counts.values()))


def encoder_warning(language: NamedLanguage, encoder: str) -> str:
    """A sentence where an English encoder is to read another language, else an empty text."""
    if Path(encoder).name not in _ENGLISH_ENCODERS or language.name in (None, "English"):
        return ""
    return (
        f"The encoder {encoder!r} has learned from English texts, and these are not; expect little of "
        "DistilBERT here, or name an encoder for this language by --encoder."
    )


def words_run_together(texts: Sequence[str], seed: int = 0) -> bool:
    """Are most letters of a sample of a script without spaces between words, such as Chinese or Thai?"""
    letters = unspaced = 0
    for text in _sample(texts, seed):
        letters += len(_LETTER.findall(text))
        unspaced += len(_UNSPACED.findall(text))
    return unspaced > 0.5 * letters


def _sample(texts: Sequence[str], seed: int) -> list[str]:
    """The beginnings of some random texts."""
    places = np.random.default_rng(seed).permutation(len(texts))[:_SAMPLE]
    return [well_formed(texts[place][:_LONGEST]) for place in places]
