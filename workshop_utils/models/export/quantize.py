"""A DistilBERT's ONNX model in int8: a quarter of the size, and 1.5 to 2.7 times as fast as float32.

Weights become whole numbers with a scale for each output of a layer, inputs with one scale for a whole text.
The largest input sets that scale, and in transformers a few channels are many times larger than all others:
they would leave the rest next to none of the 256 steps. So, from the inputs of some texts,

* in front of attention and of the first feed-forward layer, large channels are made smaller and their weights
  larger, which changes nothing in float32 (Xiao and others, *SmoothQuant*, ICML 2023, section 4);
* the few largest channels of the second feed-forward layer are multiplied in float32 (Dettmers and others,
  *LLM.int8()*, NeurIPS 2022, section 3.2).

Weights have seven bits: with eight, sums overflow on processors without VNNI, and the gate's verdict would
hold only on processors like the one on which it was made. ``benchmarks/runtimes`` measures what all this
gains and costs. Lesson 11.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workshop_utils.quiet import quiet

if TYPE_CHECKING:
    import onnx

#: How much of a channel's size goes into its weights: 0 is nothing, 1 is all.
SMOOTHING = 0.6
#: Channels of the second feed-forward layer's input that stay in float32.
OUTLIERS = 4

_OUTLIER = "outliers_of_"


def quantized(model: bytes, rows: Sequence[np.ndarray]) -> bytes:
    """The same ONNX model in int8.

    Args:
        model: in float32, as :func:`~workshop_utils.models.export.distilbert_to_onnx.to_onnx` writes it.
        rows: ids of some texts, int64 of shape (1, length) each, from which the large channels are known.
    """
    parsed = _without_shapes(model)
    largest = largest_inputs(parsed, rows)
    made_by = {name: node.op_type for node in parsed.graph.node for name in node.output}
    for name, layers in _layers_by_input(parsed).items():
        if made_by.get(name) == "LayerNormalization":
            _smooth(parsed, name, layers, largest[name])
        elif made_by.get(name) == "Gelu":
            _set_outliers_apart(parsed, name, layers, largest[name])
    return _in_whole_numbers(parsed)


def largest_inputs(model: "onnx.ModelProto", rows: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """The largest absolute value of each channel of each layer's input, by the input's name.

    Args:
        model: in float32; it is not changed.
        rows: ids of texts, int64 of shape (1, length) each.
    """
    import onnx
    import onnxruntime as ort

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    names = list(_layers_by_input(model))
    for name in names:
        watched.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # the same sums, and so the same bits, on any number of cores
    session = ort.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = session.get_inputs()[0].name
    largest: dict[str, np.ndarray] = {}
    for row in rows:
        for name, values in zip(names, session.run(names, {feed: row}), strict=True):
            found = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            largest[name] = np.maximum(largest.get(name, 0), found)
    return largest


def _smooth(model: "onnx.ModelProto", name: str, layers: list["onnx.NodeProto"], largest: np.ndarray) -> None:
    """Divide each channel of the input ``name`` by a factor, and multiply its weights by it."""
    weights = [_weights(model, layer) for layer in layers]
    heaviest = np.max([np.abs(each).max(axis=1) for each in weights], axis=0)
    factor = _above_0(largest) ** SMOOTHING / _above_0(heaviest) ** (1 - SMOOTHING)
    factor = (factor / np.exp(np.log(factor).mean())).astype(np.float32)
    _scale_input(model, name, layers, 1 / factor)
    for layer, each in zip(layers, weights, strict=True):
        _set_weights(model, layer, each * factor[:, None])


def _set_outliers_apart(
    model: "onnx.ModelProto", name: str, layers: list["onnx.NodeProto"], largest: np.ndarray
) -> None:
    """Multiply the largest channels of the input ``name`` in float32, and hide them from the int8 layers."""
    from onnx import helper

    outliers = np.sort(np.argsort(-largest, kind="stable")[:OUTLIERS])
    kept = np.ones(len(largest), np.float32)
    kept[outliers] = 0
    chosen = _constant(model, f"{name}_outlier_channels", outliers)
    place = _scale_input(model, name, layers, kept)
    gather = helper.make_node("Gather", [name, chosen], [f"{name}_outliers"], axis=-1)
    model.graph.node.insert(place, gather)
    for layer in layers:
        weights, output = _weights(model, layer), layer.output[0]
        layer.output[0] = f"{output}_int8"
        apart = _constant(model, f"{output}_outlier_weights", weights[outliers])
        steps = [
            helper.make_node("MatMul", [f"{name}_outliers", apart], [f"{output}_float32"], _OUTLIER + output),
            helper.make_node("Add", [layer.output[0], f"{output}_float32"], [output]),
        ]
        place = list(model.graph.node).index(layer) + 1
        for step in reversed(steps):
            model.graph.node.insert(place, step)
        weights[outliers] = 0
        _set_weights(model, layer, weights)


def _scale_input(
    model: "onnx.ModelProto", name: str, layers: list["onnx.NodeProto"], factors: np.ndarray
) -> int:
    """Let the layers read ``name`` times the factors of its channels; where in the graph that is computed."""
    from onnx import helper

    place = min(list(model.graph.node).index(layer) for layer in layers)
    scaled = f"{name}_scaled"
    step = helper.make_node("Mul", [name, _constant(model, f"{name}_factors", factors)], [scaled])
    model.graph.node.insert(place, step)
    for layer in layers:
        layer.input[0] = scaled
    return place


def _in_whole_numbers(model: "onnx.ModelProto") -> bytes:
    """Word vectors and layers in int8; outliers, positions and the classification layers stay in float32."""
    from onnxruntime.quantization import quantize_dynamic

    read = model.graph.input[0].name
    vectors = [node for node in model.graph.node if node.op_type == "Gather" and node.input[1] == read]
    layers = [layer for those in _layers_by_input(model).values() for layer in those]
    chosen = [node.name for node in [*vectors, *layers] if not node.name.startswith(_OUTLIER)]
    with quiet(), tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "model.onnx"
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=["Gather", "MatMul"],
            nodes_to_quantize=chosen,
            per_channel=True,
            reduce_range=True,
        )
        return target.read_bytes()


def _layers_by_input(model: "onnx.ModelProto") -> dict[str, list["onnx.NodeProto"]]:
    """The layers, which are products with constant weights, by the name of what they read."""
    constants = {tensor.name for tensor in model.graph.initializer}
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants:
            found.setdefault(node.input[0], []).append(node)
    return found


def _weights(model: "onnx.ModelProto", layer: "onnx.NodeProto") -> np.ndarray:
    """float32 of shape (inputs, outputs)."""
    from onnx import numpy_helper

    stored = next(tensor for tensor in model.graph.initializer if tensor.name == layer.input[1])
    return numpy_helper.to_array(stored).copy()


def _set_weights(model: "onnx.ModelProto", layer: "onnx.NodeProto", weights: np.ndarray) -> None:
    from onnx import numpy_helper

    stored = next(tensor for tensor in model.graph.initializer if tensor.name == layer.input[1])
    stored.CopyFrom(numpy_helper.from_array(weights.astype(np.float32), stored.name))


def _constant(model: "onnx.ModelProto", name: str, values: np.ndarray) -> str:
    """Add a constant to the graph and return its name."""
    from onnx import numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def _above_0(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 1e-5)


def _without_shapes(model: bytes) -> "onnx.ModelProto":
    import onnx

    parsed = onnx.load_model_from_string(model)
    del parsed.graph.value_info[:]  # the exporter's shapes contradict the quantizer's
    return parsed
