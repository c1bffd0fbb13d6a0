"""Texts and labels from somebody's table."""

from pathlib import Path
from typing import NamedTuple

from workshop_utils.data.tables.opening import open_table
from workshop_utils.errors import WorkshopError

_SHOWN_ROWS = 3


class LabelledTable(NamedTuple):
    """Texts and their labels, in the order of the file.

    Attributes:
        texts: as they stand there; None where the field is empty.
        labels: as they were typed; None where the field is empty.
        lines: number of each row's first line, from 1.
        bad: rows that are left out: line, reason, and the row as it stands in the file.
        notes: sentences about what was found and how it was understood.
    """

    texts: list[str | None]
    labels: list[str | None]
    lines: list[int]
    bad: list[tuple[int, str, str]]
    notes: list[str]


def read_labelled(path: str | Path, text_column: str, label_column: str) -> LabelledTable:
    """Texts and labels of somebody's table, nothing changed and nothing lost in silence.

    Args:
        path: as for :func:`open_table`.
        text_column: name of the column with the texts.
        label_column: name of the column with the labels.

    Raises:
        WorkshopError: as :func:`open_table`; or there is no row that can be used.
    """
    texts: list[str | None] = []
    labels: list[str | None] = []
    lines: list[int] = []
    bad: list[tuple[int, str, str]] = []
    with open_table(path, text_column) as reader:
        text, label = reader.index(text_column), reader.index(label_column)
        if text == label:
            raise WorkshopError(f"Text and label are the same column {text_column!r}; name two.")
        name = reader.source.name
        for line, fields, raw, problem in reader.records():
            if problem:
                bad.append((line, problem, raw))
            else:
                texts.append(fields[text] or None)
                labels.append(fields[label] or None)
                lines.append(line)
        notes = list(reader.notes)
    if not texts:
        raise WorkshopError(
            f"No row of {name} can be used: {told_bad(bad)}" if bad else f"{name} has no rows."
        )
    return LabelledTable(texts, labels, lines, bad, notes)


def told_bad(bad: list[tuple[int, str, str]]) -> str:
    """A sentence about rows that do not fit: how many, and the first ones by line and reason."""
    first = "; ".join(f"line {line:,}: {reason}" for line, reason, _ in bad[:_SHOWN_ROWS])
    more = "; and so on" if len(bad) > _SHOWN_ROWS else ""
    rows = "1 row does" if len(bad) == 1 else f"{len(bad):,} rows do"
    return f"{rows} not fit and cannot be used ({first}{more})."
