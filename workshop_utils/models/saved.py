"""A learned network on disk: ``model.keras``, its ``tokenizer.json`` and the describing ``bundle.json``.

The folder becomes a bundle that can be served once ``model.onnx`` stands beside them.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256 as digest
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from workshop_utils.data.checksums import sha256
from workshop_utils.data.errors import WorkshopError
from workshop_utils.data.paths import home
from workshop_utils.models.encoding import encode

if TYPE_CHECKING:
    import keras

#: What ``bundle.json`` calls its own layout.
FORMAT = "workshop-bundle-1"


class SavedNetwork(NamedTuple):
    """A network with everything that is needed to read a text."""

    network: "keras.Model"
    tokenizer: Tokenizer
    labels: list[str]
    max_length: int
    keep: str

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities, shape (n, classes), float32."""
        if len(texts) == 0:
            return np.empty((0, len(self.labels)), dtype=np.float32)
        return self.network.predict(encode(self.tokenizer, texts, self.max_length, self.keep), verbose=0)


def model_folder(name: str) -> Path:
    """Where a lesson's learned model lives: ``models/<name>`` under ``WORKSHOP_HOME``."""
    return home() / "models" / name


def save_network(
    folder: Path,
    network: "keras.Model",
    tokenizer: Tokenizer,
    labels: Sequence[str],
    max_length: int,
    keep: str = "head",
    metrics: Mapping[str, float] | None = None,
    test_texts: Sequence[str] = (),
) -> Path:
    """Write the folder anew, whole or not at all, and return it.

    Args:
        labels: names of the classes, in the order of the network's outputs.
        max_length: ids per text. keep: which part of a longer text stays, as in ``encode``.
        metrics: results such as ``{"accuracy": 0.8}``. test_texts: the texts they were measured on; only
            their fingerprint is kept.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        draft = Path(scratch) / "new"
        draft.mkdir()
        network.save(draft / "model.keras")
        tokenizer.save(str(draft / "tokenizer.json"))
        card = {
            "format": FORMAT,
            "kind": "keras",
            "labels": [str(label) for label in labels],
            "max_length": max_length,
            "keep": keep,
            "metrics": {name: round(float(value), 6) for name, value in (metrics or {}).items()},
            "metrics_data_sha256": _fingerprint(test_texts),
            "versions": {name: version(name) for name in ("keras", "tokenizers", "numpy")},
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "sha256": {name: sha256(draft / name) for name in ("model.keras", "tokenizer.json")},
        }
        text = json.dumps(card, ensure_ascii=False, indent=2)
        (draft / "bundle.json").write_text(text + "\n", encoding="utf-8")
        _exchange(folder, draft, Path(scratch) / "old")
    return folder


def load_network(folder: Path) -> SavedNetwork:
    """The network that :func:`save_network` wrote.

    Raises:
        WorkshopError: nothing there, another format, or a file that does not fit its sha256.
    """
    try:
        card = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise WorkshopError(
            f"There is no model in {folder.name}; run the lesson that makes it first."
        ) from None
    except ValueError:
        raise WorkshopError(f"{folder.name}/bundle.json is damaged; run its lesson again.") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT or card.get("kind") != "keras":
        raise WorkshopError(f"{folder.name} holds no Keras model of this course ({FORMAT}).")
    if not card.keys() >= {"labels", "max_length", "keep"} or not isinstance(card.get("sha256"), dict):
        raise WorkshopError(f"{folder.name}/bundle.json is damaged; run its lesson again.")
    for name in ("model.keras", "tokenizer.json"):
        if not (folder / name).is_file() or sha256(folder / name) != card["sha256"].get(name):
            raise WorkshopError(f"{folder.name}/{name} is missing or damaged; run its lesson again.")
    import keras

    network = keras.saving.load_model(folder / "model.keras", compile=False)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return SavedNetwork(network, tokenizer, card["labels"], card["max_length"], card["keep"])


def _exchange(folder: Path, draft: Path, old: Path) -> None:
    """Put the draft in the folder's place; what stood there goes to ``old``, and returns if that fails."""
    if folder.exists():
        folder.rename(old)
    try:
        draft.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise


def _fingerprint(texts: Sequence[str]) -> str:
    """SHA-256 of the texts in their order."""
    whole = digest()
    for text in texts:
        whole.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return whole.hexdigest()
