"""The card ``bundle.json`` of a learned model on disk, and the folder that it describes.

One folder is one model: the files that the card names, each with its sha256, and the card. Learned Keras
networks (:mod:`~workshop_utils.models.saved`) and bundles (:mod:`~workshop_utils.models.bundle`) share it.
"""

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256 as digest
from importlib.metadata import version
from pathlib import Path
from typing import Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workshop_utils.data.checksums import sha256
from workshop_utils.data.errors import WorkshopError

#: What ``bundle.json`` calls its own layout.
FORMAT = "workshop-bundle-1"
CARD = "bundle.json"

Kind = Literal["keras", "tfidf", "distilbert"]
Keep = Literal["head", "tail", "both"]
_Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class Gate(BaseModel):
    """How the int8 model compared with the float32 one before the bundle was made. Shares, not percent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    texts: int
    accuracy_float32: float
    accuracy_int8: float
    equal_labels: float
    passed: bool


class Card(BaseModel):
    """What a folder holds and how its model reads a text.

    Attributes:
        labels: names of the classes, in the order of the model's outputs.
        max_length: ids per text, special ones included; None where any length goes.
        keep: which part of a longer text stays. fill: short texts are filled with 0 up to ``max_length``.
        metrics: results on the texts whose fingerprint is ``metrics_data_sha256``.
        versions: the libraries that made the model. sha256: of each file, by its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["workshop-bundle-1"] = FORMAT
    kind: Kind
    labels: list[str]
    max_length: int | None = Field(ge=1)
    keep: Keep = "head"
    fill: bool = False
    precision: Literal["float32", "int8"] = "float32"
    gate: Gate | None = None
    metrics: dict[str, float] = {}
    metrics_data_sha256: str = _Sha256
    versions: dict[str, str] = {}
    created: str
    sha256: dict[str, str]

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: list[str]) -> list[str]:
        if len(set(labels)) < max(2, len(labels)):
            raise ValueError("it needs two different labels or more")
        return labels

    @field_validator("sha256")
    @classmethod
    def _flat(cls, files: dict[str, str]) -> dict[str, str]:
        for name in files:
            if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
                raise ValueError(f"it names {name!r}, which is not a file in its own folder")
        return files


def describe(
    kind: Kind,
    labels: Iterable[str],
    max_length: int | None,
    metrics: Mapping[str, float] | None = None,
    test_texts: Iterable[str] = (),
    packages: Iterable[str] = (),
    **more,
) -> Card:
    """The card of a model whose files are not written yet; ``packages`` are those whose versions matter."""
    return Card(
        kind=kind,
        labels=[str(label) for label in labels],
        max_length=max_length,
        metrics={name: round(float(value), 6) for name, value in (metrics or {}).items()},
        metrics_data_sha256=fingerprint(test_texts),
        versions={name: version(name) for name in packages},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sha256={},
        **more,
    )


def write_folder(
    folder: Path, card: Card, write: Callable[[Path], None], check: Callable[[Path], None] | None = None
) -> Path:
    """Write the folder anew, whole or not at all, and return it.

    Args:
        write: puts the model's files into the folder it is given. check: may refuse the finished folder,
            before it gets its name, by raising an error.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.with_name(f".{folder.name}-{uuid4().hex}")
    draft, old = scratch / folder.name, scratch / "former"
    draft.mkdir(parents=True)
    try:
        write(draft)
        sums = {path.name: sha256(path) for path in sorted(draft.iterdir())}
        text = card.model_copy(update={"sha256": sums}).model_dump_json(indent=2)
        (draft / CARD).write_text(text + "\n", encoding="utf-8")
        if check:
            check(draft)
        if folder.exists():
            folder.rename(old)
        draft.rename(folder)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def read_card(folder: Path) -> Card:
    """The folder's card.

    Raises:
        WorkshopError: no card, a damaged one, or another format.
    """
    path = folder / CARD
    if path.is_symlink():
        raise WorkshopError(f"{folder.name}/{CARD} is a link; a bundle's files lie in its own folder.")
    try:
        return Card.model_validate_json(path.read_bytes())
    except OSError:
        raise WorkshopError(
            f"There is no model in {folder.name}; run the lesson that makes it first."
        ) from None
    except ValidationError as error:
        found = error.errors()
        if any(
            problem["loc"][:1] in ((), ("format",), ("kind",)) and problem["type"] != "json_invalid"
            for problem in found
        ):
            raise WorkshopError(f"{folder.name} holds no model of this course ({FORMAT}).") from None
        if all(problem["type"] == "value_error" for problem in found):
            said = found[0]["ctx"]["error"]
            raise WorkshopError(f"{folder.name}/{CARD} is refused: {said}.") from None
        raise WorkshopError(f"{folder.name}/{CARD} is damaged; run its lesson again.") from None


def read_file(folder: Path, card: Card, name: str) -> bytes:
    """Content of one of the folder's files, exactly as its card describes it.

    Raises:
        WorkshopError: the file is missing, a link, or has another sha256.
    """
    path = folder / name
    if path.is_symlink():
        raise WorkshopError(f"{folder.name}/{name} is a link; a bundle's files lie in its own folder.")
    content = path.read_bytes() if path.is_file() else None
    if content is None or digest(content).hexdigest() != card.sha256.get(name):
        raise WorkshopError(f"{folder.name}/{name} is missing or damaged; run its lesson again.")
    return content


def fingerprint(texts: Iterable[str]) -> str:
    """SHA-256 of the texts in their order."""
    whole = digest()
    for text in texts:
        whole.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return whole.hexdigest()
