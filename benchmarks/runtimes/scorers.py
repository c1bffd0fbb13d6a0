"""One way to call both runtimes: ids of one text in, probabilities out, each text alone on one thread."""

import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

#: From int64 ids (1, length) to probabilities (1, classes).
Scorer = Callable[[np.ndarray], np.ndarray]

#: Every way to score the encoder: file, runtime, precision.
WAYS = {
    "ONNX Runtime, int8 of a bundle": ("int8.onnx", "onnxruntime", ""),
    "ONNX Runtime, int8 by blocks (bundles before)": ("blocks.onnx", "onnxruntime", "fused"),
    "ONNX Runtime, int8, one scale per channel": ("channels.onnx", "onnxruntime", ""),
    "ONNX Runtime, int8, static": ("static.onnx", "onnxruntime", ""),
    "ONNX Runtime, float32": ("float32.onnx", "onnxruntime", ""),
    "OpenVINO, int8, static (NNCF)": ("nncf.onnx", "openvino", "f32"),
    "OpenVINO, int8 of a bundle": ("int8.onnx", "openvino", "f32"),
    "OpenVINO, bf16": ("float32.onnx", "openvino", "bf16"),
    "OpenVINO, float32": ("float32.onnx", "openvino", "f32"),
    "ONNX Runtime, NNCF's file": ("nncf.onnx", "onnxruntime", ""),
}
BUNDLE, BEFORE, *_ = WAYS
NNCF = "OpenVINO, int8, static (NNCF)"
#: What a bundle's session leaves out.
SLOWER = ("SkipLayerNormFusion",)


def scorer(way: str, folder: Path, side_by_side: int = 2) -> Scorer:
    """Open the way's model."""
    file, runtime, option = WAYS[way]
    if runtime == "openvino":
        return openvino(folder / file, option, side_by_side)
    return onnx_runtime(folder / file, () if option == "fused" else SLOWER)


def onnx_runtime(file: Path, disabled: Sequence[str] = ()) -> Scorer:
    """A session as a bundle has it."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    session = ort.InferenceSession(
        file.read_bytes(), options, providers=["CPUExecutionProvider"], disabled_optimizers=list(disabled)
    )
    name, kind = session.get_inputs()[0].name, session.get_inputs()[0].type
    dtype = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float)": np.float32}[kind]
    return lambda ids: session.run(None, {name: ids.astype(dtype)})[0]


def openvino(file: Path, precision: str, side_by_side: int = 2) -> Scorer:
    """A compiled model with one thread for each text, and a request for each thread that asks."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # else importing it sends an event
    import openvino as ov

    settings = {
        "NUM_STREAMS": side_by_side,
        "INFERENCE_NUM_THREADS": side_by_side,
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": precision,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    }
    compiled = ov.Core().compile_model(str(file), "CPU", settings)
    dtype = {"i64": np.int64, "i32": np.int32, "f32": np.float32}[
        compiled.inputs[0].element_type.get_type_name()
    ]
    local = threading.local()

    def score(ids: np.ndarray) -> np.ndarray:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        local.request.infer([ids.astype(dtype)])
        return np.array(local.request.get_output_tensor(0).data)

    return score
