"""The environments of Airflow and of MLflow's pages for the tests, and programs that are ended as a group."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import psutil
import pytest

from workshop_utils.paths import ROOT

#: ``make`` with the course's environment as it is, also where its lock is newer.
MAKE = ["make", "--no-print-directory", "-o", ".venv/ready"]

_T = TypeVar("_T")


def environment_of(name: str) -> Path:
    """The programs of the environment ``airflow`` or ``mlflow``; ``make`` makes it where it is not there.

    Where it cannot be had, the test is skipped, except in CI.
    """
    if os.name == "nt":
        pytest.skip(
            "AIRFLOW DOES NOT RUN ON WINDOWS, and make is not there; take WSL or a Linux server. "
            "`workshop watch` does the same on Windows."
        )
    if shutil.which("make") is None:
        _cannot_run("there is no make on this machine")
    told = subprocess.run([*MAKE, f".{name}/ready"], cwd=ROOT, capture_output=True, text=True)
    if told.returncode:
        _cannot_run(f"the packages of .{name} cannot be had: {told.stderr.strip()[-500:]}")
    return ROOT / f".{name}" / "bin"


class Group:
    """A started program and all that it starts in turn, in a process group of its own."""

    def __init__(self, process: subprocess.Popen, log: Path) -> None:
        self.process, self.log = process, log

    def members(self) -> list[psutil.Process]:
        """Those of the group and their children, which may have left it; a zombie is not one of them."""
        found = {each for each in psutil.process_iter() if _group_of(each) == self.process.pid}
        for member in tuple(found):
            try:
                found |= set(member.children(recursive=True))
            except psutil.Error:  # it has ended since
                continue
        return [each for each in found if _group_of(each) is not None]

    def listens_at(self) -> set[tuple[str, int]]:
        """Address and port of each socket on which a member waits for callers."""
        found = set()
        for member in self.members():
            try:
                connections = member.net_connections("inet")
            except psutil.Error:  # it has ended since
                continue
            found |= {each.laddr[:2] for each in connections if each.status == psutil.CONN_LISTEN}
        return found

    def end(self) -> None:
        """End the group by its id, politely first, and what has left it; then nobody is there."""
        members = self.members()
        for number in (signal.SIGTERM, signal.SIGKILL):
            if any(_group_of(each) == self.process.pid for each in members):
                os.killpg(self.process.pid, number)
            deadline = time.monotonic() + 20
            while (members := _living(members)) and time.monotonic() < deadline:
                self.process.poll()
                time.sleep(0.1)
        for member in members:
            member.kill()
        self.process.wait()
        psutil.wait_procs(members, timeout=20)
        assert not _living(members) and not self.members()


def _living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if each.is_running() and _group_of(each) is not None]


@contextmanager
def started(command: list, log: Path, **environment: str | None) -> Iterator[Group]:
    """Start a program in a group of its own; it is gone when the block ends.

    If the block fails, the program's output is told. A variable that is None is taken away.
    """
    variables = {name: value for name, value in (os.environ | environment).items() if value is not None}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    group = Group(process, log)
    try:
        yield group
    except BaseException:
        sys.stderr.write(log.read_text(encoding="utf-8", errors="replace")[-20_000:])
        raise
    finally:
        group.end()


def eventually(look: Callable[[], _T], what: str, group: Group, seconds: float = 150) -> _T:
    """The first answer of ``look`` that is not empty; a service that is not up yet answers nothing."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if group.process.poll() is not None:
            pytest.fail(f"the program ended before {what}")
        try:
            if found := look():
                return found
        except OSError:
            pass
        time.sleep(0.5)
    pytest.fail(f"{what}: not within {seconds} seconds")


def _group_of(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getpgid(process.pid)
    except (psutil.Error, OSError):
        return None


def _cannot_run(reason: str) -> NoReturn:
    if os.environ.get("REQUIRE_AIRFLOW"):
        pytest.fail(reason)
    pytest.skip(reason)
