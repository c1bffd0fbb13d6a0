"""A fault that is caused and mended, and what must be seen meanwhile."""

import json
import os
import re
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from workshop_utils.errors import WorkshopError
from workshop_utils.production.game_day.asking import NoAnswer
from workshop_utils.production.game_day.materials import Materials
from workshop_utils.production.game_day.prober import ProbeCount, Prober
from workshop_utils.production.game_day.stage import Stage

_PAGE = re.compile(r"docs/runbooks/([\w-]+)\.md")
_READ_PAGE = re.compile(rf"(Read )?{_PAGE.pattern}\.?")
_PROBES = 5
#: How reasons begin for which texts may stay without an answer where a fault has gaps.
_GAPS = ("nobody listens", "the connection ended", "503")
#: What monitoring asks for beside any alarm, where there are few labels.
_ALWAYS = "too-few-labels"


class SeenAlarm(NamedTuple):
    """Words that people see. ``where``: in which place."""

    where: str
    words: str

    @property
    def pages(self) -> list[str]:
        """The runbooks that it names, in their order."""
        return list(dict.fromkeys(_PAGE.findall(self.words)))

    @property
    def sentence(self) -> str:
        """The line that names the first of them, without the name; of a line of the log, what it says."""
        line = next((line for line in self.words.splitlines() if _PAGE.search(line)), self.words)
        try:
            told = json.loads(line)
        except ValueError:
            return _READ_PAGE.sub("", line).strip()
        return ". ".join(filter(None, [told["message"].rstrip("."), told.get("reason")]))


class Fault(ABC):
    """Breaks something for real, looks for the alarm, and mends it by the first steps of its runbook.

    Attributes:
        name: for ``--only``. caused: how it is broken, a sentence.
        runbook: the page that every alarm must name. beside: pages that may be named behind it.
        options: of ``workshop serve``.
        gaps: why nobody may listen, or answer but with 503, meanwhile; empty: each text is answered.
        needs: what the system must have, where not all have it, a sentence; see :meth:`can_be_caused`.
    """

    name: ClassVar[str]
    caused: ClassVar[str]
    runbook: ClassVar[str]
    beside: ClassVar[frozenset[str]] = frozenset()
    options: ClassVar[tuple[str, ...]] = ()
    gaps: ClassVar[str] = ""
    needs: ClassVar[str] = ""

    def can_be_caused(self) -> bool:
        """Can it, on this system?"""
        return not self.needs or os.name != "nt"

    @abstractmethod
    def cause(self, stage: Stage) -> None:
        """Break it."""

    @abstractmethod
    def alarms(self, stage: Stage) -> list[SeenAlarm]:
        """Wait for the alarm; each place where it was seen."""

    @abstractmethod
    def mend(self, stage: Stage) -> str:
        """Mend it and wait until it is mended; what was done, a sentence."""

    def clean_up(self) -> None:  # noqa: B027 - most have nothing to end
        """End what it has started, also where something went wrong in between."""


@dataclass(frozen=True)
class FaultResult:
    """What came of a fault.

    Attributes:
        name, caused, runbook: of the fault.
        alarms: where it was seen, and the words. mended: how; empty where it was not.
        asked, answered, others: what the prober was told.
        problem: why it does not count as passed, a sentence; empty where it does.
        skipped: it cannot be caused on this system.
        seconds: that it took.
    """

    name: str
    caused: str
    runbook: str
    alarms: tuple[SeenAlarm, ...]
    mended: str
    asked: int
    answered: int
    others: dict[str, int]
    problem: str
    skipped: bool
    seconds: float

    @property
    def passed(self) -> bool:
        """Was the right page named, did the service go on, and is it mended?"""
        return not self.problem

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        seen = [alarm._asdict() for alarm in self.alarms]
        return asdict(self) | {"alarms": seen, "passed": self.passed, "seconds": round(self.seconds, 1)}


def run_fault(fault: Fault, materials: Materials, folder: Path) -> FaultResult:
    """Cause a fault on a stage of its own, while somebody asks the service ten texts a second."""
    began = time.monotonic()
    alarms: list[SeenAlarm] = []
    probed, mended, problem = ProbeCount(0, 0, {}), "", ""
    if not fault.can_be_caused():
        problem = f"Not caused here, so not counted: {fault.needs}"
    else:
        try:
            with (
                Stage(materials, folder, fault.options) as stage,
                Prober(stage.service.url, lambda: stage.reviews.texts(1)[0]) as prober,
            ):
                try:
                    _wait_for_answers(stage, prober)
                    fault.cause(stage)
                    alarms = fault.alarms(stage)
                    mended = fault.mend(stage)
                    _wait_for_answers(stage, prober)
                finally:
                    fault.clean_up()
                    probed = prober.count()
        except (WorkshopError, OSError, NoAnswer, subprocess.SubprocessError) as error:
            problem = (
                f"{type(error).__name__}: {error}" if not isinstance(error, WorkshopError) else str(error)
            )
    return FaultResult(
        name=fault.name,
        caused=fault.caused,
        runbook=f"docs/runbooks/{fault.runbook}.md",
        alarms=tuple(alarms),
        mended=mended,
        asked=probed.asked,
        answered=probed.answered,
        others=probed.others,
        problem=problem or _problem(fault, alarms, probed),
        skipped=not fault.can_be_caused(),
        seconds=time.monotonic() - began,
    )


def _wait_for_answers(stage: Stage, prober: Prober) -> None:
    before = prober.count().answered
    stage.until(lambda: prober.count().answered >= before + _PROBES, "an answer to the prober")


def _problem(fault: Fault, alarms: list[SeenAlarm], probed: ProbeCount) -> str:
    """Why it has not passed."""
    for alarm in alarms:
        if alarm.pages[:1] != [fault.runbook]:
            named = alarm.pages[0] if alarm.pages else "no page"
            return f"The alarm in {alarm.where} names {named}, not {fault.runbook}."
        if strange := set(alarm.pages) - {fault.runbook, _ALWAYS, *fault.beside}:
            return f"The alarm in {alarm.where} also names {min(strange)}."
    if not alarms:
        return "No alarm was seen."
    lost = [each for each in probed.others.items() if not (fault.gaps and each[0].startswith(_GAPS))]
    if lost:
        reason, count = max(lost, key=lambda each: each[1])
        return f"{count} texts were not answered: {reason}"
    return ""
