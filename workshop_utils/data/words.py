"""Whole words in any script: find them, swap them and keep their capitals. Used in lesson 08.

Python's ``\\w`` knows letters but not the signs that stand on them: the vowel signs of Hindi, an umlaut that
is written as two characters. Here they belong to their letter.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache


def whole_words(words: Iterable[str]) -> re.Pattern:
    """A pattern for any of the words, whole and in any case; it matches nothing where there are no words.

    Composed and decomposed Unicode forms (NFC, NFD) of a word are the same word.

    >>> whole_words(["hero", "müde"]).findall("Heroes? A HERO, müde.")
    ['HERO', 'müde']
    """
    forms = {
        unicodedata.normalize(form, spelled)
        for word in words
        if word.strip()
        for spelled in (word, word.upper())
        for form in ("NFC", "NFD")
    }
    longest_first = sorted(forms, key=lambda word: (-len(word), word))
    choices = "|".join(map(re.escape, longest_first)) or "(?!)"
    return re.compile(rf"(?<![\w{_marks()}])(?:{choices})(?![\w{_marks()}])", re.IGNORECASE)


@cache
def any_word() -> re.Pattern:
    """One group for a run of letters with the signs on them; digits, emoji and apostrophes end a word.

    Its ``split`` gives what stands between words at even places, and the words at odd ones.
    """
    return re.compile(rf"([^\W\d_](?:[^\W\d_]|[{_marks()}])*)")


def mentions_any(texts: Iterable[str], words: Iterable[str]) -> list[bool]:
    """Which texts hold at least one of the words, in any case."""
    pattern = whole_words(words)
    return [pattern.search(text) is not None for text in texts]


def swap_words(text: str, mapping: Mapping[str, str]) -> str:
    """Each listed word becomes its partner, in both directions at once; capitals stay as they were.

    Where a word has several partners, the one of its own entry counts, then the first that leads to it.

    >>> swap_words("Anna! ANNA and Mehmet", {"Anna": "Mehmet"})
    'Mehmet! MEHMET and Anna'
    """
    partners = {_key(word): other for word, other in mapping.items()}
    for word, other in mapping.items():
        partners.setdefault(_key(other), word)

    def partner(match: re.Match) -> str:
        return with_case_of(match[0], partners.get(_key(match[0]), match[0]))

    return whole_words([*mapping, *mapping.values()]).sub(partner, text)


def with_case_of(model: str, word: str) -> str:
    """``word`` in capitals, with a capital first letter or in small letters, as ``model`` is written.

    A model without capitals and small letters, as in Hindi, changes nothing.
    """
    if model.lower() == model.upper():
        return word
    if model.isupper() and len(letters(model)) > 1:
        return word.upper()
    return word[:1].title() + word[1:] if model[:1].isupper() else word.lower()


def letters(word: str) -> list[str]:
    """The characters that a reader sees, composed (NFC): a letter with its signs stays in one piece,
    and so does what a zero-width joiner holds together.

    >>> letters("schön"), letters("हिन्दी")
    (['s', 'c', 'h', 'ö', 'n'], ['हि', 'न्', 'दी'])
    """
    return _seen_as_one().findall(unicodedata.normalize("NFC", word))


def _key(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()


@cache
def _seen_as_one() -> re.Pattern:
    return re.compile(rf"(?s:.(?:[{_marks()}]|(?<=\u200d).)*)")


@cache
def _marks() -> str:
    """Signs that stand on a letter, and the two invisible joiners, for use inside a character class."""
    every = (chr(code) for code in range(0x20000))
    return "".join(sign for sign in every if unicodedata.category(sign)[0] == "M") + "\u200c\u200d"
