"""A fine-tuned DistilBERT as ONNX, fast on a processor: nothing computed that is not asked for, then int8.

Of the last layer only the first token is read, so only that one is computed: the same answers with about a
seventh less of work. int8 makes the rest about twice as fast on processors with VNNI; ONNX alone hardly does.
Weights and inputs become whole numbers with a common scale. The more numbers share a scale, the faster and
the less faithful: in attention all inputs of a text share one, but in the feed-forward layers, where
outliers would leave little of the scale to the others, only 128 do (Bondarenko and others, *Understanding
and overcoming the challenges of efficient Transformer quantization*, EMNLP 2021, sections 3 and 4).
``benchmarks/serving.py`` measures what that gains and costs. Lesson 11.
"""

import io
import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx
    import torch
    from transformers import DistilBertForSequenceClassification


def to_onnx(model: "DistilBertForSequenceClassification") -> bytes:
    """The model with its softmax as ONNX: int64 ids (batch, length) → probabilities (batch, classes).

    There is no mask: every text is scored alone, so no row is ever filled.
    """
    import torch

    class Probabilities(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            states = self.inner.distilbert.embeddings(input_ids)
            *layers, last = self.inner.distilbert.transformer.layer
            for layer in layers:
                states = _answers(layer, states, states)
            first = _answers(last, states[:, :1], states)[:, 0]
            logits = self.inner.classifier(torch.relu(self.inner.pre_classifier(first)))
            return torch.softmax(logits, dim=-1)

    longest = model.config.max_position_embeddings
    shapes = {"input_ids": {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=longest)}}
    was_training = model.training
    try:
        with _errors_only("torch.onnx"), warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                Probabilities().eval(),
                (torch.ones((2, 8), dtype=torch.int64),),
                input_names=["input_ids"],
                output_names=["probabilities"],
                dynamic_shapes=shapes,
                dynamo=True,
                verbose=False,
            )
    finally:
        model.train(was_training)
    content = io.BytesIO()
    program.save(content)
    return content.getvalue()


def _answers(layer: "torch.nn.Module", asking: "torch.Tensor", states: "torch.Tensor") -> "torch.Tensor":
    """What a layer makes of the tokens ``asking``, which may attend to all of ``states``."""
    attention = layer.attention

    def heads(rows: "torch.Tensor") -> "torch.Tensor":
        return rows.unflatten(-1, (attention.n_heads, -1)).transpose(1, 2)

    query, key, value = attention.q_lin(asking), attention.k_lin(states), attention.v_lin(states)
    weights = (heads(query) @ heads(key).transpose(-1, -2) * attention.scaling).softmax(-1)
    found = (weights @ heads(value)).transpose(1, 2).flatten(2)
    attended = layer.sa_layer_norm(attention.out_lin(found) + asking)
    return layer.output_layer_norm(layer.ffn(attended) + attended)


def quantised(model: bytes) -> bytes:
    """The same ONNX model in int8: attention with one scale per channel, feed-forward layers by blocks."""
    graph = _without_shapes(model).graph
    weights = {tensor.name: tensor.dims for tensor in graph.initializer}
    layers = [node for node in graph.node if node.op_type == "MatMul" and node.input[1] in weights]
    square = {node.name for node in layers if len(set(weights[node.input[1]])) == 1}
    return by_blocks(by_channel(model, {node.name for node in layers} - square))


def by_channel(model: bytes, but: Iterable[str] = ()) -> bytes:
    """In int8: one scale for each output of a layer, one for all its inputs; all layers but those named."""
    from onnxruntime.quantization import quantize_dynamic

    with _errors_only(), tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "model.onnx"
        quantize_dynamic(_without_shapes(model), target, per_channel=True, nodes_to_exclude=list(but))
        return target.read_bytes()


def by_blocks(model: bytes) -> bytes:
    """In int8: a scale for every 128 weights and every 128 inputs; all layers still in float32."""
    from onnxruntime.quantization.matmul_nbits_quantizer import (
        DefaultWeightOnlyQuantConfig,
        MatMulNBitsQuantizer,
    )

    # level 4 multiplies in int8; without it the weights alone are int8, and nothing is won but memory
    settings = DefaultWeightOnlyQuantConfig(block_size=128, bits=8, is_symmetric=True, accuracy_level=4)
    with _errors_only():
        quantiser = MatMulNBitsQuantizer(_without_shapes(model), algo_config=settings)
        quantiser.process()
    return quantiser.model.model.SerializeToString()


def _without_shapes(model: bytes) -> "onnx.ModelProto":
    import onnx

    parsed = onnx.load_model_from_string(model)
    del parsed.graph.value_info[:]  # the exporter's shapes contradict the quantisers'
    return parsed


@contextmanager
def _errors_only(logger: str | None = None) -> Iterator[None]:
    """The logger, by default the root of all, tells errors only."""
    chatter = logging.getLogger(logger)
    level = chatter.level
    chatter.setLevel(logging.ERROR)
    try:
        yield
    finally:
        chatter.setLevel(level)
