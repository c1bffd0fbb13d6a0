"""Metrics, intervals and the table of results; the held-out part."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from workshop_utils.data.split import hold_out
from workshop_utils.errors import WorkshopError
from workshop_utils.models.metrics import (
    RESULTS_COLUMNS,
    accuracy,
    baselines_path,
    bootstrap_interval,
    macro_f1,
    paired_difference,
    plot_results,
    read_baselines,
    results_table,
    save_baselines,
)

LABELS = ["schön", "groß", "🎬", "अच्छी", ""]


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=60))
def test_both_metrics_agree_with_scikit_learn_for_labels_in_any_script(pairs):
    true, predicted = zip(*pairs, strict=True)
    assert accuracy(true, predicted) == pytest.approx(accuracy_score(true, predicted))
    assert macro_f1(true, predicted) == pytest.approx(f1_score(true, predicted, average="macro"))


def noisy(right, n=300, seed=0):
    """Labels, and answers of which the share ``right`` is right."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 2, n)
    return true, np.where(rng.random(n) < right, true, 1 - true)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_the_interval_is_the_one_that_drawing_texts_gives(metric):
    true, predicted = noisy(0.8)
    rng = np.random.default_rng(1)
    score = {"accuracy": accuracy, "macro_f1": macro_f1}[metric]
    draws = [rng.integers(0, 300, 300) for _ in range(2000)]
    slow = np.quantile([score(true[rows], predicted[rows]) for rows in draws], [0.025, 0.975])
    fast = bootstrap_interval(true, predicted, metric, resamples=20_000)
    assert fast.value == score(true, predicted)
    assert [fast.low, fast.high] == pytest.approx(list(slow), abs=0.006)


def test_the_interval_covers_the_truth_about_nineteen_times_in_twenty():
    found = [bootstrap_interval(*noisy(0.8, seed=seed), "accuracy", seed=seed) for seed in range(200)]
    assert 0.90 <= np.mean([interval.low <= 0.8 <= interval.high for interval in found]) <= 0.99


def test_four_times_the_texts_halve_the_interval():
    small, large = (bootstrap_interval(*noisy(0.8, n), "accuracy") for n in (400, 1600))
    assert (small.high - small.low) / (large.high - large.low) == pytest.approx(2, abs=0.35)


def test_the_same_seed_gives_the_same_interval():
    assert bootstrap_interval(*noisy(0.7), seed=3) == bootstrap_interval(*noisy(0.7), seed=3)


def test_a_perfect_model_has_no_spread_and_one_text_is_enough():
    assert bootstrap_interval([1], [1]) == (1, 1, 1)
    assert bootstrap_interval(["a"], ["b"]) == (0, 0, 0)


def test_the_paired_difference_is_sharper_than_two_intervals():
    true, first = noisy(0.75, 600)
    second = first.copy()
    second[np.flatnonzero(first != true)[:20]] = true[np.flatnonzero(first != true)[:20]]
    one, two = bootstrap_interval(true, first), bootstrap_interval(true, second)
    gained = paired_difference(true, first, second)
    assert one.high > two.low, "the single intervals overlap"
    assert gained.low > 0, "and yet the second is surely better on these texts"
    assert gained.value == pytest.approx(two.value - one.value)


def test_a_model_does_not_differ_from_itself():
    true, first = noisy(0.75)
    assert paired_difference(true, first, first) == (0, 0, 0)


def test_of_repeated_predictions_the_mean_counts_and_texts_are_drawn_not_predictions():
    true, first = noisy(0.8)
    _, second = noisy(0.6, seed=1)
    both = np.stack([first, second])
    expected = (accuracy(true, first) + accuracy(true, second)) / 2
    found = bootstrap_interval(true, both, "accuracy")
    assert found.value == pytest.approx(expected)
    assert bootstrap_interval(true, np.stack([first, first])) == bootstrap_interval(true, first)
    gained = paired_difference(true, second, both, "accuracy")
    assert gained.value == pytest.approx(expected - accuracy(true, second))


def test_two_hundred_classes_need_no_more_memory_than_their_texts():
    true = np.random.default_rng(0).integers(0, 200, 2000)
    first, second = np.where(np.arange(2000) % 3, true, 7), np.where(np.arange(2000) % 4, true, 7)
    assert macro_f1(true, first) == pytest.approx(f1_score(true, first, average="macro"))
    gained = paired_difference(true, first, second, resamples=500)
    assert 0 < gained.low < gained.value < gained.high


@settings(max_examples=25)
@given(st.integers(1, 50), st.integers(0, 5))
def test_bounds_enclose_sensible_values(n, seed):
    true, predicted = noisy(0.6, n, seed)
    interval = bootstrap_interval(true, predicted, resamples=200)
    assert 0 <= interval.low <= interval.high <= 1


@pytest.mark.parametrize(("true", "predicted"), [([], []), ([1, 2], [1]), ([[1]], [[1]])])
def test_lists_that_do_not_fit_are_refused(true, predicted):
    with pytest.raises(ValueError, match="equally long"):
        accuracy(true, predicted)


def measured():
    true, predicted = noisy(0.8)
    return results_table(true, {"größte Klasse": (np.zeros(300, int), 0.0), "🎬": (predicted, 1.5)})


def test_the_results_table_keeps_order_and_columns_and_survives_the_disk(home):
    table = measured()
    assert list(table.columns) == RESULTS_COLUMNS and table["model"].tolist() == ["größte Klasse", "🎬"]
    assert table["low"].le(table["macro_f1"]).all() and table["high"].ge(table["macro_f1"]).all()
    assert save_baselines(table) == baselines_path() == home / "results" / "baselines.csv"
    pd.testing.assert_frame_equal(read_baselines(), table, atol=1e-4)
    assert [path.name for path in baselines_path().parent.iterdir()] == ["baselines.csv"]


def test_reading_the_baselines_before_lesson_03_says_what_to_run(home):
    with pytest.raises(WorkshopError, match="run lesson 02 first"):
        read_baselines()
    baselines_path().parent.mkdir(parents=True)
    baselines_path().write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(WorkshopError, match="not the table of lesson 02"):
        read_baselines()


def test_the_bars_are_drawn_from_the_top_with_their_intervals():
    from matplotlib.figure import Figure

    axis = Figure().subplots()
    plot_results(measured().replace("🎬", "model"), axis)
    assert [label.get_text() for label in axis.get_yticklabels()] == ["model", "größte Klasse"]
    assert "95 %" in axis.get_xlabel()


def test_twins_stay_on_one_side_and_classes_keep_their_shares():
    texts = [f"Text {n} über Straße {n * 7} und das Kino {n * 13} 🎬 am Abend {n}" for n in range(80)]
    texts += [text + " noch einmal" for text in texts]
    texts += ["", "अच्छी फ़िल्म थी", "word " * 20_000, "kurz"]
    frame = pd.DataFrame({"text": texts, "label": ["a", "b"] * 82})
    held = hold_out(frame["text"], frame["label"], folds=4)
    assert 35 <= held.sum() <= 47
    assert (held[:80] == held[80:160]).all()
    assert frame.loc[held, "label"].eq("a").mean() == pytest.approx(0.5, abs=0.1)
    assert (held == hold_out(frame["text"], frame["label"], folds=4)).all()
