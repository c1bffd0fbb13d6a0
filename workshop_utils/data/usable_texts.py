"""From somebody's table to labelled texts: what is left out or merged is counted and said."""

import html
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from workshop_utils.data.tables import LabelledTable, merge_spellings
from workshop_utils.data.tables.labelled import told_bad
from workshop_utils.data.tables.labels import count_rows
from workshop_utils.errors import WorkshopError

#: So many notes of the reader are passed on; a table may have one for every row.
_NOTES = 8


class LabelledTexts(NamedTuple):
    """Texts, each with its label, no text twice; ``notes`` say how they differ from the table.

    ``table`` has the texts of all rows that have a text and a label, with their repeats.
    """

    texts: list[str]
    labels: list[str]
    notes: list[str]
    table: Sequence[str] = ()


def usable_texts(table: LabelledTable, known: Sequence[str] = (), once: bool = True) -> LabelledTexts:
    """The rows that have a text and a label, by the rules of lesson 01; what stays is as it was typed.

    Rows without a text or a label are left out, spellings of a label become one. A text that stands there
    several times is taken once, and one with contradictory labels is left out altogether. Two texts are the
    same when they agree in everything but case, white space, Unicode form and HTML entities.

    Args:
        table: what was read.
        known: labels of a model; a label that is spelled a little otherwise becomes one of them.
        once: take no text twice; otherwise each row counts.

    Raises:
        WorkshopError: nothing stays.
    """
    notes = table.notes[:_NOTES]
    if left := len(table.notes) - len(notes):
        notes.append(f"The table has {left:,} more notes of this kind.")
    if table.bad:
        notes.append(told_bad(table.bad))
    merged, said = merge_spellings(table.labels, known)
    notes += said
    texts, labels, without = [], [], Counter[str]()
    for text, label in zip(table.texts, merged, strict=True):
        if text is None or not text.strip():
            without["text"] += 1
        elif label is None or not label.strip():
            without["label"] += 1
        else:
            texts.append(text)
            labels.append(label)
    notes += [f"{count_rows(count)} without a {what} left out." for what, count in without.items()]
    every = texts
    if once:
        kept, more = _once_each(texts, labels)
        texts, labels, notes = [texts[row] for row in kept], [labels[row] for row in kept], notes + more
    if not texts:
        why = notes[-1] if notes else "The table has no rows."
        raise WorkshopError(f"No row has both a text and a label of its own; look at the two columns: {why}")
    return LabelledTexts(texts, labels, notes, every)


def same_text(text: str) -> str:
    """A key that is equal for texts that a reader would call the same."""
    return " ".join(unicodedata.normalize("NFC", html.unescape(text)).split()).casefold()


def _once_each(texts: Sequence[str], labels: Sequence[str]) -> tuple[list[int], list[str]]:
    """Places of the first copy of each text that has one label only, and what was left out."""
    keys = [same_text(text) for text in texts]
    first: dict[str, int] = {}
    contradictory = {key for row, key in enumerate(keys) if labels[first.setdefault(key, row)] != labels[row]}
    kept = [row for row, key in enumerate(keys) if first[key] == row and key not in contradictory]
    unclear = sum(key in contradictory for key in keys)
    notes = []
    if contradictory:
        example = next(row for row, key in enumerate(keys) if key in contradictory)
        other = next(
            row for row, key in enumerate(keys) if key == keys[example] and labels[row] != labels[example]
        )
        several = "1 text stands" if len(contradictory) == 1 else f"{len(contradictory):,} texts stand"
        notes.append(
            f"{several} under several labels and cannot be used ({count_rows(unclear)}), such as "
            f"{shortened(texts[example])} under {shortened(labels[example])} and {shortened(labels[other])}."
        )
    if repeated := len(keys) - len(kept) - unclear:
        notes.append(
            f"{count_rows(repeated)} repeat a text that stands there before; each text was taken once."
        )
    return kept, notes


def shortened(text: str, length: int = 60) -> str:
    """The text in quotes, on one line and not longer than a message can bear."""
    line = repr(text)
    return line if len(line) <= length else f"{line[:length]}…{line[0]}"
