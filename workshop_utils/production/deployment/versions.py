"""Storing a bundle as an immutable version, whole or not at all, and clearing up after a killed run."""

import logging
import re
import shutil
from hashlib import sha256 as digest
from pathlib import Path

from workshop_utils.errors import WorkshopError
from workshop_utils.files import sync_file, sync_folder
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.deployment.history import read_history
from workshop_utils.production.deployment.manifest import (
    Lineage,
    files_of,
    open_version,
    read_manifest,
    write_manifest,
)
from workshop_utils.production.deployment.pointers import version_names

_log = logging.getLogger(__name__)

_NAME = r"\d{4,}-[0-9a-f]{12}"
#: What killed runs of ours leave, and nothing else, for a folder may hold files of other programs.
_DRAFT_OF_POINTER = re.compile(r"\.(current|challenger|waiting|history\.jsonl)\.[0-9a-f]{32}")
_DRAFT_OF_VERSION = re.compile(rf"\.{_NAME}\.(draft|json\.[0-9a-f]{{32}})")
_VERSION, _MANIFEST = re.compile(_NAME), re.compile(rf"{_NAME}\.json")
_CHUNK = 2**20


def store_version(deployment: Path, folder: Path, bundle: Bundle, lineage: Lineage | None) -> str:
    """The name of the version that holds this bundle; it is copied when there is none.

    A name is ``NNNN-HASH``: a number that counts up, and the first twelve digits of the card's SHA-256, which
    stands for the whole bundle. The caller holds the deployment's lock.

    Args:
        deployment: where it goes.
        folder: where the bundle lies, without links.
        bundle: as it was loaded.
        lineage: what it was made from; None where nothing is known.

    Raises:
        WorkshopError: the bundle is changed while it is copied.
        OSError: no room, no right to write.
    """
    short = bundle.sha256[:12]
    for name in reversed(version_names(deployment)):
        if name.endswith(f"-{short}") and _holds(deployment, name, bundle, lineage):
            return name
    name = f"{_highest_number(deployment) + 1:04d}-{short}"
    versions = deployment / "versions"
    draft = versions / f".{name}.draft"
    draft.mkdir()
    files = files_of(bundle)
    for file, expected in files.items():
        if _copy(folder / file, draft / file) != expected:
            raise WorkshopError(f"{folder.name}/{file} was changed while it was copied; promote it again.")
    sync_folder(draft)
    write_manifest(versions / name, files, lineage or Lineage())
    draft.rename(versions / name)  # from here on there is such a version, whole and with its manifest
    sync_folder(versions)
    return name


def lineage_beside(folder: Path, bundle: Bundle) -> Lineage | None:
    """What the manifest beside a bundle says, where the bundle is a version of some deployment; else None.

    Raises:
        WorkshopError: it is a version, and a byte of it is another than when it was promoted.
    """
    ours = folder.parent.name == "versions" and _VERSION.fullmatch(folder.name)
    if not ours or not folder.with_name(f"{folder.name}.json").exists():
        return None
    manifest = read_manifest(folder)
    if manifest.files != files_of(bundle):
        raise WorkshopError(f"The files of {folder.name} are not those that were promoted; choose another.")
    return manifest.lineage


def remove_leftovers(deployment: Path) -> None:
    """Delete what killed runs left: drafts, and manifests whose version never came to be.

    The caller holds the deployment's lock.
    """
    versions = deployment / "versions"
    left = [path for path in deployment.iterdir() if _DRAFT_OF_POINTER.fullmatch(path.name)]
    left += [path for path in versions.iterdir() if _DRAFT_OF_VERSION.fullmatch(path.name)]
    for path in left:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for manifest in versions.iterdir():
        if _MANIFEST.fullmatch(manifest.name) and not manifest.with_suffix("").exists():
            manifest.unlink()


def _holds(deployment: Path, name: str, bundle: Bundle, lineage: Lineage | None) -> bool:
    try:
        same = open_version(deployment, name).sha256 == bundle.sha256
        return same and lineage in (None, read_manifest(deployment / "versions" / name).lineage)
    except WorkshopError as error:
        _log.warning("%s The bundle is stored again under a new name.", error)
        return False


def _highest_number(deployment: Path) -> int:
    """Of all versions, also of those that somebody has deleted since."""
    told = [change.version for change in read_history(deployment).changes if change.version]
    numbers = [re.match(r"\d+(?=-)", name) for name in [*version_names(deployment), *told]]
    return max((int(number[0]) for number in numbers if number), default=0)


def _copy(source: Path, target: Path) -> str:
    """Copy a file down to the disk; the SHA-256 of what was copied."""
    whole = digest()
    with source.open("rb") as read, target.open("xb") as written:
        while chunk := read.read(_CHUNK):
            whole.update(chunk)
            written.write(chunk)
        sync_file(written)
    return whole.hexdigest()
