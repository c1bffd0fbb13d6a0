"""Fine-tuning learns, keeps the best state, stops in time, and repeats itself with a seed."""

import logging
import warnings

import numpy as np
import pytest

from tests.bundles import HOSTILE
from tests.tiny import LABELS
from workshop_utils.errors import WorkshopError
from workshop_utils.models.transformer.classifier import load_classifier, new_classifier, save_classifier
from workshop_utils.models.transformer.finetune import (
    Recipe,
    arguments,
    examples,
    fast_bf16,
    fine_tune,
    make_trainer,
    quiet,
)

#: Quick enough for a network of a few thousand weights.
FAST = Recipe(epochs=4, learning_rate=2e-2, head_learning_rate=2e-2)


def task(count, seed=0, flip=False):
    """Reviews whose label is one word among others: (texts, labels)."""
    rng = np.random.default_rng(seed)
    others = ["film", "actor", "music", "ending", "village", "horse", "train", "evening", "letter"]
    texts, labels = [], []
    for number in range(count):
        word, label = (("wonderful", "positive"), ("terrible", "negative"))[number % 2]
        chosen = list(rng.choice(others, rng.integers(2, 9)))
        texts.append(" ".join([*chosen, word, *rng.choice(others, 2)]))
        labels.append(label if not flip else LABELS[number % 2])
    return texts, labels


def weights(classifier):
    return np.concatenate([weight.detach().cpu().numpy().ravel() for weight in classifier.model.parameters()])


def test_it_learns(classifier):
    texts, labels = task(96)
    course = fine_tune(classifier, texts, labels, FAST)
    fresh, true = task(40, seed=1)
    assert (classifier.predict(fresh) == np.array(true)).mean() > 0.9
    assert course["loss"].iloc[-1] < course["loss"].iloc[0]
    assert list(course.columns) == ["loss"] and list(course.index) == [1, 2, 3, 4]
    assert not classifier.model.training


def test_bf16_trains_on_any_machine(classifier):
    course = fine_tune(classifier, *task(32), FAST._replace(epochs=1, bf16=True))
    assert np.isfinite(course["loss"]).all()


def test_trained_in_bf16_it_answers_as_it_will_once_saved_and_loaded(classifier, tmp_path):
    fine_tune(classifier, *task(32), FAST._replace(epochs=1, bf16=True), validation=task(8, seed=1))
    answers = classifier.predict_proba(HOSTILE)
    save_classifier(tmp_path / "kept", classifier)
    np.testing.assert_allclose(load_classifier(tmp_path / "kept").predict_proba(HOSTILE), answers, atol=1e-6)


def test_dropout_between_places_is_the_recipes(classifier, tmp_path):
    for rate in (0.2, 0.0):
        make_trainer(classifier, task(8), str(tmp_path), FAST._replace(attention_dropout=rate))
        layers = classifier.model.distilbert.transformer.layer
        assert {layer.attention.dropout.p for layer in layers} == {rate}


def test_the_same_seed_gives_the_same_model(encoder):
    found = []
    for seed in (3, 3, 4):
        learner = new_classifier(LABELS, encoder, max_length=32, seed=3)
        fine_tune(learner, *task(32), FAST._replace(epochs=1, seed=seed))
        found.append(weights(learner))
    assert (found[0] == found[1]).all()
    assert not (found[0] == found[2]).all()


def test_the_new_layer_learns_faster_and_the_word_vectors_rest(encoder):
    words, inner, new = (
        "distilbert.embeddings.word_embeddings.weight",
        "distilbert.transformer.layer.0.ffn.lin1.weight",
        "classifier.weight",
    )
    slow = Recipe(epochs=1, learning_rate=1e-4, head_learning_rate=1e-2, weight_decay=0)
    for recipe in (slow, slow._replace(train_embeddings=True)):
        learner = new_classifier(LABELS, encoder, max_length=32)
        before = {name: weight.detach().clone() for name, weight in learner.model.named_parameters()}
        fine_tune(learner, *task(32), recipe)
        after = dict(learner.model.named_parameters())
        moved = {
            name: float((after[name].detach() - before[name]).abs().max()) for name in (words, inner, new)
        }
        assert (moved[words] > 0) is recipe.train_words
        assert moved[new] > 10 * moved[inner] > 0


