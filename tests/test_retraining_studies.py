"""The studies of retraining: their results are inside their bounds, and what they measure with is right."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import retraining_cases as cases
from benchmarks import retraining_controls as controls
from benchmarks import retraining_triggers as triggers
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.training.job import BUNDLE, TrainingJob
from workshop_utils.models.training.learner import LearnerSettings
from workshop_utils.models.training.parts import Fit, Plan

# -- triggers -----------------------------------------------------------------------------------------------


def test_the_study_of_triggers_is_inside_its_bounds_and_its_page_is_of_the_same_numbers():
    path = triggers.RESULTS / "retraining_triggers.json"
    if not path.exists():
        pytest.skip("no whole run yet: python -m benchmarks.retraining_triggers writes its results")
    found = json.loads(path.read_text(encoding="utf-8"))
    values = triggers.measures(found)
    assert values.keys() == triggers.BOUNDS.keys()
    outside = {
        name: values[name] for name, (low, high) in triggers.BOUNDS.items() if not low <= values[name] <= high
    }
    assert not outside
    assert path.with_suffix(".md").read_text(encoding="utf-8") == triggers.page(found)
    assert path.with_suffix(".svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


def summary(name, accuracy, trainings, labels):
    return triggers.Summary(name, None, accuracy, accuracy, trainings, labels)


def test_a_row_is_on_the_front_unless_another_is_as_good_in_all_and_better_in_one():
    never, cheap = summary("never", 0.7, 0, 0), summary("cheap", 0.8, 1, 100)
    dear, worse = summary("dear", 0.8, 1, 150), summary("worse", 0.75, 5, 120)
    rows = [never, cheap, dear, worse]
    assert triggers.front(rows) == [never, cheap]
    assert triggers.better_ones(worse, rows) == [cheap]
    assert triggers.front([cheap, cheap]) == [cheap, cheap]


@pytest.fixture(scope="module")
def turned():
    """A stream in which two words soon change places: only a new training helps."""
    rng = np.random.default_rng(0)
    labels = rng.random(900) < 0.5
    shown = np.where(np.arange(900) >= 300, ~labels, labels)
    texts = [
        " ".join([*rng.choice(["film", "a", "the", "seen"], 3), "good" if one else "bad"]) for one in shown
    ]
    days = pd.Series(pd.date_range("2026-01-01", periods=900, freq="8h"))
    return triggers.as_source(
        "turned", texts, labels, days, days < days[200], (0.5, 1.0), lambda day: day.dt.strftime("%Y-%m")
    )


@pytest.mark.parametrize("name", [triggers.OURS, triggers.MONTHLY, triggers.ACCURACY, triggers.BOTH])
def test_a_trigger_that_sees_errors_trains_again_and_the_model_is_right_again(turned, name):
    never = triggers.followed(turned, 0, triggers.TRIGGERS[triggers.NEVER], 0.0)
    found = triggers.followed(turned, 0, triggers.TRIGGERS[name], 1.0)
    assert never["trainings"] == never["labels"] == 0
    assert found["trainings"] >= 1
    assert found["accuracy"] > never["accuracy"] + 0.2


def test_the_e_detector_trains_only_after_the_change(turned):
    found = triggers.followed(turned, 0, triggers.TRIGGERS[triggers.OURS], 1.0)
    assert found["trained at"][0] > 100  # the change: 200 of 300 texts came before the stream
    assert found["labels"] == 700


def test_drift_buys_no_label_while_inputs_look_the_same(turned):
    found = triggers.followed(turned, 0, triggers.TRIGGERS[triggers.DRIFT], 0.0)
    assert found["labels"] == found["trainings"] == 0


def test_an_order_is_one_and_the_same_and_keeps_to_the_days(turned):
    one, again, other = (triggers.ordered(turned, number) for number in (3, 3, 4))
    assert all(np.array_equal(*pair) for pair in zip(one, again, strict=True))
    assert not np.array_equal(one.learned, other.learned)
    days = turned.days[one.stream].astype("datetime64[D]")
    assert (days[1:] >= days[:-1]).all()
    assert len({*one.learned, *one.test, *one.stream}) == 900


def test_a_window_fires_when_it_is_full_and_then_begins_anew(turned):
    window = triggers.AccuracyWindow(triggers.Situation(turned, triggers.ordered(turned, 0), 0.15, 1.0))
    assert [window.fires(0, True) for _ in range(200)] == ([False] * 99 + [True]) * 2
    assert not any(window.fires(0, place % 10 == 0) for place in range(200))


# -- controls ----------------------------------------------------------------------------------------------


def test_the_controls_are_inside_their_bounds_and_their_page_is_of_the_same_numbers():
    path = controls.RESULTS / "retraining_controls.json"
    if not path.exists():
        pytest.skip("no whole run yet: python -m benchmarks.retraining_controls writes its results")
    found = json.loads(path.read_text(encoding="utf-8"))
    values = controls.measures(found)
    assert values.keys() == controls.BOUNDS.keys()
    outside = {
        name: values[name] for name, (low, high) in controls.BOUNDS.items() if not low <= values[name] <= high
    }
    assert not outside
    assert path.with_suffix(".md").read_text(encoding="utf-8") == controls.page(found)


def test_a_control_goes_through_retrain_and_the_champion_stays_when_labels_are_shuffled(tmp_path):
    line = controls.run_control("shuffled labels", "reviews", 0, tmp_path)
    assert line["trained"]
    assert line["outcome"] == "refused"
    assert "macro-F1 on recent labels" in line["refused by"]


def test_a_control_without_drift_trains_nothing(tmp_path):
    line = controls.run_control(controls.NO_DRIFT, "reviews", 0, tmp_path)
    assert (line["outcome"], line["trained"]) == ("nothing", False)


def test_a_control_with_too_few_labels_says_how_many_are_missing(tmp_path):
    line = controls.run_control(controls.TOO_FEW_LABELS, "reviews", 0, tmp_path)
    assert line["outcome"] == "nothing"
    assert line["labels missing"] == 70
    assert "70 more labels are needed" in line["reason"]


@pytest.fixture
def given(tmp_path):
    champion = cases.champion_of("reviews", 0, False, tmp_path)
    return controls.Situation(cases.reviews(), champion, np.random.default_rng(0))


def test_rows_differ_only_in_the_texts_and_labels_that_come(given):
    truth = dict(zip(given.champion.unseen.texts, given.champion.unseen.labels, strict=True))
    right = controls.equal_challenger(given)
    assert all(truth[text] == label for text, label in zip(*right, strict=True))
    flipped = controls.flipped_labels(given)
    assert all(truth[text] != label for text, label in zip(*flipped, strict=True))
    shuffled = controls.shuffled_labels(given)
    assert 0.85 < np.mean(np.array(shuffled.labels) == "positive") < 0.9
    assert np.mean([truth[text] == label for text, label in zip(*shuffled, strict=True)]) < 0.85


def test_what_a_champion_knows_never_comes_as_usual_text(given):
    table = pd.read_csv(given.champion.folder / "table.csv")["text"]
    assert not {*table, *given.champion.frozen.texts} & set(given.champion.unseen.texts)
    assert len(table) == cases.TABLE_TEXTS


def test_a_text_that_counts_three_times_is_learned_as_if_it_stood_there_three_times(tmp_path):
    texts, codes = ["good film", "bad film", "good, bad", "bad film, bad"], np.array([1, 0, 1, 0])
    settings = LearnerSettings(cases.LABELS)
    rows = np.array([0, 1, 2, 2, 2])
    once = Plan([], Fit(rows, np.arange(4)))
    found = cases.train_words(TrainingJob("tfidf", settings, texts, codes, once), tmp_path / "one")
    light = Plan([], Fit(np.array([0, 1, 2]), np.arange(4)))
    other = cases.train_words(TrainingJob("tfidf", settings, texts, codes, light), tmp_path / "two")
    assert found.final[2, 1] > other.final[2, 1]
    answers = Bundle.load(tmp_path / "one" / BUNDLE).predict_proba(texts)
    assert np.allclose(answers, found.final, atol=1e-5)


def test_a_line_that_a_killed_run_left_half_is_no_run(tmp_path):
    path = tmp_path / "lines.jsonl"
    whole = {"row": controls.MILD, "table": "reviews", "seed": 3}
    path.write_text(json.dumps(whole) + "\n" + json.dumps(whole)[:20], encoding="utf-8")
    assert controls.read_lines(path) == [whole]
    assert controls.read_lines(tmp_path / "none.jsonl") == []


def test_a_summary_counts_what_came_of_the_runs():
    line = {
        "row": controls.EQUAL,
        "table": "amazon",
        "outcome": "refused",
        "reason": "because",
        "trained": True,
        "refused by": ["slices"],
        "figures": dict.fromkeys(
            ("recent_macro_f1_gain", "recent_accuracy_gain", "frozen_macro_f1_gain"), 0.01
        ),
        "labels missing": None,
        "labels to buy": None,
        "seconds": 1.0,
    }
    lines = [line | {"seed": 0}, line | {"seed": 1, "outcome": "promoted", "refused by": []}]
    found = controls.summarised(lines)
    assert found[controls.EQUAL]["promoted of"] == {"amazon": [1, 2]}
    assert found[controls.EQUAL]["refused by"] == {"slices": 1}
    assert controls.measures(found)[f"{controls.EQUAL}: share promoted"] == 0.5
    assert "| an equal challenger | 2 | 2 | 1 (1.3–98.7 %) | 1 of 2 | slices 1 |" in controls.page(found)
