"""A fine-tuned DistilBERT: it reads any text, answers alone as among others, and survives the disk."""

import json
from string import ascii_lowercase

import numpy as np
import pandas as pd
import pytest

from tests.bundles import HOSTILE, reviews
from tests.tiny import LABELS
from workshop_utils.errors import WorkshopError
from workshop_utils.models.transformer.classifier import load_classifier, new_classifier, save_classifier

CLS, SEP = 101, 102


def test_a_row_begins_and_ends_with_the_special_pieces(classifier):
    assert classifier.rows(["A film!"]) == [[CLS, 1037, 2143, 999, SEP]]
    assert classifier.rows([""]) == [[CLS, SEP]]


@pytest.mark.parametrize(
    ("truncation", "kept"), [("head", "a b c d"), ("tail", "w x y z"), ("head_tail", "a b y z")]
)
def test_of_a_long_text_the_wanted_part_is_read(classifier, truncation, kept):
    cut = classifier._replace(max_length=6, truncation=truncation)
    assert cut.rows([" ".join(ascii_lowercase)]) == classifier.rows([kept])


def test_no_row_is_longer_than_the_limit(classifier):
    for row in classifier.rows([*HOSTILE, "x" * 100_000, "wort " * 5_000, *reviews()[0][:50]]):
        assert 2 <= len(row) <= classifier.max_length
        assert row[0] == CLS and row[-1] == SEP


def test_every_text_is_answered(classifier):
    probabilities = classifier.predict_proba([*HOSTILE, "हिन्दी " * 3_000, "x" * 100_000])
    assert probabilities.shape == (len(HOSTILE) + 2, 2) and probabilities.dtype == np.float32
    assert np.isfinite(probabilities).all()
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_no_texts_give_no_answers(classifier):
    assert classifier.predict_proba([]).shape == (0, 2)
    assert classifier.predict([]).shape == (0,)


def test_a_text_is_answered_alone_as_among_others(classifier):
    texts = [*HOSTILE, *reviews()[0][:40], "so " * 200]
    together = classifier.predict_proba(texts, batch_size=7)
    alone = np.concatenate([classifier.predict_proba([text]) for text in texts])
    assert np.ptp(alone[:, 0]) > 0.01, "the texts must differ for this to prove anything"
    assert np.abs(together - alone).max() < 1e-5


def test_answering_needs_no_dropout_and_no_gradient(classifier):
    classifier.model.train()
    first, second = (classifier.predict_proba(reviews()[0][:5]) for _ in range(2))
    assert (first == second).all()
    assert all(weight.grad is None for weight in classifier.model.parameters())


def test_predicted_labels_are_the_most_probable_ones(classifier):
    texts = reviews()[0][:30]
    best = classifier.predict_proba(texts).argmax(axis=1)
    assert list(classifier.predict(texts)) == [LABELS[number] for number in best]


def test_labels_become_class_numbers_in_the_order_of_the_outputs(encoder):
    three = new_classifier(["übel", "😐", "gut"], encoder)
    assert three.labels == ["übel", "😐", "gut"]
    assert three.numbers(["gut", "übel", "😐"]).tolist() == [2, 0, 1]
    assert three.predict_proba(["ein Film"]).shape == (1, 3)


def test_an_unknown_label_is_one_sentence(classifier):
    with pytest.raises(WorkshopError, match="no label 'neutral', only 'negative', 'positive'") as error:
        classifier.numbers(["positive", "neutral"])
    assert "\n" not in str(error.value)


def test_what_is_loaded_answers_like_what_was_saved(classifier, tmp_path):
    cut = classifier._replace(max_length=20, truncation="head")
    folder = save_classifier(tmp_path / "modell ü", cut, {"accuracy": 0.75}, ["ein Text", "\ud800"])
    again = load_classifier(folder)
    texts = [*HOSTILE, *reviews()[0][:20]]
    assert (again.max_length, again.truncation, again.labels) == (20, "head", LABELS)
    assert again.rows(texts) == cut.rows(texts)
    assert np.abs(again.predict_proba(texts) - cut.predict_proba(texts)).max() < 1e-6
    assert not again.model.training


def test_the_folder_holds_numbers_and_json_and_a_card(classifier, tmp_path):
    folder = save_classifier(tmp_path / "model", classifier, {"accuracy": 0.75}, ["ein Text"])
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}
    card = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    assert card["kind"] == "distilbert" and card["metrics"] == {"accuracy": 0.75}
    assert set(card["sha256"]) == {path.name for path in folder.iterdir()} - {"bundle.json"}
    assert {"torch", "transformers", "tokenizers"} <= card["versions"].keys()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_damaged_file_is_refused(classifier, tmp_path, name):
    folder = save_classifier(tmp_path / "model", classifier)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(WorkshopError, match=f"{name} is missing or damaged"):
        load_classifier(folder)


