"""True labels: each is kept with who gave it and by which draw, and a correction keeps what it corrects."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import Row, and_, bindparam, insert, select, update
from sqlalchemy.engine import Connection

from workshop_utils.production.store.database import Store
from workshop_utils.production.store.records import (
    PERSON,
    Feedback,
    FeedbackResult,
    LabelRefused,
    Part,
    UnknownLabel,
    UnknownPrediction,
)
from workshop_utils.production.store.tables import drawn, feedback, models, predictions

#: Labels committed together by :func:`add_many_labels`.
_BATCH = 500


_NEW_LABEL = insert(feedback)

#: A prediction, the label that stands and how the text was drawn (NULL where there is none). Made once,
#: because SQLAlchemy takes longer to build it than a database to answer it.
_PREDICTION = (
    select(
        *(predictions.c.number, models.c.labels),
        *(feedback.c.number.label("standing"), feedback.c.label.label("before")),
        *(drawn.c.draw, drawn.c.part, drawn.c.probability.label("drawing_probability")),
    )
    .join(models, models.c.number == predictions.c.model)
    .outerjoin(
        feedback, and_(feedback.c.prediction == predictions.c.number, feedback.c.replaced_by.is_(None))
    )
    .outerjoin(drawn, drawn.c.prediction == predictions.c.number)
    .where(predictions.c.prediction_id == bindparam("name"))
)


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """One label of a prediction as it once arrived; the last one stands.

    Attributes:
        number: counts all labels in the order of arrival. label: None where it was taken back.
        draw, part, drawing_probability: how the text came to be labelled; None where nobody had drawn it.
    """

    number: int
    label: str | None
    time: datetime
    labelled_by: str
    draw: int | None
    part: Part | None
    drawing_probability: float | None


def add_label(store: Store, given: Feedback) -> FeedbackResult:
    """Store a true label; it is committed when this returns. The same label twice changes nothing.

    Raises:
        UnknownPrediction: there is no such prediction.
        UnknownLabel: the model that made it has no such class.
        LabelRefused: it was made by a model, or nobody's name stands with it.
        StoreUnavailable: the database does not answer.
    """
    _refuse(given)
    with store.writing() as connection:
        return _add(connection, given)


def add_many_labels(
    store: Store, given: Iterable[Feedback]
) -> Iterator[FeedbackResult | UnknownPrediction | UnknownLabel | LabelRefused]:
    """Store many labels, some hundreds in a transaction; yield for each what it did, or why it was refused.

    What has been yielded is committed. Errors as in :func:`add_label`.
    """
    waiting = iter(given)
    while batch := list(islice(waiting, _BATCH)):
        with store.writing() as connection:
            results = [_attempt(connection, each) for each in batch]
        yield from results


def label_history(store: Store, prediction_id: str) -> list[GivenLabel]:
    """All labels that a prediction was ever given, the oldest first.

    Raises:
        UnknownPrediction: there is no such prediction.
    """
    with store.reading() as connection:
        prediction = _find(connection, prediction_id)
        rows = connection.execute(
            select(feedback).where(feedback.c.prediction == prediction.number).order_by(feedback.c.number)
        )
        return [
            GivenLabel(r.number, r.label, r.time, r.labelled_by, r.draw, r.part, r.drawing_probability)
            for r in rows
        ]


def _attempt(
    connection: Connection, given: Feedback
) -> FeedbackResult | UnknownPrediction | UnknownLabel | LabelRefused:
    try:
        _refuse(given)
        return _add(connection, given)
    except (UnknownPrediction, UnknownLabel, LabelRefused) as error:
        return error


def _refuse(given: Feedback) -> None:
    if given.source != PERSON:
        raise LabelRefused(
            f"A label's source must be {PERSON!r}, not {given.source!r}: a model must not judge a model."
        )
    if not given.labelled_by.strip():
        raise LabelRefused("A label needs the name of who gave it.")


def _find(connection: Connection, prediction_id: str) -> Row:
    found = connection.execute(_PREDICTION, {"name": prediction_id}).one_or_none()
    if found is None:
        raise UnknownPrediction(f"There is no prediction {prediction_id[:80]!r} in the store.")
    return found


def _add(connection: Connection, given: Feedback) -> FeedbackResult:
    found = _find(connection, given.prediction_id)
    if given.label is not None and given.label not in found.labels:
        known = ", ".join(repr(label) for label in found.labels[:20])
        raise UnknownLabel(f"{given.label[:80]!r} is none of the model's labels: {known}.")
    if given.label == found.before:
        return "unchanged"
    row = {
        "prediction": found.number,
        "label": given.label,
        "time": datetime.now(UTC),
        "labelled_by": given.labelled_by,
        "source": given.source,
        "draw": found.draw,
        "part": found.part,
        "drawing_probability": found.drawing_probability,
    }
    number = connection.execute(_NEW_LABEL, row).inserted_primary_key[0]
    if found.standing is not None:
        connection.execute(
            update(feedback).where(feedback.c.number == found.standing).values(replaced_by=number)
        )
    if given.label is None:
        return "withdrawn"
    return "new" if found.before is None else "changed"
