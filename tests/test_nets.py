"""Networks: padding changes nothing, seeds repeat, one line of progress, and what is saved comes back."""

import functools
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from workshop_utils.errors import WorkshopError
from workshop_utils.models.cnn.networks import character_cnn, word_cnn
from workshop_utils.models.cnn.store import load_network, save_network
from workshop_utils.models.cnn.train import fit
from workshop_utils.models.tokenization import encode, train_characters, train_words
from workshop_utils.paths import model_folder

TEXTS = ["schön und süß", "öde und grau 😴", "so schön, so süß", "grau", "हिन्दी schön", "öde, öde"] * 4
LABELS = [0, 1, 0, 1, 0, 1] * 4
CHARACTERS, WORDS = train_characters(TEXTS), train_words(TEXTS)
HOSTILE = ["", " ", "ä ö ü ß ẞ", "👩‍💻 ❤️", "हिन्दी में", "\ud800", "\u0000\ufeff", "[PAD]", "Wort " * 20_000]

SMALL = {
    "characters": lambda seed=0: character_cnn(
        CHARACTERS.get_vocab_size(), 2, dimensions=8, filters=8, seed=seed
    ),
    "words": lambda seed=0: word_cnn(WORDS.get_vocab_size(), 2, dimensions=8, filters=8, seed=seed),
    "words, normalised": lambda seed=0: word_cnn(
        WORDS.get_vocab_size(), 2, dimensions=8, filters=8, kernels=(3,), batch_norm=True, seed=seed
    ),
}
every_net = pytest.mark.parametrize("name", SMALL)


CARD = {"format": "workshop-bundle-1", "kind": "keras", "labels": [], "max_length": 1, "truncation": "head"}


def ids_for(name, texts=TEXTS, length=None):
    return encode(CHARACTERS if name == "characters" else WORDS, texts, length)


def trained(name, seed=0, epochs=2, **settings):
    network = SMALL[name](seed)
    return network, fit(network, ids_for(name), LABELS, epochs, batch_size=8, seed=seed, **settings)


@functools.cache
def shared(name):
    """A network that has learned a little, and its history, for all tests that only ask it."""
    return trained(name)


@every_net
def test_filling_never_changes_an_answer(name):
    network, _ = shared(name)
    row = ids_for(name, ["schön und grau, so öde"])
    filled = [network(np.pad(row, [(0, 0), (0, more)])) for more in (0, 7, 50)]
    assert np.ptp(filled, axis=0).max() < 1e-5


@every_net
def test_a_text_gets_the_same_answer_alone_and_in_a_batch(name):
    network, _ = shared(name)
    together = network(ids_for(name)).numpy()
    alone = [network(ids_for(name, [text]))[0] for text in TEXTS[:6]]
    assert len(set(map(len, TEXTS[:6]))) > 1, "some must be padded"
    assert np.abs(together[:6] - alone).max() < 1e-5


@pytest.mark.parametrize("name", ["characters", "words"])
def test_the_same_seed_gives_the_same_network_and_another_seed_another(name):
    (first, _), (again, _), (other, _) = shared(name), trained(name), trained(name, seed=1)
    # XLA may round the first training in a process differently from the next ones
    for one, two in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=2e-3)
    answers = [network(ids_for(name)).numpy() for network in (first, again, other)]
    np.testing.assert_allclose(answers[0], answers[1], atol=2e-3)
    assert np.abs(answers[0] - answers[2]).max() > 4e-3


def test_probabilities_are_a_row_per_text_and_sum_to_one():
    answers = shared("words")[0](ids_for("words")).numpy()
    assert answers.shape == (len(TEXTS), 2) and np.allclose(answers.sum(axis=1), 1)


def test_given_vectors_are_the_embedding_before_training():
    vectors = np.random.default_rng(0).normal(size=(WORDS.get_vocab_size(), 6)).astype("float32")
    network = word_cnn(len(vectors), 2, dimensions=6, filters=4, vectors=vectors)
    assert any(np.array_equal(weights, vectors) for weights in network.get_weights())


