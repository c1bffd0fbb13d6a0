"""A model on an accelerator: it is read where it is, trained where that is fast, and brought back."""

from collections import namedtuple

import numpy as np
import pytest
import torch

from tests.elsewhere import DEVICE, elsewhere
from tests.tiny import LABELS
from workshop_utils.errors import WorkshopError
from workshop_utils.models.transformer import (
    Recipe,
    completeness_gap,
    deletion_curve,
    empty_probability,
    fine_tune,
    integrated_gradients,
    make_trainer,
    new_classifier,
    randomised,
)
from workshop_utils.quiet import quiet

TEXTS = ["a good film", "", "schöner Film 😴", "हिन्दी", "so " * 80]
TASK = (["good film", "bad film", "good day", "bad day"] * 4, ["positive", "negative"] * 8)
ONCE = Recipe(epochs=1, learning_rate=1e-3, head_learning_rate=1e-3)

Answers = namedtuple("Answers", "probabilities words empty gap curve forgotten")


def answers(classifier):
    """What lesson 08 asks of a model."""
    text = TEXTS[2]
    explanation = integrated_gradients(classifier, text, steps=4)
    forgetful = randomised(classifier, seed=3)
    return Answers(
        classifier.predict_proba(TEXTS),
        [weight for _, weight in explanation.words],
        empty_probability(classifier, text, "positive"),
        completeness_gap(classifier, text, explanation),
        deletion_curve(classifier.predict_proba, LABELS, text, explanation),
        forgetful.predict_proba(TEXTS),
    )


def test_the_make_believe_accelerator_refuses_what_a_real_one_refuses():
    with elsewhere():
        there, here = torch.ones(3, device=DEVICE), torch.ones(3)
        assert (there * 2).cpu().tolist() == [2, 2, 2] and torch.tensor([1], device=DEVICE).tolist() == [1]
        with pytest.raises(RuntimeError, match="same device"):
            there + here
        with pytest.raises(RuntimeError, match="for generator"):
            there.normal_(generator=torch.Generator())


def test_a_model_left_on_an_accelerator_answers_and_is_explained_there(classifier):
    expected = answers(classifier)
    with elsewhere():
        classifier.model.to(DEVICE)
        found = answers(classifier)
        assert classifier.model.device == DEVICE
    for name in Answers._fields:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-5, err_msg=name)


class Traveller:
    """Follows where a model is said to be: ``.to(device)`` is believed, and the numbers stay on the CPU."""

    def __init__(self, model, monkeypatch):
        self.place, self.places = torch.device("cuda", 7), []
        monkeypatch.setattr(type(model), "device", property(lambda _: self.place))
        monkeypatch.setattr(type(model), "to", lambda _, device: self.move(model, device))

    def move(self, model, device):
        self.place = torch.device(device)
        self.places.append(self.place.type)
        return model


def stop_with(error):
    from transformers import TrainerCallback

    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            raise error

    return Stop()


@pytest.fixture
def traveller(classifier, monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    return Traveller(classifier.model, monkeypatch)


def test_the_model_is_trained_on_the_trainers_device_and_comes_back(classifier, traveller):
    fine_tune(classifier, *TASK, ONCE, validation=TASK)
    assert "cpu" in traveller.places, "the device of this Trainer"
    assert traveller.place == torch.device("cuda", 7), "where the model was before"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full"), WorkshopError("no")])
def test_the_model_comes_back_when_training_is_stopped(classifier, traveller, error):
    with pytest.raises(type(error)):
        fine_tune(classifier, *TASK, ONCE, callbacks=[stop_with(error)])
    assert "cpu" in traveller.places and traveller.place == torch.device("cuda", 7)


def test_a_lessons_own_trainer_brings_the_model_back_too(classifier, traveller, tmp_path):
    with quiet():
        trainer = make_trainer(classifier, TASK, str(tmp_path), ONCE, validation=TASK)
        assert traveller.place == torch.device("cuda", 7), "it moves when training begins, not before"
        for step in (trainer.evaluate, trainer.train, trainer.evaluate):
            traveller.places.clear()
            step()
            assert "cpu" in traveller.places and traveller.place == torch.device("cuda", 7)


def test_lesson_08_works_after_training_whatever_the_machine_has(encoder):
    classifier = new_classifier(LABELS, encoder, max_length=32)
    before = classifier.model.device
    fine_tune(classifier, *TASK, ONCE)
    assert classifier.model.device == before
    assert all(np.isfinite(value).all() for value in answers(classifier))


def interrupted_in_bf16(classifier, error):
    with pytest.raises(type(error)):
        fine_tune(classifier, *TASK, ONCE._replace(bf16=True), callbacks=[stop_with(error)])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full")])
def test_a_model_stopped_in_bf16_answers_in_float32(classifier, error):
    own = type(classifier.model).forward
    interrupted_in_bf16(classifier, error)
    with torch.inference_mode():
        row = torch.tensor(classifier.rows(["a film"]))
        as_saved = torch.softmax(own(classifier.model, input_ids=row).logits, dim=-1).numpy()
        called = torch.softmax(classifier.model(input_ids=row).logits, dim=-1).numpy()
    assert (called == as_saved).all() and not {"forward", "_original_forward"} & vars(classifier.model).keys()
    assert not classifier.model.training


def test_a_model_stopped_in_anybodys_bf16_trainer_is_read_and_explained_in_float32(classifier, tmp_path):
    from transformers import DataCollatorWithPadding, Trainer

    from workshop_utils.models.transformer import arguments
    from workshop_utils.models.transformer.finetune import examples

    with quiet(), pytest.raises(KeyboardInterrupt):
        Trainer(
            classifier.model,
            arguments(str(tmp_path), ONCE._replace(bf16=True), validate=False),
            DataCollatorWithPadding(classifier.tokenizer),
            examples(classifier, *TASK),
            callbacks=[stop_with(KeyboardInterrupt())],
        ).train()
    assert "forward" in vars(classifier.model), "or else this test could not fail"
    classifier.model.to("cpu")
    found = answers(classifier)
    del classifier.model.forward, classifier.model._original_forward
    expected = answers(classifier)
    for name in Answers._fields:
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


def test_the_progress_line_goes_when_training_is_stopped(classifier, monkeypatch):
    from workshop_utils.models.transformer import callbacks

    lines = []

    class Watched(callbacks.tqdm):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            lines.append(self)
            self.closed = 0

        def close(self):
            self.closed = getattr(self, "closed", 0) + 1
            super().close()

    monkeypatch.setattr(callbacks, "tqdm", Watched)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(classifier, *TASK, ONCE, callbacks=[stop_with(KeyboardInterrupt())])
    assert len(lines) == 1 and lines[0].closed
