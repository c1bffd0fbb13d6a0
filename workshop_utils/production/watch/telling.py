"""Who was told what: each channel is told a change once, and reminded while somebody is needed."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError

from workshop_utils.files import atomic_write
from workshop_utils.production.watch.channels import Channel, NotTold
from workshop_utils.production.watch.standing import RetrainingTry, Standing, told_text

_log = logging.getLogger(__name__)


class ToldLast(BaseModel):
    """What a channel was told last."""

    news: str
    verdict: str
    time: AwareDatetime


class WatchState(BaseModel):
    """What a watch must know after a restart: what each channel was told, and the last retraining."""

    told: dict[str, ToldLast] = {}
    retraining: RetrainingTry | None = None


class WatchMemory:
    """The state in a file, so that a restart, or a run from cron, tells nothing twice.

    Where the file cannot be read or written, the watch goes on and says so: people may be told twice.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.state = self._read()

    def keep(self) -> None:
        """Write the state."""
        try:
            atomic_write(self._path, self.state.model_dump_json(indent=2) + "\n")
        except OSError as error:
            _log.warning("What was told cannot be written down: %s.", error.strerror)

    def _read(self) -> WatchState:
        try:
            return WatchState.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return WatchState()
        except (OSError, ValidationError):
            _log.warning("What was told before cannot be read; it begins anew.")
            return WatchState()


class Teller:
    """Tells each standing to the log, and its changes to every channel.

    A channel that did not get a change is told at the next run, so nothing is lost and nobody waits.

    Args:
        channels: whom to tell. memory: what they know already.
        report: the page with all figures. now: the time.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        memory: WatchMemory,
        report: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._channels, self._memory, self._report, self._now = channels, memory, report, now

    def tell(self, standing: Standing, remind_after: timedelta) -> None:
        """Tell it to all who do not know it yet; raises nothing."""
        alarmed = bool(standing.alarms) or standing.verdict in ("mild", "harmful", "failed")
        summary = standing.model_dump(mode="json")
        _log.log(logging.WARNING if alarmed else logging.INFO, "Verdict: %s", standing.verdict, extra=summary)
        for channel in self._channels:
            last = self._memory.state.told.get(channel.name)
            if self._knows(last, standing, remind_after):
                continue
            before = last.verdict if last else None
            try:
                channel.send(*self._message(standing, before))
            except NotTold as error:
                _log.warning("%s It is told at the next run.", error)
                continue
            self._memory.state.told[channel.name] = ToldLast(
                news=standing.news, verdict=standing.verdict, time=self._now()
            )
            self._memory.keep()

    def _knows(self, last: ToldLast | None, standing: Standing, remind_after: timedelta) -> bool:
        if last is None or last.news != standing.news:
            return False
        since = self._now() - last.time  # below zero when the clock went back
        return not standing.needs_somebody or timedelta(0) <= since < remind_after

    def _message(self, standing: Standing, before: str | None) -> tuple[str, dict[str, Any]]:
        text = told_text(standing, before, self._report)
        summary = standing.model_dump(mode="json") | {"before": before, "time": self._now().isoformat()}
        return text.encode("utf-8", "replace").decode(), summary