def test_early_stopping_needs_validation_texts():
    with pytest.raises(ValueError, match=r"Early stopping needs validation texts; pass validation=\("):
        fit(SMALL["words"](), ids_for("words"), LABELS, epochs=1, patience=1)


def test_the_history_has_a_row_for_each_epoch():
    _, history = shared("words")
    assert set(history.columns) == {"accuracy", "loss"} and history.notna().all(axis=None)
    assert list(history.index) == [1, 2] and history.index.name == "epoch"


def test_the_history_has_the_validation_as_well():
    _, history = trained("words", epochs=1, validation=(ids_for("words"), LABELS), class_weight={0: 1, 1: 2})
    assert set(history.columns) == {"accuracy", "loss", "val_accuracy", "val_loss"}


def test_early_stopping_brings_the_best_epoch_back():
    network = SMALL["words"]()
    wrong = 1 - np.array(LABELS)  # learning the labels makes the validation worse from epoch to epoch
    network.optimizer.learning_rate = 0.05
    inputs = ids_for("words")
    history = fit(network, inputs, LABELS, 20, validation=(inputs, wrong), patience=2, batch_size=8)
    assert len(history) < 20
    loss, _ = network.evaluate(inputs, wrong, verbose=0)
    assert loss == pytest.approx(history["val_loss"].min(), rel=1e-4)


def on_a_terminal(**environment):
    """What a training of two epochs writes to a terminal."""
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    termios = pytest.importorskip("termios", reason="Windows has no pseudo-terminals")
    code = (
        "import keras, numpy as np\n"
        "from workshop_utils.models.cnn.train import fit\n"
        "network = keras.Sequential([keras.layers.Dense(2, activation='softmax')])\n"
        "network.compile('sgd', 'sparse_categorical_crossentropy', metrics=['accuracy'])\n"
        "fit(network, np.ones((8, 3)), [0, 1] * 4, epochs=2)\n"
    )
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    environment = {key: value for key, value in os.environ.items() if key != "TQDM_DISABLE"} | environment
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        written = b""
        while chunk := _read(ours):
            written += chunk
    os.close(ours)
    assert process.returncode == 0, written
    return written.decode("utf-8")


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other side has closed
        return b""


def test_training_shows_one_line_that_vanishes():
    written = on_a_terminal(TQDM_MININTERVAL="0")
    assert "training" in written and "2/2" in written and "loss=" in written and "accuracy=" in written
    assert "\n" not in written and written.rstrip(" ").endswith("\r")


def test_training_is_silent_when_asked():
    assert on_a_terminal(TQDM_DISABLE="1") == ""


@pytest.fixture(scope="module")
def network():
    return shared("words")[0]


@pytest.fixture
def folder(home, network):
    return save_network(
        model_folder("poems"), network, WORDS, ["heiter", "müde"], 12, "head_tail", {"accuracy": 2 / 3}, TEXTS
    )


def test_a_saved_network_comes_back_with_the_same_answers(folder, network):
    saved = load_network(folder)
    assert (saved.labels, saved.max_length, saved.truncation) == (["heiter", "müde"], 12, "head_tail")
    expected = network(encode(WORDS, TEXTS, 12, "head_tail")).numpy()
    np.testing.assert_allclose(saved.predict_proba(TEXTS), expected, atol=1e-6)


def test_a_saved_network_takes_hostile_texts_and_none_at_all(folder):
    saved = load_network(folder)
    answers = saved.predict_proba(HOSTILE)
    assert answers.shape == (len(HOSTILE), 2) and answers.dtype == np.float32
    assert np.isfinite(answers).all() and np.allclose(answers.sum(axis=1), 1)
    assert saved.predict_proba([]).shape == (0, 2)


