"""The one way to open somebody's table, whatever its format."""

from pathlib import Path

from workshop_utils.data.tables.delimited import open_delimited
from workshop_utils.data.tables.record import TableReader
from workshop_utils.data.tables.sheets import open_json_lines, open_parquet, open_xlsx
from workshop_utils.data.tables.source import TableFile


def open_table(path: str | Path, column: str | None = None) -> TableReader:
    """Open somebody's table, known by its content: CSV, Parquet, JSON Lines or xlsx, packed or not.

    CSV may have any usual delimiter and encoding; what was found stands in the reader's ``notes``.

    Args:
        path: the file, a pipe such as ``/dev/stdin``, or ``-`` for standard input.
        column: a name that the header must have; helps to find the delimiter.

    Raises:
        WorkshopError: no such file, no table, or no such column; one sentence with the way out.
    """
    source = TableFile(path)
    try:
        kind = source.kind()
        if kind == "parquet":
            reader = open_parquet(source)
        elif kind == "xlsx":
            reader = open_xlsx(source)
        elif kind == "json lines":
            reader = open_json_lines(source)
        else:
            reader = open_delimited(source, column)
        if column is not None:
            reader.index(column)
    except BaseException:
        source.close()
        raise
    return reader
