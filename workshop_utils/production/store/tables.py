"""The tables, and how values are written so that they come back exactly as they were."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)

#: Raised with every change of the tables below.
SCHEMA_VERSION: Final = 2

#: Begins a text that is kept as JSON, because a database refuses some of its characters.
_AS_JSON: Final = "\x1bjson:"


class ExactText(TypeDecorator):
    """Any Python text. One with NUL or a lone surrogate, which PostgreSQL refuses, is kept as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """From Python to the database."""
        if value is None or (_is_plain(value) and not value.startswith(_AS_JSON)):
            return value
        return _AS_JSON + json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        """From the database to Python."""
        if value is None or not value.startswith(_AS_JSON):
            return value
        return json.loads(value[len(_AS_JSON) :])


class Json(TypeDecorator):
    """Lists and maps as JSON in ASCII. Numbers keep every bit; NaN, which strict JSON lacks, is allowed."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """From Python to the database."""
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        """From the database to Python."""
        return None if value is None else json.loads(value)


class Utc(TypeDecorator):
    """A moment with a time zone. SQLite, which knows none, keeps it in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """From Python to the database; a moment without a time zone is an error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone: datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """From the database to Python, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _is_plain(text: str) -> bool:
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _number() -> Column:
    """Counts rows in the order of their commits: one writer at a time, and no number is given twice."""
    return Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


def _table(name: str, *columns: Any) -> Table:
    return Table(name, metadata, *columns, sqlite_autoincrement=True)


metadata = MetaData()

store_schema = Table(
    "store_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False)
)

models = _table(
    "models",
    _number(),
    Column("version", ExactText, nullable=False, unique=True),
    Column("labels", Json, nullable=False),
)

predictions = _table(
    "predictions",
    _number(),
    Column("prediction_id", ExactText, nullable=False, unique=True),
    Column("time", Utc, nullable=False, index=True),
    Column("request_id", ExactText, nullable=False),
    Column("route", ExactText, nullable=False),
    Column("model", ForeignKey("models.number"), nullable=False),
    Column("label", ExactText, nullable=False),
    Column("probabilities", Json, nullable=False),
    Column("uncertainty", Float(53)),  # 1 - the largest probability
    Column("truncated", Boolean, nullable=False),
    Column("queue_ms", Float(53)),
    Column("tokenise_ms", Float(53)),
    Column("infer_ms", Float(53)),
    Column("shadow_model", ForeignKey("models.number")),
    Column("shadow_label", ExactText),
    Column("shadow_probabilities", Json),
    Column("disagreement", Boolean, nullable=False),  # there was a shadow, and its label was another
    Column("text_sha256", Text, nullable=False),
    Column("text", ExactText),
)

#: A model's predictions in the order of time: what a dashboard counts.
Index("ix_predictions_model_time", predictions.c.model, predictions.c.time)

#: All that a draw looks at, so that it need not read the texts.
_with_text = predictions.c.text.is_not(None)
Index(
    "ix_predictions_drawable",
    predictions.c.number,
    predictions.c.model,
    predictions.c.uncertainty,
    predictions.c.disagreement,
    sqlite_where=_with_text,
    postgresql_where=_with_text,
)

#: One row for each label that ever arrived. The one that stands is replaced by none.
feedback = _table(
    "feedback",
    _number(),
    Column("prediction", ForeignKey("predictions.number"), nullable=False, index=True),
    Column("label", ExactText),  # NULL: taken back
    Column("time", Utc, nullable=False),
    Column("labelled_by", ExactText, nullable=False),
    Column("source", Text, nullable=False),
    Column("draw", ForeignKey("draws.number")),
    Column("part", Text),
    Column("drawing_probability", Float(53)),
    Column("replaced_by", BigInteger),
)

#: One row for each time that texts were drawn for people to label, from the predictions first to last.
draws = _table(
    "draws",
    _number(),
    Column("time", Utc, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("model", ForeignKey("models.number")),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("population", BigInteger, nullable=False),
    Column("last_feedback", BigInteger, nullable=False),  # labels that were there before the draw
)

#: The predictions that were drawn; each at most once.
drawn = Table(
    "drawn",
    metadata,
    Column("prediction", ForeignKey("predictions.number"), primary_key=True, autoincrement=False),
    Column("draw", ForeignKey("draws.number"), nullable=False),
    Column("position", Integer, nullable=False),  # the order of labelling, at random
    Column("part", Text, nullable=False),
    Column("probability", Float(53), nullable=False),
    Index("ix_drawn_order", "draw", "position"),
)

#: One row for each time that somebody could not say what is true of a drawn text, or took that back.
skips = _table(
    "skips",
    _number(),
    Column("prediction", ForeignKey("predictions.number"), nullable=False, index=True),
    Column("skipped_by", ExactText, nullable=False),
    Column("time", Utc, nullable=False),
    Column("skipped", Boolean, nullable=False),  # false: taken back
    Column("replaced_by", BigInteger),
)

decisions = _table(
    "decisions",
    _number(),
    Column("time", Utc, nullable=False),
    Column("kind", Text, nullable=False),
    Column("model_version", ExactText),
    Column("outcome", Text, nullable=False),
    Column("reason", ExactText, nullable=False),
    Column("last_prediction", BigInteger, nullable=False),
    Column("last_feedback", BigInteger, nullable=False),
    Column("details", Json, nullable=False),
)


def uncertainty_of(probabilities: Sequence[float]) -> float | None:
    """How unsure the model was: 1 - the largest probability; None where one is no number."""
    largest = max(probabilities, default=float("nan"))
    finite = all(p == p and abs(p) != float("inf") for p in probabilities)
    return 1 - largest if finite and probabilities else None
