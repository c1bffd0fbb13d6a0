"""SHA-256 checksums, in the format that ``sha256sum --check`` reads."""

import hashlib
from pathlib import Path

from workshop_utils.data.errors import WorkshopError
from workshop_utils.data.paths import BUNDLED, shown

#: Checksums of the bundled texts.
BUNDLED_SUMS = BUNDLED / "SHA256SUMS"


def sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_sums(path: Path) -> dict[str, str]:
    """Map from file name to checksum; empty when there is no such file."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines if line)}


def record_sum(path: Path, name: str, digest: str) -> None:
    """Write one checksum into a sums file, keeping the others."""
    sums = read_sums(path) | {name: digest}
    text = "".join(f"{sums[key]}  {key}\n" for key in sorted(sums))
    path.write_text(text, encoding="utf-8")


def verify_bundled(path: Path) -> None:
    """Raise :class:`WorkshopError` unless the bundled file is there and untouched."""
    if not path.exists():
        raise WorkshopError(f"{shown(path)} is missing; bring it back with `git checkout {shown(path)}`.")
    if sha256(path) != read_sums(BUNDLED_SUMS).get(path.name):
        raise WorkshopError(
            f"{shown(path)} is not the file this course ships (its checksum differs); "
            f"bring it back with `git checkout {shown(path)}`."
        )
