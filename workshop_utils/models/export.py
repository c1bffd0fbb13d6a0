"""Make bundles: publish one only when its answers equal those of the model it was made from; Keras networks.

TF-IDF models are exported by :mod:`~workshop_utils.models.export_tfidf`, DistilBERT by
:mod:`~workshop_utils.models.export_distilbert`. Shown in lesson 11.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from workshop_utils.data.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.card import Card, write_folder
from workshop_utils.models.encoding import encode
from workshop_utils.models.saved import read_network

#: Texts on which every bundle is compared with its origin, beside those that the caller gives.
PROBES = [
    "",
    " ",
    "A film that stays with you.",
    "Ä ö ü ß, und ewig lockt das ΦΩΣ!",
    "😴👩‍💻 ❤️",
    "हिन्दी में किताब",
    "\ud800\0",
    "long text " * 600,
]


class ParityError(WorkshopError):
    """The exported model answers otherwise than the model it was made from."""


def publish(
    folder: Path,
    card: Card,
    model: bytes,
    tokenizer: Tokenizer,
    reference: Callable[[Sequence[str]], np.ndarray],
    texts: Sequence[str] = (),
    tolerance: float = 1e-5,
) -> Path:
    """Write a bundle, whole or not at all, compared with its origin on ``texts`` and :data:`PROBES`.

    Args:
        reference: probabilities of shape (n, classes) for n texts, from the model that was exported.

    Raises:
        ParityError: a probability differs by more than ``tolerance``.
    """
    probes = [*PROBES, *texts]

    def write(draft: Path) -> None:
        (draft / "model.onnx").write_bytes(model)
        tokenizer.save(str(draft / "tokenizer.json"))

    def check(draft: Path) -> None:
        difference = float(np.abs(Bundle.load(draft).predict_proba(probes) - reference(probes)).max())
        if not difference <= tolerance:
            raise ParityError(
                f"{folder.name} was not made: its answers differ by {difference:.1e} from the model's."
            )

    return write_folder(folder, card, write, check)


def export_keras(saved: Path, folder: Path, texts: Sequence[str] = ()) -> Path:
    """Make a bundle of a network that ``save_network`` wrote; labels, metrics and lengths come along.

    A child process opens the ``.keras`` file with Keras on PyTorch, which writes ONNX itself; this process
    needs neither. Where the network's answers do not depend on filling, short texts are scored without.

    Raises:
        WorkshopError: no such network, or it cannot be exported.
        ParityError: the answers differ by more than 1e-5.
    """
    card, tokenizer = read_network(saved)
    probes = [*PROBES, *texts]
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        np.save(work / "ids.npy", encode(tokenizer, probes, card.max_length, card.keep))
        _convert(saved / "model.keras", work)
        answers, model = np.load(work / "answers.npy"), (work / "model.onnx").read_bytes()
    made_by = {name: version(name) for name in ("torch", "onnx", "onnxruntime")}
    card = card.model_copy(update={"versions": card.versions | made_by})

    def attempt(fill: bool) -> Path:
        served = card.model_copy(update={"fill": fill})
        return publish(folder, served, model, tokenizer, lambda _: answers, texts)

    try:
        return attempt(fill=False)
    except WorkshopError:
        return attempt(fill=True)


def _convert(network: Path, work: Path) -> None:
    """``ids.npy`` → ``answers.npy`` and ``model.onnx`` in the folder ``work``."""
    command = [sys.executable, "-m", "workshop_utils.models.keras_to_onnx", str(network), str(work)]
    environment = os.environ | {"KERAS_BACKEND": "torch", "TF_CPP_MIN_LOG_LEVEL": "2"}
    told = subprocess.run(command, capture_output=True, text=True, env=environment)
    if told.returncode:
        reason = (told.stderr.strip() or "no reason given").splitlines()[-1][:300]
        raise WorkshopError(f"{network.parent.name} cannot be exported: {reason}.")
