"""What every reader of tables hands over."""

import difflib
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from workshop_utils.data.tables.source import TableFile
from workshop_utils.errors import WorkshopError

#: How many column names a sentence shows, and how much of each.
_SHOWN_NAMES, _SHOWN_SIGNS = 10, 40


class Record(NamedTuple):
    """One row of a table.

    Attributes:
        line: number of its first line in the file, from 1; where a format has no lines, number of the row,
            the header being 1.
        fields: as many as there are columns unless there is a ``problem``; an empty one is missing.
        raw: the row as it stands in the file, with bytes that cannot be decoded as Python's
            ``surrogateescape`` keeps them; in JSON where a format has no lines.
        problem: why it cannot be used; empty when all is well.
    """

    line: int
    fields: list[str]
    raw: str
    problem: str


@dataclass
class TableReader:
    """An open table that is read row by row, in memory that does not grow. Made by ``open_table``.

    Reading is repeatable: opened again, the same file gives the same records. So a job that was stopped after
    n records goes on behind ``itertools.islice(reader.records(), n, None)``.

    Attributes:
        source: the file and its bytes.
        columns: the names in the header, as they stand there.
        records: gives all rows from the first on, as :class:`Record`; rows that do not fit come with their
            ``problem``. Raises WorkshopError where the file turns out to be damaged.
        delimiter: between the fields; ``,`` where the format has none.
        encoding: Python's name of it; ``utf-8`` where the format fixes it.
        notes: sentences about what was found and how it was understood; may grow while records are read.
    """

    source: TableFile
    columns: list[str]
    records: Callable[[], Iterator[Record]]
    delimiter: str = ","
    encoding: str = "utf-8"
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of the file on disk."""
        return self.source.size

    @property
    def position(self) -> int:
        """Bytes of the file on disk that have been read so far, out of ``size``."""
        return self.source.position

    def index(self, column: str) -> int:
        """Place of the column that has this name; names are compared in Unicode's form NFC.

        Raises:
            WorkshopError: no column has it, or more than one.
        """
        wanted = composed(column)
        places = [place for place, name in enumerate(self.columns) if composed(name) == wanted]
        if not places:
            raise WorkshopError(
                f"{self.source.name} has no column {column!r}; its columns are {_shown_names(self.columns)}"
                f"{_meant(column, self.columns)}."
            )
        if len(places) > 1:
            raise WorkshopError(
                f"{self.source.name} has more than one column {column!r}; give each a name of its own."
            )
        return places[0]

    def close(self) -> None:
        """Close the file."""
        self.source.close()

    def __enter__(self) -> "TableReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def composed(name: str) -> str:
    """The name in Unicode's form NFC."""
    return unicodedata.normalize("NFC", name)


def _meant(column: str, names: list[str]) -> str:
    """A proposal where a column has nearly this name: in another case, with blanks, or a typing error."""
    spelt = {" ".join(composed(name).replace("\u200b", "").split()).casefold(): name for name in names}
    close = difflib.get_close_matches(composed(column).strip().casefold(), spelt, n=1, cutoff=0.75)
    return f"; perhaps {spelt[close[0]]!r} is meant" if close else ""


def _shown_names(names: list[str]) -> str:
    """The first names for a sentence, and how many more there are."""
    first = [
        name if len(name) <= _SHOWN_SIGNS else name[:_SHOWN_SIGNS] + "…" for name in names[:_SHOWN_NAMES]
    ]
    more = len(names) - len(first)
    return ", ".join(map(repr, first)) + (f" and {more:,} more" if more else "")
