"""Read a CSV table of any size record by record, with line numbers, and without losing what is broken."""

import csv
import gzip
import threading
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from workshop_utils.errors import WorkshopError

DELIMITERS = ",;\t|"
#: Longest field in characters and longest line in bytes; beyond, a quote was probably never closed.
FIELD_LIMIT, LINE_LIMIT = 1 << 24, 1 << 26
_LIMIT_LOCK = threading.Lock()


class Record(NamedTuple):
    """One record of a CSV table.

    Attributes:
        line: number of its first line, from 1.
        fields: its fields.
        raw: the record as it stands in the file, with bytes that are not UTF-8 as Python's
            ``surrogateescape`` keeps them.
        problem: why it cannot be used; empty when all is well.
    """

    line: int
    fields: list[str]
    raw: str
    problem: str


class CsvStream:
    """A CSV file with a header, plain or gzip, UTF-8 with or without BOM; quotes and line breaks inside them.

    The delimiter is the one of ``, ; tab |`` by which the header has ``column``. After each record,
    ``offset`` (bytes of the unpacked file) and ``line`` say where the next one starts.

    Args:
        path: the file.
        column: a column that the header must have.

    Raises:
        WorkshopError: no such file, not a CSV table in UTF-8, or no such column.
    """

    def __init__(self, path: Path, column: str):
        self.path = path
        try:
            self._packed = path.open("rb")
            self.size = path.stat().st_size
        except OSError as error:
            raise WorkshopError(f"{path} cannot be read: {error.strerror or error}.") from None
        try:
            self._open(column)
        except BaseException:
            self.close()
            raise

    def _open(self, column: str) -> None:
        path = self.path
        start = self._packed.peek(4)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise WorkshopError(f"{path.name} is UTF-16; save it as UTF-8.")
        self._file = gzip.GzipFile(fileobj=self._packed) if start[:2] == b"\x1f\x8b" else self._packed
        headers = {delimiter: self._header(delimiter) for delimiter in DELIMITERS}
        self.delimiter = next((mark for mark, names in headers.items() if column in names), "")
        if not self.delimiter:
            longest = max(headers.values(), key=len)
            names = ", ".join(map(repr, longest))
            raise WorkshopError(f"{path.name} has no column {column!r}; its columns are {names}.")
        self.columns = self._header(self.delimiter)
        if self.columns.count(column) > 1:
            raise WorkshopError(f"{path.name} has more than one column {column!r}.")

    def close(self) -> None:
        """Close the file."""
        self._packed.close()

    @property
    def position(self) -> int:
        """Bytes read of the file as it lies on disk, out of ``size``."""
        return self._packed.tell()

    def seek(self, offset: int, line: int) -> None:
        """Go on where an earlier reading stopped.

        Args:
            offset: bytes of the unpacked file before the next record.
            line: number of that record's first line.
        """
        self._file.seek(offset)
        self.offset, self.line = offset, line

    def records(self) -> Iterator[Record]:
        """The records from here on; empty lines are passed over."""
        rows = csv.reader(self._lines(), delimiter=self.delimiter)
        while True:
            self._begin_record()
            first, problem, fields = self.line, "", []
            try:
                with _field_limit():
                    fields = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                limit = "field limit" in str(error)
                problem = "a quote is never closed" if limit else f"not CSV: {error}"
            if not problem and not fields:
                continue
            if self._broken:
                problem = problem or "bytes that are not UTF-8"
            elif not problem and len(fields) != len(self.columns):
                problem = f"{len(fields)} fields instead of {len(self.columns)}"
            if self._ended and self._open_quote():
                problem = "a quote is never closed"
            yield Record(first, fields, "".join(self._raw).rstrip("\r\n"), problem)

    def _header(self, delimiter: str) -> list[str]:
        self.seek(0, 1)
        self._begin_record()
        try:
            with _field_limit():
                names = next(csv.reader(self._lines(), delimiter=delimiter), [])
        except csv.Error as error:
            raise WorkshopError(f"{self.path.name} has no header that can be read: {error}.") from None
        if self._broken:
            raise WorkshopError(f"{self.path.name} is not UTF-8; save it as UTF-8.")
        if not names:
            raise WorkshopError(f"{self.path.name} has no header line.")
        return names

    def _begin_record(self) -> None:
        self._raw: list[str] = []
        self._broken = False

    def _lines(self) -> Iterator[str]:
        """Lines as text; keeps the raw lines of the present record and counts where we are."""
        self._ended = False
        while True:
            try:
                line = self._file.readline(LINE_LIMIT)
            except (EOFError, OSError, zlib.error) as error:
                raise WorkshopError(f"{self.path.name} is damaged after line {self.line}: {error}.") from None
            if not line:
                self._ended = True
                return
            if len(line) == LINE_LIMIT:
                raise WorkshopError(f"{self.path.name} is no CSV table: line {self.line} has no end.")
            if self.offset == 0:
                self.offset, line = (3, line[3:]) if line[:3] == b"\xef\xbb\xbf" else (0, line)
            self.offset += len(line)
            self.line += 1
            text = line.decode("utf-8", "surrogateescape")
            self._broken = self._broken or (not text.isascii() and _escaped(text))
            self._raw.append(text)
            yield text

    def _open_quote(self) -> bool:
        """Does the last record end inside quotes? The lenient reader does not say."""
        try:
            with _field_limit():
                list(csv.reader(self._raw, delimiter=self.delimiter, strict=True))
        except csv.Error as error:
            return "unexpected end" in str(error)
        return False


@contextmanager
def _field_limit() -> Generator[None, None, None]:
    """Long fields are read inside this block; the limit is one for the whole process, so it is put back."""
    with _LIMIT_LOCK:
        former = csv.field_size_limit(FIELD_LIMIT)
        try:
            yield
        finally:
            csv.field_size_limit(former)


def _escaped(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
