"""A bundle scores any text the same way everywhere, and refuses whatever it was not made with."""

import json
import pickle
import shutil
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest

from tests.bundles import HOSTILE, reviews, tfidf_bundle
from workshop_utils.data.errors import WorkshopError
from workshop_utils.data.paths import ROOT
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.card import describe, read_card, write_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tfidf_bundle(tmp_path_factory.mktemp("bundle") / "reviews", ngram_range=(1, 2))


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "reviews")


def card_with(folder, **changes):
    card = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    for name, value in changes.items():
        card[name] = card[name] | value if isinstance(value, dict) else value
    (folder / "bundle.json").write_text(json.dumps(card), encoding="utf-8")


def refused(folder, said):
    with pytest.raises(WorkshopError) as error:
        Bundle.load(folder)
    assert said in str(error.value)
    assert "\n" not in str(error.value) and str(error.value).count(". ") == 0


def test_probabilities_are_float32_rows_that_sum_to_one(made):
    bundle = Bundle.load(made)
    scores = bundle.predict_proba(reviews()[0][:50])
    assert scores.dtype == np.float32 and scores.shape == (50, 2)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert bundle.labels == ["negative", "positive"]
    best = scores.argmax(axis=1)
    assert bundle.predict(reviews()[0][:50]) == [bundle.labels[number] for number in best]


def test_no_text_gives_no_row_and_a_single_text_must_stand_in_a_list(made):
    bundle = Bundle.load(made)
    assert bundle.predict_proba([]).shape == (0, 2) and bundle.predict([]) == []
    with pytest.raises(TypeError, match="list of texts"):
        bundle.predict_proba("one text")


@pytest.mark.parametrize(
    "text", [*HOSTILE, "wort " * 200_000, "x" * 1_000_000], ids=lambda text: repr(text[:9])
)
def test_any_text_is_answered(made, text):
    scores = Bundle.load(made).predict_proba([text])
    assert np.isfinite(scores).all() and abs(scores.sum() - 1) < 1e-6


def test_a_text_gets_the_same_score_alone_and_among_64_to_the_last_bit(made):
    bundle = Bundle.load(made, threads=4)
    texts = reviews()[0][:64]
    together = bundle.predict_proba(texts)
    alone = np.concatenate([bundle.predict_proba([text]) for text in texts])
    assert (together == alone).all()
    assert (together == Bundle.load(made, threads=1).predict_proba(texts)).all()


def test_the_words_of_an_explanation_are_those_of_the_text_with_their_drops(made):
    bundle = Bundle.load(made)
    told = bundle.explain("The best film, a wonderful evening")
    assert told.label == "positive" and told.left_out == 0 and told.note == ""
    assert [word for word, _ in told.words] == ["The", "best", "film,", "a", "wonderful", "evening"]
    whole, without = bundle.predict_proba(["The best film, a wonderful evening", "The best film, a  evening"])
    assert dict(told.words)["wonderful"] == pytest.approx(whole[1] - without[1])
    assert max(told.words, key=lambda pair: pair[1])[0] == "best"


def test_an_explanation_of_a_long_text_says_that_it_is_limited(made):
    told = Bundle.load(made).explain("good " * 2000, limit=20)
    assert len(told.words) == 20 and told.left_out == 1980
    assert told.note == "Only the first 20 of 2,000 words were weighed."
    assert Bundle.load(made).explain("").words == []


