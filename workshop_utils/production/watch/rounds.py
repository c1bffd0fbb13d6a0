"""One round of the watch: monitor, tell, let `workshop retrain` decide, tell what came of it.

Where the policy leaves approval to the shadow, `workshop promote --shadow` is asked before.
"""

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from workshop_utils.errors import WorkshopError
from workshop_utils.production.policy import Policy, WatchPolicy, read_policy
from workshop_utils.production.watch.commands import run_command
from workshop_utils.production.watch.standing import (
    DECIDED,
    NOTHING_TO_DO,
    REPORTED,
    UNDECIDED,
    RetrainingTry,
    ShadowTry,
    Standing,
    read_standing,
)
from workshop_utils.production.watch.telling import Teller, WatchMemory

_log = logging.getLogger(__name__)

_LAST_LINES, _LONGEST_SAID = 2, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedModel:
    """What is watched.

    Attributes:
        deployment: the folder whose champion is watched. policy: the file; None for the default one.
        folder: where the last report lies.
        workshop: how the command ``workshop`` is called.
        longest_look, longest_training: seconds; a command that hangs is ended then, so that people are told.
            Run again, both go on.
    """

    deployment: Path
    policy: Path | None
    folder: Path
    workshop: Sequence[str] = (sys.executable, "-m", "workshop_utils")
    longest_look: float = 3600.0
    longest_training: float = 86_400.0

    @property
    def page(self) -> Path:
        """The last report as a page."""
        return self.folder / "report.html"

    def monitor(self, stop: Event) -> Standing:
        """Run ``workshop monitor``; what prevents it is a standing, too."""
        report = self.folder / "report.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            report.unlink(missing_ok=True)
            command = self._command("monitor", "--json", str(report), "--html", str(self.page))
            end = run_command(command, stop, seconds=self.longest_look)
            if end.code not in REPORTED:
                return Standing(verdict="failed", reason=end.reason)
            return read_standing(report)
        except OSError as error:
            return Standing(verdict="failed", reason=f"{error.strerror or error}: {error.filename}.")
        except WorkshopError as error:
            return Standing(verdict="failed", reason=str(error))

    def retrain(self, stop: Event) -> tuple[int | None, str]:
        """Run ``workshop retrain``, which decides, trains, and promotes only what passes its gate.

        Returns:
            its exit code, None when it was ended; and what it said.
        """
        return self._run(self._command("retrain"), stop, self.longest_training)

    def promote(self, stop: Event) -> tuple[int | None, str]:
        """Run ``workshop promote --shadow``, which promotes a challenger only if people's labels say so.

        Returns:
            as :meth:`retrain`.
        """
        return self._run(self._command("promote", "--shadow"), stop, self.longest_look)

    def _run(self, command: list[str], stop: Event, seconds: float) -> tuple[int | None, str]:
        try:
            end = run_command(command, stop, seconds=seconds)
        except WorkshopError as error:
            return 1, str(error)
        last = [line for line in end.output.splitlines() if line.strip()][-_LAST_LINES:]
        said = "\n".join(last) if end.code in DECIDED else ""
        return end.code, (said or end.reason)[:_LONGEST_SAID]

    def _command(self, name: str, *more: str) -> list[str]:
        policy = ["--policy", str(self.policy)] if self.policy else []
        return [*self.workshop, name, "--deployment", str(self.deployment), *policy, *more]


class WatchRound:
    """Monitors, tells, and lets ``workshop retrain`` decide where the policy says so.

    The policy is read in every round, so a change of the file counts from the next one on.

    Args:
        model: what is watched. teller: tells people. memory: knows the last retraining.
        stop: ends a round early. now: the time.
    """

    def __init__(
        self,
        model: WatchedModel,
        teller: Teller,
        memory: WatchMemory,
        stop: Event,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._model, self._teller, self._memory, self._stop, self._now = model, teller, memory, stop, now

    def run(self) -> bool:
        """One round; False when it could not look."""
        try:
            policy = read_policy(self._model.policy)
            standing = self._model.monitor(self._stop)
        except WorkshopError as error:
            policy, standing = Policy(), Standing(verdict="failed", reason=str(error))
        if self._stop.is_set():  # what was ended says nothing about the model
            return True
        standing = _with(standing, self._memory.state.retraining)
        remind_after = timedelta(hours=policy.watch.remind_hours)
        asked = self._ask_the_shadow(standing, policy)
        if self._stop.is_set():
            return True
        standing = standing.model_copy(update={"shadow": asked})
        self._teller.tell(standing, remind_after)
        promoted = asked is not None and asked.code == 0  # the next round looks at the new champion
        if not promoted and self._may_retrain(standing, policy.watch):
            code, said = self._model.retrain(self._stop)
            if self._stop.is_set():
                return True
            tried = RetrainingTry(
                time=self._now(), model_version=standing.model_version, code=code, said=said
            )
            self._memory.state.retraining = tried
            self._memory.keep()
            self._teller.tell(_with(standing, tried), remind_after)
        return standing.verdict != "failed"

    def _ask_the_shadow(self, standing: Standing, policy: Policy) -> ShadowTry | None:
        """What came of it, where people shall know: another champion, or why nobody could look."""
        if policy.retraining.approval != "shadow" or standing.verdict == "failed":
            return None
        code, said = self._model.promote(self._stop)
        _log.info("Asked the shadow.", extra={"code": code, "said": said})
        if code in UNDECIDED:
            return None
        return ShadowTry(time=self._now(), model_version=standing.model_version, code=code, said=said)

    def _may_retrain(self, standing: Standing, policy: WatchPolicy) -> bool:
        if not policy.retrain or standing.verdict == "failed":
            return False
        last = self._memory.state.retraining
        if last is None or last.code == NOTHING_TO_DO or last.model_version != standing.model_version:
            return True
        since = self._now() - last.time
        return not timedelta(0) <= since < timedelta(hours=policy.retrain_pause_hours)


def _with(standing: Standing, tried: RetrainingTry | None) -> Standing:
    """The standing with the last retraining, if it was of this model and there is something to say of it."""
    if tried is None or tried.model_version != standing.model_version:
        return standing
    if tried.code == NOTHING_TO_DO and standing.verdict != "harmful":
        return standing
    return standing.model_copy(update={"retraining": tried})
