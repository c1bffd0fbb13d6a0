"""Delimited text (CSV and its relatives), row by row and strictly: what does not fit is told, never shifted.

Python's csv module splits the lines. What is written here is what no reader of tables offers: line numbers,
rows that do not fit kept whole beside the others, and where to go on behind a broken quote.
"""

import csv
import re
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from workshop_utils.data.tables.dialect import Dialect, find_dialect, line_end, quoted_rightly
from workshop_utils.data.tables.encoding import decoded, find_encoding
from workshop_utils.data.tables.lines import LINE_LIMIT, Lines, is_broken, split_lines
from workshop_utils.data.tables.record import Record, TableReader
from workshop_utils.data.tables.source import TableFile
from workshop_utils.errors import WorkshopError

if TYPE_CHECKING:
    import _csv

#: Longest field in characters; beyond, a quote was probably never closed.
FIELD_LIMIT = 1 << 24
_SAMPLE = 1 << 19  # characters by which the layout is found
_EVIDENCE = 10  # so many lines behind a broken quote must look like rows to be read as rows without more
_LIMIT_LOCK = threading.Lock()

_NOT_CLOSED = "a quote is never closed"
_MISPLACED = "a quote in the wrong place (within quotes, a quote is written twice)"
_BACKSLASH = "a quote behind a backslash (within quotes, a quote is written twice)"


def open_delimited(source: TableFile, column: str | None) -> TableReader:
    """Open a text with fields between delimiters.

    Args:
        source: the file.
        column: a name that the header should have.

    Raises:
        WorkshopError: its encoding cannot be told, or it has no header.
    """
    encoding = find_encoding(source.blocks(), source.name)
    blocks = decoded(source.blocks(), encoding.codec)
    sample = ""
    for block in blocks:
        sample += block
        if len(sample) >= _SAMPLE and ("\n" in sample or "\r" in sample or len(sample) > LINE_LIMIT):
            break
    sample = sample.lstrip("\ufeff")
    end = line_end(sample)
    whole = not next(filter(None, blocks), "")
    with field_limit():
        dialect = find_dialect(split_lines(sample, end), whole, column, source.name)
    if any(map(is_broken, dialect.columns)):
        raise WorkshopError(
            f"{source.name} has a header that is not {_spoken(encoding.codec)}; save it as UTF-8."
        )
    text = DelimitedText(source, encoding.codec, dialect, end)
    reader = TableReader(
        source,
        dialect.columns,
        text.records,
        dialect.delimiter,
        encoding.codec.removesuffix("-sig"),
        text.notes,
    )
    text.notes += [*source.notes, *([encoding.note] if encoding.note else [])]
    if dialect.blanks:
        text.note("Blanks behind delimiters are left out.")
    if dialect.trailing:
        text.note("Rows end with delimiters that the header lacks; they are left out.")
    return reader


