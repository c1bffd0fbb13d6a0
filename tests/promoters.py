"""Promotions that die, or meet a full disk, at their n-th operation on a file; run as a program of its own.

``python -m tests.promoters FOLDER kill|torn|full SCENARIO…`` tries every n until a promotion lives to its
end, each in a child of its own, and prints how many operations each scenario has. FOLDER holds the bundles
``a`` and ``b``, and a deployment ``only b`` that names b's version.
"""

import errno
import gc
import io
import os
import shutil
import signal
import stat
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.bundle import bundle as bundle_module
from workshop_utils.production.deployment import (
    Told,
    approve,
    clear_pointer,
    live_pointers,
    open_version,
    pointed_version,
    promote,
    read_history,
    roll_back,
)

TOLD = Told("a test", "to see")


class Scenario(NamedTuple):
    prepare: Callable[[Path, Path], object]
    act: Callable[[Path, Path], object]


def _nothing(_bundles, _deployment):
    pass


def _a(bundles, deployment):
    promote(bundles / "a", deployment, TOLD)


def _b(bundles, deployment, pointer="current"):
    promote(bundles / "b", deployment, TOLD, pointer)


def _a_then_b(bundles, deployment, pointer="current"):
    _a(bundles, deployment)
    _b(bundles, deployment, pointer)


SCENARIOS = {
    "first": Scenario(_nothing, _a),
    "next": Scenario(_a, _b),
    "challenger": Scenario(_a, lambda bundles, folder: _b(bundles, folder, "challenger")),
    "promote the challenger": Scenario(lambda bundles, folder: _a_then_b(bundles, folder, "challenger"), _b),
    "clear": Scenario(
        lambda bundles, folder: _a_then_b(bundles, folder, "challenger"),
        lambda _, folder: clear_pointer(folder, "challenger", TOLD),
    ),
    "wait": Scenario(_a, lambda bundles, folder: _b(bundles, folder, "waiting")),
    "approve": Scenario(
        lambda bundles, folder: _a_then_b(bundles, folder, "waiting"),
        lambda _, folder: approve(folder, TOLD),
    ),
    "rollback": Scenario(
        _a_then_b,
        lambda bundles, folder: roll_back(folder, TOLD, _version_of("b", bundles)),
    ),
}


def _version_of(name, bundles):
    return pointed_version(bundles / f"only {name}")


class Fault:
    """Strikes at the n-th moment: before a name changes or bytes go to the disk, after a file is opened."""

    def __init__(self, number: int, how: str) -> None:
        self.number, self.how, self.seen, self.struck = number, how, 0, ""

    def install(self) -> None:
        fsync, opens = os.fsync, io.open

        def counted_fsync(descriptor):
            self.count("fsync", descriptor)
            fsync(descriptor)

        def counted_open(file, mode="r", *arguments, **options):
            opened = opens(file, mode, *arguments, **options)
            if set(mode) & set("wxa+"):
                self.count("open")  # the file is there, and empty
            return opened

        os.fsync, io.open = counted_fsync, counted_open
        sys.addaudithook(self.audit)

    def audit(self, event, _):
        if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            self.count(event)

    def count(self, event, descriptor=None):
        self.seen += 1
        if self.seen != self.number:
            return
        self.struck = event
        if self.how == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.how == "torn" and descriptor is not None and stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.truncate(descriptor, os.fstat(descriptor).st_size // 2)  # a power cut: half of it is there
        os.kill(os.getpid(), signal.SIGKILL)


def in_a_child(work: Callable[[], None]) -> int:
    """Its exit code; -9 when it was killed."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def check(bundles, deployment, before, finished, act):
    """A whole champion is there, and the same command completes what was begun."""
    champion = pointed_version(deployment) if deployment.exists() else None
    assert champion in (before, pointed_version(finished)), champion
    if champion is not None:
        open_version(deployment, champion)
        for version in filter(None, live_pointers(deployment).values()):
            open_version(deployment, version)
    assert not read_history(deployment).damaged
    act(bundles, deployment)
    assert live_pointers(deployment) == live_pointers(finished)
    assert names(deployment) == names(finished)
    history, expected = read_history(deployment), read_history(finished)
    current = pointed_version(finished)
    assert history.champions(current) == expected.champions(current)
    done = [
        each for each in history.changes if each.number not in history.unfinished(live_pointers(finished))
    ]
    assert [(each.action, each.version) for each in done] == [
        (each.action, each.version) for each in expected.changes
    ]
    assert len(history.changes) - len(done) <= 1


def run(bundles: Path, how: str, name: str) -> int:
    scenario = SCENARIOS[name]
    scratch = bundles / f"{how} {name}"
    start, finished = scratch / "start", scratch / "finished"

    scenario.prepare(bundles, start)
    if start.exists():
        shutil.copytree(start, finished)
    scenario.act(bundles, finished)
    before = pointed_version(start)
    for number in range(1, 500):
        deployment = scratch / "dep"
        if start.exists():
            shutil.copytree(start, deployment)

        def struck(fault, deployment):
            fault.install()
            try:
                scenario.act(bundles, deployment)
            except WorkshopError as error:
                assert fault.how == "full" and "No space left" in str(error) and "\n" not in str(error)
                if fault.struck not in ("os.remove", "os.rmdir"):
                    assert not list(deployment.rglob(".*")), "what was begun is cleared away at once"
            os._exit(0 if fault.seen < fault.number else 7)

        code = in_a_child(partial(struck, Fault(number, how), deployment))
        if code == 0:
            shutil.rmtree(deployment)
            return number - 1
        assert code == (7 if how == "full" else -signal.SIGKILL), f"{name}, operation {number}: {code}"
        try:
            check(bundles, deployment, before, finished, scenario.act)
        except (AssertionError, WorkshopError) as error:
            raise AssertionError(f"{name}, operation {number}") from error
        shutil.rmtree(deployment)
    raise AssertionError("it never ends")


def keep_models(bundles: Path) -> None:
    """Make each model once, before the children: only what happens to files is tried again and again."""
    bundle_module._session = cache(lambda model, _, make=bundle_module._session: make(model, bundles))
    bundle_module.Tokenizer.from_buffer = cache(bundle_module.Tokenizer.from_buffer)
    bundle_module.TextEncoder = cache(bundle_module.TextEncoder)
    for name in ("a", "b"):
        Bundle.load(bundles / name)
    gc.freeze()  # a child copies no memory only to count references


def main(folder: str, how: str, *wanted: str) -> None:
    bundles = Path(folder)
    keep_models(bundles)
    for name in wanted or SCENARIOS:
        print(f"{name}: {run(bundles, how, name)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
