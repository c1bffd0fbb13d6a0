"""What was decided about the model, why, and what was known then."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select

from workshop_utils.errors import WorkshopError
from workshop_utils.production.store.database import Store
from workshop_utils.production.store.tables import decisions, feedback, predictions


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision, as it is kept.

    Attributes:
        kind: what was to be decided, such as ``monitor``, ``retrain`` or ``promote``.
        outcome: one word, such as ``quiet`` or ``refused``. reason: one sentence.
        model_version: which model it is about. details: numbers behind it, as JSON can hold them.
        number, time: given by the store.
        last_prediction, last_feedback: what the store held then; ``labelled(store, until=last_feedback)``
            reads the same again.
    """

    kind: str
    outcome: str
    reason: str
    model_version: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_prediction: int | None = None
    last_feedback: int | None = None


def record_decision(store: Store, decision: Decision) -> int:
    """Store a decision and return its number. What the store holds now counts as known, unless it says more.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    known = {"last_prediction": predictions.c.number, "last_feedback": feedback.c.number}
    with store.writing() as connection:
        seen = {}
        for name, column in known.items():
            told = getattr(decision, name)
            seen[name] = (connection.scalar(select(func.max(column))) or 0) if told is None else told
        row = {
            "time": decision.time,
            "kind": decision.kind,
            "model_version": decision.model_version,
            "outcome": decision.outcome,
            "reason": decision.reason,
            "details": dict(decision.details),
            **seen,
        }
        return connection.execute(insert(decisions).values(row)).inserted_primary_key[0]


def list_decisions(store: Store, kind: str | None = None) -> list[Decision]:
    """All decisions, the oldest first; only those of one kind where it is given.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    query = select(decisions).order_by(decisions.c.number)
    if kind is not None:
        query = query.where(decisions.c.kind == kind)
    with store.reading() as connection:
        return [Decision(**row) for row in connection.execute(query).mappings()]


def read_decision(store: Store, number: int) -> Decision:
    """One decision by its number.

    Raises:
        WorkshopError: there is no such decision.
        StoreUnavailable: the database does not answer.
    """
    with store.reading() as connection:
        row = (
            connection.execute(select(decisions).where(decisions.c.number == number)).mappings().one_or_none()
        )
    if row is None:
        raise WorkshopError(f"There is no decision {number} in the store; `workshop history` lists them.")
    return Decision(**row)


def newest_decisions(store: Store, most: int) -> list[Decision]:
    """The decisions that were recorded last, the oldest of them first, without their details.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    columns = [each for each in decisions.c if each is not decisions.c.details]
    query = select(*columns).order_by(decisions.c.number.desc()).limit(most)
    with store.reading() as connection:
        return [Decision(**row) for row in reversed(connection.execute(query).mappings().all())]


def decision_details(store: Store, numbers: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """The details of these decisions by number, read at once.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    query = select(decisions.c.number, decisions.c.details).where(decisions.c.number.in_(numbers))
    with store.reading() as connection:
        return {row.number: row.details for row in connection.execute(query)}
