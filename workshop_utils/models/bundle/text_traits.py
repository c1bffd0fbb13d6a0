"""What monitoring compares of a text: its hashed words, length, language, and the model's answer.

Numpy and the base packages only: it runs beside the service, and while a bundle is made.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple
from zlib import crc32

import numpy as np
from charset_normalizer import from_bytes

from workshop_utils.data.scripts import UNSPACED
from workshop_utils.data.usable_texts import same_text
from workshop_utils.models.tokenization import well_formed

#: A word becomes one of so many numbers. Two words may share one; that costs power, never validity.
BUCKETS = 1 << 16
#: So many words of a text are read, and so many characters to find them: a huge text costs no more.
WORDS_READ, CHARACTERS_READ = 256, 5_120
#: Probabilities are compared in steps of a ten-thousandth; this marks one that is no number from 0 to 1.
PROBABILITY_STEPS, NO_PROBABILITY = 10_000, 65_535
#: The language of a text that has none: without letters, or not kept.
NO_LANGUAGE = "none"
_ASCII_WORD = re.compile("[a-z0-9]+")  # the same words as the pattern below finds, four times as fast
_LANGUAGE_CHARACTERS, _LETTERS = 300, 40


class TextTraits(NamedTuple):
    """What is compared of one text.

    Attributes:
        words: among the first 256, in small letters, one for each number. buckets: these numbers, different
            ones, uint16 of shape (words,). Both are None where the text was not kept.
        length: characters of the whole text; None where it was not kept.
        language: its name, of a script other than Latin the script's; ``none`` without letters.
        truncated: did the model read a part only?
        label: the model's answer.
        probabilities: of each class in ten-thousandths, uint16; 65,535 is one that is no probability.
        text_hash: a number of 32 bits, equal for texts that a reader would call the same; None where the text
            was not kept.
    """

    words: list[str] | None
    buckets: np.ndarray | None
    length: int | None
    language: str
    truncated: bool
    label: str
    probabilities: np.ndarray
    text_hash: int | None = None


def text_traits(
    text: str | None, label: str, probabilities: Sequence[float], truncated: bool = False
) -> TextTraits:
    """The traits of any string, also an empty or broken one; ``None`` is a text that was not kept."""
    steps = probability_steps(probabilities)
    if text is None:
        return TextTraits(None, None, None, NO_LANGUAGE, truncated, label, steps)
    named = named_buckets(text)
    buckets = np.fromiter(named, dtype=np.uint16, count=len(named))
    return TextTraits(
        words=list(named.values()),
        buckets=buckets,
        length=len(text),
        language=language_of(text),
        truncated=truncated,
        label=label,
        probabilities=steps,
        text_hash=hash_of_text(text),
    )


def hash_of_text(text: str) -> int:
    """A number of 32 bits for a whole text, by the rule by which a table's repeated texts are found.

    Of 50,000 texts, another one has the number of one of them with a probability of 1 in 85,000.
    """
    return int.from_bytes(blake2b(well_formed(same_text(text)).encode("utf-8"), digest_size=4).digest())


def named_buckets(text: str) -> dict[int, str]:
    """The first 256 words of a text in small letters by their numbers, the order kept; one word a number."""
    read = unicodedata.normalize("NFC", well_formed(text[:CHARACTERS_READ]).lower()).replace("_", " ")
    if read.isascii():
        words = _ASCII_WORD.findall(read)[:WORDS_READ]
    else:
        unspaced, word = _patterns()
        words = word.findall(unspaced.sub(r" \g<0> ", read))[:WORDS_READ]
    return dict(zip(map(word_bucket, words), words, strict=True))


@lru_cache(maxsize=100_000)
def word_bucket(word: str) -> int:
    """A number below 65,536 for a word, the same on every machine (CRC-32)."""
    return crc32(word.encode("utf-8")) & (BUCKETS - 1)


def word_buckets(words: Iterable[str]) -> np.ndarray:
    """The number of each word, uint16 of shape (words,)."""
    return np.fromiter(map(word_bucket, words), dtype=np.uint16)


def language_of(text: str) -> str:
    """The language of a text's beginning, by charset-normalizer; of another script, that script's name.

    A guess from the frequencies of letters, right for about nine in ten texts of some sentences. Drift needs
    no more: texts that are compared are guessed in the same way.
    """
    beginning = well_formed(text[:_LANGUAGE_CHARACTERS])
    script = _script(beginning)
    if script != "Latin":
        return script
    best = from_bytes(beginning.encode("utf-8"), cp_isolation=["utf_8"]).best()
    return "Latin" if best is None or best.language == "Unknown" else best.language


def _script(text: str) -> str:
    """The script of most of its first letters, as Unicode names it."""
    letters = list(islice(filter(str.isalpha, text), _LETTERS))
    if not letters:
        return NO_LANGUAGE
    if text.isascii():
        return "Latin"
    scripts = [unicodedata.name(letter, "unknown").split(" ")[0].split("-")[0].title() for letter in letters]
    return max(sorted(set(scripts)), key=scripts.count)


def probability_steps(probabilities: Sequence[float]) -> np.ndarray:
    """Probabilities in ten-thousandths, uint16; what is no number from 0 to 1 becomes 65,535."""
    steps = [
        min(round(probability * PROBABILITY_STEPS), PROBABILITY_STEPS)
        if 0 <= probability <= 1 + 1e-6
        else NO_PROBABILITY
        for probability in map(float, probabilities)
    ]
    return np.array(steps, dtype=np.uint16)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A character of a script without spaces; a run of letters, with the signs on them, and digits."""
    signs = "".join(filter(_is_mark, map(chr, range(0x300, 0x1F000))))
    return re.compile(f"[{UNSPACED}]"), re.compile(rf"\w+(?:[{re.escape(signs)}]+\w*)*")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"
