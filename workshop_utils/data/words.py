r"""Whole words in any script: find them, swap them and keep their capitals. Used in lesson 08.

Python's ``\w`` knows letters but not the signs that stand on them: the vowel signs of Hindi, an umlaut that
is written as two characters. Here they belong to their letter.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import regex

from workshop_utils.data.scripts import UNSPACED

if TYPE_CHECKING:  # regex tells no types; its patterns do what those of re do
    from re import Match, Pattern
else:
    from regex import Match, Pattern

#: Signs that stand on a letter, and the two invisible joiners, for use inside a character class.
_MARKS = r"\p{M}\u200c\u200d"
_ANY_WORD = regex.compile(rf"(\p{{L}}[\p{{L}}{_MARKS}]*)")
#: What counts as a word where words are counted, for ``re``: two or more letters or digits, as scikit-learn
#: has it; of a script that is written without spaces, each character.
WORD = rf"[{UNSPACED}]|[^\W{UNSPACED}]{{2,}}"
#: A grapheme cluster (Unicode Standard Annex 29), and the next one where a joiner stands between them.
_SEEN_AS_ONE = regex.compile(r"\X(?:(?<=\u200d)\X)*")
#: Between the letters of a conjunct, which a cluster holds together: after a sign that removes the vowel.
_IN_CONJUNCT = regex.compile(r"(?V1)(?<=\p{Canonical_Combining_Class=9})(?=\p{L})")


def whole_words(words: Iterable[str]) -> Pattern[str]:
    """A pattern for any of the words, whole and in any case; it matches nothing where there are no words.

    Composed and decomposed Unicode forms (NFC, NFD) of a word are the same word.

    Args:
        words: whatever is blank is passed over.

    Returns:
        A pattern of the package regex, without groups.

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
    choices = "|".join(map(regex.escape, longest_first)) or "(?!)"
    return regex.compile(rf"(?<![\w{_MARKS}])(?:{choices})(?![\w{_MARKS}])", regex.IGNORECASE)


def any_word() -> Pattern[str]:
    """One group for a run of letters with the signs on them; digits, emoji and apostrophes end a word.

    Returns:
        A pattern whose ``split`` gives what stands between words at even places, and the words at odd ones.
    """
    return _ANY_WORD


def mentions_any(texts: Iterable[str], words: Iterable[str]) -> list[bool]:
    """Which texts hold at least one of the words, in any case.

    Args:
        texts: the texts to search.
        words: looked for as by :func:`whole_words`.

    Returns:
        One value for each text.
    """
    pattern = whole_words(words)
    return [pattern.search(text) is not None for text in texts]


def swap_words(text: str, mapping: Mapping[str, str]) -> str:
    """Each listed word becomes its partner, in both directions at once; capitals stay as they were.

    Where a word has several partners, the one of its own entry counts, then the first that leads to it.

    Args:
        text: the text to change.
        mapping: from word to partner.

    Returns:
        The changed text.

    >>> swap_words("Anna! ANNA and Mehmet", {"Anna": "Mehmet"})
    'Mehmet! MEHMET and Anna'
    """
    partners = {_key(word): other for word, other in mapping.items()}
    for word, other in mapping.items():
        partners.setdefault(_key(other), word)

    def partner(match: Match[str]) -> str:
        return with_case_of(match[0], partners.get(_key(match[0]), match[0]))

    return whole_words([*mapping, *mapping.values()]).sub(partner, text)


def with_case_of(model: str, word: str) -> str:
    """``word`` in capitals, with a capital first letter or in small letters, as ``model`` is written.

    A model without capitals and small letters, as in Hindi, changes nothing.

    Args:
        model: the word to follow.
        word: the word to write.

    Returns:
        The word.
    """
    if model.lower() == model.upper():
        return word
    if model.isupper() and len(letters(model)) > 1:
        return word.upper()
    return word[:1].title() + word[1:] if model[:1].isupper() else word.lower()


def letters(word: str) -> list[str]:
    """The characters that a reader sees, composed (NFC).

    A letter with its signs stays in one piece, and so does what a zero-width joiner holds together; the
    letters of a conjunct (न्द) are two.

    Args:
        word: a word, or any text.

    Returns:
        The characters; together they are the text.

    >>> letters("schön"), letters("हिन्दी")
    (['s', 'c', 'h', 'ö', 'n'], ['हि', 'न्', 'दी'])
    """
    clusters = _SEEN_AS_ONE.findall(unicodedata.normalize("NFC", word))
    return [letter for cluster in clusters for letter in _IN_CONJUNCT.split(cluster)]


def _key(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()
