"""The reader of a deployment folder: immutable versions, and pointers that name one of them.

``versions/NAME/`` are bundles; the files ``current``, ``challenger`` and ``waiting`` hold the NAME that is
served, the one that may score in its shadow, and the one that waits for a person's yes. A pointer is replaced
atomically, so a reader sees the old name or the new.
"""

import re
from pathlib import Path
from typing import Final, Literal

from workshop_utils.errors import WorkshopError

PointerName = Literal["current", "challenger", "waiting"]

#: Stands in the history, and for programs, in place of what a damaged pointer names; it is no version's name.
DAMAGED: Final = "a damaged pointer"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


def pointed_version(deployment: Path, pointer: PointerName = "current") -> str | None:
    """The name of the version that a pointer names; None where there is no such pointer.

    Raises:
        WorkshopError: the pointer cannot be read, or holds something else than one name.
    """
    path = deployment / pointer
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for, a device never ends
            raise WorkshopError(f"The pointer {pointer} is no file; remove it and promote a bundle again.")
        with path.open("rb") as file:
            content = file.read(1000)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WorkshopError(f"The pointer {pointer} cannot be read: {error.strerror or error}.") from error
    name = content.decode("utf-8", "replace").strip()
    if not _NAME.fullmatch(name):
        raise WorkshopError(f"The pointer {pointer} holds no name of a version; promote a bundle again.")
    return name


def named_now(deployment: Path, pointer: PointerName) -> str | None:
    """The same, for somebody who replaces the pointer: :data:`DAMAGED` where it is damaged."""
    try:
        return pointed_version(deployment, pointer)
    except WorkshopError:
        return DAMAGED


def live_pointers(deployment: Path) -> dict[PointerName, str | None]:
    """What each pointer names now; None where there is none, :data:`DAMAGED` where it is damaged."""
    names: tuple[PointerName, ...] = ("current", "challenger", "waiting")
    return {name: named_now(deployment, name) for name in names}


def version_folder(deployment: Path, version: str) -> Path:
    """The folder of a version, which is a bundle.

    Raises:
        WorkshopError: the name is none, or there is no such folder of its own in ``versions``.
    """
    folder = deployment / "versions" / version
    if not _NAME.fullmatch(version) or folder.is_symlink() or not folder.is_dir():
        raise WorkshopError(
            f"There is no version {version[:100]} in {deployment.name}; promote a bundle again."
        )
    return folder


def version_names(deployment: Path) -> list[str]:
    """All versions of a deployment, sorted; empty where there are none."""
    versions = deployment / "versions"
    if not versions.is_dir():
        return []
    return sorted(path.name for path in versions.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())
