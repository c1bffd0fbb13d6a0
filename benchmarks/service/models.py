"""What is served: one bundle, the same network for PyTorch, and for servers that make batches."""

import io
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.runtimes.models import encoder, split
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.export.distilbert import CALIBRATION_TEXTS, export_distilbert
from workshop_utils.models.export.distilbert_to_onnx import to_onnx
from workshop_utils.models.export.quantize import quantized
from workshop_utils.paths import ROOT
from workshop_utils.quiet import quiet

#: Tokens: whole reviews.
LENGTH = 512
WORDS = range(64, 257)
_TRAIN, _GATE, _TEST, _COUNT = 3000, 1000, 5000, 500


def write_served(folder: Path) -> Path:
    """The folder, made once: ``encoder`` is the bundle, ``classifier`` for PyTorch, ``masked.onnx`` for
    batches, ``float32.onnx`` for OpenVINO, ``texts.json`` what is asked."""
    if folder.exists():
        return folder
    reviews = split(_TRAIN, 2000, _TEST)
    texts = [text for text in reviews.test["review"] if len(text.split()) in WORDS][:_COUNT]
    if len(texts) < _COUNT:
        raise SystemExit(
            f"Only {len(texts)} reviews have {WORDS[0]} to {WORDS[-1]} words. The comparison needs the "
            "original film reviews: run `workshop fetch`, or set WORKSHOP_DATA_DIR to their folder."
        )
    kept = ROOT / "build" / "runtimes" / "classifier"
    kept.parent.mkdir(parents=True, exist_ok=True)
    classifier = encoder(kept, reviews)
    gate = list(reviews.gate["review"][:_GATE]), list(reviews.gate["sentiment"][:_GATE])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        work = Path(scratch) / "served"
        work.mkdir()
        export_distilbert(classifier.model, classifier.tokenizer, work / "encoder", *gate, LENGTH)
        bundle = Bundle.load(work / "encoder")
        if bundle.card.precision != "int8":
            raise SystemExit(f"The int8 model did not pass its gate: {bundle.card.gate}.")
        rows = [bundle._encode(text)[0].astype(np.int64) for text in gate[0][:CALIBRATION_TEXTS]]
        (work / "float32.onnx").write_bytes(to_onnx(classifier.model))
        (work / "masked.onnx").write_bytes(quantized(_masked(classifier.model), rows))
        shutil.copytree(kept, work / "classifier")
        lengths = [bundle._encode(text)[0].size for text in texts]
        chosen = {"texts": mixed(texts, lengths), "mean_tokens": float(np.mean(lengths))}
        (work / "texts.json").write_text(json.dumps(chosen), encoding="utf-8")
        work.rename(folder)
    return folder


def mixed(texts: list[str], lengths: list[int]) -> list[str]:
    """Reordered so that every run of neighbours has short and long ones in it: a fast and a slow server get
    the same mixture."""
    ordered = [texts[row] for row in np.argsort(lengths, kind="stable")]
    golden = (np.arange(len(texts)) * (5**0.5 - 1) / 2) % 1
    return [ordered[row] for row in np.argsort(np.argsort(golden, kind="stable"), kind="stable")]


def _masked(model) -> bytes:
    """The bundle's network with one thing more: attention leaves padding (id 0) out.

    A bundle's file has no mask, because every text is scored alone; a padded batch would be answered wrongly.
    """
    import torch

    class Masked(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            hidden = torch.where(input_ids == 0, -1e9, 0.0)[:, None, None, :]
            states = self.inner.distilbert.embeddings(input_ids)
            *layers, last = self.inner.distilbert.transformer.layer
            for layer in layers:
                states = _layer(layer, states, states, hidden)
            first = _layer(last, states[:, :1], states, hidden)[:, 0]
            logits = self.inner.classifier(torch.relu(self.inner.pre_classifier(first)))
            return torch.softmax(logits, dim=-1)

    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=LENGTH)
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            Masked().eval(),
            (torch.ones((2, 8), dtype=torch.int64),),
            input_names=["input_ids"],
            output_names=["probabilities"],
            dynamic_shapes={"input_ids": {0: batch, 1: length}},
            dynamo=True,
            verbose=False,
        )
    content = io.BytesIO()
    program.save(content)
    return content.getvalue()


def _layer(layer, queries, states, hidden):
    attention = layer.attention

    def heads(rows):
        return rows.unflatten(-1, (attention.n_heads, -1)).transpose(1, 2)

    query, key, value = attention.q_lin(queries), attention.k_lin(states), attention.v_lin(states)
    weights = (heads(query) @ heads(key).transpose(-1, -2) * attention.scaling + hidden).softmax(-1)
    context = (weights @ heads(value)).transpose(1, 2).flatten(2)
    attended = layer.sa_layer_norm(attention.out_lin(context) + queries)
    return layer.output_layer_norm(layer.ffn(attended) + attended)
