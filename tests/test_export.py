"""An exported model answers like the one it was made from, or there is no bundle."""

import re
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tests.bundles import HOSTILE, reviews, tfidf
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.bundle.card import describe
from workshop_utils.models.export import distilbert as module
from workshop_utils.models.export import gate as gate_module
from workshop_utils.models.export import quantize
from workshop_utils.models.export.distilbert import export_distilbert
from workshop_utils.models.export.distilbert_to_onnx import to_onnx
from workshop_utils.models.export.gate import int8_gate
from workshop_utils.models.export.keras import export_keras
from workshop_utils.models.export.parity import ParityError, write_bundle
from workshop_utils.models.export.quantize import quantized
from workshop_utils.models.export.tfidf import PATTERNS, _tokenizer, export_tfidf
from workshop_utils.models.tokenization import well_formed
from workshop_utils.paths import ROOT

KERAS = """
import sys, pathlib, numpy as np
import keras
from tests.bundles import HOSTILE, reviews
from workshop_utils.models.tokenization import train_characters, train_words
from workshop_utils.models.cnn.networks import character_cnn, word_cnn
from workshop_utils.models.cnn.store import load_network, save_network
folder = pathlib.Path(sys.argv[1])
texts = [*reviews()[0][:100], *HOSTILE, "wort " * 500]
words, characters = train_words(texts[:100]), train_characters(texts[:100])
nets = {
    "words": (word_cnn(words.get_vocab_size(), 2, 8, 8, batch_norm=True), words, 40, "head_tail"),
    "characters": (character_cnn(characters.get_vocab_size(), 3, 8, 8), characters, 100, "tail"),
}
ids = keras.Input((30,), dtype="int32")
dense = keras.layers.Dense(2, activation="softmax")
answer = dense(keras.layers.Flatten()(keras.layers.Embedding(words.get_vocab_size(), 4)(ids)))
nets["flat"] = (keras.Model(ids, answer), words, 30, "head")
for name, (net, tokenizer, length, truncation) in nets.items():
    labels = ["ä", "b", "c"][: net.output_shape[-1]]
    path = save_network(folder / name, net, tokenizer, labels, length, truncation, {"accuracy": 0.5}, texts)
    np.save(folder / f"{name}.npy", load_network(path).predict_proba(texts))
"""


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Keras networks on TensorFlow with their answers, made in a child: one framework per process."""
    folder = tmp_path_factory.mktemp("networks")
    subprocess.run([sys.executable, "-c", KERAS, str(folder)], check=True, cwd=ROOT, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def exported(networks):
    """The bundle of a network, made once."""
    return cache(lambda name: export_keras(networks / name, networks / f"{name}-bundle"))


@pytest.mark.parametrize("name", ["words", "characters", "flat"])
def test_a_keras_network_answers_the_same_from_its_bundle(networks, exported, name):
    texts = [*reviews()[0][:100], *HOSTILE, "wort " * 500]
    bundle = Bundle.load(exported(name))
    expected = np.load(networks / f"{name}.npy")
    np.testing.assert_allclose(bundle.predict_proba(texts), expected, atol=1e-6)
    assert bundle.card.metrics == {"accuracy": 0.5} and bundle.labels[0] == "ä"
    assert bundle.card.padding is (name == "flat"), "only a network that counts on padding gets it"
    assert bundle.score(["kurz", "wort " * 500]).truncated.tolist() == [False, True]


def test_a_bundle_needs_a_network_that_is_whole(networks, tmp_path):
    with pytest.raises(WorkshopError, match="make a bundle of it first"):
        Bundle.load(networks / "words")
    with pytest.raises(WorkshopError, match="There is no model"):
        export_keras(tmp_path, tmp_path / "bundle")


@pytest.mark.parametrize(
    "settings",
    [
        {"ngram_range": (1, 2), "sublinear_tf": True, "min_df": 2},
        {"stop_words": "english", "binary": True, "norm": "l1"},
        {"analyzer": "char", "ngram_range": (1, 3), "lowercase": False, "max_features": 5000},
        {"analyzer": "char_wb", "ngram_range": (2, 4), "use_idf": False},
        *({"token_pattern": pattern, "ngram_range": (1, 3), "norm": None} for pattern in PATTERNS),
    ],
    ids=str,
)
def test_tfidf_answers_like_scikit_learn(tmp_path, settings):
    vectorizer, classifier = tfidf(120, **settings)
    bundle = Bundle.load(export_tfidf(vectorizer, classifier, tmp_path / "bundle"))
    texts = [well_formed(text) for text in [*reviews()[0][100:160], *HOSTILE, "wort " * 5000]]
    expected = classifier.predict_proba(vectorizer.transform(texts))
    np.testing.assert_allclose(bundle.predict_proba(texts), expected, atol=1e-5)
    assert not bundle.score(texts).truncated.any()


def test_tfidf_with_more_than_two_classes(tmp_path):
    texts = ["rot wie blut", "blau wie das meer", "grün wie gras", "rot und rot", "blau", "gras"]
    vectorizer = TfidfVectorizer().fit(texts)
    classifier = LogisticRegression().fit(vectorizer.transform(texts), [3, 1, 2, 3, 1, 2])
    bundle = Bundle.load(export_tfidf(vectorizer, classifier, tmp_path / "bundle"))
    assert bundle.labels == ["1", "2", "3"] and bundle.predict(["rot"]) == ["3"]
    np.testing.assert_allclose(
        bundle.predict_proba(texts), classifier.predict_proba(vectorizer.transform(texts)), atol=1e-6
    )


@pytest.fixture(scope="module")
def word_pair(tmp_path_factory):
    vectorizer, classifier = tfidf(200)
    folder = export_tfidf(vectorizer, classifier, tmp_path_factory.mktemp("words") / "bundle")
    return vectorizer.build_analyzer(), Bundle.load(folder)._encode._tokenizer


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=60))
def test_any_text_is_cut_into_the_words_that_scikit_learn_sees(word_pair, text):
    analyze, tokenizer = word_pair
    pieces = tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
    assert [word for word, _ in pieces] == analyze(text)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strip_accents": "unicode"}, "strip_accents='unicode'"),
        ({"tokenizer": str.split, "token_pattern": None}, "tokenizer="),
        ({"analyzer": str.split}, "its own analyzer"),
        ({"token_pattern": "[a-z]+"}, "token_pattern='\\[a-z\\]\\+'"),
        ({"stop_words": ["the"], "ngram_range": (1, 2)}, "stop words together with runs of words"),
        ({"analyzer": "char_wb", "ngram_range": (1, 2)}, "single characters within words"),
    ],
    ids=str,
)
def test_what_cannot_be_exported_is_named(tmp_path, settings, said):
    with pytest.raises(WorkshopError, match=said):
        export_tfidf(*tfidf(60, **settings), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_other_or_unfitted_parts_are_named(tmp_path):
    from sklearn.naive_bayes import MultinomialNB

    with pytest.raises(WorkshopError, match="a MultinomialNB in place of LogisticRegression"):
        export_tfidf(*tfidf(60, classifier=MultinomialNB()), tmp_path / "bundle")
    with pytest.raises(WorkshopError, match="not fitted"):
        export_tfidf(TfidfVectorizer(), LogisticRegression(), tmp_path / "bundle")


class Shouting(TfidfVectorizer):
    """A vectorizer that does something of its own."""

    def build_analyzer(self):
        return lambda text: text.upper().split()


@pytest.mark.parametrize(
    ("vectorizer", "message"),
    [
        (Shouting(), "a Shouting in place of TfidfVectorizer"),
        (CountVectorizer(), "a CountVectorizer in place of TfidfVectorizer"),
        (TfidfVectorizer(vocabulary=["film", "fine film"]), "'fine film', which lies outside"),
        (TfidfVectorizer(vocabulary=["film", "fine"], ngram_range=(2, 2)), "'film', which lies outside"),
        (TfidfVectorizer(analyzer="char", vocabulary=["f", "fi"]), "'fi', which lies outside"),
        (TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), vocabulary=["film"]), "'film', which lies"),
        (TfidfVectorizer(input="file", vocabulary=["film"]), "input='file'"),
        (TfidfVectorizer(vocabulary=["bad", "the"], stop_words="english"), "would cut 'the'"),
        (TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), vocabulary=["d  b"]), "'d  b', which lies"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_graph_cannot_say_is_refused_and_never_published(tmp_path, vectorizer, message):
    columns = len(getattr(vectorizer, "vocabulary", None) or ["film"])
    if getattr(vectorizer, "vocabulary", None):
        vectorizer.set_params(input="content").fit(["a fine film", "a bad film"])
        vectorizer.set_params(input="file" if "file" in message else "content")
    else:
        vectorizer.fit(["film"])
    classifier = LogisticRegression().fit(np.eye(2, columns), ["a", "b"])
    with pytest.raises(WorkshopError, match=message):
        export_tfidf(vectorizer, classifier, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_weights_for_other_columns_are_refused(tmp_path):
    vectorizer, _ = tfidf(60)
    _, classifier = tfidf(120)
    with pytest.raises(WorkshopError, match=r"weights for \d+ columns"):
        export_tfidf(vectorizer, classifier, tmp_path / "bundle")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_character_is_cut_as_python_cuts_it(pattern):
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = [f"a{c}b {c}{c}" for c in (characters if pattern == r"\w+|[^\w\s]" else characters[::31])]
    cut = _tokenizer(TfidfVectorizer(token_pattern=pattern, lowercase=False), {" unknown ": 0}).pre_tokenizer
    find = re.compile(pattern).findall
    assert [text for text in texts if [part for part, _ in cut.pre_tokenize_str(text)] != find(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "ΑΣ'ΒΓ",
        "ΑΣ中文",
        "中Σ",
        "ΑΣ.",
        "ΑΣ\u00adΒ",
        "Α\u0301Σ",
        "ΑΣʰ",
        "Σ",
        "ΟΔΟΣ: Σ'",
        "İI",
        "ǅ",
        "ẞ",
        "ᲐᲑ",
        "Ⴀ",
    ],
)
def test_capitals_become_small_as_python_does_it(text):
    lowered = _tokenizer(TfidfVectorizer(), {" unknown ": 0}).normalizer.normalize_str(text)
    assert lowered == text.lower()


def test_a_bundle_that_answers_otherwise_is_never_published(tmp_path):
    vectorizer, classifier = tfidf(60)
    made = Bundle.load(export_tfidf(vectorizer, classifier, tmp_path / "bundle"))
    model, tokenizer = (tmp_path / "bundle" / "model.onnx").read_bytes(), made._encode._tokenizer
    card = describe("tfidf", ["a", "b"], None)
    with pytest.raises(ParityError, match=r"differ by"):
        write_bundle(
            tmp_path / "other", card, model, tokenizer, lambda texts: made.predict_proba(texts)[:, ::-1]
        )
    with pytest.raises(ParityError, match=r"differ by nan"):
        write_bundle(
            tmp_path / "other", card, model, tokenizer, lambda texts: np.full((len(texts), 2), np.nan)
        )
    assert not (tmp_path / "other").exists()


@pytest.fixture(scope="module")
def encoder():
    """A DistilBERT of two narrow layers with the packaged vocabulary."""
    import torch
    from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast

    from workshop_utils.models.transformer.pretrained import packaged_encoder

    torch.manual_seed(0)
    names = {0: "negative", 1: "neutral", 2: "positive"}
    config = DistilBertConfig(vocab_size=30522, dim=32, n_layers=2, n_heads=2, hidden_dim=64, id2label=names)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(packaged_encoder() / "tokenizer.json"))
    return DistilBertForSequenceClassification(config).eval(), tokenizer


@pytest.fixture(scope="module")
def onnx_model(encoder):
    return to_onnx(encoder[0])


@pytest.fixture
def quick(monkeypatch, onnx_model):
    """The export itself takes seconds; it is done once."""
    monkeypatch.setattr(module, "to_onnx", lambda model: onnx_model)


@pytest.fixture(scope="module")
def int8(encoder, onnx_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder") / "bundle"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "to_onnx", lambda model: onnx_model)
        export_distilbert(*encoder, folder, reviews()[0][:100], ["negative"] * 100, max_length=512)
    return Bundle.load(folder)


def expected(encoder, rows):
    import torch

    with torch.no_grad():
        return np.concatenate([encoder[0](input_ids=torch.tensor([row])).logits.softmax(-1) for row in rows])


def test_an_int8_bundle_passes_the_gate_and_keeps_its_figures(int8):
    gate = int8.card.gate
    assert int8.card.precision == "int8" and gate.passed and gate.texts == 100 and gate.equal_labels >= 0.99
    assert int8.labels == ["negative", "neutral", "positive"] and int8.card.max_length == 512
    assert {"torch", "transformers", "onnxruntime"} <= int8.card.versions.keys()


def test_int8_answers_like_pytorch(encoder, int8):
    rows = [int8._encode(text)[0][0].tolist() for text in HOSTILE]
    np.testing.assert_allclose(int8.predict_proba(HOSTILE), expected(encoder, rows), atol=0.01)


ROWS = [np.arange(start, start + 12, dtype=np.int64)[None] for start in (1000, 3000, 5000)]


def run(graph, rows=ROWS):
    """Answers of the bare ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"input_ids": row})[0] for row in rows])


