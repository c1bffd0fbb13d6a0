"""What a dashboard counts, by time and with bounded work: volume, latencies, labels.

Counting goes over indexes and reads no row; latencies are read of some predictions of each bucket only. So a
million predictions take about as long as their index is long, and not as long as their texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import Row, and_, bindparam, func, select
from sqlalchemy.engine import Connection

from workshop_utils.production.store.database import Store
from workshop_utils.production.store.tables import drawn, feedback, models, predictions

#: Latencies are read of at most about so many predictions of a bucket, in runs of so many that came together.
SAMPLED, _RUN = 500, 50
#: One prediction in so many may bear a time that nobody believes, and at least one.
_ODD_ONE_IN = 1000
_FEWEST_TO_DOUBT = 20

_p = predictions.c
#: All that is counted is counted over one index, the one by model and time.
_OF_MODEL = and_(_p.model == bindparam("model"), _p.time >= bindparam("start"), _p.time < bindparam("end"))
_COUNT = select(func.count()).select_from(predictions).where(_OF_MODEL)
_LATENCIES = select(_p.queue_ms, _p.tokenise_ms, _p.infer_ms).where(
    _OF_MODEL, _p.number % bindparam("stride") < _RUN
)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """When predictions came.

    Attributes:
        predictions: how many the store holds.
        first, last: of nearly all of them: a clock that once told a wrong year does not count.
    """

    predictions: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class VersionUse:
    """One model that has answered.

    Attributes:
        model: its number in the store. version: its name. labels: of its classes.
        first, last: when it answered. by_bucket: how many predictions it made in each bucket.
    """

    model: int
    version: str
    labels: tuple[str, ...]
    first: datetime
    last: datetime
    by_bucket: tuple[int, ...]

    @property
    def predictions(self) -> int:
        """In all buckets."""
        return sum(self.by_bucket)


@dataclass(frozen=True, slots=True)
class TimedLabel:
    """A true label that stands, without text and scores.

    Attributes:
        time: of the prediction. model_version, label: what answered, and what it said.
        truth: the true label. draw, drawing_probability: None where nobody had drawn the text.
    """

    time: datetime
    model_version: str
    label: str
    truth: str
    draw: int | None
    drawing_probability: float | None


def time_range(store: Store) -> TimeRange | None:
    """When predictions came; None where there are none.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    with store.reading() as connection:
        count = connection.scalar(select(func.count()).where(_p.model > 0)) or 0
        if not count:
            return None
        odd = max(count // _ODD_ONE_IN, 1) if count >= _FEWEST_TO_DOUBT else 0
        first, usual_first, usual_last, last = (
            connection.execute(select(_p.time).order_by(order).offset(skipped).limit(1)).scalar_one()
            for order, skipped in ((_p.time, 0), (_p.time, odd), (_p.time.desc(), odd), (_p.time.desc(), 0))
        )
    width = usual_last - usual_first
    return TimeRange(
        count,
        first if usual_first - first <= width else usual_first,
        last if last - usual_last <= width else usual_last,
    )


def version_use(store: Store, edges: Sequence[datetime]) -> tuple[VersionUse, ...]:
    """Who answered how much in each bucket; the model that answered last stands at the end.

    Args:
        store: the store.
        edges: where buckets begin, and where the last one ends.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    newest, oldest = (
        select(end(_p.time)).where(_p.model == models.c.number).scalar_subquery()
        for end in (func.max, func.min)
    )
    with store.reading() as connection:
        rows = connection.execute(select(models, oldest.label("first"), newest.label("last"))).all()
        used = sorted((row for row in rows if row.last is not None), key=lambda row: (row.last, row.number))
        return tuple(
            VersionUse(
                *(row.number, row.version, tuple(row.labels), row.first, row.last),
                tuple(_count(connection, row, *bucket) for bucket in pairwise(edges)),
            )
            for row in used
        )


def latencies_over_time(
    store: Store, edges: Sequence[datetime], uses: Sequence[VersionUse]
) -> tuple[tuple[float, ...], ...]:
    """Latencies of some predictions of each bucket, the same ones each time.

    Which ones follows from their numbers alone: runs of predictions that came together, evenly apart. All of
    a bucket where it has few.

    Args:
        store: the store.
        edges: where buckets begin, and where the last one ends.
        uses: from :func:`version_use` for the same buckets.

    Returns:
        For each bucket milliseconds in queue, tokenising and inference together, as far as somebody measured.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    found: list[tuple[float, ...]] = []
    with store.reading() as connection:
        for place, (start, end) in enumerate(pairwise(edges)):
            count = sum(use.by_bucket[place] for use in uses)
            values = {"start": start, "end": end, "stride": _RUN * max(1, -(-count // SAMPLED))}
            rows: list[Row] = []
            for use in uses:
                if use.by_bucket[place]:
                    rows += connection.execute(_LATENCIES, values | {"model": use.model}).all()
            found.append(tuple(sum(parts) for parts in map(_measured, rows) if parts))
    return tuple(found)


def some_labels(store: Store, most: int, since: datetime | None = None) -> tuple[tuple[TimedLabel, ...], int]:
    """The labels that stand, in the order of their arrival; where they are many, one in so many.

    Which ones follows from their numbers, so it says nothing of what they say, and is the same each time.

    Args:
        store: the store.
        most: about so many at most.
        since: only labels of predictions that came after the first one from this moment on.

    Returns:
        The labels, and of how many each is one: 1 where these are all.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    f = feedback.c
    with store.reading() as connection:
        asked = [f.label.is_not(None), f.replaced_by.is_(None)]
        arrived = select(func.count()).select_from(feedback)
        if since is not None:
            first = connection.scalar(select(func.min(_p.number)).where(_p.time >= since))
            asked.append(f.prediction >= (first or 0))
            arrived = arrived.where(f.prediction >= (first or 0))
        one_in = max(1, -(-connection.execute(arrived).scalar_one() // most))
        rows = connection.execute(
            select(_p.time, models.c.version, _p.label, f.label, drawn.c.draw, drawn.c.probability)
            .select_from(feedback)
            .join(predictions, _p.number == f.prediction)
            .join(models, models.c.number == _p.model)
            .outerjoin(drawn, drawn.c.prediction == _p.number)
            .where(f.number % one_in == 0, *asked)
            .order_by(f.number)
        ).all()
    return tuple(TimedLabel(*row) for row in rows), one_in


def _count(connection: Connection, model: Row, start: datetime, end: datetime) -> int:
    """Predictions of a model in a bucket; where it did not answer at all, nobody need look."""
    if start > model.last or end <= model.first:
        return 0
    return connection.execute(_COUNT, {"start": start, "end": end, "model": model.number}).scalar_one()


def _measured(row: Row) -> list[float]:
    return [part for part in row if part is not None]
