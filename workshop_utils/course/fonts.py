"""Texts of somebody's own table on a figure: short, taken literally, and in a font that has their letters."""

import logging
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.font_manager import FontEntry, FontProperties, fontManager, get_font

_log = logging.getLogger(__name__)

#: What stands for a letter that no font has; every font of matplotlib has it.
SPARE = "□"
#: Fonts of boxes, and fonts of pictures, which matplotlib cannot draw.
_UNFIT = ("Last Resort", "Emoji")


def figure_labels(texts: Iterable[object], most: int = 30) -> list[str]:
    r"""The texts as matplotlib draws them: short, in one line, ``$`` as a dollar sign.

    Texts that have become the same get a number.

    Where the font lacks a letter, a font of this machine that has it is added to ``font.family``; where there
    is none, :data:`SPARE` stands for the letter, and a sentence says so.

    Args:
        texts: labels, words, or anything else that becomes a text.
        most: longer texts end in an ellipsis.

    Returns:
        One text for each.

    >>> figure_labels(["$5 and\n$6"])
    ['\\$5 and \\$6']
    """
    short = [_shortened(str(text), most) for text in texts]
    lacking = _lacking("".join(short))
    if lacking:
        _add_fonts(lacking)
        lacking = _lacking("".join(short))
    if lacking:
        _tell(" ".join(sorted(lacking)[:5]) + (" …" if len(lacking) > 5 else ""))
    spare = {ord(letter): SPARE for letter in lacking} | {ord("$"): r"\$"}
    return _told_apart([text.translate(spare) for text in short])


@cache
def _tell(letters: str) -> None:
    """Say it once; the figures of a lesson lack the same letters."""
    _log.warning(
        "No font on this machine has %s; figures show %s instead. Install a font of that script, such as one "
        "of the Noto fonts, and run the lesson again.",
        letters,
        SPARE,
    )


def _told_apart(texts: list[str]) -> list[str]:
    """A number behind each text that occurs more than once."""
    counts = Counter(texts)
    numbers = {text: iter(range(1, count + 1)) for text, count in counts.items()}
    return [f"{text} ({next(numbers[text])})" if counts[text] > 1 else text for text in texts]


def _shortened(text: str, most: int) -> str:
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _lacking(text: str) -> set[str]:
    """Letters that none of the fonts in use has."""
    families = mpl.rcParams["font.family"]
    paths = [
        fontManager.findfont(FontProperties(family=[family]), rebuild_if_missing=False) for family in families
    ]
    return {letter for letter in set(text) if not any(ord(letter) in _letters(str(path)) for path in paths)}


def _add_fonts(lacking: set[str]) -> None:
    """Add the fonts that have most of these letters, until none helps any more."""
    fonts = {entry.name: entry for entry in reversed(fontManager.ttflist) if _fits(entry)}
    while lacking and fonts:
        have = {name: lacking & _these(entry, lacking) for name, entry in fonts.items()}
        name = max(have, key=lambda name: len(have[name]))
        if not have[name]:
            return
        mpl.rcParams["font.family"] = [*mpl.rcParams["font.family"], name]
        lacking = lacking - have[name]
        del fonts[name]


def _fits(entry: FontEntry) -> bool:
    return not any(word in entry.name for word in _UNFIT)


def _these(entry: FontEntry, letters: set[str]) -> set[str]:
    known = _letters(entry.fname)
    return {letter for letter in letters if ord(letter) in known}


@cache
def _letters(path: str) -> frozenset[int]:
    """Code points that a font file has; none where it cannot be read."""
    try:
        return frozenset(get_font(Path(path)).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
