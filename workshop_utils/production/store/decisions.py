"""What was decided about the model, why, and what was known then."""

from collections.abc import Mapping
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
