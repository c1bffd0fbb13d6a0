"""A bundle scores any text the same way everywhere, and refuses whatever it was not made with."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.bundles import HOSTILE, reviews, tfidf_bundle
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.bundle.card import describe, read_card, write_folder
from workshop_utils.models.bundle.cores import usable_cores
from workshop_utils.paths import ROOT


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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("extra.pkl", "can run foreign code"),
        ("model.joblib", "can run foreign code"),
        ("extra.json", "is no JSON"),
        (".hidden", "does not belong"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_pickle_is_refused_whatever_its_name(folder, name, message, named):
    content = pickle.dumps({"a": 1})
    (folder / name).write_bytes(content)
    if named and not name.startswith("."):
        card_with(folder, sha256={name: sha256(content).hexdigest()})
    refused(folder, f"{name} {message if named else message.replace('is no JSON', 'does not belong')}")


@pytest.mark.parametrize("name", [".DS_Store", "._model.onnx", "Thumbs.db", "desktop.ini"])
def test_what_systems_leave_in_every_folder_is_passed_over(folder, name):
    (folder / name).write_bytes(b"\0litter")
    assert Bundle.load(folder).predict(["good"])


def test_folders_that_jupyter_and_zip_tools_leave_are_passed_over(folder):
    for name in (".ipynb_checkpoints", "__MACOSX"):
        (folder / name).mkdir()
        (folder / name / "._model.onnx").write_bytes(b"litter")
    assert Bundle.load(folder).predict(["good"])


@pytest.mark.parametrize(
    "change",
    [
        lambda texts: pd.Series(texts),
        lambda texts: pd.Series(texts, index=range(len(texts), 0, -1)),
        lambda texts: np.array(texts),
        lambda texts: (text for text in texts),
        lambda texts: pd.DataFrame({"text": texts})["text"].iloc[:],
    ],
)
def test_a_column_in_any_order_is_answered_row_by_row(made, change):
    bundle, texts = Bundle.load(made), reviews()[0][:40]
    expected = bundle.predict_proba(texts)
    assert (bundle.predict_proba(change(texts)) == expected).all()
    table = pd.DataFrame({"text": texts}).sample(frac=1, random_state=1)
    assert (bundle.predict_proba(table["text"]) == expected[table.index]).all()
    assert (
        bundle.predict_proba(table["text"][table.index > 9]) == expected[table.index[table.index > 9]]
    ).all()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one text", "put a single text into one"),
        (b"bytes", "put a single text into one"),
        (pd.DataFrame({"text": ["a"]}), "not a DataFrame; choose one column"),
        ({"a": 1}, "not a dict"),
        ({"a", "b"}, "not a set"),
        (["a", None], "Text 1 .* is a NoneType"),
        (["a", float("nan")], "Text 1 .* is a float"),
        ([["a"]], "Text 0 .* is a list"),
        (np.array([["a", "b"]]), "Text 0 .* is a ndarray"),
    ],
)
def test_what_is_no_list_of_texts_is_refused_in_one_sentence(made, texts, message):
    with pytest.raises(TypeError, match=message):
        Bundle.load(made).predict(texts)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system starts no process by fork")
@pytest.mark.filterwarnings("ignore:.*fork")
@pytest.mark.parametrize("before", [0, 1, 2, 40])
def test_a_forked_child_scores_whatever_its_parent_has_scored(made, before):
    bundle, texts = Bundle.load(made, threads=2), reviews()[0][:40]
    expected = bundle.predict_proba(texts[:1])
    bundle.predict_proba(texts[:before])
    child = os.fork()
    if child == 0:
        right = (bundle.predict_proba(texts)[:1] == expected).all()
        os._exit(0 if right else 1)
    end = time.monotonic() + 60
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            pytest.fail("the child hangs")
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(ended[1]) == 0


def test_eight_threads_share_one_bundle(made):
    bundle, texts = Bundle.load(made, threads=2), reviews()[0][:120]
    expected = bundle.predict_proba(texts)
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: bundle.predict_proba(texts), range(32)):
            assert (found == expected).all()


def test_a_metric_that_is_no_number_can_be_read_again(tmp_path):
    metrics = {"roc_auc": float("nan"), "perplexity": float("inf"), "gain": float("-inf"), "accuracy": 0.5}
    folder = write_folder(tmp_path / "m", describe("tfidf", ["a", "b"], None, metrics), lambda draft: None)
    found = read_card(folder).metrics
    assert np.isnan(found["roc_auc"]) and found["perplexity"] == np.inf and found["gain"] == -np.inf
    json.loads((folder / "bundle.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def save(folder):
    """A model in the smallest form that can be saved."""
    return write_folder(
        folder, describe("tfidf", ["a", "b"], None), lambda draft: (draft / "model.onnx").touch()
    )


@pytest.mark.parametrize("kept", ["thesis.txt", "data/texts.csv", ".git/config", "model.pkl", "notes.json"])
def test_saving_never_empties_a_folder_that_holds_something_else(tmp_path, kept):
    folder = tmp_path / "project"
    (folder / kept).parent.mkdir(parents=True)
    (folder / kept).write_text("mine", encoding="utf-8")
    with pytest.raises(WorkshopError, match=r"project holds .* would be lost"):
        save(folder)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [Path(kept).name]
    made = save(tmp_path / "model")
    (made / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(WorkshopError, match=r"model holds notes\.txt"):
        save(made)


@pytest.mark.parametrize("card", ['{"name": "my app"}', "[1, 2]", '"text"'])
def test_a_bundle_json_of_somebody_else_is_no_reason_to_empty_a_folder(tmp_path, card):
    (tmp_path / "bundle.json").write_text(card, encoding="utf-8")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(WorkshopError, match="would be lost"):
        save(tmp_path)
    assert (tmp_path / "config.json").exists()


def test_a_file_with_a_models_name_that_the_card_does_not_name_is_kept(tmp_path):
    made = save(tmp_path / "model")
    (made / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(WorkshopError, match=r"holds config\.json"):
        save(made)


def test_readers_and_a_writer_do_not_disturb_each_other(tmp_path):
    folder, stop, found = save(tmp_path / "model"), threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                found.append(read_card(folder).labels)
            except Exception as error:
                found.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(60):
        save(folder)
    stop.set()
    for reader in readers:
        reader.join()
    assert found and all(labels == ["a", "b"] for labels in found)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_card_that_a_writer_moves_between_two_looks_is_read_at_the_next(tmp_path, monkeypatch):
    folder, read, misses = save(tmp_path / "model"), Path.read_bytes, iter([True, True])

    def moved_away(path):
        if path.name == "bundle.json" and next(misses, False):
            raise FileNotFoundError(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", moved_away)
    assert read_card(folder).labels == ["a", "b"]


def test_saving_follows_a_link_and_writes_over_a_model_even_a_damaged_one(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "models").symlink_to(tmp_path / "disk")
    tfidf_bundle(tmp_path / "models")
    assert (tmp_path / "models").is_symlink() and (tmp_path / "disk" / "model.onnx").exists()
    (tmp_path / "disk" / "bundle.json").write_text("{", encoding="utf-8")
    tfidf_bundle(tmp_path / "models")
    assert Bundle.load(tmp_path / "models").labels == ["negative", "positive"]
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(WorkshopError, match="file is a file"):
        tfidf_bundle(tmp_path / "file")


def test_the_card_is_read_once_and_its_sum_is_that_of_what_was_read(folder):
    bundle = Bundle.load(folder)
    assert bundle.sha256 == sha256((folder / "bundle.json").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_a_container_limits_the_threads(tmp_path, monkeypatch, files, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content + "\n", encoding="ascii")
    assert usable_cores(tmp_path) == (cores or 64)


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
