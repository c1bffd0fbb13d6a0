"""The later rows, in periods of the calendar: after each of them somebody looks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

from workshop_utils.errors import WorkshopError
from workshop_utils.production.loop.service_replay import StreamRow

#: How long a period is; ``auto``: the longest of which there are five at least.
PeriodUnit = Literal["auto", "year", "quarter", "month", "week", "day", "hour"]
_UNITS: tuple[PeriodUnit, ...] = get_args(PeriodUnit)[1:]
_FEWEST = 5


class Period(NamedTuple):
    """A period with at least one row.

    Attributes:
        name: for people, such as ``2026-05``. start, end: in UTC; the end is the start of the next.
        rows: in their order.
    """

    name: str
    start: datetime
    end: datetime
    rows: list[StreamRow]


def make_periods(rows: Sequence[StreamRow], unit: PeriodUnit = "auto") -> list[Period]:
    """Divide rows that are in the order of their times.

    Raises:
        WorkshopError: there is one period only, so that nothing comes after it.
    """
    found: dict[PeriodUnit, list[Period]] = {}
    for each in _UNITS if unit == "auto" else (unit,):
        found[each] = _divided(rows, each)
        if len(found[each]) >= _FEWEST:
            break
    most = max(found.values(), key=len)  # of equally many, the longest
    if len(most) < 2:
        longer, most = list(found.items())[-1]
        raise WorkshopError(
            f"All {len(rows):,} rows that are asked are from one {longer}, {most[0].name}, and a loop needs "
            "one after the other; choose an earlier --until, a smaller --train-share or a shorter --period."
        )
    return most


def _divided(rows: Sequence[StreamRow], unit: PeriodUnit) -> list[Period]:
    periods: list[Period] = []
    for row in rows:
        if not periods or row.time >= periods[-1].end:
            start = _start(row.time, unit)
            periods.append(Period(_name(start, unit), start, _end(start, unit), []))
        periods[-1].rows.append(row)
    return periods


def _start(time: datetime, unit: PeriodUnit) -> datetime:
    day = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "year": day.replace(month=1, day=1),
        "quarter": day.replace(month=3 * ((time.month - 1) // 3) + 1, day=1),
        "month": day.replace(day=1),
        "week": day - timedelta(days=day.weekday()),
        "day": day,
        "hour": day.replace(hour=time.hour),
    }[unit]


def _end(start: datetime, unit: PeriodUnit) -> datetime:
    """A day within the next period, and that period's start."""
    days = {"year": 370, "quarter": 95, "month": 32, "week": 7, "day": 1, "hour": 0}[unit]
    return _start(start + (timedelta(days=days) if days else timedelta(hours=1)), unit)


def _name(start: datetime, unit: PeriodUnit) -> str:
    return {
        "year": f"{start:%Y}",
        "quarter": f"{start:%Y} Q{(start.month + 2) // 3}",
        "month": f"{start:%Y-%m}",
        "week": f"week of {start:%Y-%m-%d}",
        "day": f"{start:%Y-%m-%d}",
        "hour": f"{start:%Y-%m-%d %H:00}",
    }[unit]
