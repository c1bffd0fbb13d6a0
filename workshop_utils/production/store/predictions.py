"""Writing predictions: rows made beside the request, and one transaction for many of them."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Insert, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from workshop_utils.errors import WorkshopError
from workshop_utils.production.store.database import Store
from workshop_utils.production.store.records import Prediction
from workshop_utils.production.store.tables import models, predictions, uncertainty_of

#: Names go into an index, which has no room for very long ones.
_LONGEST_NAME = 200

#: A row of the table, with the versions and labels of its models in place of their numbers.
Row = dict[str, Any]


def add_predictions(store: Store, records: Iterable[Prediction], store_texts: bool = False) -> int:
    """Store predictions, all of them or none; return how many were new. Those of a known id are ignored.

    Raises:
        StoreUnavailable: the database does not answer.
        ValueError: an id or a version is longer than 200 characters, or probabilities do not fit the labels.
    """
    rows = [row_of(record, store_texts) for record in records]
    with store.writing() as connection:
        return insert_rows(connection, rows)


def row_of(record: Prediction, store_text: bool) -> Row:
    """The prediction as a row; the text is hashed, and left out unless it is to be stored.

    Raises:
        ValueError: as in :func:`add_predictions`.
    """
    shadow = record.shadow
    for name in (record.prediction_id, record.model_version, shadow.model_version if shadow else ""):
        if len(name) > _LONGEST_NAME:
            raise ValueError(f"a name of {len(name)} characters, where {_LONGEST_NAME} is the limit")
    if len(record.labels) != len(record.probabilities):
        raise ValueError(f"{len(record.probabilities)} probabilities of {len(record.labels)} labels")
    return {
        "prediction_id": record.prediction_id,
        "time": record.time,
        "request_id": record.request_id,
        "route": record.route,
        "model": (record.model_version, tuple(record.labels)),
        "label": record.label,
        "probabilities": list(record.probabilities),
        "uncertainty": uncertainty_of(record.probabilities),
        "truncated": record.truncated,
        "queue_ms": record.queue_ms,
        "tokenise_ms": record.tokenise_ms,
        "infer_ms": record.infer_ms,
        "shadow_model": (shadow.model_version, tuple(shadow.labels)) if shadow else None,
        "shadow_label": shadow.label if shadow else None,
        "shadow_probabilities": list(shadow.probabilities) if shadow else None,
        "disagreement": shadow is not None and shadow.label != record.label,
        "text_sha256": sha256(record.text.encode("utf-8", "surrogatepass")).hexdigest(),
        "text": record.text if store_text else None,
    }


def insert_rows(connection: Connection, rows: Sequence[Row]) -> int:
    """Insert rows of :func:`row_of`; return how many were new."""
    if not rows:
        return 0
    wanted = {row[column] for row in rows for column in ("model", "shadow_model")} - {None}
    numbers = {model: _model_number(connection, *model) for model in sorted(wanted)} | {None: None}
    values = [
        {**row, "model": numbers[row["model"]], "shadow_model": numbers[row["shadow_model"]]} for row in rows
    ]
    statement = insert_new(connection, predictions, "prediction_id")
    return connection.execute(statement, values, execution_options={"preserve_rowcount": True}).rowcount


def insert_new(connection: Connection, table: Table, key: str) -> Insert:
    """An INSERT that leaves out what is there already by its ``key``."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing(index_elements=[key])


def _model_number(connection: Connection, version: str, labels: tuple[str, ...]) -> int:
    connection.execute(
        insert_new(connection, models, "version"), {"version": version, "labels": list(labels)}
    )
    known = connection.execute(
        select(models.c.number, models.c.labels).where(models.c.version == version)
    ).one()
    if tuple(known.labels) != labels:
        raise WorkshopError(
            f"Model {version!r} "
            f"had other labels when the store first met it; give each model a version of its own."
        )
    return known.number