def test_loading_and_scoring_start_no_framework(made):
    code = (
        "import sys\nfrom workshop_utils.models.bundle import Bundle\n"
        f"bundle = Bundle.load({str(made)!r})\nbundle.explain('a good film')\n"
        "heavy = ('tensorflow', 'keras', 'torch', 'sklearn', 'transformers', 'pandas', 'scipy', 'onnx')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == "[]"


def test_a_changed_model_is_refused(folder):
    content = bytearray((folder / "model.onnx").read_bytes())
    content[1000] ^= 1
    (folder / "model.onnx").write_bytes(content)
    refused(folder, "reviews/model.onnx is missing or damaged")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "bundle.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    refused(folder, f"reviews/{name} is missing" if name != "bundle.json" else "no model in reviews")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    refused(tmp_path / "nothing", "There is no model in nothing")


@pytest.mark.parametrize("text", ["", "{", "[" * 50_000, '"text"', "\0", '{"kind": 1e999}'])
def test_a_damaged_card_is_refused(folder, text):
    (folder / "bundle.json").write_text(text, encoding="utf-8")
    refused(folder, "")


def test_a_foreign_format_is_refused(folder):
    card_with(folder, format="other-3")
    refused(folder, "holds no model of this course (workshop-bundle-1)")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..", "a/b.json", "a\\b.json", ""])
def test_a_card_that_names_a_file_outside_its_folder_is_refused(folder, name):
    (folder.parent / "x").write_bytes(b"x")
    card_with(folder, sha256={name: sha256(b"x").hexdigest()})
    refused(folder, "not a file in its own folder")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "bundle.json"])
def test_a_link_is_refused(folder, name):
    (folder / name).rename(folder.parent / name)
    (folder / name).symlink_to(folder.parent / name)
    refused(folder, f"{name} is a link")


@pytest.mark.parametrize("name", ["extra.pkl", "model.joblib", "extra.json", ".hidden"])
@pytest.mark.parametrize("named", [True, False])
def test_a_pickle_is_refused_whatever_its_name(folder, name, named):
    content = pickle.dumps({"a": 1})
    (folder / name).write_bytes(content)
    if named and not name.startswith("."):
        card_with(folder, sha256={name: sha256(content).hexdigest()})
    refused(folder, f"{name} can run foreign code")


def test_a_pickle_that_the_card_only_names_is_refused(folder):
    card_with(folder, sha256={"model.pkl": "0" * 64})
    refused(folder, "model.pkl can run foreign code")


def test_a_stranger_in_the_folder_is_refused(folder):
    (folder / "notes.txt").write_text("hello", encoding="utf-8")
    refused(folder, "notes.txt does not belong")


@pytest.mark.parametrize("labels", [["a", "b", "c"], ["a"], ["a", "a"], []])
def test_labels_that_do_not_fit_the_outputs_are_refused(folder, labels):
    card_with(folder, labels=labels)
    refused(folder, "label")


def test_a_file_that_is_no_model_is_refused(folder):
    (folder / "model.onnx").write_bytes(b"nothing")
    card_with(folder, sha256={"model.onnx": sha256(b"nothing").hexdigest()})
    refused(folder, "holds no model that can be run")


@pytest.mark.parametrize("location", ["../secret", "secret", "{}/secret"])
def test_a_model_that_reaches_for_files_outside_is_refused(folder, location, monkeypatch):
    import onnx

    monkeypatch.chdir(folder.parent)
    model = onnx.load(folder / "model.onnx")
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "idf")
    (folder.parent / "secret").write_bytes(weights.raw_data)
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location.format(folder.parent))
    content = model.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    card_with(folder, sha256={"model.onnx": sha256(content).hexdigest()})
    refused(folder, "holds no model that can be run")


def test_a_folder_is_written_whole_or_not_at_all(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(draft):
        (draft / "model.onnx").write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError):
        write_folder(folder, describe("tfidf", ["a", "b"], None), fail)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_the_card_keeps_metrics_with_the_fingerprint_of_their_texts(tmp_path):
    card = describe("tfidf", ["a", "b"], None, {"accuracy": 0.75}, ["ä", "\ud800"], ["numpy"])
    folder = write_folder(tmp_path / "m", card, lambda draft: (draft / "x.json").write_text("{}"))
    found = read_card(folder)
    assert found.metrics == {"accuracy": 0.75} and found.versions == {"numpy": np.__version__}
    assert found.metrics_data_sha256 == sha256("ä\0".encode() + b"\xed\xa0\x80\0").hexdigest()
    assert found.sha256 == {"x.json": sha256(b"{}").hexdigest()}
