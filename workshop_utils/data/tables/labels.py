"""Labels as people type them: equal ones are merged and told, typing errors are only proposed."""

import difflib
import unicodedata
from collections import Counter
from collections.abc import Sequence

_RARE, _ALIKE = 0.01, 0.85
_MOST_COMPARED = 500  # labels; beyond, the column holds no classes
_SHOWN = 10


def merge_spellings(labels: Sequence[str | None]) -> tuple[list[str | None], list[str]]:
    """Labels that differ only in case, white space or Unicode form become one; the notes say which.

    The most frequent spelling is kept, of equally frequent ones the first. Labels that are merely similar
    are never merged: where a rare one looks like a typing error of a frequent one, a note proposes it.

    Args:
        labels: one for each row; None stays None.

    Returns:
        The labels, as many and in the same order, and sentences about what was merged or is proposed.

    >>> merge_spellings(["Books", "books ", "Books", None])
    (['Books', 'Books', 'Books', None], ["The label 'books ' (1 row) is read as 'Books'."])
    """
    counts = Counter(label for label in labels if label is not None)
    chosen: dict[str, str] = {}
    for label in sorted(
        counts, key=lambda label: -counts[label]
    ):  # stable: the first of equally frequent ones
        chosen.setdefault(_spelt(label), label)
    merged = {label: chosen[_spelt(label)] for label in counts}
    notes = [
        f"The label {label!r} ({_rows(counts[label])}) is read as {kept!r}."
        for label, kept in merged.items()
        if label != kept
    ]
    total = Counter[str]()
    for label, count in counts.items():
        total[merged[label]] += count
    return [None if label is None else merged[label] for label in labels], _shortened(notes) + _proposed(
        total
    )


def _spelt(label: str) -> str:
    """What spellings of one label have in common; white space between words counts, its amount does not."""
    text = unicodedata.normalize("NFC", label)
    return unicodedata.normalize("NFC", " ".join(text.split()).casefold())


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
                    f"The label {label!r} ({_rows(count)}) may be a typing error of {frequent[close[0]]!r}; "
                    "it is kept: mend the table if it is one."
                )
    return _shortened(notes)


def _is_typing_error(rare: str, frequent: str) -> bool:
    return rare not in frequent and frequent not in rare and not any(map(str.isdigit, frequent))


def _rows(count: int) -> str:
    return f"{count:,} row" + ("s" if count != 1 else "")


def _shortened(notes: list[str]) -> list[str]:
    more = len(notes) - _SHOWN
    return notes if more <= 0 else [*notes[:_SHOWN], f"So it is with {more:,} more labels."]
