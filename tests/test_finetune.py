"""Fine-tuning learns, keeps the best state, stops in time, and repeats itself with a seed."""

import logging
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

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
    history,
    make_trainer,
)
from workshop_utils.quiet import quiet

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
    probabilities = classifier.predict_proba(HOSTILE)
    save_classifier(tmp_path / "kept", classifier)
    again = load_classifier(tmp_path / "kept").predict_proba(HOSTILE)
    np.testing.assert_allclose(again, probabilities, atol=1e-6)


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
        assert (moved[words] > 0) is recipe.train_embeddings
        assert moved[new] > 10 * moved[inner] > 0


def test_the_state_with_the_lowest_loss_comes_back(classifier):
    # on watched texts with turned labels, learning can only hurt: the first epoch is the best
    watched = task(16, seed=1, flip=True)
    course = fine_tune(classifier, *task(64), FAST, validation=watched)
    probabilities = classifier.predict_proba(watched[0])
    loss = -np.log(probabilities[range(16), classifier.numbers(watched[1])]).mean()
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
    settings = arguments("unused", Recipe(batch_size=32, per_device_batch_size=8), validate=False)
    assert (settings.per_device_train_batch_size, settings.gradient_accumulation_steps) == (8, 4)


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
    printed = capfd.readouterr()
    assert printed.out == "" and "warning" not in printed.err.lower()


def test_examples_are_tokenised_once_and_not_padded(classifier):
    rows = examples(classifier, ["a film", ""], ["positive", "negative"])
    assert rows == [
        {"input_ids": [101, 1037, 2143, 102], "labels": 1},
        {"input_ids": [101, 102], "labels": 0},
    ]
    with pytest.raises(WorkshopError, match="2 texts but 1 labels; each text needs one"):
        examples(classifier, ["a", "b"], ["positive"])


def test_only_with_something_to_watch_are_states_kept():
    blind, watching = (arguments("unused", FAST, validate=wanted) for wanted in (False, True))
    assert blind.save_strategy == blind.eval_strategy == "no"
    assert watching.load_best_model_at_end and watching.save_only_model
    assert watching.metric_for_best_model == "eval_loss" and not watching.greater_is_better


@pytest.mark.parametrize(
    ("able", "fast"),
    [({"amx_bf16": True}, True), ({"avx512_bf16": True}, True), ({"avx2": True}, False), ({}, False)],
)
def test_bf16_is_used_where_the_processor_multiplies_it(monkeypatch, able, fast):
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


#: A rate at which a network of a few thousand weights is lost within some updates.
WILD = Recipe(epochs=3, learning_rate=1e30, head_learning_rate=1e30)


@pytest.mark.parametrize("validated", [False, True])
def test_a_training_that_diverges_stops_and_says_where_and_what_to_do(classifier, validated):
    with pytest.raises(WorkshopError, match=r"has diverged: the .*loss was (nan|inf) .*epoch 1") as error:
        fine_tune(classifier, *task(32), WILD, validation=task(8, 1) if validated else None)
    message = str(error.value)
    assert "smaller learning rate than 1e+30" in message and "\n" not in message


def test_a_training_that_diverges_in_its_last_update_is_noticed_too(classifier):
    recipe = WILD._replace(epochs=1, batch_size=32, per_device_batch_size=32, warmup_ratio=0)
    broken = breaking(classifier, at=1)
    with pytest.raises(WorkshopError, match="the last update has left weights that are no numbers"):
        fine_tune(classifier, *task(32), recipe, callbacks=[broken])


def test_a_training_that_diverges_only_on_the_validation_texts_is_noticed(classifier, monkeypatch):
    # the last update of the first epoch breaks the model; the next thing that reads it is the validation
    with pytest.raises(WorkshopError, match="the validation loss was nan after epoch 1"):
        fine_tune(classifier, *task(32), FAST, validation=task(8, 1), callbacks=[breaking(classifier, at=4)])


