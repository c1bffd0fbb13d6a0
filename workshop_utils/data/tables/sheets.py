"""Tables that are not delimited text: JSON Lines, Parquet and Excel's xlsx, row by row."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, time
from itertools import count, islice
from typing import Any

from workshop_utils.data.tables.encoding import decoded, find_encoding
from workshop_utils.data.tables.lines import Lines, is_broken
from workshop_utils.data.tables.record import Record, TableReader
from workshop_utils.data.tables.source import TableFile
from workshop_utils.errors import WorkshopError

_SAMPLE_ROWS = 100
_BATCH_ROWS = 1000
_LATE_KEYS = "Keys that the first hundred rows lack are left out."


def open_json_lines(source: TableFile) -> TableReader:
    """One JSON object a line. Columns are the keys of the first hundred; numbers stay as they are typed.

    Raises:
        WorkshopError: none of the first lines is a JSON object.
    """
    encoding = find_encoding(source.blocks(), source.name)
    notes = [*source.notes, *([encoding.note] if encoding.note else [])]
    columns: dict[str, None] = {}
    for _, _, found in islice(_objects(source, encoding.codec), _SAMPLE_ROWS):
        if isinstance(found, dict):
            columns |= dict.fromkeys(found)
    if not columns:
        raise WorkshopError(
            f"{source.name} looks like JSON and has no object on a line of its own; "
            "save it as JSON Lines (one object a line) or as CSV in UTF-8."
        )

    def records() -> Iterator[Record]:
        for line, raw, found in _objects(source, encoding.codec):
            if not isinstance(found, dict):
                yield Record(line, [], raw, found)
                continue
            if _LATE_KEYS not in notes and found.keys() - columns:
                notes.append(_LATE_KEYS)
            yield _record(line, [found.get(name) for name in columns], raw)

    return TableReader(
        source, list(columns), records, encoding=encoding.codec.removesuffix("-sig"), notes=notes
    )


def _objects(source: TableFile, codec: str) -> Iterator[tuple[int, str, Any]]:
    """Number and text of each line, and its object, or a string that says why it is none."""
    lines = Lines(decoded(source.blocks(), codec), "\n", source.name)
    at = 0
    while lines.reach(at + 1):
        raw = lines.one(at)
        at += 1
        if raw.strip():
            yield at, raw, _object(raw)
        lines.forget(at)


def _object(raw: str) -> dict[str, Any] | str:
    try:
        found = json.loads(raw, parse_float=str, parse_int=str, parse_constant=_number)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {str(error).partition(' (')[0]}"
    return found if isinstance(found, dict) else "not a JSON object"


def _number(constant: str) -> str | None:
    """What is written in place of a number: NaN is a missing one."""
    return None if constant == "NaN" else constant


def open_parquet(source: TableFile) -> TableReader:
    """A Parquet file. Needs pyarrow.

    Raises:
        WorkshopError: pyarrow is not installed, or the file is damaged.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise _needs("pyarrow", f"{source.name} is a Parquet file") from None
    try:
        names = list(parquet.ParquetFile(source.stream()).schema_arrow.names)
    except Exception as error:  # pyarrow has many of its own
        raise source.damaged(error) from None

    def rows() -> Iterator[list[Any]]:
        for batch in parquet.ParquetFile(source.stream()).iter_batches(_BATCH_ROWS):
            yield from map(list, zip(*(column.to_pylist() for column in batch.columns), strict=True))

    return TableReader(source, names, lambda: _numbered(source, rows(), len(names)), notes=source.notes)


def open_xlsx(source: TableFile) -> TableReader:
    """The first sheet of an Excel file (.xlsx). Needs openpyxl.

    Raises:
        WorkshopError: openpyxl is not installed, the file is damaged, or the sheet is empty.
    """
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.escape import unescape
    except ImportError:
        raise _needs("openpyxl", f"{source.name} is an Excel file") from None

    def rows() -> Iterator[list[Any]]:
        sheet = load_workbook(source.stream(), read_only=True, data_only=True).worksheets[0]
        sheet.reset_dimensions()
        for cells in sheet.iter_rows(values_only=True):
            yield [unescape(cell) if isinstance(cell, str) else _day(cell) for cell in cells]

    try:
        sheets = load_workbook(source.stream(), read_only=True).sheetnames
        header = next(rows(), [])
    except Exception as error:  # openpyxl passes on whatever a damaged file makes it meet
        raise source.damaged(error) from None
    while header and header[-1] is None:
        header.pop()
    if not header:
        raise WorkshopError(
            f"The first sheet of {source.name} has no header in its first row; put the table there, "
            "or save it as CSV in UTF-8."
        )
    names = [_typed(cell) for cell in header]
    notes = [*source.notes]
    if len(sheets) > 1:
        notes.append(f"Of the sheets in {source.name}, the first one, {sheets[0]!r}, is read.")
    return TableReader(
        source, names, lambda: _numbered(source, _aligned(rows(), len(names)), len(names)), notes=notes
    )


def _day(cell: Any) -> Any:
    """Excel has no days without a time of day; midnight is what it makes of them."""
    return cell.date() if isinstance(cell, datetime) and cell.time() == time() else cell


def _aligned(rows: Iterator[list[Any]], width: int) -> Iterator[list[Any]]:
    """Rows behind the header, with as many cells as it has, unless more are filled."""
    next(rows, None)
    for row in rows:
        while len(row) > width and row[-1] is None:
            row.pop()
        yield row + [None] * (width - len(row))


def _numbered(source: TableFile, rows: Iterable[list[Any]], width: int) -> Iterator[Record]:
    """Records of rows whose first one stands in line 2; rows without anything in them are passed over."""
    found = iter(rows)
    for line in count(2):
        try:
            row = next(found, None)
        except Exception as error:  # as above
            raise source.damaged(error, f" after row {line - 1:,}") from None
        if row is None:
            return
        if any(cell is not None for cell in row):
            record = _record(line, row, json.dumps(row, ensure_ascii=False, default=str))
            yield (
                record
                if len(row) == width
                else record._replace(problem=f"{len(row)} fields instead of {width}")
            )


def _record(line: int, row: list[Any], raw: str) -> Record:
    fields = [_typed(cell) for cell in row]
    broken = any(map(is_broken, fields))
    return Record(line, fields, raw, "characters that are none (lone surrogates)" if broken else "")


def _typed(cell: Any) -> str:
    """A cell as a person would type it; nothing where it is empty."""
    if isinstance(cell, str):
        return cell
    if cell is None or cell != cell:  # NaN
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "surrogateescape")
    if isinstance(cell, dict | list):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell)


def _needs(package: str, what: str) -> WorkshopError:
    return WorkshopError(f"{what}; to read it, `pip install {package}`, or save the table as CSV in UTF-8.")
