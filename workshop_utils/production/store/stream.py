"""Predictions whose truth is known, as monitoring and retraining read them: in order, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, Select, and_, func, null, or_, select

from workshop_utils.production.store.database import Store
from workshop_utils.production.store.records import Part
from workshop_utils.production.store.tables import drawn, draws, feedback, models, predictions

#: Rows read in one transaction; between two of them nobody is kept waiting.
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class LabelledPrediction:
    """A prediction and the true label that stands.

    Attributes:
        number: of the label, in the order of arrival. Go on after it with ``labelled(store, after=number)``.
        prediction_number: of the prediction, in the order of arrival; draws speak of these.
        truth: the true label. label: what the model said. labels: the model's, in the order of probabilities.
        text: None where texts are not stored.
        labelled_by: who gave the truth. time, labelled_at: of the prediction and of its label.
        draw, part, drawing_probability: how the text came to be labelled. None where nobody had drawn it:
            such labels come from people who had a reason to write, and no accuracy should rest on them.
        shadow_version, shadow_label: the challenger that scored the same text, and its answer.
    """

    number: int
    prediction_number: int
    prediction_id: str
    model_version: str
    labels: tuple[str, ...]
    truth: str
    label: str
    probabilities: tuple[float, ...]
    truncated: bool
    text: str | None
    time: datetime
    labelled_at: datetime
    labelled_by: str
    draw: int | None
    part: Part | None
    drawing_probability: float | None
    shadow_version: str | None
    shadow_label: str | None

    @property
    def correct(self) -> bool:
        """Was the model right?"""
        return self.label == self.truth


def last_label(store: Store) -> int:
    """Number of the label that arrived last; 0 when there is none."""
    with store.reading() as connection:
        return connection.scalar(select(func.max(feedback.c.number))) or 0


def last_prediction(store: Store) -> int:
    """Number of the prediction that was stored last; 0 when there is none."""
    with store.reading() as connection:
        return connection.scalar(select(func.max(predictions.c.number))) or 0


def labelled(
    store: Store,
    after: int = 0,
    until: int | None = None,
    model_version: str | None = None,
    texts: bool = True,
) -> Iterator[LabelledPrediction]:
    """Labelled predictions in the order in which their standing labels arrived, in constant memory.

    A corrected label stands where the correction arrived, a label that was taken back nowhere. With ``until``
    the answer is as it was when that label had just arrived, whatever came later: a decision can be repeated.

    Args:
        store: the store.
        after: only labels with a greater number.
        until: only labels up to this number; None takes those that are there when reading begins.
        model_version: only predictions of this model.
        texts: read the texts too; without them it is faster.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    end = last_label(store) if until is None else until
    query = _query(end, model_version, texts)
    labels_of: dict[int, tuple[str, ...]] = {}
    while True:
        with store.reading() as connection:
            rows = connection.execute(query.where(feedback.c.number > after).limit(_BATCH)).all()
            for model in {row.model for row in rows} - labels_of.keys():
                names = connection.scalar(select(models.c.labels).where(models.c.number == model))
                labels_of[model] = tuple(names)
        for row in rows:
            yield _labelled_prediction(row, labels_of[row.model])
        if len(rows) < _BATCH:
            return
        after = rows[-1].number


def _query(end: int, model_version: str | None, texts: bool) -> Select:
    shadow = models.alias("shadow")
    p, f = predictions.c, feedback.c
    query = (
        select(
            *(f.number, f.label.label("truth"), f.time.label("labelled_at"), f.labelled_by),
            *(
                p.number.label("prediction_number"),
                p.prediction_id,
                p.time,
                p.model,
                p.label,
                p.probabilities,
            ),
            *(p.truncated, p.shadow_label, p.text if texts else null().label("text")),
            *(models.c.version, shadow.c.version.label("shadow_version")),
            *(draws.c.number.label("draw"), drawn.c.part, drawn.c.probability),
        )
        .join(predictions, p.number == f.prediction)
        .join(models, models.c.number == p.model)
        .outerjoin(shadow, shadow.c.number == p.shadow_model)
        .outerjoin(drawn, drawn.c.prediction == p.number)
        .outerjoin(draws, and_(draws.c.number == drawn.c.draw, draws.c.last_feedback <= end))
        .where(f.number <= end, f.label.is_not(None), or_(f.replaced_by.is_(None), f.replaced_by > end))
        .order_by(f.number)
    )
    return query if model_version is None else query.where(models.c.version == model_version)


def _labelled_prediction(row: Row, labels: tuple[str, ...]) -> LabelledPrediction:
    return LabelledPrediction(
        number=row.number,
        prediction_number=row.prediction_number,
        prediction_id=row.prediction_id,
        model_version=row.version,
        labels=labels,
        truth=row.truth,
        label=row.label,
        probabilities=tuple(row.probabilities),
        truncated=row.truncated,
        text=row.text,
        time=row.time,
        labelled_at=row.labelled_at,
        labelled_by=row.labelled_by,
        draw=row.draw,
        part=row.part if row.draw else None,
        drawing_probability=row.probability if row.draw else None,
        shadow_version=row.shadow_version,
        shadow_label=row.shadow_label,
    )
