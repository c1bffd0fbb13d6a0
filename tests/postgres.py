"""A PostgreSQL server of the tests' own: Debian's programs, an ordinary user, a free port."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class PostgresServer:
    """A server in ``folder``, reached at 127.0.0.1 without a password."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        self._has_shared = False
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        # initdb refuses to run as root
        self._identity = _ordinary_user() if hasattr(os, "geteuid") and os.geteuid() == 0 else {}
        if self._identity:
            shutil.chown(folder, self._identity["user"])
        self._run(
            "initdb", "-D", "data", "-U", "course", "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync"
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server; ``immediate`` is how it dies when the power goes."""
        self._run("pg_ctl", "-D", "data", "-w", "-m", mode, "stop")

    def url(self, database: str = "postgres", password: str = "") -> str:
        """The address of a database, as WORKSHOP_DATABASE_URL takes it."""
        return f"postgresql+psycopg://course{password and ':' + password}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, encoding: str = "UTF8") -> str:
        """A new, empty database; returns its address."""
        self.sql(f"CREATE DATABASE {database} ENCODING '{encoding}' TEMPLATE template0")
        return self.url(database)

    def emptied(self) -> str:
        """The address of a database without tables, the same one each time: making one copies megabytes."""
        if not self._has_shared:
            self.create("shared")
            self._has_shared = True
        self.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", "shared")
        return self.url("shared")

    def sql(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside of any transaction."""
        import psycopg

        address = self.url(database).replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a pipe would be held open by the server
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            **self._identity,
        )
        if done.returncode:
            log = self.folder / "log"
            said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            raise AssertionError(f"{program} ended with {done.returncode}. {said}")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running server; it is gone, with its folder, when the block ends.

    Where PostgreSQL is not installed the test is skipped, except in CI, whose script installs it.
    """
    programs = _programs()
    if programs is None:
        missing = "no PostgreSQL on this machine; .ci/run installs it"
        if os.environ.get("REQUIRE_POSTGRES"):
            pytest.fail(missing)
        pytest.skip(missing)
    # pytest's folders are closed to other users
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        server = PostgresServer(programs, folder)
        server.start()
        try:
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder of initdb and pg_ctl: on the PATH, or where Debian keeps them, the newest."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return installed[-1].parent if installed else None


def _ordinary_user() -> dict[str, Any]:
    """What makes a child process run as somebody who is not root."""
    import pwd

    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
