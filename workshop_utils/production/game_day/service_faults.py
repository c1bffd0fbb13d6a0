"""Faults of the service's process and of what it stands on: killed, no disk, no database, another token."""

import os
import signal
import sys
from itertools import cycle
from typing import Any

from workshop_utils.errors import WorkshopError
from workshop_utils.production.game_day.fault import Fault, SeenAlarm
from workshop_utils.production.game_day.stage import Stage
from workshop_utils.production.store import count_by_version, open_store

if sys.platform != "win32":
    import resource

_LOG = "the service's log"
#: So many bytes the files of a full disk may still grow; a batch of texts needs more.
_LEFT_BYTES = 16 << 10


class ServiceKilled(Fault):
    """The process is killed; its supervisor starts it anew."""

    name, runbook = "kill", "service-does-not-start"
    caused = "SIGKILL to the process of `workshop serve --supervise`"
    options = ("--supervise",)
    gaps = "nobody listens until the supervisor has started the service anew"

    def cause(self, stage: Stage) -> None:
        """Kill the service, not its supervisor."""
        self._before = self._started(stage)
        os.kill(self._before, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """The supervisor's line."""
        page = f"docs/runbooks/{self.runbook}.md"
        return [SeenAlarm(_LOG, stage.until(lambda: stage.logged(page), "a line about the death"))]

    def mend(self, stage: Stage) -> str:
        """It mends itself."""
        stage.until(lambda: self._started(stage) != self._before, "a new process")
        stage.until(lambda: stage.serves(stage.champion), "a ready service")
        return "by itself: the supervisor started it anew at the same address"

    @staticmethod
    def _started(stage: Stage) -> int:
        return [line["pid"] for line in stage.log_lines() if "pid" in line][-1]


class DiskFull(Fault):
    """The system lets the service write no byte more into its files."""

    name, runbook = "full disk", "disk-full"
    caused = (
        "a limit of the system (RLIMIT_FSIZE) on the service's process: its files may not grow, as on a full "
        "disk or over a quota"
    )
    needs = "Windows knows no limit on the size of a process's files."
    gaps = "" if sys.platform == "linux" else "elsewhere than on Linux a limit needs a restart"

    def cause(self, stage: Stage) -> None:
        """Set the limit, and post texts until they find no room."""
        (self._name, *_) = stage.ask(stage.reviews.texts(8))
        stage.until(lambda: _kept(stage) >= stage.asked, "the predictions in the store")
        largest = max(path.stat().st_size for path in stage.disk.iterdir())
        self._limit(stage, max(largest, stage.service.log.stat().st_size * 2) + _LEFT_BYTES)
        for _ in range(40):
            stage.ask(stage.reviews.texts(32))
            if stage.logged(self._page):
                break

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """The log, and what a label is answered."""
        logged = stage.until(lambda: stage.logged(self._page), "a line about the disk")
        labels = cycle(sorted({review.label for review in stage.materials.quiet}))

        def refused() -> SeenAlarm | None:
            """Other labels for one text, until the last free bytes are used up."""
            answer = _label(stage, self._name, label=next(labels))
            return _seen(answer) if answer[0] != 200 else None

        return [SeenAlarm(_LOG, logged), stage.until(refused, "a label that finds no room")]

    def mend(self, stage: Stage) -> str:
        """Lift the limit; what waited is written."""
        self._limit(stage, None)
        if sys.platform != "linux":
            return "room was made, and the service started anew; what waited is lost and counted"
        stage.until(lambda: _kept(stage) >= stage.asked, "the predictions in the store")
        return f"room was made; all {stage.asked:,} predictions are kept, none was lost"

    @property
    def _page(self) -> str:
        return f"docs/runbooks/{self.runbook}.md"

    @staticmethod
    def _limit(stage: Stage, size: int | None) -> None:
        process = stage.service.process
        if sys.platform == "win32" or process is None:
            return
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        soft = hard if size is None else size
        if sys.platform == "linux":
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (soft, hard))
            return
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))  # a child inherits it
        try:
            stage.service.restart()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


class DatabaseGone(Fault):
    """The folder of the store is taken away, as a disk that was unmounted."""

    name, runbook = "database gone", "store-unavailable"
    caused = "the folder that holds the store (SQLite) was moved away, and a file stands in its place"
    needs = "Windows moves no folder whose files are open."

    def cause(self, stage: Stage) -> None:
        """Move it away."""
        stage.ask(stage.reviews.texts(8))
        stage.until(lambda: _kept(stage), "a prediction in the store")
        self._away = stage.disk.with_name("elsewhere")
        stage.disk.rename(self._away)
        stage.disk.touch()

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """The log, what a label is answered, and what monitoring says."""
        page = f"docs/runbooks/{self.runbook}.md"
        (name,) = stage.ask(stage.reviews.texts(1))
        logged = stage.until(lambda: stage.logged(page), "a line about the store")
        looked = stage.monitor()
        if looked.code != 1:
            raise WorkshopError(f"`workshop monitor` ended with {looked.code}, not with an error.")
        refused = _seen(_label(stage, name))
        return [SeenAlarm(_LOG, logged), refused, SeenAlarm("workshop monitor", looked.told)]

    def mend(self, stage: Stage) -> str:
        """Bring it back; what waited is written."""
        (name,) = stage.ask(stage.reviews.texts(1))
        stage.disk.unlink()
        self._away.rename(stage.disk)
        taken = stage.until(lambda: _label(stage, name)[0] == 200, "a store that answers")
        assert taken
        return "the folder was put back; the prediction made meanwhile is there and took its label"


class TokenChanged(Fault):
    """The service has another token; a program goes on with the old one."""

    name, runbook = "expired token", "token-expired"
    caused = "WORKSHOP_TOKEN was changed and the service started anew, while a client keeps the old token"
    gaps = "nobody listens while the service starts anew"

    def cause(self, stage: Stage) -> None:
        """Change the token."""
        (self._name,) = stage.ask(stage.reviews.texts(1))
        stage.until(lambda: _kept(stage), "a prediction in the store")
        self._old = stage.service.token
        stage.service.token = "another-" + self._old
        stage.service.restart()

    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """What the client is answered."""
        return [_seen(_label(stage, self._name, self._old))]

    def mend(self, stage: Stage) -> str:
        """Give the client the new token, and let it send the label again."""
        status, answer = _label(stage, self._name)
        if status != 200:
            raise WorkshopError(f"With the new token the service answers {status}: {answer.get('detail')}")
        return "the client has the new token, and the label that was refused was sent again"


def _label(
    stage: Stage, name: str, token: str | None = None, label: str | None = None
) -> tuple[int, dict[str, Any]]:
    """Send a label, by default any one and with the service's token."""
    label = label or stage.materials.quiet[0].label
    told = {"prediction_id": name, "label": label, "labelled_by": "game day"}
    return stage.post("/feedback", told, token or stage.service.token)


def _seen(label: tuple[int, dict[str, Any]]) -> SeenAlarm:
    """What somebody is told whose label is not taken."""
    status, answer = label
    return SeenAlarm("the answer to /feedback", f"{status} {answer.get('detail')} {answer.get('runbook')}")


def _kept(stage: Stage) -> int:
    """Predictions in the store."""
    store = open_store(stage.database)
    try:
        return sum(each.predictions for each in count_by_version(store))
    finally:
        store.close()
