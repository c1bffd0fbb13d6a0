"""A DistilBERT's ONNX model in int8: smaller, and about twice as fast on processors with VNNI.

Weights and inputs become whole numbers with a common scale. The more numbers share a scale, the faster and
the less faithful: in attention all inputs of a text share one, but in the feed-forward layers, where
outliers would leave little of the scale to the others, only 128 do (Bondarenko and others, *Understanding
and overcoming the challenges of efficient Transformer quantization*, EMNLP 2021, sections 3 and 4).
``benchmarks/serving.py`` measures what that gains and costs. Lesson 11.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from workshop_utils.quiet import quiet

if TYPE_CHECKING:
    import onnx


def quantized(model: bytes) -> bytes:
    """The same ONNX model in int8: attention with one scale per channel, feed-forward layers by blocks."""
    graph = _without_shapes(model).graph
    weights = {tensor.name: tensor.dims for tensor in graph.initializer}
    layers = [node for node in graph.node if node.op_type == "MatMul" and node.input[1] in weights]
    square = {node.name for node in layers if len(set(weights[node.input[1]])) == 1}
    return by_blocks(by_channel(model, {node.name for node in layers} - square))


def by_channel(model: bytes, but: Iterable[str] = ()) -> bytes:
    """In int8: one scale for each output of a layer, one for all its inputs; all layers but those named."""
    from onnxruntime.quantization import quantize_dynamic

    with quiet(), tempfile.TemporaryDirectory() as scratch:
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
    with quiet():
        quantizer = MatMulNBitsQuantizer(_without_shapes(model), algo_config=settings)
        quantizer.process()
    return quantizer.model.model.SerializeToString()


def _without_shapes(model: bytes) -> "onnx.ModelProto":
    import onnx

    parsed = onnx.load_model_from_string(model)
    del parsed.graph.value_info[:]  # the exporter's shapes contradict the quantizers'
    return parsed
