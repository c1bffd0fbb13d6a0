"""The bundle's own file, runtime and tokenizer for every rival, without a line of this course's code.

The environment variable ``SERVED`` names the folder that ``benchmarks.service.models`` has written.
"""

import os
from pathlib import Path

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

SERVED = Path(os.environ["SERVED"])
LABELS = ("negative", "positive")


class SameModel:
    """``threads`` work on one call. ``batches`` opens the file whose attention leaves padding out."""

    def __init__(self, threads: int, batches: bool = False) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        file = SERVED / ("masked.onnx" if batches else "encoder/model.onnx")
        self._session = ort.InferenceSession(
            file, options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
        )
        self._tokenizer = Tokenizer.from_file(str(SERVED / "encoder" / "tokenizer.json"))
        self._tokenizer.enable_truncation(512)
        if batches:
            self._tokenizer.enable_padding()

    def one(self, text: str) -> dict:
        """Score one text."""
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        return as_answer(self._session.run(None, {"input_ids": ids})[0][0])

    def many(self, texts: list[str]) -> list[dict]:
        """Score texts in one batch, padded to the longest of them."""
        ids = np.array([row.ids for row in self._tokenizer.encode_batch(texts)], dtype=np.int64)
        return [as_answer(row) for row in self._session.run(None, {"input_ids": ids})[0]]


def as_answer(shares) -> dict:
    """What a server answers."""
    negative, positive = map(float, shares)
    return {
        "class_0_probability": negative,
        "class_1_probability": positive,
        "label": LABELS[positive > negative],
    }
