"""How long predictions are kept, and what goes when."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, or_, select

from workshop_utils.production.store.database import Store
from workshop_utils.production.store.tables import drawn, feedback, predictions, skips

_log = logging.getLogger(__name__)

#: Predictions deleted in one transaction, so that nobody waits long for it.
_CHUNK = 2000

#: What people said of a prediction.
_ANSWERS = (feedback, skips)


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept. A prediction that ever got a label stays in any case, unless ``labelled`` is set; so does
    one of which somebody could not say the label, or an estimate would forget that there were such.

    Attributes:
        rows: the newest so many predictions, by their numbers. days: those of the last so many days.
            None: no limit.
        labelled: those two go as well, with what people said of them.
    """

    rows: int | None = None
    days: float | None = None
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many predictions were deleted, and how many labels with them."""

    predictions: int = 0
    labels: int = 0


def prune(store: Store, retention: Retention, now: datetime | None = None) -> Pruned:
    """Delete all that is past the limit, some thousands at a time; log and return what went.

    A text that was drawn for labelling and that nobody has answered yet goes with its prediction.

    Args:
        store: the store.
        retention: the limit.
        now: the moment from which ``days`` count back; by default this one.

    Raises:
        StoreUnavailable: the database does not answer; what was deleted before stays deleted.
    """
    deleted = labels = 0
    while (step := prune_some(store, retention, now)).predictions:
        deleted, labels = deleted + step.predictions, labels + step.labels
    return Pruned(deleted, labels)


def prune_some(store: Store, retention: Retention, now: datetime | None = None) -> Pruned:
    """One step of :func:`prune`: at most some thousands, in one transaction."""
    with store.writing() as connection:
        numbers: list[int] = []
        for query in _too_old(retention, now or datetime.now(UTC)):
            if not retention.labelled:
                query = query.where(~_ever_looked_at())
            numbers += connection.scalars(query.limit(_CHUNK - len(numbers))).all()
        if not numbers:
            return Pruned()
        labels = connection.execute(delete(feedback).where(feedback.c.prediction.in_(numbers))).rowcount
        connection.execute(delete(skips).where(skips.c.prediction.in_(numbers)))
        connection.execute(delete(drawn).where(drawn.c.prediction.in_(numbers)))
        gone = connection.execute(delete(predictions).where(predictions.c.number.in_(numbers))).rowcount
    _log.info("Deleted %d old predictions and %d labels of theirs.", gone, labels)
    return Pruned(gone, labels)


def _too_old(retention: Retention, now: datetime) -> list[Select]:
    """Numbers of what is past each limit, each by an index."""
    queries = []
    if retention.days is not None:
        limit = now - timedelta(days=retention.days)
        queries.append(
            select(predictions.c.number).where(predictions.c.time < limit).order_by(predictions.c.time)
        )
    if retention.rows is not None:
        newest = select(func.max(predictions.c.number)).scalar_subquery()
        queries.append(
            select(predictions.c.number)
            .where(predictions.c.number <= newest - retention.rows)
            .order_by(predictions.c.number)
        )
    return queries


def _ever_looked_at() -> Any:
    answers = (select(table.c.number).where(table.c.prediction == predictions.c.number) for table in _ANSWERS)
    return or_(*(answer.exists() for answer in answers))
