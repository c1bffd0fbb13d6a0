"""The manifest of a version: the sums of its files, and of what its model was made from.

The manifest of ``versions/NAME/`` is ``versions/NAME.json``. It vouches for the bundle's card, which vouches
for the other files; a sum of its own vouches for the manifest. So one flipped byte anywhere is found.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.bundle.card import CARD
from workshop_utils.production.deployment.pointers import version_folder

_FORMAT: Final = "workshop-version-1"

_Sum = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Lineage(BaseModel):
    """What a model was made from. What is not known is None.

    Attributes:
        training_data, policy: SHA-256 of the training data and of the policy of the retraining.
        code_revision: of the code that trained, such as a commit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    training_data: _Sum | None = None
    policy: _Sum | None = None
    code_revision: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+/-]{1,100}$")] | None = None


class Manifest(BaseModel):
    """What one version is.

    Attributes:
        version: its name. files: SHA-256 of each of its files, the card included.
        lineage: what its model was made from. sha256: of all the other fields.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["workshop-version-1"] = _FORMAT
    version: str
    files: dict[str, _Sum]
    lineage: Lineage
    sha256: _Sum


def files_of(bundle: Bundle) -> dict[str, str]:
    """SHA-256 of each file of a bundle, as it was when it was loaded; the card comes first."""
    return {CARD: bundle.sha256} | dict(sorted(bundle.card.sha256.items()))


def write_manifest(folder: Path, files: dict[str, str], lineage: Lineage) -> None:
    """Write the manifest of the version ``folder``, which need not be there yet."""
    fields = {"version": folder.name, "files": files, "lineage": lineage}
    unsigned = Manifest.model_validate(fields | {"sha256": "0" * 64})
    atomic_write(_path(folder), _as_text(unsigned.model_copy(update={"sha256": _sum(unsigned)})))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version.

    Args:
        folder: the version's folder in ``versions``.

    Raises:
        WorkshopError: there is none, or it is damaged or another version's.
    """
    try:
        content = _path(folder).read_bytes()
    except OSError:
        raise WorkshopError(f"The version {folder.name} has no manifest; promote its bundle again.") from None
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError:
        manifest = None
    if (
        manifest is None
        or manifest.version != folder.name
        or manifest.sha256 != _sum(manifest)
        or _as_text(manifest).encode("utf-8") != content
    ):
        raise WorkshopError(f"The manifest of {folder.name} is damaged; promote its bundle again.")
    return manifest


def check_manifest(folder: Path, bundle: Bundle) -> None:
    """Is what was loaded from a version what its manifest says?

    Raises:
        WorkshopError: it has no manifest, a damaged one, or other files.
    """
    if read_manifest(folder).files != files_of(bundle):
        raise WorkshopError(
            f"The files of {folder.name} are not those that were promoted; promote its bundle again."
        )


def open_version(deployment: Path, version: str) -> Bundle:
    """Load a version, verified to the last byte.

    Raises:
        WorkshopError: there is no such version, or a byte of it is another than when it was promoted.
    """
    folder = version_folder(deployment, version)
    try:
        bundle = Bundle.load(folder)
    except WorkshopError as error:
        reason = str(error).split(";")[0].rstrip(".")
        raise WorkshopError(
            f"The version {version} is refused: {reason}; promote its bundle again."
        ) from error
    check_manifest(folder, bundle)
    return bundle


def _path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _sum(manifest: Manifest) -> str:
    return sha256(_as_text(manifest, exclude={"sha256"}).encode("utf-8")).hexdigest()


def _as_text(manifest: Manifest, **options: Any) -> str:
    return json.dumps(manifest.model_dump(mode="json", **options), indent=2) + "\n"
