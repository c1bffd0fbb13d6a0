"""Drawn texts of which somebody said "I cannot say": that is no label, and it is kept.

A skip leaves the probability of the draw as it is: the text *was* drawn, only its answer is missing. To
divide the labelled ones by a smaller probability would claim that the skipped ones are like them, but texts
that people cannot judge are often those on which a model errs. So an accuracy holds for the texts that
people could judge, and the skips say how far it may be off for all: every skipped one wrong on one side,
every one right on the other (the bounds of Manski 1989, The Anatomy of the Selection Problem,
doi 10.2307/145818).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.engine import Connection

from workshop_utils.production.store.database import Store
from workshop_utils.production.store.records import LabelRefused, Part, UnknownPrediction
from workshop_utils.production.store.tables import drawn, feedback, models, predictions, skips


@dataclass(frozen=True, slots=True)
class SkippedText:
    """A drawn text that somebody skipped and that nobody has labelled.

    Attributes:
        prediction_id: of the text. skipped_by: who could not say.
        draw, part, drawing_probability: how the text was drawn, as a label would say it.
    """

    prediction_id: str
    skipped_by: str
    time: datetime
    draw: int
    part: Part
    drawing_probability: float


def skip_text(store: Store, prediction_id: str, skipped_by: str) -> bool:
    """Note that this person cannot say what is true of a drawn text; it is not shown to them again.

    Others are still asked, and a label of theirs counts as any other.

    Returns:
        False where it was noted already.

    Raises:
        UnknownPrediction: no text of that prediction was drawn.
        LabelRefused: nobody's name stands with it.
        StoreUnavailable: the database does not answer.
    """
    if not skipped_by.strip():
        raise LabelRefused("A skipped text needs the name of who skipped it.")
    with store.writing() as connection:
        number = _drawn(connection, prediction_id)
        if number is None:
            raise UnknownPrediction(f"No text of a prediction {prediction_id[:80]!r} was drawn.")
        return _note(connection, number, skipped_by, skipped=True)


def take_skip_back(store: Store, prediction_id: str, skipped_by: str) -> bool:
    """Show a text to this person again; that it was skipped meanwhile stays in the store.

    Returns:
        False where this person had not skipped it.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    with store.reading() as connection:  # most often there is none, and then nobody has to wait for a writer
        number = _drawn(connection, prediction_id)
        if number is None or _standing(connection, number, skipped_by) is None:
            return False
    with store.writing() as connection:
        number = _drawn(connection, prediction_id)
        return number is not None and _note(connection, number, skipped_by, skipped=False)


def skipped_texts(store: Store, model_version: str | None = None) -> Iterator[SkippedText]:
    """What was skipped and has no label, the oldest first; a text once for each person who skipped it.

    Args:
        store: the store.
        model_version: only texts of this model's predictions.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    query = (
        select(
            *(predictions.c.prediction_id, skips.c.skipped_by, skips.c.time),
            *(drawn.c.draw, drawn.c.part, drawn.c.probability),
        )
        .join(drawn, drawn.c.prediction == skips.c.prediction)
        .join(predictions, predictions.c.number == skips.c.prediction)
        .where(*stands(), ~has_label(skips.c.prediction))
        .order_by(skips.c.number)
    )
    if model_version is not None:
        query = query.join(models, models.c.number == predictions.c.model).where(
            models.c.version == model_version
        )
    with store.reading() as connection:
        rows = connection.execute(query).all()
    yield from (SkippedText(*row) for row in rows)


def has_label(prediction: Any) -> Any:
    """The prediction has a label that stands."""
    f = feedback.c
    return (
        select(f.number)
        .where(f.prediction == prediction, f.replaced_by.is_(None), f.label.is_not(None))
        .exists()
    )


def stands() -> tuple[Any, Any]:
    """Conditions: the skip was not taken back."""
    return skips.c.replaced_by.is_(None), skips.c.skipped


def was_skipped(prediction: Any, by: str | None = None) -> Any:
    """Somebody skipped the prediction's text and did not take it back; with ``by``, this person did."""
    found = select(skips.c.number).where(skips.c.prediction == prediction, *stands())
    return (found if by is None else found.where(skips.c.skipped_by == by)).exists()


def _note(connection: Connection, prediction: int, skipped_by: str, skipped: bool) -> bool:
    """Add a row, unless the one that stands says the same."""
    before = _standing(connection, prediction, skipped_by)
    if (before is not None) == skipped:
        return False
    now = datetime.now(UTC)
    row = {"prediction": prediction, "skipped_by": skipped_by, "time": now, "skipped": skipped}
    added = connection.execute(insert(skips).values(row)).inserted_primary_key[0]
    if before is not None:
        connection.execute(update(skips).where(skips.c.number == before.number).values(replaced_by=added))
    return True


def _drawn(connection: Connection, prediction_id: str) -> int | None:
    """The number of the prediction, if its text was drawn."""
    return connection.scalar(
        select(drawn.c.prediction)
        .join(predictions, predictions.c.number == drawn.c.prediction)
        .where(predictions.c.prediction_id == prediction_id)
    )


def _standing(connection: Connection, prediction: int, skipped_by: str) -> Row | None:
    return connection.execute(
        select(skips.c.number).where(
            skips.c.prediction == prediction, skips.c.skipped_by == skipped_by, *stands()
        )
    ).one_or_none()