def test_the_card_names_everything_and_no_text(folder):
    card = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    assert card["metrics"] == {"accuracy": 0.666667} and len(card["metrics_data_sha256"]) == 64
    assert set(card["sha256"]) == {"model.keras", "tokenizer.json"}
    assert card["versions"]["keras"] == keras.__version__ and card["created"].endswith("+00:00")
    assert "schön" not in json.dumps(card, ensure_ascii=False)
    assert sorted(path.name for path in folder.iterdir()) == ["bundle.json", "model.keras", "tokenizer.json"]


def test_saving_again_replaces_and_leaves_no_rubbish(folder, network):
    save_network(folder, network, WORDS, ["a", "b"], 5)
    assert load_network(folder).labels == ["a", "b"]
    assert [path.name for path in folder.parent.iterdir()] == ["poems"]


@pytest.mark.parametrize("step", ["write", "rename"])
def test_an_interrupted_save_leaves_the_old_model_whole(folder, network, monkeypatch, step):
    def interrupted(self, *arguments, **settings):
        if step == "write" or (self.name == "poems" and self.parent.name == ".poems.draft"):
            raise KeyboardInterrupt
        return rename(self, *arguments)

    rename = type(folder).rename
    monkeypatch.setattr(type(folder), "rename" if step == "rename" else "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_network(folder, network, WORDS, ["a", "b"], 5)
    monkeypatch.undo()
    assert load_network(folder).labels == ["heiter", "müde"]
    assert [path.name for path in folder.parent.iterdir()] == ["poems"]


def test_a_missing_model_is_made_by_its_lesson(home, tmp_path):
    with pytest.raises(WorkshopError, match=r"^There is no model in poems; run the lesson that makes it"):
        load_network(model_folder("poems"))
    (tmp_path / "file").write_text("ä", encoding="utf-8")
    with pytest.raises(WorkshopError, match=r"^There is no model in file; run the lesson"):
        load_network(tmp_path / "file")


@pytest.mark.parametrize("name", ["model.keras", "tokenizer.json"])
def test_a_damaged_or_missing_file_is_named(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WorkshopError, match=rf"^poems/{name} is missing or damaged; run its lesson again\.$"):
        load_network(folder)
    path.unlink()
    with pytest.raises(WorkshopError, match=rf"^poems/{name} is missing or damaged; run its lesson again\.$"):
        load_network(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", *(json.dumps(CARD | more).encode() for more in ({}, {"sha256": 3}))],
    ids=range(5),
)
def test_a_damaged_card_is_named(folder, content):
    (folder / "bundle.json").write_bytes(content)
    with pytest.raises(WorkshopError, match=r"^poems/bundle\.json is damaged; run its lesson again\.$"):
        load_network(folder)


@pytest.mark.parametrize("card", [[], 3, {"format": "workshop-bundle-9"}, {"format": "workshop-bundle-1"}])
def test_a_foreign_format_is_refused(folder, card):
    (folder / "bundle.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(WorkshopError, match=r"^poems holds no model of this course \(workshop-bundle"):
        load_network(folder)


def test_weights_that_answer_nan_are_neither_hidden_nor_used(tmp_path):
    network = word_cnn(WORDS.get_vocab_size(), 2, 4, 4, (3,))
    folder = save_network(tmp_path / "net", network, WORDS, ["a", "b"], 5)
    saved = load_network(folder)
    saved.network.set_weights([np.full_like(weights, 3e38) for weights in saved.network.get_weights()])
    with pytest.raises(WorkshopError, match="diverged"):
        saved.predict_proba(["der Mond"])


def test_labels_that_do_not_fit_the_outputs_are_not_saved(tmp_path):
    network = word_cnn(WORDS.get_vocab_size(), 2, 4, 4, (3,))
    with pytest.raises(WorkshopError, match="2 outputs, but there are 3 labels"):
        save_network(tmp_path / "net", network, WORDS, ["a", "b", "c"], 5)
    assert not (tmp_path / "net").exists()
