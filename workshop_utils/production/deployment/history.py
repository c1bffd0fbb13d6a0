"""The history of a deployment: one JSON line for each change of a pointer, written before the pointer moves.

A killed change leaves a line whose pointer never moved. Such lines are known by the next one: each says what
its pointer named before. So nothing is mended afterwards, and nobody's name or reason is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write
from workshop_utils.production.deployment.pointers import DAMAGED, PointerName

HISTORY = "history.jsonl"

PointerAction = Literal["promote", "approve", "rollback", "shadow", "wait", "clear"]


class PointerChange(BaseModel):
    """One change of a pointer.

    Attributes:
        number: counts the lines from 1. time: in UTC, for people; the order is that of the numbers.
        action: what was done. pointer: which pointer moved.
        version: what it names since; None: there is no such pointer since.
        previous, champion: what it named, and what was current, before the change; None: nothing,
            :data:`DAMAGED`: nobody knows.
        by: who did it. reason: why. figures: numbers behind it, such as the card's metrics.
    """

    # JSON has no NaN and no infinity
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    number: int
    time: datetime
    action: PointerAction
    pointer: PointerName
    version: str | None
    previous: str | None
    champion: str | None
    by: str
    reason: str
    figures: dict[str, float]


class Told(NamedTuple):
    """Who changes a pointer, why, and the numbers behind it."""

    by: str
    reason: str = ""
    figures: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class DeploymentHistory:
    """All changes, the oldest first, and the numbers of lines that cannot be read."""

    changes: tuple[PointerChange, ...]
    damaged: tuple[int, ...]

    def unfinished(self, live: dict[PointerName, str | None]) -> set[int]:
        """Numbers of the changes that were killed before their pointer moved.

        Args:
            live: what each pointer names now.
        """
        found, named_next = set(), dict(live)
        for change in reversed(self.changes):
            after = named_next.get(change.pointer)
            if after == change.previous and after != change.version:
                found.add(change.number)
            named_next[change.pointer] = change.previous
        return found

    def champions(self, current: str | None) -> list[str]:
        """The way to the current champion: it is the last, and a rollback leads to the one before it.

        A version that was rolled back is not in it.
        """
        unfinished = self.unfinished({"current": current})
        way: list[str] = []
        for change in self.changes:
            if change.pointer == "current" and change.number not in unfinished:
                _arrive(way, change.previous)  # somebody may have moved the pointer by hand
                if change.action == "rollback":
                    del way[-1:]
                    _arrive(way, change.version)
                elif change.version is not None:
                    way.append(change.version)
        _arrive(way, current)
        return way

    def newest(self, pointer: PointerName, version: str) -> PointerChange | None:
        """The newest change that made a pointer name a version."""
        found = [each for each in self.changes if (each.pointer, each.version) == (pointer, version)]
        return found[-1] if found else None


def read_history(deployment: Path) -> DeploymentHistory:
    """The changes of a deployment's pointers; none where nothing was promoted.

    Raises:
        WorkshopError: the file cannot be read.
    """
    changes, damaged = [], []
    content = _content(deployment)
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    for number, line in enumerate(lines, start=1):
        try:
            changes.append(PointerChange.model_validate_json(line))
        except ValidationError:
            damaged.append(number)
    return DeploymentHistory(tuple(changes), tuple(damaged))


def append_change(
    deployment: Path,
    action: PointerAction,
    pointer: PointerName,
    versions: Sequence[str | None],
    told: Told,
) -> None:
    """Write a line; the file is written whole or not at all, and what it held stays as it was.

    Args:
        deployment: the folder.
        action: what is done.
        pointer: which pointer moves.
        versions: what the pointer will name, what it names now, and the current champion.
        told: who does it, and why.
    """
    content = _content(deployment)
    if content and not content.endswith(b"\n"):
        content += b"\n"
    version, previous, champion = versions
    change = PointerChange(
        number=content.count(b"\n") + 1,
        time=datetime.now(UTC).replace(microsecond=0),
        action=action,
        pointer=pointer,
        version=version,
        previous=previous,
        champion=champion,
        by=_as_unicode(told.by),
        reason=_as_unicode(told.reason),
        figures=told.figures or {},
    )
    atomic_write(deployment / HISTORY, content + change.model_dump_json().encode("utf-8") + b"\n")


def _arrive(way: list[str], version: str | None) -> None:
    if version is not None and version not in (DAMAGED, *way[-1:]):
        way.append(version)


def _content(deployment: Path) -> bytes:
    try:
        return (deployment / HISTORY).read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise WorkshopError(f"{HISTORY} cannot be read: {error.strerror or error}.") from error


def _as_unicode(text: str) -> str:
    """Half a sign, as a console may give it, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
