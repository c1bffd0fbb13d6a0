"""What has happened to the model: pointers that moved, and decisions; each with its time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from workshop_utils.production.deployment import DeploymentHistory, PointerChange
from workshop_utils.production.store import Decision

MONITOR: Final = "monitor"
_SHADOW = "shadow"  # about two models, both in its reason
_DECISION = re.compile(r"\(decision (\d+)\)")
_DONE = {
    ("promote", "current"): "promoted",
    ("approve", "current"): "approved and promoted",
    ("rollback", "current"): "rolled back to",
    ("shadow", "challenger"): "challenger",
    ("wait", "waiting"): "waits for a yes",
    ("clear", "challenger"): "no challenger any more",
    ("clear", "waiting"): "waits no more",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that was decided or done.

    Attributes:
        what: in a word or two. version: which model it is about; empty where it is several.
        why: one sentence. by: who; empty where nobody says.
        new_champion: does another model answer since?
    """

    time: datetime
    what: str
    version: str
    why: str
    by: str = ""
    new_champion: bool = False


def happenings_of(
    history: DeploymentHistory, killed: set[int], decisions: Sequence[Decision]
) -> list[Happening]:
    """Changes of pointers and decisions other than looks, in the order of time.

    Args:
        history: of the deployment.
        killed: numbers of its changes that never took place.
        decisions: of the store. One that a change of a pointer names is told with that change.
    """
    changes = [each for each in history.changes if each.number not in killed]
    told = {int(number) for each in changes for number in _DECISION.findall(each.reason)}
    found = [_of_change(each) for each in changes]
    found += [
        Happening(
            each.time,
            f"{each.kind}: {each.outcome}",
            "" if each.kind == _SHADOW else each.model_version or "",
            each.reason,
        )
        for each in decisions
        if each.kind != MONITOR and each.number not in told
    ]
    return sorted(found, key=lambda each: each.time)


def _of_change(change: PointerChange) -> Happening:
    moved = change.pointer == "current" and change.version != change.previous
    what = _DONE.get((change.action, change.pointer), f"{change.action} ({change.pointer})")
    version = change.version or change.previous or ""
    time = change.time if change.time.tzinfo else change.time.replace(tzinfo=UTC)  # written by hand
    return Happening(time, what, version, change.reason, change.by, moved)
