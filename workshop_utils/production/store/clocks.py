"""Times in the store are told by many clocks, and some of them are wrong."""

from datetime import datetime

from sqlalchemy import func, select

from workshop_utils.production.store.database import Store
from workshop_utils.production.store.tables import models, predictions

#: So many of the newest predictions, of all models, are looked at: a clock that was mended is no news.
NEWEST = 200


def predictions_ahead(store: Store, model_version: str, moment: datetime) -> tuple[int, datetime | None]:
    """How many of the newest predictions are a model's and later than a moment, and the latest of them.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    p = predictions.c
    last = select(func.max(p.number)).scalar_subquery()
    query = (
        select(func.count(), func.max(p.time))
        .select_from(predictions.join(models, models.c.number == p.model))
        .where(p.number > last - NEWEST, p.time > moment, models.c.version == model_version)
    )
    with store.reading() as connection:
        count, latest = connection.execute(query).one()
    return count, latest
