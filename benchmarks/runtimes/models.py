"""The models that are measured: three kinds of bundle, and every kind of int8 of the encoder."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pandas as pd
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_dynamic, quantize_static

from benchmarks.runtimes.rivals import RIVALS
from workshop_utils.data import load_reviews
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.export.distilbert import export_distilbert
from workshop_utils.models.export.distilbert_to_onnx import to_onnx
from workshop_utils.models.export.keras import export_keras
from workshop_utils.models.export.quantize import quantized
from workshop_utils.models.export.tfidf import export_tfidf
from workshop_utils.models.transformer.classifier import load_classifier, new_classifier, save_classifier
from workshop_utils.models.transformer.finetune import fine_tune
from workshop_utils.quiet import quiet

LENGTH = 128
LABELS = ["negative", "positive"]


class Split(NamedTuple):
    """Reviews to train on, for the int8 gate and to test on."""

    train: pd.DataFrame
    gate: pd.DataFrame
    test: pd.DataFrame


def split(train: int, gate: int, test: int) -> Split:
    """So many reviews each, shuffled; the original corpus where it is there. Fewer where it has fewer."""
    frame = load_reviews().query("split != 'later'").drop_duplicates("review").sample(frac=1, random_state=0)
    ends = np.cumsum([train, gate, test])
    ends = (ends * min(1, len(frame) / ends[-1])).astype(int)
    return Split(frame[: ends[0]], frame[ends[0] : ends[1]], frame[ends[1] : ends[2]])


def encoder(folder: Path, reviews: Split):
    """The packaged encoder, fine-tuned once and kept."""
    if not folder.exists():
        classifier = new_classifier(LABELS, max_length=LENGTH, truncation="head")
        fine_tune(classifier, list(reviews.train["review"]), list(reviews.train["sentiment"]))
        save_classifier(folder, classifier)
    return load_classifier(folder)


def write_models(folder: Path, classifier, reviews: Split) -> None:
    """``encoder``, ``tfidf`` and ``keras`` are bundles; the other kinds of the encoder are single files."""
    gate = list(reviews.gate["review"]), list(reviews.gate["sentiment"])
    export_distilbert(classifier.model, classifier.tokenizer, folder / "encoder", *gate, LENGTH)
    bundle = Bundle.load(folder / "encoder")
    rows = [bundle._encode(text)[0].astype(np.int64) for text in reviews.gate["review"][:300]]
    wide = to_onnx(classifier.model)
    graphs = {
        "float32": wide,
        "int8": quantized(wide, rows[:64]),  # what the bundle holds, if it has passed its gate
        "blocks": by_blocks(wide),
        "channels": by_channel(wide),
        "static": static(wide, rows[:64]),
        "nncf": by_nncf(wide, rows),
    }
    for name, graph in graphs.items():
        (folder / f"{name}.onnx").write_bytes(graph)
    _tfidf(folder / "tfidf", reviews.train)
    _keras(folder, reviews.train)


def by_channel(model: bytes, but: Iterable[str] = ()) -> bytes:
    """int8 as ONNX Runtime makes it: one scale for each output of a layer, one for all its inputs."""
    with quiet(), tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "model.onnx"
        quantize_dynamic(_without_shapes(model), target, per_channel=True, nodes_to_exclude=list(but))
        return target.read_bytes()


def by_blocks(model: bytes) -> bytes:
    """What bundles held before: attention by channel, feed-forward layers by blocks of 128 numbers."""
    from onnxruntime.quantization.matmul_nbits_quantizer import (
        DefaultWeightOnlyQuantConfig,
        MatMulNBitsQuantizer,
    )

    shapes = _shapes_of_weights(_without_shapes(model))
    wide = [name for name, shape in shapes.items() if len(set(shape)) == 2]
    settings = DefaultWeightOnlyQuantConfig(block_size=128, bits=8, is_symmetric=True, accuracy_level=4)
    with quiet():
        quantizer = MatMulNBitsQuantizer(_without_shapes(by_channel(model, wide)), algo_config=settings)
        quantizer.process()
    return quantizer.model.model.SerializeToString()


def static(model: bytes, rows: list[np.ndarray]) -> bytes:
    """ONNX Runtime's int8 with scales of inputs that are fixed beforehand."""

    class Texts(CalibrationDataReader):
        left = iter(rows)

        def get_next(self):
            return next(({"input_ids": row} for row in self.left), None)

    with quiet(), tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch, "in.onnx"), Path(scratch, "out.onnx")
        parsed = _without_shapes(model)
        onnx.save(parsed, source)
        # only what layers read: their outputs stay float32, which is faster and more faithful here
        settings = {"OpTypesToExcludeOutputQuantization": ["MatMul"]}
        quantize_static(
            source,
            target,
            Texts(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=list(_shapes_of_weights(parsed)),
            per_channel=True,
            extra_options=settings,
        )
        return target.read_bytes()


def by_nncf(model: bytes, rows: list[np.ndarray]) -> bytes:
    """NNCF's int8 for OpenVINO: fixed scales, smoothed channels, biases corrected; an ONNX file, too."""
    sys.path.append(str(RIVALS))
    sys.modules["openvino_telemetry"] = None
    import nncf

    with quiet():
        narrow = nncf.quantize(
            _without_shapes(model),
            nncf.Dataset(rows, lambda row: {"input_ids": row}),
            model_type=nncf.ModelType.TRANSFORMER,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(rows),
        )
    return narrow.SerializeToString()


def _tfidf(folder: Path, train: pd.DataFrame) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform(train["review"])
    classifier = LogisticRegression(C=10, max_iter=1000).fit(features, train["sentiment"])
    export_tfidf(vectorizer, classifier, folder)


def _keras(folder: Path, train: pd.DataFrame) -> None:
    """A word CNN, trained for one epoch in a process of its own: one framework per process."""
    train[["review", "sentiment"]].to_json(folder / "train.json", orient="records")
    code = (
        "import json, pathlib, sys, numpy as np\n"
        "from workshop_utils.models.tokenization import encode, train_words\n"
        "from workshop_utils.models.cnn.networks import word_cnn\n"
        "from workshop_utils.models.cnn.store import save_network\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "rows = json.loads((folder / 'train.json').read_text(encoding='utf-8'))\n"
        "texts = [row['review'] for row in rows]\n"
        "true = np.array([row['sentiment'] == 'positive' for row in rows], dtype=int)\n"
        "words = train_words(texts, 20_000)\n"
        "net = word_cnn(words.get_vocab_size(), 2, 64, 64)\n"
        "net.compile('adam', 'sparse_categorical_crossentropy')\n"
        "net.fit(encode(words, texts, 512), true, epochs=1, verbose=0)\n"
        "save_network(folder / 'network', net, words, ['negative', 'positive'], 512, 'head', {}, [])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
    export_keras(folder / "network", folder / "keras")


def _shapes_of_weights(model: onnx.ModelProto) -> dict[str, list[int]]:
    """Shape of the weights of each layer, which is a product with constant weights, by its name."""
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    layers = [node for node in model.graph.node if node.op_type == "MatMul"]
    return {node.name: shapes[node.input[1]] for node in layers if node.input[1] in shapes}


def _without_shapes(model: bytes) -> onnx.ModelProto:
    parsed = onnx.load_model_from_string(model)
    del parsed.graph.value_info[:]
    return parsed
