"""Thresholds find the cheapest decision, tables count right, and a temperature cures too much confidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import confusion_matrix

from workshop_utils.models.insights.decisions import (
    Costs,
    apply_temperature,
    best_threshold,
    calibration_table,
    cheapest_action,
    cost_at,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    threshold_table,
)

SHOP = Costs(false_positive=5, false_negative=1)
scored = st.lists(
    st.tuples(st.booleans(), st.floats(0, 1, width=32) | st.sampled_from([0.0, 0.5, 1.0])), min_size=1
)


def honest(n=4000, seed=0, classes=3):
    """Probabilities that are exactly right, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    probabilities = softmax(2 * rng.normal(size=(n, classes)), axis=1)
    true = (probabilities.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return true, probabilities


@given(scored)
def test_each_row_counts_what_scikit_learn_counts(pairs):
    true, scores = map(np.array, zip(*pairs, strict=True))
    for row in threshold_table(true, scores, SHOP).itertuples():
        matrix = confusion_matrix(true, scores >= row.threshold, labels=[False, True])
        assert (row.false_positives, row.false_negatives) == (matrix[0, 1], matrix[1, 0])
        assert row.cost == pytest.approx((5 * row.false_positives + row.false_negatives) / len(true))
        assert row.cost == pytest.approx(cost_at(true, scores, row.threshold, SHOP))


@given(scored, st.floats(0, 1))
def test_no_threshold_is_cheaper_than_the_best(pairs, other):
    true, scores = map(np.array, zip(*pairs, strict=True))
    best = cost_at(true, scores, best_threshold(true, scores, SHOP), SHOP)
    assert best <= cost_at(true, scores, other, SHOP) + 1e-9


def test_a_dear_false_alarm_raises_the_threshold_and_a_dear_miss_lowers_it():
    true, probabilities = honest(classes=2)
    dear_alarm = best_threshold(true == 1, probabilities[:, 1], Costs(5, 1))
    dear_miss = best_threshold(true == 1, probabilities[:, 1], Costs(1, 5))
    assert dear_miss < 0.3 < 0.7 < dear_alarm


def test_on_honest_probabilities_the_best_threshold_is_elkans():
    true, probabilities = honest(n=40_000, classes=2)
    for costs in (SHOP, Costs(1, 3), Costs(4, 2, true_positive=-1, true_negative=0.5)):
        found = best_threshold(true == 1, probabilities[:, 1], costs)
        assert found == pytest.approx(costs.threshold, abs=0.06)


def test_all_outcomes_have_their_price():
    costs = Costs(false_positive=1000, false_negative=100, true_positive=10, true_negative=1)
    assert cost_at([False, True, True, False], [0.9, 0.1, 0.9, 0.1], 0.5, costs) == 1111 / 4


def test_nothing_to_call_means_calling_nothing():
    assert best_threshold([False, False], [0.2, 1.0], SHOP) == np.inf
    assert best_threshold([True, True], [0.0, 0.4], SHOP) == 0


@pytest.mark.parametrize(("true", "scores"), [([], []), ([True], [0.1, 0.2]), ([True, False], [0.1, np.nan])])
def test_texts_without_a_score_are_refused(true, scores):
    with pytest.raises(ValueError, match="one truth and one score"):
        threshold_table(true, scores, SHOP)


def test_two_actions_are_a_threshold_and_a_third_one_takes_the_doubtful_texts():
    _, probabilities = honest(classes=2)
    hide_or_show = [[0, 5], [1, 0]]
    called = cheapest_action(probabilities, hide_or_show) == 1
    assert (called == (probabilities[:, 1] > SHOP.threshold)).all()
    asked = cheapest_action(probabilities, [[0, 5, 0.5], [1, 0, 0.5]]) == 2
    assert (probabilities[asked, 1] >= 0.5).all() and (probabilities[asked, 1] <= 0.9).all()
    assert 0 < asked.mean() < 1


def test_honest_probabilities_have_a_small_error_and_bins_hold_all_texts():
    true, probabilities = honest()
    table = calibration_table(true, probabilities, bins=8)
    assert table["texts"].sum() == len(true) and len(table) == 8
    assert table["texts"].max() - table["texts"].min() <= 1
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()
    assert expected_calibration_error(true, probabilities) < 0.03


def test_equal_probabilities_share_one_bin():
    table = calibration_table([0, 1, 1, 0], np.full((4, 2), 0.5), bins=10)
    assert table[["texts", "confidence", "accuracy"]].to_numpy().tolist() == [[4, 0.5, 0.5]]


@pytest.mark.parametrize("made_wrong", [0.3, 0.5, 1.0, 2.0])
def test_a_temperature_undoes_what_sharpened_or_softened(made_wrong):
    true, probabilities = honest()
    seen = apply_temperature(probabilities, made_wrong)
    found = fit_temperature(seen, true)
    assert found == pytest.approx(1 / made_wrong, rel=0.07)
    healed = apply_temperature(seen, found)
    assert log_loss(true, healed) <= log_loss(true, seen) + 1e-9
    assert expected_calibration_error(true, healed) < 0.03


def test_a_temperature_never_changes_the_answer_nor_the_sum():
    _, probabilities = honest()
    for temperature in (0.2, 1, 7):
        changed = apply_temperature(probabilities, temperature)
        assert (changed.argmax(axis=1) == probabilities.argmax(axis=1)).all()
        assert np.allclose(changed.sum(axis=1), 1)
    assert np.allclose(apply_temperature(probabilities, 1), probabilities)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_loss_is_the_mean_of_minus_the_logarithms(dtype, classes):
    true, probabilities = honest(classes=classes)
    probabilities = probabilities.astype(dtype)
    probabilities[0] = np.eye(classes)[0]
    true[0] = 1
    of_true = probabilities.astype(float)[np.arange(len(true)), true]
    assert log_loss(true, probabilities) == pytest.approx(
        -np.log(np.maximum(of_true, 1e-12)).mean(), abs=1e-12
    )


def test_a_class_that_does_not_occur_among_the_texts_changes_nothing():
    assert log_loss([0, 0], [[0.5, 0.25, 0.25]] * 2) == pytest.approx(np.log(2))
    assert log_loss([1], [[0.5, 0.5]]) == pytest.approx(np.log(2))


@pytest.mark.parametrize("true", [[-1, 0], [0, 2], [0], [0, 0, 0], []])
def test_classes_without_a_column_and_unequal_lengths_have_no_loss(true):
    with pytest.raises(ValueError):
        log_loss(true, [[0.5, 0.5], [0.1, 0.9]])


def test_certainty_is_survived():
    certain = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    assert np.isfinite(fit_temperature(certain, [0, 0]))
    assert np.isfinite(apply_temperature(certain, 3)).all() and log_loss([1, 0], certain) < 30


@pytest.mark.parametrize("temperature", [0, -1])
def test_there_is_no_temperature_of_zero(temperature):
    with pytest.raises(ValueError, match="larger than 0"):
        apply_temperature(np.array([[0.5, 0.5]]), temperature)