class DelimitedText:
    """The rows of a delimited text whose layout is known.

    Attributes:
        notes: grows while rows are read.
    """

    def __init__(self, source: TableFile, codec: str, dialect: Dialect, end: str) -> None:
        self._source, self._codec, self._dialect, self._end = source, codec, dialect, end
        self._width = len(dialect.columns)
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        """Tell it once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def records(self) -> Iterator[Record]:
        """All rows from the first on."""
        lines = Lines(decoded(self._source.blocks(), self._codec), self._end, self._source.name)
        at = self._dialect.first_line
        lines.reach(at)
        while lines.reach(at + 1):
            records, at = self._some(lines, at)
            yield from records
            lines.forget(at)
        if lines.holds_nul:
            self.note("Some rows hold zero characters (NUL); they stay as they are.")
        if lines.garbled:
            self.note(
                f"Some characters look as if they had been saved in a wrong encoding, such as "
                f"{lines.garbled!r}; they stay as they are."
            )
        if lines.open_end:
            self.note("The last line has no line end; look whether the file is complete.")

    def _some(self, lines: Lines, at: int) -> tuple[list[Record], int]:
        """Records from line ``at`` on, as far as lines are in memory, and the line behind them."""
        records: list[Record] = []
        reader = self._reader(chain.from_iterable(lines.beginning(at)))
        start, enough, width, quotes = at, lines.end, self._width, self._dialect.strict
        with field_limit():
            try:
                for fields in reader:
                    end = at + reader.line_num
                    plain = len(fields) == width and end - start == 1 and not (lines.broken or lines.doubtful)
                    if plain and not (quotes and any('"' in field for field in fields)):
                        records.append(Record(end, fields, lines.one(start), ""))
                    elif fields:
                        records.append(self._checked(lines, start, end, fields))
                    start = end
                    if end >= enough:
                        break
            except csv.Error as error:
                record, start = self._mended(lines, start, at + reader.line_num, error)
                records.append(record)
        return records, start

    def _checked(self, lines: Lines, start: int, end: int, fields: list[str]) -> Record:
        raw = lines.raw(start, end)
        problem = ""
        if lines.broken and is_broken(raw):
            problem = f"bytes that are not {_spoken(self._codec)}"
        elif not self._fit(fields):
            problem = f"{len(fields)} fields instead of {self._width}"
            lines.doubtful = True
        elif (lines.doubtful or self._dialect.strict) and '"' in raw:
            lines.doubtful = False
            problem = "" if quoted_rightly(raw, self._dialect.delimiter) else _MISPLACED
        if not problem and end - start > 1 and self._resembles_rows(lines.part(start, end)):
            self.note(
                f"The field with quotes in line {start + 1:,} goes on over lines that look like rows; "
                "look whether one of its quotes is there by mistake."
            )
        return Record(start + 1, fields, raw, problem)

    def _fit(self, fields: list[str]) -> bool:
        """Does the row have a field for each column? Nameless ones at its end are made equal."""
        width = self._width
        if self._dialect.named <= len(fields) < width:
            fields += [""] * (width - len(fields))
        elif self._dialect.trailing and len(fields) > width and not any(fields[width:]):
            del fields[width:]
        return len(fields) == width

    def _resembles_rows(self, lines: list[str]) -> bool:
        """Do the lines of one record look like several: by a last column amid them, or by their numbers?"""
        split = [line.rstrip("\r\n").split(self._dialect.delimiter) for line in lines]
        firsts, lasts = self._dialect.firsts, self._dialect.lasts
        whole = [len(fields) == self._width > 1 for fields in split]
        if any(fits and fields[-1] in lasts - {""} for fits, fields in zip(whole[:-1], split, strict=False)):
            return True
        numbered = bool(firsts) and all(map(str.isdigit, firsts)) and len(lines) > 2 and all(whole[1:])
        return numbered and all(fields[0].isdigit() for fields in split[1:])

    def _mended(self, lines: Lines, start: int, end: int, error: csv.Error) -> tuple[Record, int]:
        """The record of these lines, which the strict reader refuses, and the line to go on with."""
        if "new-line" in str(error) and self._end == "\n":
            fields = self._with_returns(lines.part(start, end))
            if fields is not None and self._width > 1:
                return self._checked(lines, start, end, fields), end
        if "new-line" in str(error):
            return Record(start + 1, [], lines.raw(start, end), "a line break outside quotes"), end
        if "field limit" in str(error) and end - start == 1:
            return Record(start + 1, [], lines.raw(start, end), "a field is too long"), end
        lines.doubtful = True
        unclosed = "field limit" in str(error) or "unexpected end" in str(error)
        behind = (
            self._behind_unclosed(lines, start, end)
            if unclosed
            else self._behind_misplaced(lines, start, end)
        )
        raw = lines.raw(start, behind)
        reason = _NOT_CLOSED if unclosed else _BACKSLASH if '\\"' in raw else _MISPLACED
        return Record(start + 1, [], raw, reason), behind

    def _with_returns(self, lines: list[str]) -> list[str] | None:
        r"""Fields of a record in which a bare ``\r`` stands outside quotes: it is part of its field.

        Python's writer and pandas leave such a field without quotes where lines end in ``\n``.
        """
        stand_in = next(
            chr(code) for code in range(0xE000, 0xF8FF) if not any(chr(code) in line for line in lines)
        )
        replaced = [re.sub(r"\r(?!\n|\Z)", stand_in, line) for line in lines]
        try:
            fields = next(self._reader(replaced))
        except (csv.Error, StopIteration):
            return None
        return [part.replace(stand_in, "\r") for part in fields]

    def _behind_unclosed(self, lines: Lines, start: int, end: int) -> int:
        """The line to go on with behind a quote that is open to the end of the file, or of the longest field.

        The file may have been cut off within a long text, whose lines are no rows. They count as rows only
        where there are many and nearly all of them fit.
        """
        following = lines.part(start + 1, end)
        if len(following) < _EVIDENCE or not self._are_rows(following):
            return end
        self._tell_resumed(start)
        return start + 1

    def _behind_misplaced(self, lines: Lines, start: int, end: int) -> int:
        """The line to go on with behind a record with a quote in the wrong place.

        Nobody knows whether its first line ends within quotes. Read on as if it did: where the next quote
        closes a field rightly, it may have done, and all lines up to there belong to the broken record.
        Where it does not, and the lines before it are rows, only the first line is broken.
        """
        if not lines.reach(start + 2):
            return end
        begin, *_ = lines.part(start + 1, start + 2)
        inside = self._reader(chain(['"x' + begin], chain.from_iterable(lines.beginning(start + 2))))
        try:
            next(inside)
        except csv.Error as error:
            quote = start + inside.line_num  # the line with the next quote, or behind the last line
            if "new-line" in str(error):
                return max(end, quote + 1)
            if "unexpected end" in str(error) or "field limit" in str(error):
                quote += 1
            elif quote - start <= _EVIDENCE and not self._opens_a_field(*lines.part(quote, quote + 1)):
                return max(end, quote + 1)
            between = lines.part(start + 1, quote)
            if not self._are_rows(between):
                return max(end, min(quote + 1, lines.end))
            if between:
                self._tell_resumed(start)
            return start + 1
        return max(end, start + 1 + inside.line_num)

    def _tell_resumed(self, start: int) -> None:
        if not any(sentence.startswith("Behind the broken quote") for sentence in self.notes):
            self.note(
                f"Behind the broken quote in line {start + 1:,} (and others, if there are any), lines that "
                "look like rows are read as rows; look whether they are."
            )

    def _opens_a_field(self, line: str) -> bool:
        place = line.index('"')
        return place == 0 or line[place - 1] == self._dialect.delimiter

    def _are_rows(self, lines: list[str]) -> bool:
        """Is each of these lines a row, or nearly each where there are many?"""
        try:
            rows = [fields for fields in self._reader(lines) if fields]
        except csv.Error:
            return False
        hits = sum(map(self._fit, rows))
        return hits == len(rows) or (len(rows) >= _EVIDENCE and hits >= 0.9 * len(rows))

    def _reader(self, lines: Iterable[str]) -> "_csv.Reader":
        dialect = self._dialect
        return csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.blanks, strict=True)


@contextmanager
def field_limit() -> Generator[None, None, None]:
    """Long fields are read inside this block; the limit is one for the whole process, so it is put back."""
    with _LIMIT_LOCK:
        former = csv.field_size_limit(FIELD_LIMIT)
        try:
            yield
        finally:
            csv.field_size_limit(former)


def _spoken(codec: str) -> str:
    return "Windows-1252" if codec == "cp1252" else codec.removesuffix("-sig").upper()
