"""How a store that an earlier version of the course made becomes one of today: one step for each schema.

A store is brought forward when it is opened, in one transaction with its new version: it is of today or as it
was. Whoever changes a table raises ``SCHEMA_VERSION`` and adds a step below. A step is written for the tables
as they were then, so one that made a table takes a copy of its columns here before that table changes again.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import update
from sqlalchemy.engine import Connection

from workshop_utils.production.store.tables import SCHEMA_VERSION, skips, store_schema

_log = logging.getLogger(__name__)


def _add_skips(connection: Connection) -> None:
    """To 2: texts of which somebody could not say what is true of them."""
    skips.create(connection)


#: From each schema to the next one.
_STEPS: Final[Mapping[int, Callable[[Connection], None]]] = {1: _add_skips}


def can_migrate(version: int | None) -> bool:
    """Is there a way from this schema to today's?"""
    return version == SCHEMA_VERSION or version in _STEPS


def migrate_store(connection: Connection, version: int) -> None:
    """Bring the tables from a schema to today's; nothing is lost, and what was there stays as it is.

    Args:
        connection: of the one writer, in its transaction.
        version: the schema that the store has, for which :func:`can_migrate` holds.
    """
    for step in range(version, SCHEMA_VERSION):
        _STEPS[step](connection)
    if version != SCHEMA_VERSION:
        connection.execute(update(store_schema).values(version=SCHEMA_VERSION))
        _log.info("The store was brought from schema %d to %d.", version, SCHEMA_VERSION)