def breaking(classifier, at):
    """A callback that makes a weight NaN after so many updates."""
    from transformers import TrainerCallback

    class Break(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            if state.global_step == at:
                with torch.no_grad():
                    classifier.model.classifier.weight[0, 0] = float("nan")

    return Break()


def test_the_history_of_anybodys_trainer_shows_a_loss_of_nan_as_nan(classifier, tmp_path):
    from transformers import DataCollatorWithPadding, Trainer

    settings = arguments(str(tmp_path), FAST._replace(epochs=2), validate=False)
    settings.logging_nan_inf_filter = True  # as is the Trainer's way
    trainer = Trainer(
        classifier.model,
        settings,
        DataCollatorWithPadding(classifier.tokenizer),
        examples(classifier, *task(32)),
        callbacks=[breaking(classifier, at=5)],
    )
    with quiet():
        trainer.train()
    losses = history(trainer)["loss"]
    assert np.isfinite(losses[1]) and np.isnan(losses[2])


def test_a_diverged_model_neither_answers_nor_is_saved(classifier, tmp_path):
    with torch.no_grad():
        classifier.model.classifier.weight[0, 0] = float("nan")
    with pytest.raises(WorkshopError, match=r"not used: .* NaN or infinity.* smaller learning rate"):
        classifier.predict(["a film"])
    with pytest.raises(WorkshopError, match=r"not saved: .* NaN or infinity.* smaller learning rate"):
        save_classifier(tmp_path / "model", classifier)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_one_weight_that_is_no_number_is_enough_to_refuse_a_model(classifier, tmp_path, value):
    with torch.no_grad():  # a word that no text holds
        classifier.model.distilbert.embeddings.word_embeddings.weight[5, 0] = value
    with pytest.raises(WorkshopError, match="not saved"):
        save_classifier(tmp_path / "model", classifier)


@pytest.mark.parametrize("make", [pd.Series, np.array, tuple, iter])
def test_texts_and_labels_come_as_lists_columns_arrays_or_one_by_one(encoder, make):
    found = []
    for shape in (list, make):
        learner = new_classifier(LABELS, encoder, max_length=32)
        texts, labels = task(16)
        watched = task(8, 1)
        recipe = FAST._replace(epochs=1)
        fine_tune(learner, shape(texts), shape(labels), recipe, validation=tuple(map(shape, watched)))
        found.append(learner.predict_proba(shape(texts)))
    assert (found[0] == found[1]).all()


def test_a_filtered_column_keeps_the_order_of_its_rows(classifier):
    table = pd.DataFrame(dict(zip(("text", "label"), task(24), strict=True))).sample(frac=1, random_state=1)
    table = table[table.index > 5]
    rows = examples(classifier, table["text"], table["label"])
    assert rows == examples(classifier, list(table["text"]), list(table["label"]))


@pytest.mark.parametrize(
    ("training", "validation", "message"),
    [
        (([], []), None, "no texts to learn from"),
        ((["a"], ["positive"]), ([], []), "no validation texts"),
        ((["a", "b"], ["positive"]), None, "2 texts but 1 labels"),
        ((["a"], ["positive"]), (["a"], []), "1 texts but 0 labels"),
    ],
)
def test_nothing_to_learn_from_is_one_sentence(classifier, training, validation, message):
    with pytest.raises(WorkshopError, match=message) as error:
        fine_tune(classifier, *training, FAST, validation=validation)
    assert str(error.value).count(".") == 1


@pytest.mark.parametrize(
    ("texts", "labels"),
    [("a film", ["positive"]), (["a"], "positive"), ({"a"}, ["positive"]), (["a"], {"positive": 1})],
)
def test_a_single_text_or_label_is_no_list(classifier, texts, labels):
    with pytest.raises(TypeError, match="takes a list of"):
        fine_tune(classifier, texts, labels, FAST)


@pytest.mark.parametrize("at_once", [8, 4, 1])
def test_the_loss_does_not_depend_on_how_many_texts_are_computed_at_once(encoder, at_once):
    classifier = new_classifier(LABELS, encoder, max_length=32, seed=0)
    recipe = Recipe(
        epochs=1, batch_size=8, per_device_batch_size=at_once, learning_rate=1e-9, head_learning_rate=1e-9
    )
    table = fine_tune(classifier, *task(16), recipe)
    expected = new_classifier(LABELS, encoder, max_length=32, seed=0).predict_proba(task(16)[0])
    chosen = expected[np.arange(16), [LABELS.index(label) for label in task(16)[1]]]
    assert table["loss"].iloc[-1] == pytest.approx(-np.log(chosen).mean(), rel=0.15)


@pytest.mark.parametrize(
    "amount", [{"epochs": -1}, {"batch_size": 0}, {"learning_rate": -1e-3}, {"head_learning_rate": 0}]
)
def test_an_amount_that_is_not_above_0_is_refused(classifier, amount):
    with pytest.raises(ValueError, match="larger than 0"):
        fine_tune(classifier, *task(8), Recipe(**amount))
