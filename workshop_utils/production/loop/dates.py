"""Dates as people write them, read strictly: one way of writing for a column, and nothing guessed.

A date that is written otherwise is reported with its line. ``03/04/2026`` could be in March or in April: the
other rows say which, or nobody does. Month names are English; no setting of the machine changes them.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from workshop_utils.data.tables.labels import count_rows
from workshop_utils.data.usable_texts import shortened
from workshop_utils.errors import WorkshopError

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = {name[:length]: place for place, name in enumerate(_MONTHS, 1) for length in (3, len(name))}
_MONTH["sept"] = 9
_TIME = r"(?:[ T,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?)?"
_DAY, _YEAR = r"(?P<day>\d{1,2})", r"(?P<year>\d{4})"
_NAME = r"(?P<name>[A-Za-z]{3,9})\.?"
#: Rows that may be left out because of their date, as a share of all; and so many are told one by one.
_MOST_LEFT_OUT, _TOLD = 0.1, 3
_EARLIEST, _LATEST = 1000, 2199
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DatedRows(NamedTuple):
    """The dates of a column.

    Attributes:
        times: one for each row, in UTC; None where the row has no date that can be read.
        notes: how they were read, and what was left out.
    """

    times: list[datetime | None]
    notes: list[str]


def read_dates(values: Sequence[str], lines: Sequence[int], column: str, written: str = "") -> DatedRows:
    """Read a column of dates: all of them in the way in which most are written.

    Known are ISO 8601 (``2026-07-01``, with a time and a zone, if it has them), ``2026/07/01``,
    ``01.07.2026``, ``07/01/2026`` in the order that the column shows, ``July 1, 2026``, ``1 July 2026``,
    months and years alone, and seconds or milliseconds since 1970. Dates without a zone are taken as they
    stand.

    Args:
        values: as they stand there.
        lines: of the file, for messages.
        column: its name, for messages.
        written: how dates are written, as Python's ``strptime`` takes it; then there is nothing to find out.

    Raises:
        WorkshopError: nobody can tell day from month, only some dates have a zone, more than a tenth of the
            rows have no date that can be read, or ``written`` names no year or is none that Python knows.
    """
    cells = [value.strip() for value in values]
    ways = {f"written {written}": _typed(written)} if written else _WAYS
    fits = {name: sum(read(cell) is not None for cell in set(cells) if cell) for name, read in ways.items()}
    best = max(fits, key=lambda name: fits[name])  # of equally many, the one that is listed first
    if not fits[best]:
        example = next((cell for cell in cells if cell), "")
        found = f"the first one is {shortened(example)}" if example else "all of them are empty"
        raise WorkshopError(
            f"The column {column!r} holds no dates that can be read ({found}); write them as 2026-07-01, or "
            "say how they are written with --date-format."
        )
    if best in _BY_ORDER:
        best = _order_of_the_column(cells, fits, column)
    times = [ways[best](cell) if cell else None for cell in cells]
    times, zone = _in_utc(times, cells, lines, column)
    notes = [f"Dates in the column {column!r} are read as {best}; {zone}."]
    return DatedRows(times, [*notes, *_left_out(times, cells, lines, ways, column)])


def read_date(typed: str) -> datetime:
    """One date that somebody types, in ISO 8601; without a zone it is UTC.

    Raises:
        WorkshopError: it is none.
    """
    found = _iso(typed.strip()) or _month(typed.strip()) or _year(typed.strip())
    if found is None:
        raise WorkshopError(f"{shortened(typed)} is no date; write it as 2026-07-01.")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _iso(cell: str) -> datetime | None:
    if not re.match(r"\d{4}-\d|\d{8}(T|$)", cell) or "W" in cell:
        return None
    try:
        return _plausible(datetime.fromisoformat(cell.replace(" UTC", "+00:00")))
    except ValueError:
        return None


def _month(cell: str) -> datetime | None:
    found = re.fullmatch(r"(\d{4})[-/](\d{1,2})", cell, re.ASCII)
    return _made(found[1], found[2], "1") if found else None


def _year(cell: str) -> datetime | None:
    found = re.fullmatch(r"(\d{4})(\.0)?", cell, re.ASCII)
    return _made(found[1], "1", "1") if found else None


def _pattern(pattern: str) -> Callable[[str], datetime | None]:
    """Reads cells of this form; the groups say what is what."""
    form = re.compile(pattern + _TIME, re.ASCII)

    def read(cell: str) -> datetime | None:
        found = form.fullmatch(cell)
        if not found:
            return None
        told = found.groupdict()
        month = told.get("month") or str(_MONTH.get((told.get("name") or "").lower(), ""))
        return _made(
            told["year"],
            month,
            told["day"],
            *(told[part] or "0" for part in ("hour", "minute", "second")),
        )

    return read


def _since_1970(digits: int, second: int) -> Callable[[str], datetime | None]:
    def read(cell: str) -> datetime | None:
        if not re.fullmatch(rf"\d{{{digits}}}(\.\d+)?", cell, re.ASCII):
            return None
        return _plausible(_EPOCH + timedelta(seconds=float(cell) / second))

    return read


def _typed(written: str) -> Callable[[str], datetime | None]:
    if not re.search("%[YyGcx]", written.replace("%%", "")):
        raise WorkshopError(f"--date-format {written!r} names no year; write one such as %d/%m/%Y.")
    unknown = WorkshopError(f"--date-format {written!r} is none that Python knows, such as %d/%m/%Y.")

    def read(cell: str) -> datetime | None:
        try:
            return _plausible(datetime.strptime(cell, written))
        except ValueError as error:
            of_the_cell = str(error).startswith(("time data", "unconverted data"))  # both name the cell
            if not of_the_cell and re.search("directive|stray", str(error)):
                raise unknown from None
            return None
        except re.error:
            raise unknown from None

    return read


def _made(
    year: str, month: str, day: str, hour: str = "0", minute: str = "0", second: str = "0"
) -> datetime | None:
    numbers = (year, month, day, hour, minute, second)
    try:
        years, months, days, hours, minutes, seconds = map(int, numbers)
        return _plausible(datetime(years, months, days, hours, minutes, seconds))
    except ValueError:
        return None


def _plausible(found: datetime) -> datetime | None:
    return found if _EARLIEST <= found.year <= _LATEST else None


_DAY_FIRST, _MONTH_FIRST = "day/month/year", "month/day/year"
_BY_ORDER = (_DAY_FIRST, _MONTH_FIRST)
#: Ways of writing, by the name that people are told.
_WAYS: dict[str, Callable[[str], datetime | None]] = {
    "ISO 8601, such as 2026-07-01": _iso,
    "year/month/day": _pattern(rf"{_YEAR}/(?P<month>\d{{1,2}})/{_DAY}"),
    "day.month.year": _pattern(rf"{_DAY}\.(?P<month>\d{{1,2}})\.{_YEAR}"),
    _DAY_FIRST: _pattern(rf"{_DAY}[/-](?P<month>\d{{1,2}})[/-]{_YEAR}"),
    _MONTH_FIRST: _pattern(rf"(?P<month>\d{{1,2}})[/-]{_DAY}[/-]{_YEAR}"),
    "month day, year": _pattern(rf"{_NAME} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}"),
    "day month year": _pattern(rf"{_DAY}(?:st|nd|rd|th)?[ -]{_NAME}[ -]{_YEAR}"),
    "seconds since 1970": _since_1970(10, 1),
    "milliseconds since 1970": _since_1970(13, 1000),
    "months, such as 2026-07": _month,
    "years": _year,
}


def _order_of_the_column(cells: Sequence[str], fits: dict[str, int], column: str) -> str:
    """Is day or month first? Only a date such as 25/12/2026 tells."""
    both = [name for name in _BY_ORDER if fits[name]]
    only = {
        name: [
            cell
            for cell in cells
            if _WAYS[name](cell) and not any(_WAYS[each](cell) for each in both if each != name)
        ]
        for name in both
    }
    told = [name for name in both if only[name]]
    if len(told) == 1:
        return told[0]
    if told:
        day, month = (shortened(only[name][0]) for name in (_DAY_FIRST, _MONTH_FIRST))
        raise WorkshopError(
            f"In the column {column!r} some dates have the day first, such as {day}, and others the month, "
            f"such as {month}; write them all as 2026-07-01."
        )
    example = next(cell for cell in cells if _WAYS[_DAY_FIRST](cell))
    raise WorkshopError(
        f"Nobody can tell whether {shortened(example)} in the column {column!r} begins with the day or the "
        "month; say --date-format %d/%m/%Y or %m/%d/%Y, or write the dates as 2026-07-01."
    )


def _in_utc(
    times: Sequence[datetime | None], cells: Sequence[str], lines: Sequence[int], column: str
) -> tuple[list[datetime | None], str]:
    """All in UTC, and a word on their zones."""
    known = [(time, row) for row, time in enumerate(times) if time is not None]
    zoned = [(time, row) for time, row in known if time.tzinfo is not None]
    if 0 < len(zoned) < len(known):
        row = zoned[0][1]
        raise WorkshopError(
            f"Of {len(known):,} dates in the column {column!r} only {len(zoned):,} have a time zone, the "
            f"first in line {lines[row]:,} ({shortened(cells[row])}), so nobody knows what came first; write "
            "a zone in all of them or in none."
        )
    if not zoned:
        naive = [time and time.replace(tzinfo=UTC) for time in times]
        return naive, "they have no time zone and are taken as they stand"
    offsets = {time.utcoffset() for time, _ in zoned}
    told = "they are in UTC" if offsets == {timedelta(0)} else "their time zones are brought to UTC"
    return [time and time.astimezone(UTC) for time in times], told


def _left_out(
    times: Sequence[datetime | None],
    cells: Sequence[str],
    lines: Sequence[int],
    ways: dict[str, Callable[[str], datetime | None]],
    column: str,
) -> list[str]:
    """What has no date, by line and reason."""
    without = [row for row, time in enumerate(times) if time is None]
    if not without:
        return []
    told = "; ".join(f"line {lines[row]:,}: {_reason(cells[row], ways)}" for row in without[:_TOLD])
    more = "; and so on" if len(without) > _TOLD else ""
    if len(without) > _MOST_LEFT_OUT * len(times):
        raise WorkshopError(
            f"{len(without):,} of {len(times):,} rows have no date in the column {column!r} that can be read "
            f"({told}{more}); mend them, or say how they are written with --date-format."
        )
    return [f"{count_rows(len(without))} left out because of the date ({told}{more})."]


def _reason(cell: str, ways: dict[str, Callable[[str], datetime | None]]) -> str:
    if not cell:
        return "no date"
    other = next((name for name, read in ways.items() if read(cell) is not None), None)
    return (
        f"{shortened(cell, 30)} is written otherwise, as {other}"
        if other
        else f"{shortened(cell, 30)} is no date"
    )
