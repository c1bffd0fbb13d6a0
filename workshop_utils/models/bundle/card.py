"""The card ``bundle.json`` of a learned model on disk, and the folder that it describes.

One folder is one model: the files that the card names, each with its sha256, and the card. Bundles share it
with learned networks (:mod:`~workshop_utils.models.cnn.store`) and fine-tuned classifiers.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256 as digest
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workshop_utils.errors import WorkshopError
from workshop_utils.files import recover_folder, replace_folder, sha256, sha256_of_texts
from workshop_utils.models.tokenization import Truncation

#: What ``bundle.json`` calls its own layout.
FORMAT: Final = "workshop-bundle-1"
CARD = "bundle.json"
_MODEL_FILES = (
    *("model.onnx", "model.keras", "model.safetensors"),
    *("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "reference.json"),
)
_READS = 5  # how often a card is looked for that a writer may have moved away between two looks
_LITTER = (".DS_Store", "__MACOSX", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints")

ModelKind = Literal["keras", "tfidf", "distilbert"]
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
        max_length: tokens per text, special ones included; None where any length goes.
        truncation: which part of a longer text stays. padding: short texts are padded with 0 up to
            ``max_length``.
        metrics: results on the texts whose fingerprint is ``metrics_data_sha256``.
        versions: the libraries that made the model. sha256: of each file, by its name.
    """

    # JSON has no NaN and no infinity: a metric that is none is written as a word and read again
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    format: Literal["workshop-bundle-1"] = FORMAT
    kind: ModelKind
    labels: list[str]
    max_length: int | None = Field(ge=1)
    truncation: Truncation = "head"
    padding: bool = False
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
    kind: ModelKind,
    labels: Iterable[str],
    max_length: int | None,
    metrics: Mapping[str, float] | None = None,
    test_texts: Iterable[str] = (),
    packages: Iterable[str] = (),
    **more: Any,
) -> Card:
    """The card of a model whose files are not written yet; ``packages`` are those whose versions matter."""
    return Card(
        kind=kind,
        labels=[str(label) for label in labels],
        max_length=max_length,
        metrics={name: round(float(value), 6) for name, value in (metrics or {}).items()},
        metrics_data_sha256=sha256_of_texts(test_texts),
        versions={name: version(name) for name in packages},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sha256={},
        **more,
    )


def write_folder(
    folder: Path, card: Card, write: Callable[[Path], None], check: Callable[[Path], None] | None = None
) -> Path:
    """Write the model's folder anew, whole or not at all, and return it. A link is followed.

    Args:
        folder: where the model goes: a new name, an empty folder, or a model that is written over.
        card: all but the checksums, which are added.
        write: puts the model's files into the folder it is given.
        check: may refuse the finished folder, before it gets its name, by raising an error.

    Raises:
        WorkshopError: the folder holds something else than a model of this course.
    """
    folder = Path(folder).resolve()
    recover_folder(folder)
    refuse_to_empty(folder)

    def write_all(draft: Path) -> None:
        write(draft)
        sums = {path.name: sha256(path) for path in sorted(draft.iterdir())}
        text = card.model_copy(update={"sha256": sums}).model_dump_json(indent=2)
        (draft / CARD).write_text(text + "\n", encoding="utf-8", newline="\n")

    return replace_folder(folder, write_all, check)


def read_card(folder: Path) -> Card:
    """The folder's card.

    Raises:
        WorkshopError: no card, a damaged one, or another format.
    """
    return parse_card(folder, read_card_file(folder))


def read_card_file(folder: Path) -> bytes:
    """Content of the folder's ``bundle.json``.

    Raises:
        WorkshopError: there is none, or it is a link.
    """
    path = folder / CARD
    if path.is_symlink():
        raise WorkshopError(f"{folder.name}/{CARD} is a link; a bundle's files lie in its own folder.")
    for _ in range(_READS):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            recover_folder(folder)
        except OSError:
            break
    raise WorkshopError(
        f"There is no model in {folder.name}; run the lesson that makes it, or `workshop train`."
    )


def parse_card(folder: Path, content: bytes) -> Card:
    """The card that ``bundle.json`` holds; errors as in :func:`read_card`."""
    try:
        return Card.model_validate_json(content)
    except ValidationError as error:
        problems = error.errors()
        foreign = ((), ("format",), ("kind",))
        if any(each["loc"][:1] in foreign and each["type"] != "json_invalid" for each in problems):
            raise WorkshopError(f"{folder.name} holds no model of this course ({FORMAT}).") from None
        if all(each["type"] == "value_error" for each in problems):
            reason = problems[0]["ctx"]["error"]
            raise WorkshopError(f"{folder.name}/{CARD} is refused: {reason}.") from None
        raise WorkshopError(f"{folder.name}/{CARD} is damaged; run its lesson again.") from None


def read_file(folder: Path, card: Card, name: str) -> bytes:
    """Content of one of the folder's files, exactly as its card describes it.

    Raises:
        WorkshopError: the file is missing, a link, or has another sha256.
    """
    path = folder / name
    if path.is_symlink():
        raise WorkshopError(f"{folder.name}/{name} is a link; a bundle's files lie in its own folder.")
    try:
        content = path.read_bytes()
    except OSError:
        content = None
    if content is None or digest(content).hexdigest() != card.sha256.get(name):
        raise WorkshopError(f"{folder.name}/{name} is missing or damaged; run its lesson again.")
    return content


def is_litter(name: str) -> bool:
    """Is this a file or folder that macOS, Windows or Jupyter leaves everywhere, and nobody's own?"""
    return name.startswith("._") or name in _LITTER


def refuse_to_empty(folder: Path) -> None:
    """A model may be written over, and an empty folder; what somebody keeps in a folder may not.

    Raises:
        WorkshopError: the folder holds something else than a model of this course, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise WorkshopError(f"{folder.name} is a file; give the model a folder of its own.")
    kept = [] if not folder.exists() else sorted(p for p in folder.iterdir() if not is_litter(p.name))
    ours = _own_files(folder)
    foreign = [path.name for path in kept if path.is_dir() or path.name not in ours]
    if foreign:
        raise WorkshopError(
            f"{folder.name} holds {foreign[0]}, which is no part of a model and would be lost; "
            "choose an empty folder or a new name."
        )


def _own_files(folder: Path) -> set[str]:
    """Files of the folder that belong to a model of this course; those of a damaged one go by their names."""
    path = folder / CARD
    if not path.is_file():
        return set()
    content = path.read_bytes()
    try:
        return {CARD, *parse_card(folder, content).sha256}
    except WorkshopError:
        return {CARD, *_MODEL_FILES} if FORMAT.encode() in content or not _is_json(content) else set()


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True
