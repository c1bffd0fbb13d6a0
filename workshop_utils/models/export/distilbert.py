"""Make a bundle of a fine-tuned DistilBERT: ONNX, then int8 where that changes nothing that matters."""

import copy
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.bundle.card import Gate, describe
from workshop_utils.models.export.distilbert_to_onnx import to_onnx
from workshop_utils.models.export.gate import int8_gate, refuse_unknown
from workshop_utils.models.export.parity import PROBES, ParityError, write_bundle
from workshop_utils.models.export.quantize import quantized
from workshop_utils.models.tokenization import TextEncoder, Truncation

if TYPE_CHECKING:
    from transformers import DistilBertForSequenceClassification, PreTrainedTokenizerFast

#: Largest difference of a probability on :data:`PROBES`. int8 rounds, and whether its rounding matters is the
#: gate's question; a difference like this one is no rounding any more.
FLOAT32_TOLERANCE, INT8_TOLERANCE = 1e-4, 0.3
#: So many validation texts tell which channels are large; more tell the same.
CALIBRATION_TEXTS = 64

_log = logging.getLogger(__name__)


def export_distilbert(
    model: "DistilBertForSequenceClassification",
    tokenizer: "PreTrainedTokenizerFast",
    folder: Path,
    texts: Sequence[str],
    labels: Sequence[str],
    max_length: int = 256,
    truncation: Truncation = "head",
    metrics: Mapping[str, float] | None = None,
    test_texts: Sequence[str] = (),
) -> Path:
    """Write the bundle; ``Bundle.card.precision`` and ``.gate`` say whether int8 passed the gate.

    Args:
        model: fine-tuned, on any device.
        tokenizer: the one it was fine-tuned with.
        folder: where the bundle goes.
        texts: the validation set, on which int8 is compared with float32.
        labels: their true labels.
        max_length: tokens per text, special ones included.
        truncation: which part of a longer text stays.
        metrics: results on ``test_texts``, for the card.
        test_texts: only their fingerprint is kept.

    Raises:
        WorkshopError: no validation texts, a label that the model does not know, or a length that it cannot
            read.
        ParityError: the float32 export differs from PyTorch by more than 1e-4.
    """
    names = [model.config.id2label[number] for number in range(model.config.num_labels)]
    if len(texts) == 0 or len(texts) != len(labels):
        raise WorkshopError("The int8 gate needs validation texts, and one true label for each.")
    if not 3 <= max_length <= model.config.max_position_embeddings:
        raise WorkshopError(f"max_length must lie between 3 and {model.config.max_position_embeddings}.")
    refuse_unknown(labels, names)
    if model.device.type != "cpu":
        model = copy.deepcopy(model).to("cpu")
    packages = ("torch", "transformers", "onnx", "onnxruntime", "tokenizers", "numpy")
    card = describe("distilbert", names, max_length, metrics, test_texts, packages, truncation=truncation)
    backend = tokenizer.backend_tokenizer
    encoder = TextEncoder(backend, max_length, truncation)
    expected = _probabilities(model, encoder, PROBES)

    def write(target: Path, graph: bytes, **fields: object) -> Path:
        written = card.model_copy(update=fields)
        tolerance = INT8_TOLERANCE if written.precision == "int8" else FLOAT32_TOLERANCE
        return write_bundle(target, written, graph, backend, lambda _: expected, tolerance=tolerance)

    float32 = to_onnx(model)
    int8 = quantized(float32, [_ids(encoder, text) for text in texts[:CALIBRATION_TEXTS]])
    with tempfile.TemporaryDirectory() as scratch:
        before = Bundle.load(write(Path(scratch, "float32"), float32)).predict(texts)
        try:
            draft = write(Path(scratch, "int8"), int8, precision="int8")
            gate = int8_gate(before, Bundle.load(draft).predict(texts), labels, names)
        except ParityError as error:
            _log.warning("The bundle stays in float32: %s", error)
            return write(folder, float32)
    if gate.passed:
        return write(folder, int8, precision="int8", gate=gate)
    _log.warning("The bundle stays in float32: %s", _reason(gate))
    return write(folder, float32, gate=gate)


def _reason(gate: Gate) -> str:
    return (
        f"int8 has {gate.accuracy_int8:.1%} accuracy against {gate.accuracy_float32:.1%} "
        f"and {gate.equal_labels:.1%} equal labels on {gate.texts:,} texts."
    )


def _probabilities(
    model: "DistilBertForSequenceClassification", encoder: TextEncoder, texts: Sequence[str]
) -> np.ndarray:
    """Each text alone through the model as it is before its export, float32 of shape (n, classes)."""
    import torch

    training = model.training
    model.eval()
    with torch.no_grad():
        rows = [torch.from_numpy(_ids(encoder, text)) for text in texts]
        logits = torch.cat([model(input_ids=row).logits for row in rows])
    model.train(training)
    return torch.softmax(logits.float(), dim=-1).numpy()


def _ids(encoder: TextEncoder, text: str) -> np.ndarray:
    """What the model reads of a text, int64 of shape (1, length)."""
    return encoder(text)[0].astype(np.int64)
