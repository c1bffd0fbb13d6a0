"""What is known after a run: the verdict, its alarms, and what came of a retraining."""

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from workshop_utils.errors import WorkshopError
from workshop_utils.production.monitoring.monitoring_report import Alarm

#: Exit codes of ``workshop monitor`` with which it has written a report.
REPORTED = frozenset({0, 3, 10, 11})

#: Exit codes of ``workshop retrain``: nothing to do, so nothing was trained; and all with which it decided.
NOTHING_TO_DO = 3
DECIDED = frozenset({0, NOTHING_TO_DO, 4})

#: Exit codes of ``workshop promote --shadow`` after which all is as it was: no challenger, or not yet.
UNDECIDED = frozenset({NOTHING_TO_DO, 4})


class CommandTry(BaseModel):
    """One run of a command by the watch.

    Attributes:
        time: when it ended. model_version: the champion before.
        code: its exit code; None when it was ended. said: what it said.
    """

    model_config = ConfigDict(frozen=True)

    time: AwareDatetime
    model_version: str | None
    code: int | None
    said: str


class RetrainingTry(CommandTry):
    """A run of ``workshop retrain``, which may have found that there is nothing to do."""

    @property
    def news(self) -> str:
        """Changes when there is something to tell; that there is still nothing to do is nothing new."""
        return "nothing to do" if self.code == NOTHING_TO_DO else self.time.isoformat()


class ShadowTry(CommandTry):
    """A run of ``workshop promote --shadow`` that promoted a challenger, or failed."""


class Standing(BaseModel):
    """How the model stands.

    Attributes:
        verdict: of the monitoring; ``failed`` when it could not look.
        reason: one sentence. labels_to_buy: so many would tell more; None where that is not the question.
        model_version: the model that was looked at. alarms: each with its runbook.
        retraining: the last one of this model, where people shall know of it.
        shadow: what came of asking for the promotion of its challenger, the same.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Literal["quiet", "mild", "harmful", "insufficient data", "failed"]
    reason: str
    labels_to_buy: int | None = None
    model_version: str | None = None
    alarms: tuple[Alarm, ...] = ()
    retraining: RetrainingTry | None = None
    shadow: ShadowTry | None = None

    @property
    def news(self) -> str:
        """Changes when people shall be told: another verdict, another alarm, another model, a retraining."""
        alarms = ", ".join(sorted({alarm.name for alarm in self.alarms}))
        tried = self.retraining.news if self.retraining else ""
        shadow = f" | {self.shadow.said}" if self.shadow else ""
        return f"{self.verdict} | {alarms} | {self.model_version or ''} | {tried}{shadow}"

    @property
    def needs_somebody(self) -> bool:
        """Is it told again if nothing changes?"""
        return self.verdict in ("harmful", "failed")


def read_standing(report: Path) -> Standing:
    """The standing of a report as ``workshop monitor --json`` writes it.

    Raises:
        WorkshopError: it cannot be read.
    """
    try:
        told = json.loads(report.read_bytes())
        # a telling word may hold half of a surrogate pair, which no message can carry
        return Standing.model_validate_json(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"))
    except OSError as error:
        raise WorkshopError(f"The report {report.name} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise WorkshopError(
            f"The report {report.name} is not of this version of `workshop monitor`."
        ) from error


def told_text(standing: Standing, before: str | None, report: Path) -> str:
    """The message for people, a line for each thing to know.

    Args:
        standing: how the model stands.
        before: the verdict that was told last; None for none.
        report: the page with all figures.
    """
    lines = [f"Verdict: {standing.verdict}{_change(standing.verdict, before)}", f"Why: {standing.reason}"]
    if standing.model_version:
        lines.append(f"Model: {standing.model_version}")
    lines += [f"Alarm about {a.name}: {a.sentence} What to do: {a.runbook}" for a in standing.alarms]
    if standing.labels_to_buy:
        lines.append(f"Labels to buy: {standing.labels_to_buy:,}. `workshop label` opens the page for them.")
    if standing.retraining:
        lines.append(f"Retraining, {_minute(standing.retraining.time)}: {standing.retraining.said}")
    if standing.shadow:
        lines.append(f"Shadow, {_minute(standing.shadow.time)}: {standing.shadow.said}")
    if standing.verdict == "failed":
        lines.append("What to do: docs/runbooks/README.md")
    else:
        lines.append(f"All figures: {report}")
    return "\n".join(lines) + "\n"


def _change(verdict: str, before: str | None) -> str:
    if before is None:
        return ""
    return ", still" if before == verdict else f" (before: {before})"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
