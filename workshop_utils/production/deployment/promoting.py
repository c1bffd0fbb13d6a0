"""Changing what a deployment serves: promote, approve, roll back, clear. One change at a time.

Each change is: the version whole on the disk, then a line of the history, then the pointer. Killed anywhere,
the pointer names a whole version, and running the same again completes it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workshop_utils.errors import WorkshopError
from workshop_utils.files import NO_ROOM, atomic_write, locked, sync_folder
from workshop_utils.models.bundle import Bundle, read_card
from workshop_utils.models.bundle.card import is_litter
from workshop_utils.production.deployment.history import (
    HISTORY,
    PointerAction,
    Told,
    append_change,
    read_history,
)
from workshop_utils.production.deployment.manifest import Lineage, open_version
from workshop_utils.production.deployment.pointers import (
    DAMAGED,
    PointerName,
    named_now,
    pointed_version,
    version_folder,
)
from workshop_utils.production.deployment.versions import lineage_beside, remove_leftovers, store_version
from workshop_utils.production.runbooks import BAD_BUNDLE, DISK_FULL, TWO_PROMOTERS

_OURS = {"versions", "current", "challenger", "waiting", HISTORY, ".lock"}
_ACTIONS: dict[PointerName, PointerAction] = {
    "current": "promote",
    "challenger": "shadow",
    "waiting": "wait",
}


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a change came to.

    Attributes:
        pointer: which pointer. version: what it names now, or named until it was cleared.
        previous: what it named before; None: nothing, :data:`DAMAGED`: nobody knows.
        changed: False where all was so already.
    """

    pointer: PointerName
    version: str
    previous: str | None
    changed: bool


def promote(
    bundle: str | Path,
    deployment: str | Path,
    told: Told,
    pointer: PointerName = "current",
    lineage: Lineage | None = None,
    other_labels: bool = False,
) -> Promotion:
    """Store a bundle as a version, and make a pointer name it. The same again changes nothing.

    Args:
        bundle: the folder of a bundle, or of a version of any deployment.
        deployment: a deployment, or the name of a new one.
        told: who does it, why, and figures; without figures they are the metrics of the card.
        pointer: ``current`` makes it the champion, ``challenger`` lets it score in the shadow, ``waiting``
            makes it wait for :func:`approve`.
        lineage: what it was made from; by default what a version's manifest says.
        other_labels: take it also when its labels are not the champion's.

    Raises:
        WorkshopError: the bundle is damaged or can run foreign code, its labels are others, somebody else is
            promoting, or the deployment cannot be written.
    """
    folder, deployment = Path(bundle).resolve(), Path(deployment).resolve()
    try:
        loaded = Bundle.load(folder)
    except WorkshopError as error:
        raise WorkshopError(str(error), runbook=BAD_BUNDLE) from error
    lineage = lineage or lineage_beside(folder, loaded)
    if deployment.is_relative_to(folder):
        raise WorkshopError(f"The deployment would lie inside the bundle {folder.name}; name another folder.")
    if told.figures is None:
        told = told._replace(figures=loaded.card.metrics)
    with _writing(deployment, new=True):
        if not other_labels:
            _refuse_other_labels(deployment, loaded)
        version = store_version(deployment, folder, loaded, lineage)
        current = named_now(deployment, "current")
        if pointer != "current" and version == current:
            return Promotion("current", version, current, changed=False)
        return _move(deployment, _ACTIONS[pointer], pointer, version, told)


def approve(deployment: str | Path, told: Told) -> Promotion | None:
    """Make the version that waits for a person's yes the champion; None where none waits.

    Raises:
        WorkshopError: it is damaged, another version has become the champion since it was judged, or as
            for :func:`promote`.
    """
    deployment = Path(deployment).resolve()
    with _writing(deployment):
        version, current = pointed_version(deployment, "waiting"), named_now(deployment, "current")
        if version is None:
            return None
        asked = read_history(deployment).newest("waiting", version)
        if version != current and (asked is None or asked.champion != current):
            raise WorkshopError(
                f"{version} was judged beside another champion than {current}; judge it again, or promote "
                "its folder."
            )
        if asked is not None and told.figures is None:
            told = told._replace(figures=asked.figures)
        return _move(deployment, "approve", "current", version, told)


def promote_challenger(deployment: str | Path, told: Told, champion: str, challenger: str) -> Promotion:
    """Make the challenger the champion, if both are still what they were when it was judged.

    Raises:
        WorkshopError: another champion or challenger stands there, it is damaged, or as for :func:`promote`.
    """
    deployment = Path(deployment).resolve()
    with _writing(deployment):
        now = (named_now(deployment, "current"), named_now(deployment, "challenger"))
        if now != (champion, challenger):
            raise WorkshopError(
                f"{challenger} was judged beside {champion}, and now the champion is {now[0]} and the "
                f"challenger {now[1] or 'nobody'}; run it again."
            )
        return _move(deployment, "promote", "current", challenger, told)