def test_a_missing_folder_and_another_model_are_one_sentence(classifier, tmp_path):
    with pytest.raises(WorkshopError, match="There is no model in nowhere"):
        load_classifier(tmp_path / "nowhere")
    folder = save_classifier(tmp_path / "model", classifier)
    card = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    (folder / "bundle.json").write_text(json.dumps(card | {"kind": "keras"}), encoding="utf-8")
    with pytest.raises(WorkshopError, match="holds no fine-tuned DistilBERT"):
        load_classifier(folder)


def test_a_failed_save_leaves_the_former_model(classifier, tmp_path, monkeypatch):
    folder = save_classifier(tmp_path / "model", classifier)
    before = classifier.predict_proba(["a film"])

    def full(*arguments, **more):
        raise OSError("no space left")

    monkeypatch.setattr(type(classifier.model), "save_pretrained", full)
    with pytest.raises(OSError, match="no space"):
        save_classifier(folder, classifier)
    monkeypatch.undo()
    assert (load_classifier(folder).predict_proba(["a film"]) == before).all()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_labels_may_be_numbers(encoder):
    two = new_classifier([0, 1], encoder)
    assert two.labels == ["0", "1"]
    for labels in ([0, 1, 1], np.array([0, 1, 1]), pd.Series([0, 1, 1]), ["0", "1", "1"], iter([0, 1, 1])):
        assert two.numbers(labels).tolist() == [0, 1, 1]
    assert new_classifier(np.array([3, 1]), encoder).numbers([1, 3]).tolist() == [1, 0]


@pytest.mark.parametrize("label", [0.0, np.float64(0), True, None, 2, "zero"])
def test_the_message_tells_a_number_from_a_word(encoder, label):
    shown = repr(label.item() if isinstance(label, np.generic) else label)
    with pytest.raises(WorkshopError) as error:
        new_classifier([0, 1], encoder).numbers([0, label])
    assert str(error.value) == f"The model knows no label {shown}, only '0', '1'."


@pytest.mark.parametrize("labels", [[], ["one"], ["same", "same"], [1, "1"]])
def test_a_classifier_needs_two_different_labels(encoder, labels):
    with pytest.raises(WorkshopError, match="two labels or more, each of them once"):
        new_classifier(labels, encoder)


def test_labels_are_a_list_of_labels(encoder, classifier):
    for ask in (lambda: new_classifier("ab", encoder), lambda: classifier.numbers("positive")):
        with pytest.raises(TypeError, match="takes a list of labels"):
            ask()


@pytest.mark.parametrize("length", [0, 2, 513])
def test_a_length_that_the_encoder_cannot_read_is_refused_at_once(encoder, length):
    with pytest.raises(WorkshopError, match="reads between 3 and 512 tokens"):
        new_classifier(LABELS, encoder, max_length=length)


def test_a_shuffled_column_is_answered_in_the_order_of_its_rows(classifier):
    column = pd.Series(reviews()[0][:20]).sample(frac=1, random_state=1)
    column = column[column.index > 4]
    assert (classifier.predict_proba(column) == classifier.predict_proba(list(column))).all()
    assert list(classifier.predict(iter(column))) == list(classifier.predict(list(column)))


def test_a_tokenizer_that_was_told_to_cut_and_to_pad_does_neither_once_saved_and_loaded(classifier, tmp_path):
    classifier.tokenizer(["a film", "one more good film"], padding=True, truncation=True, max_length=4)
    again = load_classifier(save_classifier(tmp_path / "model", classifier))
    text = "film " * 40
    assert again.tokenizer(text).input_ids == [101, *[2143] * 40, 102]
    assert again._replace(max_length=512).rows([text]) == [[101, *[2143] * 40, 102]]


def test_a_model_of_an_older_course_without_names_of_special_tokens_is_loaded(classifier, tmp_path):
    folder = save_classifier(tmp_path / "model", classifier)
    card = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    (folder / "tokenizer_config.json").unlink()
    del card["sha256"]["tokenizer_config.json"]
    (folder / "bundle.json").write_text(json.dumps(card), encoding="utf-8")
    again = load_classifier(folder)
    assert (again.predict_proba(HOSTILE) == classifier.predict_proba(HOSTILE)).all()
    assert again.tokenizer.mask_token_id == classifier.tokenizer.mask_token_id
