"""How a delimited text is laid out: line ends, delimiter, header, what stands at the ends of its rows."""

import csv
import re
from typing import NamedTuple

from workshop_utils.data.tables.record import composed
from workshop_utils.errors import WorkshopError

DELIMITERS = ",;\t|"
_SAMPLE_ROWS, _NEARLY_ALL, _MOST = 100, 0.9, 0.8
_SEP_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)


class Dialect(NamedTuple):
    """The layout of a delimited text.

    Attributes:
        delimiter: between the fields.
        columns: the names in the header.
        first_line: number of lines before the first row.
        blanks: a blank stands behind each delimiter, and is not part of the field.
        trailing: rows end with delimiters that the header lacks.
        named: columns before the nameless ones at the end, which rows may lack.
        strict: fields of the sample stand in quotes, and hardly a quote stands elsewhere but doubled in them.
        firsts, lasts: what stands in the first and in the last column of the sample.
    """

    delimiter: str
    columns: list[str]
    first_line: int
    blanks: bool
    trailing: bool
    named: int
    strict: bool
    firsts: frozenset[str]
    lasts: frozenset[str]


class _Reading(NamedTuple):
    """A sample read with one delimiter: header, lines before the first row, rows, share of rows that fit."""

    delimiter: str
    blanks: bool
    header: list[str]
    lines: int
    rows: list[list[str]]
    fit: float
    strict: bool


def line_end(sample: str) -> str:
    r"""``\r`` where lines end in it alone, as on the first Macs; else ``\n``, also for Windows' ``\r\n``."""
    outside = re.sub(r'"[^"]*("|$)', "", sample)
    return "\r" if "\r" in outside and "\n" not in outside else "\n"


def find_dialect(lines: list[str], whole: bool, column: str | None, name: str) -> Dialect:
    """The layout, by the first lines of the text.

    The delimiter is the one that a first line ``sep=;`` names; else, among those by which the header has
    ``column``, the one that most rows fit.

    Args:
        lines: each with its end.
        whole: these are all lines there are.
        column: a name that the header should have.
        name: of the file, for sentences.

    Raises:
        WorkshopError: there is no header.
    """
    before = next((place for place, line in enumerate(lines) if line.strip("\r\n")), len(lines))
    named = _SEP_LINE.fullmatch(lines[before]) if before < len(lines) else None
    before += bool(named)
    marks = named[1] if named else DELIMITERS
    readings = [reading for mark in marks if (reading := _read(lines[before:], whole, mark))]
    if not readings:
        raise WorkshopError(f"{name} has no header line that can be read.")
    having = [r for r in readings if column and composed(column) in map(composed, r.header)] or readings
    best = max(having, key=lambda r: (len(r.header) > 1 and r.fit >= 0.5, r.fit, len(r.header)))
    return _dialect(best, before)


def _read(lines: list[str], whole: bool, delimiter: str, blanks: bool = False) -> _Reading | None:
    """The sample by this delimiter; None where its header cannot be read so."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=blanks, strict=True)
    rows: list[list[str]] = []
    header: list[str] = []
    header_lines, cut = 0, not whole
    start, quoted, rightly = 0, 0, 0
    try:
        for fields in reader:
            raw = "".join(lines[start : reader.line_num]).rstrip("\r\n")
            start = reader.line_num
            if '"' in raw:
                quoted += 1
                rightly += quoted_rightly(raw, delimiter)
            if not header:
                header, header_lines = fields, reader.line_num
            elif fields:
                rows.append(fields)
            if len(rows) == _SAMPLE_ROWS:
                cut = False
                break
    except csv.Error:
        cut = False
    if cut:  # the last row may go on behind the sample
        rows = rows[:-1]
    if not header:
        return None
    if not blanks and rows and all(map(_has_blanks, [header, *rows])):
        return _read(lines, whole, delimiter, blanks=True)
    width = len(header)
    fits = [_named(header) <= len(row) <= width or _is_trailing(row, width) for row in rows]
    fit = sum(fits) / len(fits) if fits else 1.0
    return _Reading(delimiter, blanks, header, header_lines, rows, fit, rightly > _MOST * quoted)


def quoted_rightly(raw: str, delimiter: str) -> bool:
    """Do quotes stand only around fields, and doubled within them? No program writes others."""
    mark = re.escape(delimiter)
    field = rf'(?:"[^"]*(?:""[^"]*)*"|[^"{mark}]*)'
    return re.fullmatch(rf"{field}(?:{mark}{field})*", raw) is not None


def _has_blanks(row: list[str]) -> bool:
    """Does a blank stand behind each delimiter?"""
    return len(row) > 1 and all(field.startswith(" ") for field in row[1:])


def _named(header: list[str]) -> int:
    """How many columns there are before the nameless ones at the end."""
    named = len(header)
    while named > 1 and not header[named - 1].strip():
        named -= 1
    return named


def _is_trailing(row: list[str], width: int) -> bool:
    return len(row) > width and not any(row[width:])


def _dialect(reading: _Reading, before: int) -> Dialect:
    header, rows = reading.header, reading.rows
    width = len(header)
    trailing = sum(_is_trailing(row, width) for row in rows) > _NEARLY_ALL * len(rows)
    fitting = [row for row in rows if len(row) >= width]
    return Dialect(
        delimiter=reading.delimiter,
        columns=header,
        first_line=before + reading.lines,
        blanks=reading.blanks,
        trailing=trailing,
        named=_named(header),
        strict=reading.strict,
        firsts=frozenset(row[0] for row in fitting),
        lasts=frozenset(row[width - 1] for row in fitting),
    )
