"""Numbers for a dashboard: how much was predicted, labelled and right, by model and time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Integer, and_, case, cast, func, select
from sqlalchemy.engine import Connection

from workshop_utils.production.store.database import Store
from workshop_utils.production.store.tables import feedback, models, predictions

Bucket = Literal["minute", "hour", "day"]
_UP_TO = {"minute": 16, "hour": 13, "day": 10}  # characters of 2026-03-01 12:34
_EPOCH = "1970-01-01 00:00"


@dataclass(frozen=True, slots=True)
class VersionCount:
    """What one model did in one bucket of time.

    Attributes:
        model_version: the model. start: of the bucket, in UTC; buckets without predictions are left out.
        predictions, truncated: how many. disagreements: where a challenger in shadow said something else.
        labelled: how many have a label by now. correct: how many of those the model had right.
    """

    model_version: str
    start: datetime
    predictions: int
    truncated: int
    disagreements: int
    labelled: int
    correct: int


def count_by_version(
    store: Store, bucket: Bucket = "hour", since: datetime | None = None, until: datetime | None = None
) -> list[VersionCount]:
    """Predictions and labels by time of the *prediction*, so that a late label counts where it belongs.

    Args:
        store: the store.
        bucket: how long a bucket is.
        since: only predictions from this moment on.
        until: only those before this one.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    p, f = predictions.c, feedback.c
    stands = and_(f.prediction == p.number, f.replaced_by.is_(None), f.label.is_not(None))
    conditions = [*([p.time >= since] if since else []), *([p.time < until] if until else [])]
    with store.reading() as connection:
        start = _start(connection, bucket).label("start")
        rows = connection.execute(
            select(
                *(models.c.version, start, func.count().label("predictions")),
                func.sum(cast(p.truncated, Integer)).label("truncated"),
                func.sum(cast(p.disagreement, Integer)).label("disagreements"),
                func.count(f.number).label("labelled"),
                func.sum(case((f.label == p.label, 1), else_=0)).label("correct"),
            )
            .join(models, models.c.number == p.model)
            .outerjoin(feedback, stands)
            .where(*conditions)
            .group_by(models.c.version, start)
            .order_by(start, models.c.version)
        ).all()
    return [VersionCount(version, _moment(begin), *numbers) for version, begin, *numbers in rows]


def _start(connection: Connection, bucket: Bucket) -> Any:
    """The beginning of the bucket, as text in UTC."""
    if connection.dialect.name == "sqlite":
        return func.substr(predictions.c.time, 1, _UP_TO[bucket])
    return func.to_char(
        func.date_trunc(bucket, predictions.c.time, "UTC").op("AT TIME ZONE")("UTC"), "YYYY-MM-DD HH24:MI"
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text + _EPOCH[len(text) :]).replace(tzinfo=UTC)