def roll_back(deployment: str | Path, told: Told, champion: str | None = None) -> Promotion | None:
    """Make the version the champion that was it before. Again, and it goes one further back.

    What was rolled back is never returned to; :func:`promote` does that, with the version's folder.

    Args:
        deployment: the folder.
        told: who does it, and why.
        champion: go back only from this version; None comes back where another one is current. With it,
            a rollback that was killed can be run again without going back twice.

    Raises:
        WorkshopError: there is none before it, it is damaged, or as for :func:`promote`.
    """
    deployment = Path(deployment).resolve()
    with _writing(deployment):
        current = pointed_version(deployment, "current")
        if champion is not None and champion != current:
            return None
        history = read_history(deployment)
        if history.damaged:
            raise WorkshopError(
                f"Line {history.damaged[0]} of {HISTORY} is damaged, so nobody knows what was current "
                "before; promote the folder of a version in its place."
            )
        way = history.champions(current)
        if len(way) < 2:
            raise WorkshopError(
                f"There is no version before {current or 'the first one'} to go back to; promote another one."
            )
        return _move(deployment, "rollback", "current", way[-2], told)


def clear_pointer(
    deployment: str | Path, pointer: Literal["challenger", "waiting"], told: Told
) -> Promotion | None:
    """Take the challenger out of the shadow, or refuse what waits; None where there is none.

    Raises:
        WorkshopError: as for :func:`promote`.
    """
    deployment = Path(deployment).resolve()
    with _writing(deployment):
        return _clear(deployment, pointer, told)


@contextmanager
def _writing(deployment: Path, new: bool = False) -> Iterator[None]:
    """Hold the lock of a deployment that is in order; an error of the system becomes one sentence."""
    try:
        _refuse_foreign(deployment, new)
        (deployment / "versions").mkdir(parents=True, exist_ok=True)
        busy = f"Somebody else is changing {deployment.name} just now; look at its history and try again."
        with locked(deployment / ".lock", busy, runbook=TWO_PROMOTERS):
            remove_leftovers(deployment)
            try:
                yield
            except BaseException:
                remove_leftovers(deployment)
                raise
    except OSError as error:
        raise WorkshopError(
            f"{deployment.name} cannot be written ({error.strerror or error}); "
            "its champion is a whole version. Mend that and run the command again.",
            runbook=DISK_FULL if error.errno in NO_ROOM else None,
        ) from error


def _refuse_foreign(deployment: Path, new: bool) -> None:
    if deployment.exists() and not deployment.is_dir():
        raise WorkshopError(f"{deployment.name} is a file; give the deployment a folder of its own.")
    if not new and not (deployment / "versions").is_dir():
        raise WorkshopError(f"There is no deployment in {deployment.name}; promote a bundle first.")
    if deployment.exists() and not (deployment / "versions").is_dir():
        kept = sorted(path.name for path in deployment.iterdir() if not is_litter(path.name))
        if foreign := [name for name in kept if name not in _OURS]:
            raise WorkshopError(
                f"{deployment.name} holds {foreign[0]} and is no deployment; choose an empty folder."
            )


def _refuse_other_labels(deployment: Path, bundle: Bundle) -> None:
    """As the service does, which keeps its model then."""
    current = named_now(deployment, "current")
    if current is None:
        return
    try:
        labels = read_card(version_folder(deployment, current)).labels
    except WorkshopError:  # a damaged champion is no reason to refuse a good one
        return
    if labels != bundle.labels:
        raise WorkshopError(
            "The bundle has other labels than the champion, so a running service would refuse it; "
            "say --other-labels, and start the service anew."
        )


def _move(
    deployment: Path, action: PointerAction, pointer: PointerName, version: str, told: Told
) -> Promotion:
    open_version(deployment, version)  # where it lies, from the disk it will be served from
    previous = named_now(deployment, pointer)
    changed = previous != version
    if changed:
        champion = named_now(deployment, "current")
        append_change(deployment, action, pointer, (version, previous, champion), told)
        atomic_write(deployment / pointer, f"{version}\n")
    if pointer == "current":  # a champion is its own challenger no longer, and waits for nobody
        if named_now(deployment, "challenger") == version:
            changed |= _clear(deployment, "challenger", told) is not None
        if named_now(deployment, "waiting") == version:
            changed |= _clear(deployment, "waiting", told) is not None
    return Promotion(pointer, version, previous, changed)


def _clear(deployment: Path, pointer: Literal["challenger", "waiting"], told: Told) -> Promotion | None:
    path = deployment / pointer
    if not path.exists():
        return None
    version, champion = named_now(deployment, pointer), named_now(deployment, "current")
    append_change(deployment, "clear", pointer, (None, version, champion), told)
    path.unlink()
    sync_folder(deployment)
    return Promotion(pointer, version or DAMAGED, version, changed=True)
