"""Labels as people type them: equal ones are merged and told, typing errors are only proposed."""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_RARE, _ALIKE = 0.01, 0.85
_MOST_COMPARED = 500  # labels; beyond, the column holds no classes
_SHOWN = 10


def merge_spellings(
    labels: Sequence[str | None], known: Sequence[str] = ()
) -> tuple[list[str | None], list[str]]:
    """Labels that differ only in case, white space or Unicode form become one; the notes say which.

    The most frequent spelling is kept, of equally frequent ones the first. Labels that are merely similar
    are never merged: where a rare one looks like a typing error of a frequent one, a note proposes it.

    Args:
        labels: one for each row; None stays None.
        known: labels of a model; their spelling is kept, however often it stands there.

    Returns:
        The labels, as many and in the same order, and sentences about what was merged or is proposed.

    >>> merge_spellings(["Books", "books ", "Books", None])
    (['Books', 'Books', 'Books', None], ["The label 'books ' (1 row) is read as 'Books'."])
    """
    counts = Counter(label for label in labels if label is not None)
    chosen = {_spelt(label): label for label in reversed(known)}
    for label, _ in counts.most_common():  # of equally frequent ones, the first
        chosen.setdefault(_spelt(label), label)
    of_model = set(known)
    merged = {label: label if label in of_model else chosen[_spelt(label)] for label in counts}
    notes = [
        f"The label {label!r} ({count_rows(counts[label])}) is read as {kept!r}{_other_form(label, kept)}."
        for label, kept in merged.items()
        if label != kept
    ]
    total = Counter[str]()
    for label, count in counts.items():
        total[merged[label]] += count
    said = [*_shortened(notes), *_by_accents(total), *_proposed(total)]
    return [None if label is None else merged[label] for label in labels], said


def _spelt(label: str) -> str:
    """What spellings of one label have in common; white space between words counts, its amount does not.

    Signs without any width (zero width space, word joiner, byte order mark) are not seen and do not count.
    """
    text = unicodedata.normalize("NFC", re.sub("[\u200b\u2060\ufeff]", "", label))
    return unicodedata.normalize("NFC", " ".join(text.split()).casefold())


def _other_form(label: str, kept: str) -> str:
    """What to add where two spellings look the same."""
    same = unicodedata.normalize("NFC", label) == unicodedata.normalize("NFC", kept)
    return ", its other Unicode form" if same else ""


def _plain(spelt: str) -> str:
    """Without accents, full-width and other forms of the same signs."""
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", spelt))


def _by_accents(counts: Counter[str]) -> list[str]:
    """Labels that differ in their accents, or in the form of their signs, alone: they may be one or two."""
    first: dict[str, str] = {}
    notes = []
    for label, count in counts.most_common():
        other = first.setdefault(_plain(_spelt(label)), label)
        if other != label:
            notes.append(
                f"The label {label!r} ({count_rows(count)}) differs from {other!r} in its accents or "
                "the form of its signs alone; it is kept: mend the table if they are one."
            )
    return _shortened(notes)


def _proposed(counts: Counter[str]) -> list[str]:
    """Rare labels that may be typing errors of a frequent one.

    Left out are labels with digits, and a label within the other: "normal" and "abnormal" are two things.
    """
    if len(counts) > _MOST_COMPARED:
        return []
    bound = _RARE * counts.total()
    frequent = {_spelt(label): label for label, count in counts.items() if count >= bound}
    notes = []
    for label, count in counts.items():
        if count < bound and not any(sign.isdigit() for sign in label):
            close = difflib.get_close_matches(_spelt(label), frequent, n=1, cutoff=_ALIKE)
            if close and _is_typing_error(_spelt(label), close[0]):
                notes.append(
                    f"The label {label!r} ({count_rows(count)}) may be a typing error of "
                    f"{frequent[close[0]]!r}; it is kept: mend the table if it is one."
                )
    return _shortened(notes)


def _is_typing_error(rare: str, frequent: str) -> bool:
    if rare in frequent or frequent in rare or _plain(rare) == _plain(frequent):
        return False
    return not any(map(str.isdigit, frequent))


def count_rows(count: int) -> str:
    """``1 row``, ``2,000 rows``."""
    return "1 row" if count == 1 else f"{count:,} rows"


def _shortened(notes: list[str]) -> list[str]:
    more = len(notes) - _SHOWN
    return notes if more <= 0 else [*notes[:_SHOWN], f"So it is with {more:,} more labels."]
