"""Somebody's table with a date column, oldest row first, and how it is divided: learned from, kept, asked."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from workshop_utils.data.duplicates import duplicate_groups
from workshop_utils.data.tables import LabelledTable, open_table
from workshop_utils.data.tables.labels import count_rows
from workshop_utils.data.usable_texts import same_text, usable_texts
from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write
from workshop_utils.models.training.parts import FOLDS, grouped_folds
from workshop_utils.models.training.prepare import refuse_labels
from workshop_utils.production.loop.dates import read_dates
from workshop_utils.production.loop.service_replay import StreamRow
from workshop_utils.production.service.schemas import VISIBLE
from workshop_utils.production.service.settings import Limits

#: Bytes of a text in JSON that fit into a request.
LONGEST: Final = Limits().body_bytes - 1000
#: The columns of the tables that are written.
TEXT, LABEL = "text", "label"


class DatedColumns(NamedTuple):
    """Names of three columns, and how dates are written where nobody can tell (``strptime``)."""

    text: str
    label: str
    date: str
    date_format: str = ""


class DatedTable(NamedTuple):
    """Rows that have a text, a label and a date, the oldest first; of one date, in the order of the file.

    Attributes:
        name: of the file. rows: labels with their spellings merged. columns: their names.
        notes: sentences about how it was understood and what was left out.
    """

    name: str
    rows: list[StreamRow]
    columns: DatedColumns
    notes: list[str]


class DividedTable(NamedTuple):
    """What is done with the rows.

    Attributes:
        train: texts and labels that the first model learns from, no text twice. frozen: the frozen test set:
            no near-duplicate of one stands in the other.
        later: rows that are asked, the oldest first. cut: no row of them is older, all others are.
        known: later rows whose text stands among the older ones.
        notes: sentences about what was left out.
    """

    train: tuple[list[str], list[str]]
    frozen: tuple[list[str], list[str]]
    later: list[StreamRow]
    cut: datetime
    known: int
    notes: list[str]


def read_dated_table(
    source: Path, columns: DatedColumns, rows: int | None = None, seed: int = 0
) -> DatedTable:
    """Read a table with the one reader of this package and put it in the order of its dates.

    Args:
        source: as for :func:`~workshop_utils.data.tables.open_table`.
        columns: their names.
        rows: at most so many rows, drawn at random.
        seed: of the drawing.

    Raises:
        WorkshopError: no such file or column, no dates, or no row that has all three.
    """
    table, dates = _read(source, columns)
    dated = read_dates(dates, table.lines, columns.date, columns.date_format)
    notes = list(dated.notes)
    kept = []
    without, long = Counter[str](), 0
    for row, (text, label, time) in enumerate(zip(table.texts, table.labels, dated.times, strict=True)):
        if not re.search(VISIBLE, text or ""):
            without["text"] += 1
        elif len(json.dumps(text)) > LONGEST:
            long += 1
        elif not (label or "").strip():
            without["label"] += 1
        elif time is not None:
            kept.append(row)
    notes += [f"{count_rows(count)} without a {what} left out." for what, count in without.items()]
    if long:
        notes.append(
            f"{count_rows(long)} longer than the service takes left out ({LONGEST:,} bytes as JSON)."
        )
    if rows is not None and rows < len(kept):
        places = np.random.default_rng(seed).choice(len(kept), rows, replace=False)
        notes.append(f"{rows:,} of {len(kept):,} rows were drawn at random (--rows).")
        kept = [kept[place] for place in np.sort(places)]
    if not kept:
        raise WorkshopError(f"No row of {source.name} has a text, a label and a date: {' '.join(notes)}")
    texts, labels = ([column[row] for row in kept] for column in (table.texts, table.labels))
    usable = usable_texts(table._replace(texts=texts, labels=labels), once=False)
    found = [
        StreamRow(text, label, time)
        for row, text, label in zip(kept, usable.texts, usable.labels, strict=True)
        if (time := dated.times[row]) is not None
    ]
    found.sort(key=lambda row: row.time)  # stable: of one date, in the order of the file
    return DatedTable(source.name, found, columns, [*notes, *usable.notes])


def divide_table(table: DatedTable, before: datetime | None, share: float, seed: int) -> DividedTable:
    """The oldest rows teach the first model, a fifth of these judges every model, the others are asked.

    Args:
        table: in the order of its dates.
        before: rows older than this are learned from; None: the ``share`` of the oldest. Rows of one date
            stay together.
        share: see there, between 0 and 1.
        seed: of the frozen test set.

    Raises:
        WorkshopError: all rows have one date, nothing is on one side of ``before``, or the older rows cannot
            be learned from.
    """
    rows, times = table.rows, [row.time for row in table.rows]
    if times[0] == times[-1]:
        raise WorkshopError(
            f"All {len(rows):,} rows of {table.name} have one date, {told_time(times[0])}, and a loop needs "
            f"a before and an after; name another --date-column than {table.columns.date!r}."
        )
    if before is None:
        before = times[round(share * len(rows))] if round(share * len(rows)) < len(rows) else times[-1]
        if before == times[0]:
            before = next(time for time in times if time > times[0])
    old = [row for row in rows if row.time < before]
    later = rows[len(old) :]
    if not old or not later:
        side = "before" if not old else "from"
        raise WorkshopError(
            f"No row of {table.name} is {side} {told_time(before)}: its dates go from "
            f"{told_time(times[0])} to {told_time(times[-1])}; choose another --until."
        )
    texts, labels = [row.text for row in old], [row.label for row in old]
    usable = usable_texts(LabelledTable([*texts], [*labels], [0] * len(old), [], []))
    try:
        refuse_labels(usable.labels, table.columns.label)
    except WorkshopError as error:
        raise WorkshopError(f"Of the {len(old):,} rows before {told_time(before)}: {error}") from None
    codes = np.unique(usable.labels, return_inverse=True)[1].astype(np.int64)
    kept = grouped_folds(codes, duplicate_groups(usable.texts), FOLDS, seed) == 0
    train, frozen = (
        (
            [text for text, stays in zip(usable.texts, part, strict=True) if stays],
            [label for label, stays in zip(usable.labels, part, strict=True) if stays],
        )
        for part in (~kept, kept)
    )
    known = {same_text(text) for text in usable.texts}
    again = sum(same_text(row.text) in known for row in later)
    return DividedTable(train, frozen, later, before, again, usable.notes)


def table_as_json_lines(part: tuple[Sequence[str], Sequence[str]]) -> str:
    """Texts and labels as JSON Lines with the columns ``text`` and ``label``: no delimiter, no quotes."""
    return "".join(json.dumps({TEXT: text, LABEL: label}) + "\n" for text, label in zip(*part, strict=True))


def write_table(path: Path, part: tuple[Sequence[str], Sequence[str]]) -> Path:
    """Write texts and labels, whole or not at all, as every reader of tables here takes them."""
    return atomic_write(path, table_as_json_lines(part))


def _read(source: Path, columns: DatedColumns) -> tuple[LabelledTable, list[str]]:
    """Texts and labels as the reader of labelled tables gives them, and the dates as they stand there."""
    table = LabelledTable([], [], [], [], [])
    dates: list[str] = []
    with open_table(source, columns.text) as reader:
        places = [reader.index(name) for name in columns[:3]]
        if len(set(places)) < 3:
            raise WorkshopError("Text, label and date are three columns; two of them have the same name.")
        text, label, date = places
        for line, fields, raw, problem in reader.records():
            if problem:
                table.bad.append((line, problem, raw))
                continue
            table.texts.append(fields[text] or None)
            table.labels.append(fields[label] or None)
            table.lines.append(line)
            dates.append(fields[date])
        table.notes.extend(reader.notes)
    if not dates:
        raise WorkshopError(f"No row of {source.name} can be used; it has no rows that fit its header.")
    return table, dates


def told_time(time: datetime) -> str:
    """A date for people; with the time of day where that tells more."""
    midnight = (time.hour, time.minute, time.second) == (0, 0, 0)
    return f"{time:%Y-%m-%d}" if midnight else f"{time:%Y-%m-%d %H:%M}"
