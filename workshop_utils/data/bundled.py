"""The texts that the course ships, and whether they are untouched."""

import shutil
from pathlib import Path

from workshop_utils.errors import WorkshopError
from workshop_utils.files import read_sums, sha256
from workshop_utils.paths import BUNDLED, ROOT, shown

#: Checksums of the bundled texts.
BUNDLED_SUMS = BUNDLED / "SHA256SUMS"


def bundled_file(name: str) -> Path:
    """Path of the bundled file, after its checksum was compared.

    Raises:
        WorkshopError: it is missing or has been changed.
    """
    path = BUNDLED / name
    if not path.exists():
        raise WorkshopError(f"{shown(path)} is missing; {how_to_restore(path)}.")
    if sha256(path) != read_sums(BUNDLED_SUMS).get(name):
        raise WorkshopError(
            f"{shown(path)} is not the file this course ships (its checksum differs); {how_to_restore(path)}."
        )
    return path


def how_to_restore(path: Path) -> str:
    """What to do about a file of the course that is missing or changed."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        return f"bring it back with `git checkout {shown(path)}`"
    return "unpack the course's archive again, or take the file from there"
