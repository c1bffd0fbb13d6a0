"""The one axis of time that everything on the dashboard shares: from when to when, in which buckets."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

Span = Literal["hour", "day", "week", "month", "all"]

#: What a reader may ask for. ``all``: from the first prediction on.
SPANS: Final[dict[Span, timedelta | None]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "all": None,
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
#: Lengths of a bucket in seconds; each begins where the clock in UTC shows a round time.
_LENGTHS: Final = (
    *(10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY, 91 * _DAY, 364 * _DAY),
)
MOST_BUCKETS: Final = 60
_MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Buckets of one length, one after the other.

    Attributes:
        edges: where each begins, and where the last one ends; in UTC.
    """

    edges: tuple[datetime, ...]

    @property
    def buckets(self) -> int:
        """How many there are."""
        return len(self.edges) - 1

    @property
    def length(self) -> timedelta:
        """Of a bucket."""
        return self.edges[1] - self.edges[0]

    def share(self, moment: datetime) -> float:
        """Where a moment lies: 0 at the beginning, 1 at the end, else outside."""
        return (moment - self.edges[0]) / (self.edges[-1] - self.edges[0])

    def bucket(self, moment: datetime) -> int | None:
        """The number of the bucket that a moment lies in; None outside."""
        place = (moment - self.edges[0]) // self.length
        return place if 0 <= place < self.buckets else None

    def middle(self, bucket: int) -> float:
        """Where the middle of a bucket lies, from 0 to 1."""
        return (bucket + 0.5) / self.buckets

    def ticks(self) -> list[tuple[float, str]]:
        """Round moments, at most seven: where each lies, and what to write there."""
        whole = (self.edges[-1] - self.edges[0]).total_seconds()
        step = _length_for(whole, _MOST_TICKS)
        moment, found = _round_up(self.edges[0], step), []
        while moment <= self.edges[-1]:
            found.append((self.share(moment), self._written(moment, step, whole)))
            moment = _later(moment, step)
        return found

    def told(self, moment: datetime) -> str:
        """A moment as people read it, as exact as the axis is."""
        return moment.strftime("%Y-%m-%d" if self.length >= timedelta(days=1) else "%Y-%m-%d %H:%M:%S")

    @staticmethod
    def _written(moment: datetime, step: float, whole: float) -> str:
        if step >= 300 * _DAY:
            return f"{moment:%Y}"
        if step >= _DAY:
            return f"{moment.day} {moment:%b}" + (f" {moment:%Y}" if whole > 300 * _DAY else "")
        if whole > _DAY and moment.hour == moment.minute == 0:
            return f"{moment.day} {moment:%b}"
        return f"{moment:%H:%M:%S}" if step < _MINUTE else f"{moment:%H:%M}"


def axis_of(first: datetime, last: datetime) -> TimeAxis:
    """The axis that holds both moments, with at most :data:`MOST_BUCKETS` buckets.

    Args:
        first: must not be later than ``last``.
        last: as ``first`` with a time zone.
    """
    seconds = _length_for((last - first).total_seconds(), MOST_BUCKETS - 2)
    edges = [_round_down(first, seconds)]
    while edges[-1] <= last:
        edges.append(_later(edges[-1], seconds))
    return TimeAxis(tuple(edges))


def bounds_of(
    span: Span, now: datetime, predictions: tuple[datetime, datetime] | None, others: Iterable[datetime]
) -> tuple[datetime, datetime] | None:
    """From when to when the axis goes; None where nothing has happened yet.

    ``all`` begins with the first prediction and ends now, unless what came last lies further back than all of
    it is long, as in an exercise whose times are made up. The other spans end now.

    Args:
        span: what was asked for.
        now: this moment.
        predictions: the first and the last.
        others: when other things happened; they count where there are no predictions.
    """
    length = SPANS[span]
    if length is not None:
        return now - length, now
    if predictions is None:
        moments = [each for each in others if each <= now]
        return (min(moments), now) if moments else None
    first, last = predictions
    return first, now if last <= now <= last + max(last - first, timedelta(minutes=10)) else last


def _length_for(seconds: float, most: int) -> float:
    """The shortest round length of which at most ``most`` make so many seconds."""
    length = next((each for each in _LENGTHS if each * most >= seconds), _LENGTHS[-1])
    return length * max(1, math.ceil(seconds / (length * most)))


def _round_down(moment: datetime, seconds: float) -> datetime:
    since = int((moment - _EPOCH).total_seconds() // seconds)
    return _EPOCH + timedelta(seconds=since * seconds)


def _round_up(moment: datetime, seconds: float) -> datetime:
    down = _round_down(moment, seconds)
    return down if down == moment else _later(down, seconds)


def _later(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)


_EPOCH = datetime(1969, 12, 29, tzinfo=UTC)  # a Monday, so that weeks begin with one
