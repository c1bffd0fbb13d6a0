"""All predictions, labelled or not, as monitoring reads them: in order, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import null, select

from workshop_utils.production.store.database import Store
from workshop_utils.production.store.stream import last_prediction
from workshop_utils.production.store.tables import models, predictions

#: Rows read in one transaction; between two of them nobody is kept waiting.
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class ScoredText:
    """A prediction as it was stored.

    Attributes:
        number: in the order of arrival. Go on after it with ``scored_texts(store, after=number)``.
        label: what the model said. probabilities: one for each of the model's labels.
        text: None where texts are not stored. truncated: did the model read a part only?
        latency_ms: queue, tokenising and inference together; None where nobody measured.
        time: when; clocks jump, so nothing is ordered by it.
    """

    number: int
    label: str
    probabilities: tuple[float, ...]
    text: str | None
    truncated: bool
    latency_ms: float | None
    time: datetime


def scored_texts(
    store: Store,
    after: int = 0,
    until: int | None = None,
    model_version: str | None = None,
    texts: bool = True,
) -> Iterator[ScoredText]:
    """Predictions in the order of their commits.

    Args:
        store: the store.
        after: only predictions with a greater number.
        until: only those up to this number; None takes those that are there when reading begins.
        model_version: only predictions of this model.
        texts: read the texts too; without them it is faster.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    end = last_prediction(store) if until is None else until
    p = predictions.c
    query = (
        select(
            *(p.number, p.label, p.probabilities, p.truncated, p.time),
            *(p.queue_ms, p.tokenise_ms, p.infer_ms, p.text if texts else null().label("text")),
        )
        .where(p.number <= end)
        .order_by(p.number)
        .limit(_BATCH)
    )
    if model_version is not None:
        query = query.join(models, models.c.number == p.model).where(models.c.version == model_version)
    while True:
        with store.reading() as connection:
            rows = connection.execute(query.where(p.number > after)).all()
        for row in rows:
            parts = (row.queue_ms, row.tokenise_ms, row.infer_ms)
            measured = [part for part in parts if part is not None]
            yield ScoredText(
                row.number,
                row.label,
                tuple(row.probabilities),
                row.text,
                row.truncated,
                sum(measured) if measured else None,
                row.time,
            )
        if len(rows) < _BATCH:
            return
        after = rows[-1].number
