"""Make a bundle of a fine-tuned DistilBERT: ONNX, then int8 where that changes nothing that matters."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from workshop_utils.data.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.card import Gate, describe
from workshop_utils.models.distilbert_onnx import quantised, to_onnx
from workshop_utils.models.export import PROBES, publish
from workshop_utils.models.reader import Reader

if TYPE_CHECKING:
    from transformers import DistilBertForSequenceClassification, PreTrainedTokenizerFast

#: The gate: int8 may lose this share of accuracy, and must give at least this share of equal labels.
MAX_LOSS, MIN_EQUAL = 0.003, 0.99


def export_distilbert(
    model: "DistilBertForSequenceClassification",
    tokenizer: "PreTrainedTokenizerFast",
    folder: Path,
    texts: Sequence[str],
    labels: Sequence[str],
    max_length: int = 256,
    keep: str = "head",
    metrics: Mapping[str, float] | None = None,
    test_texts: Sequence[str] = (),
) -> Path:
    """Write the bundle; ``Bundle.card.precision`` and ``.gate`` say whether int8 passed the gate.

    Args:
        texts, labels: the validation set with true labels, on which int8 is compared with float32.
        max_length: ids per text, special ones included. keep: which part of a longer text stays.
        metrics: results on ``test_texts``, for the card.

    Raises:
        WorkshopError: no validation texts, or a length that the model cannot read.
        ParityError: the float32 export differs from PyTorch by more than 1e-4.
    """
    names = [model.config.id2label[number] for number in range(model.config.num_labels)]
    if len(texts) == 0 or len(texts) != len(labels):
        raise WorkshopError("The int8 gate needs validation texts, and one true label for each.")
    if not 3 <= max_length <= model.config.max_position_embeddings:
        raise WorkshopError(f"max_length must lie between 3 and {model.config.max_position_embeddings}.")
    packages = ("torch", "transformers", "onnx", "onnxruntime", "tokenizers", "numpy")
    card = describe("distilbert", names, max_length, metrics, test_texts, packages, keep=keep)
    reader = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    reader.no_truncation()
    reader.no_padding()
    wide = to_onnx(model)

    read = Reader(reader, card)
    expected = np.concatenate([_answer(model, read(text)[0]) for text in PROBES])

    def reference(probes: Sequence[str]) -> np.ndarray:
        return expected

    with tempfile.TemporaryDirectory() as scratch:
        parts = {"float32": wide, "int8": quantised(wide)}
        answers = {}
        for precision, graph in parts.items():
            draft = publish(
                Path(scratch, precision), card, graph, reader, reference, tolerance=_TOLERANCE[precision]
            )
            answers[precision] = np.array(names)[Bundle.load(draft).predict_proba(texts).argmax(axis=1)]
    gate = compare(answers["float32"], answers["int8"], labels)
    precision = "int8" if gate.passed else "float32"
    if not gate.passed:
        print(
            f"The bundle stays in float32: int8 has {gate.accuracy_int8:.1%} accuracy against "
            f"{gate.accuracy_float32:.1%} and {gate.equal_labels:.1%} equal labels on {gate.texts:,} texts."
        )
    card = card.model_copy(update={"precision": precision, "gate": gate})
    return publish(folder, card, parts[precision], reader, reference, tolerance=_TOLERANCE[precision])


def compare(float32: Sequence[str], int8: Sequence[str], true: Sequence[str]) -> Gate:
    """The gate's figures from both models' labels and the true ones, each of shape (n,)."""
    wide, narrow, right = (np.asarray(labels, dtype=str) for labels in (float32, int8, true))
    accuracy = {name: float((found == right).mean()) for name, found in (("wide", wide), ("narrow", narrow))}
    equal = float((wide == narrow).mean())
    # a bound is met when it is reached: 0.9 - 0.897 is a hair more than 0.003 in floating point
    passed = accuracy["wide"] - accuracy["narrow"] <= MAX_LOSS + 1e-9 and equal >= MIN_EQUAL - 1e-9
    return Gate(
        texts=len(right),
        accuracy_float32=round(accuracy["wide"], 6),
        accuracy_int8=round(accuracy["narrow"], 6),
        equal_labels=round(equal, 6),
        passed=passed,
    )


#: int8 rounds; whether that matters is the gate's question, not parity's.
_TOLERANCE = {"float32": 1e-4, "int8": 1.0}


def _answer(model: "DistilBertForSequenceClassification", ids: np.ndarray) -> np.ndarray:
    import torch

    training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(ids.astype(np.int64))).logits
    model.train(training)
    return torch.softmax(logits, dim=-1).numpy()