@pytest.fixture(scope="module")
def with_outliers(encoder):
    """The encoder with one huge channel in front of each second feed-forward layer, as real ones have it."""
    import copy

    import torch

    model = copy.deepcopy(encoder[0])
    with torch.no_grad():
        for layer in model.distilbert.transformer.layer:
            layer.ffn.lin1.bias[3] += 500
            layer.ffn.lin2.weight *= 40
            layer.ffn.lin2.weight[:, 3] /= 4000
    return to_onnx(model)


def test_large_channels_do_not_drown_the_others_in_int8(with_outliers, monkeypatch):
    exact = run(with_outliers)
    spared = np.abs(run(quantized(with_outliers, ROWS)) - exact).mean()
    monkeypatch.setattr(quantize, "OUTLIERS", 0)
    drowned = np.abs(run(quantized(with_outliers, ROWS)) - exact).mean()
    assert spared < drowned / 3, f"mean change of a probability: {spared:.5f}, and {drowned:.5f} without"


def test_channels_are_scaled_and_set_apart_without_changing_an_answer(with_outliers, monkeypatch):
    monkeypatch.setattr(quantize, "_in_whole_numbers", lambda model: model.SerializeToString())
    prepared = quantized(with_outliers, ROWS)
    assert prepared != with_outliers
    np.testing.assert_allclose(run(prepared), run(with_outliers), atol=1e-5)


