"""Make a bundle of a saved Keras network, in a process of its own. Shown in lesson 11."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.cnn.store import read_network
from workshop_utils.models.export.parity import PROBES, write_bundle
from workshop_utils.models.tokenization import encode


def export_keras(saved: Path, folder: Path, texts: Sequence[str] = ()) -> Path:
    """Make a bundle of a network that ``save_network`` wrote; labels, metrics and lengths come along.

    A child process opens the ``.keras`` file with Keras on PyTorch, which writes ONNX itself; this process
    needs neither. Where the network's answers do not depend on padding, short texts are scored without.

    Raises:
        WorkshopError: no such network, or it cannot be exported.
        ParityError: the answers differ by more than 1e-5.
    """
    card, tokenizer = read_network(saved)
    probes = [*PROBES, *texts]
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        np.save(work / "ids.npy", encode(tokenizer, probes, card.max_length, card.truncation))
        _convert(saved / "model.keras", work)
        expected, model = np.load(work / "probabilities.npy"), (work / "model.onnx").read_bytes()
    made_by = {name: version(name) for name in ("torch", "onnx", "onnxruntime")}
    card = card.model_copy(update={"versions": card.versions | made_by})

    def attempt(padding: bool) -> Path:
        served = card.model_copy(update={"padding": padding})
        return write_bundle(folder, served, model, tokenizer, lambda _: expected, texts)

    try:
        return attempt(padding=False)
    except WorkshopError:  # other answers, or a network that takes one length only
        return attempt(padding=True)


def _convert(network: Path, work: Path) -> None:
    """``ids.npy`` → ``probabilities.npy`` and ``model.onnx`` in the folder ``work``."""
    command = [sys.executable, "-m", "workshop_utils.models.export.keras_to_onnx", str(network), str(work)]
    environment = os.environ | {"KERAS_BACKEND": "torch", "TF_CPP_MIN_LOG_LEVEL": "2"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    if result.returncode:
        reason = (result.stderr.strip() or "no reason given").splitlines()[-1][:300]
        raise WorkshopError(f"{network.parent.name} cannot be exported: {reason}.")