def test_the_state_with_the_lowest_loss_comes_back(classifier):
    # on watched texts with turned labels, learning can only hurt: the first epoch is the best
    watched = task(16, seed=1, flip=True)
    course = fine_tune(classifier, *task(64), FAST, validation=watched)
    chances = classifier.predict_proba(watched[0])
    loss = -np.log(chances[range(16), classifier.numbers(watched[1])]).mean()
    assert course["val_loss"].idxmin() < course.index[-1], "otherwise best and last are the same"
    assert loss == pytest.approx(course["val_loss"].min(), abs=1e-3)
    assert {"val_accuracy", "val_macro_f1"} <= set(course.columns)


def test_training_stops_when_the_watched_loss_rises(classifier):
    recipe = FAST._replace(epochs=12)
    course = fine_tune(classifier, *task(64), recipe, validation=task(16, 1, flip=True), patience=2)
    best = course["val_loss"].idxmin()
    assert len(course) == best + 2 < 12


def test_stopping_without_anything_to_watch_is_refused(classifier):
    with pytest.raises(ValueError, match="needs validation texts"):
        fine_tune(classifier, *task(8), FAST, patience=1)


def test_a_batch_is_computed_in_equal_parts(classifier):
    with pytest.raises(ValueError, match="no multiple"):
        fine_tune(classifier, *task(8), Recipe(batch_size=8, per_device_batch_size=3))
    told = arguments("unused", Recipe(batch_size=32, per_device_batch_size=8), validate=False)
    assert (told.per_device_train_batch_size, told.gradient_accumulation_steps) == (8, 4)


def test_small_parts_make_as_many_updates_as_the_batch(classifier, tmp_path):
    recipe = Recipe(epochs=2, batch_size=16, per_device_batch_size=4)
    trainer = make_trainer(classifier, task(64), str(tmp_path), recipe)
    with quiet():
        trainer.train()
    assert trainer.state.global_step == 2 * 64 / 16


def test_an_unknown_label_is_told_before_training(classifier):
    before = weights(classifier)
    with pytest.raises(WorkshopError, match="no label 'meh'"):
        fine_tune(classifier, ["a film"], ["meh"], FAST)
    assert (weights(classifier) == before).all()


def test_hostile_texts_can_be_learned_from(classifier):
    texts = [*HOSTILE, "x" * 50_000, "हिन्दी " * 500]
    labels = [LABELS[number % 2] for number in range(len(texts))]
    course = fine_tune(classifier, texts, labels, FAST._replace(epochs=1))
    assert np.isfinite(course["loss"]).all()
    assert np.isfinite(weights(classifier)).all()


def test_three_classes_can_be_learned(encoder):
    three = new_classifier(["gut", "mäßig", "😡"], encoder, max_length=16)
    labels = ["gut", "mäßig", "😡"] * 8
    fine_tune(three, [f"word {label}" for label in labels], labels, FAST._replace(epochs=1))
    assert three.predict_proba(["word"]).shape == (1, 3)


def test_training_leaves_no_files_and_no_noise(classifier, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    fine_tune(classifier, *task(16), FAST._replace(epochs=1), validation=task(8, 1), patience=1)
    assert list(tmp_path.iterdir()) == []
    told = capfd.readouterr()
    assert told.out == "" and "warning" not in told.err.lower()


def test_examples_are_tokenised_once_and_not_filled(classifier):
    rows = examples(classifier, ["a film", ""], ["positive", "negative"])
    assert rows == [
        {"input_ids": [101, 1037, 2143, 102], "labels": 1},
        {"input_ids": [101, 102], "labels": 0},
    ]
    with pytest.raises(ValueError, match="shorter"):
        examples(classifier, ["a", "b"], ["positive"])


def test_only_with_something_to_watch_are_states_kept():
    blind, watching = (arguments("unused", FAST, validate=told) for told in (False, True))
    assert blind.save_strategy == blind.eval_strategy == "no"
    assert watching.load_best_model_at_end and watching.save_only_model
    assert watching.metric_for_best_model == "eval_loss" and not watching.greater_is_better


@pytest.mark.parametrize(
    ("able", "fast"),
    [({"amx_bf16": True}, True), ({"avx512_bf16": True}, True), ({"avx2": True}, False), ({}, False)],
)
def test_bf16_is_used_where_the_processor_multiplies_it(monkeypatch, able, fast):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert fast_bf16() is fast


def test_libraries_are_quiet_while_training_and_heard_again_after_an_error():
    logger = logging.getLogger("transformers")
    before = logger.level
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with pytest.raises(KeyError), quiet():
            assert logger.level == logging.ERROR
            warnings.warn("advice", stacklevel=1)
            raise KeyError
        warnings.warn("afterwards", stacklevel=1)
    assert [str(each.message) for each in heard] == ["afterwards"]
    assert logger.level == before