def test_int8_needs_no_operator_outside_onnx_and_no_sum_of_it_overflows_without_vnni(onnx_model):
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string(quantized(onnx_model, ROWS))
    assert {node.domain for node in model.graph.node} == {""}
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    layers = [node for node in model.graph.node if node.op_type == "MatMulInteger"]
    assert len(layers) == 12, "six in each of two; not the classifier's"
    for layer in layers:
        weights = numpy_helper.to_array(stored[layer.input[1]]).astype(int)
        assert 2 * 255 * np.abs(weights).max() < 2**15, "two products are added in 16 bits"


def test_the_same_texts_make_the_same_int8_model_to_the_last_bit(onnx_model):
    assert quantized(onnx_model, ROWS) == quantized(onnx_model, ROWS)


def test_the_float32_bundle_answers_like_pytorch_at_every_length(
    encoder, quick, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(gate_module, "MIN_EQUAL", 1.1)
    texts = [*HOSTILE, *reviews()[0][:30], "film " * 600]
    folder = export_distilbert(
        *encoder, tmp_path / "bundle", texts, ["negative"] * len(texts), max_length=512
    )
    bundle = Bundle.load(folder)
    assert bundle.card.precision == "float32" and not bundle.card.gate.passed
    assert "The bundle stays in float32" in caplog.text
    inner = [encoder[1](text, add_special_tokens=False).input_ids for text in ["", "a film", "film " * 120]]
    scores = bundle.predict_proba(["", "a film", "film " * 120])
    np.testing.assert_allclose(scores, expected(encoder, [[101, *row, 102] for row in inner]), atol=1e-5)
    assert bundle.score(["film " * 510, "film " * 511]).truncated.tolist() == [False, True]


@pytest.mark.parametrize(("truncation", "ids"), [("head", "aab"), ("tail", "bcc"), ("head_tail", "aac")])
def test_a_long_text_keeps_its_special_ids_and_the_part_that_is_wanted(
    encoder, quick, tmp_path, truncation, ids
):
    texts = reviews()[0][:20]
    folder = export_distilbert(
        *encoder, tmp_path / "bundle", texts, ["negative"] * 20, max_length=5, truncation=truncation
    )
    row, truncated = Bundle.load(folder)._encode("a a b c c")
    letter = {"a": 1037, "b": 1038, "c": 1039}
    assert row.tolist() == [[101, *(letter[sign] for sign in ids), 102]] and truncated


def test_an_int8_text_gets_the_same_score_alone_and_among_64_to_the_last_bit(int8):
    texts = reviews()[0][:64]
    together = int8.predict_proba(texts)
    assert (together == np.concatenate([int8.predict_proba([text]) for text in texts])).all()


def test_hostile_texts_are_answered_by_every_kind(int8, exported):
    texts = [*HOSTILE, "wort " * 200_000, "ä" * 1_000_000]
    for bundle in (int8, Bundle.load(exported("characters"))):
        scores = bundle.predict_proba(texts)
        assert np.isfinite(scores).all() and np.abs(scores.sum(axis=1) - 1).max() < 1e-6


def test_the_gate_allows_no_more_than_its_bounds():
    true, labels = ["a"] * 1000, ["a", "b", "c"]
    assert int8_gate(true, true, true, labels).passed
    assert int8_gate(true, ["b"] * 3 + ["a"] * 997, true, labels).passed
    assert not int8_gate(true, ["b"] * 4 + ["a"] * 996, true, labels).passed, "accuracy"
    wrong = ["b"] * 11 + ["a"] * 989
    assert not int8_gate(wrong, ["c"] * 11 + ["a"] * 989, true, labels).passed, "labels"
    assert int8_gate(wrong, true, true, labels).accuracy_int8 == 1


@pytest.mark.parametrize("labels", [[1, 0, 1] * 20, ["Positive", "Negative", "Positive"] * 20], ids=str)
def test_the_gate_refuses_labels_that_the_model_does_not_know(encoder, tmp_path, labels):
    with pytest.raises(WorkshopError, match=r"The model knows no label (1|'Positive'), only 'negative'"):
        export_distilbert(*encoder, tmp_path / "bundle", reviews()[0][:60], labels)
    assert not (tmp_path / "bundle").exists()


def test_an_int8_model_that_is_broken_is_not_taken_for_a_rounded_one(
    encoder, quick, onnx_model, tmp_path, monkeypatch, caplog
):
    import onnx
    from onnx import numpy_helper

    broken = onnx.load_model_from_string(onnx_model)
    for tensor in broken.graph.initializer:
        if tensor.name.endswith("classifier.weight"):
            tensor.CopyFrom(numpy_helper.from_array(-40 * numpy_helper.to_array(tensor), tensor.name))
    monkeypatch.setattr(module, "quantized", lambda model, rows: broken.SerializeToString())
    bundle = Bundle.load(export_distilbert(*encoder, tmp_path / "b", reviews()[0][:20], ["negative"] * 20))
    assert bundle.card.precision == "float32" and "differ by" in caplog.text


def test_the_gate_needs_texts_and_a_length_that_the_model_reads(encoder, tmp_path):
    with pytest.raises(WorkshopError, match="needs validation texts"):
        export_distilbert(*encoder, tmp_path / "bundle", [], [])
    with pytest.raises(WorkshopError, match="between 3 and 512"):
        export_distilbert(*encoder, tmp_path / "bundle", ["a"], ["b"], max_length=513)
