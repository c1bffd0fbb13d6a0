"""One database, SQLite or PostgreSQL: its address, its connections, its schema's version."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Condition
from typing import Any

from sqlalchemy import create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from workshop_utils.errors import WorkshopError
from workshop_utils.files import NO_ROOM, locked
from workshop_utils.paths import home
from workshop_utils.production.runbooks import DISK_FULL, STORE_UNAVAILABLE
from workshop_utils.production.store.forks import survive_forks
from workshop_utils.production.store.migrations import can_migrate, migrate_store
from workshop_utils.production.store.records import StoreUnavailable
from workshop_utils.production.store.tables import SCHEMA_VERSION, metadata, store_schema

_log = logging.getLogger(__name__)

#: Seconds to wait for another writer, and for a server to answer.
PATIENCE = 5

#: PostgreSQL's name for the lock of the one writer.
_WRITER = 0x776F726B73686F70

#: Class of PostgreSQL's errors about rights and missing tables.
_NOT_ALLOWED = "42"

#: PostgreSQL's error of a full disk.
_DISK_FULL = "53100"

#: What an address may hold behind its question mark and nobody should read.
_SECRETS = ("password", "sslpassword")

_ELSEWHERE = "name another store in WORKSHOP_DATABASE_URL"


class _Unusable(StoreUnavailable):
    """Somebody must do something: the file is no database, or tables may not be made or are gone."""


class Store:
    """A database of predictions and labels. Connects when it is first used; safe to share between threads.

    Several processes may use one database. One of them writes at a time, so rows are numbered in the order
    in which they are committed: whoever has read up to a number has missed nothing below it.

    Attributes:
        address: where it is, as people may read it, without a password.
    """

    def __init__(self, url: URL) -> None:
        self.address: str = url.difference_update_query(_SECRETS).render_as_string(hide_password=True)
        self._url = url
        self._file = Path(url.database) if url.get_backend_name() == "sqlite" else None
        self._engine: Engine | None = None
        self._known: tuple[int, int] | None = None  # the file that the engine has opened
        self._gate = Condition()
        self._transactions = 0
        self._left_behind: Engine | None = None  # a parent's, with connections that must never be touched
        survive_forks(self)

    def prepare(self) -> None:
        """Connect; create the tables if there are none, bring older ones forward. Call it to fail early.

        Raises:
            StoreUnavailable: the database does not answer (it may later).
            WorkshopError: the schema is newer than this program, or this is no database of this course.
        """
        try:
            with self._translated(), self._engine_in_use():
                pass
        except _Unusable as error:
            raise WorkshopError(str(error), runbook=error.runbook) from error

    def close(self) -> None:
        """Close all connections. Whoever uses the store later opens new ones."""
        with self._gate:
            self._dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database; errors as in :meth:`writing`."""
        with self._translated(), self._engine_in_use() as engine, engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction of the one writer, committed on disk when the block ends well.

        Raises:
            StoreUnavailable: the database is locked, full or gone.
            WorkshopError: its schema is newer than this program.
        """
        with self._translated(), self._engine_in_use() as engine, _writing(engine).begin() as connection:
            yield connection

    @contextmanager
    def _engine_in_use(self) -> Iterator[Engine]:
        """The engine of a database that is there and has our tables."""
        if not self._gate.acquire(timeout=PATIENCE):
            raise StoreUnavailable(f"The store {self.address} does not answer now: still connecting.")
        try:
            engine = self._opened()
            self._transactions += 1
        finally:
            self._gate.release()
        try:
            yield engine
        finally:
            with self._gate:
                self._transactions -= 1
                self._gate.notify_all()

    def _opened(self) -> Engine:
        if self._left_behind is not None and self._file is not None:
            raise WorkshopError(
                f"This process was forked in the midst of work on {self.address}; "
                "open the store after the fork."
            )
        if self._engine is not None and self._identity() != self._known:
            _log.warning(
                "The store %s was moved away or replaced; what it held is not there.",
                self.address,
                extra={"runbook": STORE_UNAVAILABLE},
            )
            self._dispose()
        if self._engine is None:
            engine = _engine(self._url)
            try:
                self._check_or_create(engine)
            except BaseException as error:
                engine.dispose()
                if isinstance(error, ProgrammingError) and not getattr(error.orig, "sqlstate", "?"):
                    raise _Unusable(  # psycopg has not even asked the server
                        f"The store {self.address} has no such address: {_reason(error)}. Mend it, "
                        f"or {_ELSEWHERE}."
                    ) from error
                raise
            self._engine, self._known = engine, self._identity()
        return self._engine

    def _identity(self) -> tuple[int, int] | None:
        """Which file the name stands for: SQLite would go on writing to one that was deleted."""
        if self._file is None:
            return None
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _check_or_create(self, engine: Engine) -> None:
        """Only the first process that opens a new store, or one of an earlier version, has to write."""
        if self._file is None:
            with engine.begin() as connection:
                _check_encoding(connection, self.address)
        if self._file is None or self._file.exists():
            with engine.begin() as connection:
                if _schema_of(connection, self.address) == SCHEMA_VERSION:
                    return
        with self._one_maker(engine), _writing(engine).begin() as connection:
            version = _schema_of(connection, self.address)  # another process may have been faster
            if version is None:
                metadata.create_all(connection)
                connection.execute(insert(store_schema).values(version=SCHEMA_VERSION))
            else:
                migrate_store(connection, version)

    @contextmanager
    def _one_maker(self, engine: Engine) -> Iterator[None]:
        """SQLite does not wait while another process changes a file to write-ahead logging."""
        if self._file is None:
            yield
            return
        with ExitStack() as held:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                busy = f"Another program is making {self._file.name}; wait a minute and try again."
                held.enter_context(locked(self._file.with_name(f".{self._file.name}.lock"), busy, PATIENCE))
            except OSError as error:
                raise StoreUnavailable(
                    f"The store {self.address} cannot be made: {error.strerror}.",
                    runbook=DISK_FULL if error.errno in NO_ROOM else STORE_UNAVAILABLE,
                ) from error
            except WorkshopError as error:
                raise StoreUnavailable(str(error)) from None
            with engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA journal_mode=WAL")
            yield

    def _dispose(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
        self._engine = None

    def before_fork(self) -> None:
        """Close all connections: SQLite must not have any while a process is copied."""
        self._gate.acquire()
        if self._gate.wait_for(lambda: not self._transactions, PATIENCE):
            self._dispose()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._gate.release()

    def after_fork_in_child(self) -> None:
        """Begin anew; connections that were in use are the parent's, and closing them would disturb it."""
        self._left_behind = self._engine
        self._engine, self._gate, self._transactions = None, Condition(), 0

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of the database as ours; wrong values stay what they are."""
        try:
            yield
        except (OperationalError, InterfaceError, InternalError, PoolTimeout) as error:
            raise StoreUnavailable(
                f"The store {self.address} does not answer now: {_reason(error)}.",
                runbook=DISK_FULL if _is_full(error) else STORE_UNAVAILABLE,
            ) from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise StoreUnavailable(f"The store {self.address} is gone: {_reason(error)}.") from error
            if type(error) is DatabaseError:  # SQLite: not a database, or a damaged one
                raise _Unusable(
                    f"The store {self.address} cannot be read: {_reason(error)}. Rename it, or {_ELSEWHERE}."
                ) from error
            if str(getattr(error.orig, "sqlstate", "")).startswith(_NOT_ALLOWED):
                raise _Unusable(
                    f"The store {self.address} refuses: {_reason(error)}. Give its user the right, "
                    f"or {_ELSEWHERE}."
                ) from error
            raise


def open_store(url: str | None = None) -> Store:
    """The store at ``url``, by default ``WORKSHOP_DATABASE_URL``, or ``store.db`` under ``WORKSHOP_HOME``.

    Nothing is connected yet, so a database that is down does not keep a service from starting.

    Args:
        url: ``sqlite:////path/store.db`` or ``postgresql+psycopg://user@host/name``, in short
            ``postgresql://`` or ``postgres://``.

    Raises:
        WorkshopError: no such kind of address.
    """
    address = url or os.environ.get("WORKSHOP_DATABASE_URL")
    if not address:
        return Store(URL.create("sqlite", database=str(home().resolve() / "store.db")))
    try:
        parsed = make_url(address)
    except (ArgumentError, ValueError):
        raise WorkshopError(
            "The address of the store is none: write sqlite:////folder/store.db or "
            "postgresql+psycopg://user@host/name."
        ) from None
    kind = parsed.get_backend_name()
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return Store(parsed.set(drivername="postgresql+psycopg"))
    if kind != "sqlite" or parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise WorkshopError(
            f"A store is SQLite or PostgreSQL (postgresql+psycopg://…), not {parsed.drivername}."
        )
    if not parsed.database or parsed.database.startswith((":", "file:")) or parsed.query:
        raise WorkshopError("A store in SQLite needs a file of its own: sqlite:////folder/store.db.")
    return Store(parsed.set(database=str(Path(parsed.database).expanduser().resolve())))


def _engine(url: URL) -> Engine:
    """An engine that connects when it is used.

    Raises:
        WorkshopError: the driver of PostgreSQL is not installed.
    """
    quiet: dict[str, Any] = {"pool_timeout": PATIENCE, "hide_parameters": True}  # no text in any message
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, **quiet, connect_args={"timeout": PATIENCE})
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        limits = {"connect_timeout": PATIENCE, "tcp_user_timeout": 2000 * PATIENCE}
        wanted = {**limits, **url.query}
        try:
            engine = create_engine(url, **quiet, pool_pre_ping=True, connect_args=wanted)
        except ImportError:
            raise WorkshopError(
                "A store in PostgreSQL needs psycopg; `pip install 'psycopg[binary]'` brings it."
            ) from None
        event.listen(engine, "begin", _begin_postgresql)
    return engine


def _writing(engine: Engine) -> Engine:
    """The same engine, for transactions of the one writer."""
    return engine.execution_options(writes=True)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin with _begin_sqlite
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")  # committed is on the disk


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{6 * PATIENCE}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _check_encoding(connection: Connection, address: str) -> None:
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise WorkshopError(f"The database {address} is in {encoding}; make one in UTF8 (createdb -E UTF8).")


def _schema_of(connection: Connection, address: str) -> int | None:
    """The schema of our tables; None where there are none. An error when they are newer, or not ours."""
    present = set(inspect(connection).get_table_names())
    if store_schema.name not in present:
        if foreign := sorted(present & metadata.tables.keys()):
            raise WorkshopError(f"{address} has a table {foreign[0]} of another program; {_ELSEWHERE}.")
        return None
    version: int | None = connection.scalar(select(store_schema.c.version))
    if not can_migrate(version):
        newer = version is not None and version > SCHEMA_VERSION
        problem = f"newer than the {SCHEMA_VERSION} that this version of the course knows"
        remedy = "update the course" if newer else "rename it, and a new one will be made"
        raise WorkshopError(
            f"The store {address} has schema {version}, {problem if newer else 'which nobody knows'}: "
            f"{remedy}, or {_ELSEWHERE}.",
            runbook=STORE_UNAVAILABLE,
        )
    return version


def _is_full(error: Exception) -> bool:
    """Did the database find no room? SQLite calls a quota an error of input and output."""
    cause = getattr(error, "orig", None)
    return (
        getattr(cause, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
        or getattr(cause, "sqlstate", "") == _DISK_FULL
    )


def _reason(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(cause).__name__
