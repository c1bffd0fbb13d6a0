"""Errors, watched label by label: alarms, intervals, labels to buy, the policy, and the study's bounds."""

import json
import math
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from benchmarks import monitoring_labels as study
from benchmarks import monitoring_months
from tests.predicted import prediction
from workshop_utils.errors import WorkshopError
from workshop_utils.production.monitoring import (
    ErrorDetector,
    LabelTally,
    LabelWeights,
    WeightedHits,
    drawn_weight,
    error_tolerance,
    evidence_over_time,
    labels_needed,
    rate_interval,
    risen_shares,
)
from workshop_utils.production.monitoring.intervals import log_capital
from workshop_utils.production.policy import CLASSROOM_POLICY, POLICIES, Policy, read_policy
from workshop_utils.production.store import (
    DrawSizes,
    Feedback,
    add_label,
    add_predictions,
    draw_texts,
    labelled,
    open_store,
    skip_text,
    texts_to_label,
)
from workshop_utils.production.store.sampling import inclusion_probabilities

TOLERANCE, RUN_LENGTH, RISE = 0.15, 20_000, 0.05
ERRORS = st.lists(st.booleans(), max_size=200)


def a_detector(**changed):
    return ErrorDetector(
        **({"tolerance": TOLERANCE, "run_length": RUN_LENGTH, "smallest_rise": RISE} | changed)
    )


def flips(seed, share, shape):
    return (np.random.default_rng(seed).random(shape) < share).astype(float)


def counted(hits, misses, weight=1.0):
    return WeightedHits(np.array([weight]), np.array([float(hits)]), np.array([float(misses)]))


# -- the detector --------------------------------------------------------------------------------------------


def test_bets_double_from_the_smallest_rise_to_half_way_between_tolerance_and_one():
    assert risen_shares(0.15, 0.05) == pytest.approx([0.20, 0.25, 0.35, 0.55])
    assert risen_shares(0.98, 0.05) == pytest.approx([0.99])


def test_between_two_bets_the_better_one_grows_at_eight_ninths_of_the_best_pace():
    tolerance = 0.15

    def pace(stake, share):
        return share * math.log1p(stake * (1 - tolerance)) + (1 - share) * math.log1p(-stake * tolerance)

    shares = risen_shares(tolerance, 0.02)
    stakes = (shares - tolerance) / (tolerance * (1 - tolerance))
    for share in np.linspace(shares[0], shares[-1], 200):
        best = pace((share - tolerance) / (tolerance * (1 - tolerance)), share)
        assert max(pace(stake, share) for stake in stakes) > 0.87 * best


@settings(max_examples=60, deadline=None)
@given(ERRORS, st.integers(0, 200))
def test_one_by_one_in_two_goes_with_a_restart_and_in_numpy_are_the_same_to_the_bit(errors, cut):
    whole, first = a_detector(run_length=150), a_detector(run_length=150)
    whole.add_many(errors)
    first.add_many(errors[:cut])
    second = a_detector(run_length=150)
    second.restore(json.loads(json.dumps(first.to_json())))
    for error in errors[cut:]:
        second.add(error)
    assert second.to_json() == whole.to_json()
    assert second.report() == whole.report()
    side_by_side = evidence_over_time(np.array([errors, errors], float), TOLERANCE, 150, RISE)
    if errors:
        assert side_by_side[:, -1].tolist() == [whole.report().evidence] * 2
        alarms = np.flatnonzero(side_by_side[0] >= 1)
        assert whole.report().alarm_at == (alarms[0] + 1 if len(alarms) else None)


@pytest.mark.parametrize("bets", [(0.05, 0.01), (0.15, 0.002)])
def test_with_many_bets_numpy_still_gives_the_same_bits(bets):
    tolerance, rise = bets
    errors = flips(0, 0.2, (3, 500))
    evidence = evidence_over_time(errors, tolerance, 1000, rise)
    for row, stream in zip(evidence, errors, strict=True):
        detector = a_detector(tolerance=tolerance, smallest_rise=rise, run_length=1000)
        found = []
        for error in stream:
            detector.add(error)
            found.append(detector.report().evidence)
        assert row.tolist() == found


def test_no_label_and_one_label_are_insufficient_data():
    detector = a_detector()
    assert detector.report().verdict == "insufficient data"
    assert detector.report().error is None
    detector.add(1)
    report = detector.report()
    assert (report.verdict, report.labels, report.error) == ("insufficient data", 1, 1.0)
    assert "Labels so far: 1;" in report.reason
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_model_that_is_always_wrong_alarms_at_once_and_evidence_stays_a_number():
    detector = a_detector(fewest_labels=1000)
    detector.add_many([1] * 5000)
    report = detector.report()
    assert report.verdict == "changed"
    assert report.alarm_at < 20
    assert math.isfinite(report.evidence)
    evidence = evidence_over_time(np.ones(5000), TOLERANCE, RUN_LENGTH, RISE)
    assert np.isfinite(evidence).all()
    # capital that is cut off moves no more: ten million errors are as these
    assert evidence[-1] == evidence[-2]


def test_a_model_that_is_never_wrong_is_quiet():
    detector = a_detector(fewest_labels=50)
    detector.add_many([0] * 3000)
    assert detector.report().verdict == "quiet"
    assert 0 < detector.report().evidence < 0.01


def test_labels_of_little_weight_are_too_few():
    detector = a_detector(fewest_labels=50)
    detector.add_many([0.0] * 60, [0.001] * 60)
    report = detector.report()
    assert report.verdict == "insufficient data" and "60, which count as 0.1" in report.reason


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 0.5, -1, 2])
def test_what_is_neither_right_nor_wrong_is_refused_by_its_number(wrong):
    detector = a_detector()
    detector.add(0)
    with pytest.raises(WorkshopError, match=rf"^Label 2 is neither right \(0\) nor wrong \(1\): {wrong}\.$"):
        detector.add(wrong)
    assert detector.report().labels == 1


@pytest.mark.parametrize("weight", [float("nan"), -0.1, 1.1])
def test_a_weight_out_of_bounds_is_refused(weight):
    with pytest.raises(WorkshopError, match=r"^Label 1 has the weight"):
        a_detector().add(1, weight)
    with pytest.raises(WorkshopError, match=r"has the weight"):
        LabelTally(("a", "b")).add("a", "b", weight)


@pytest.mark.parametrize(
    "settings_, message",
    [
        ({"tolerance": 0.0}, "tolerated share of errors lies between 0 and 1"),
        ({"tolerance": math.nan}, "tolerated share of errors lies between 0 and 1"),
        ({"smallest_rise": 0.0}, "smallest rise worth an alarm is above 0"),
        ({"run_length": math.inf}, "run length is a number of labels"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings_, message):
    with pytest.raises(WorkshopError, match=message):
        a_detector(**settings_)


@pytest.mark.parametrize("told", [{}, {"settings": None}, [], {"settings": {"tolerance": TOLERANCE}}])
def test_a_damaged_state_is_refused_in_a_sentence(told):
    with pytest.raises(WorkshopError, match="The state of the error detector"):
        a_detector().restore(told)


def test_a_state_with_no_capital_is_damaged():
    told = a_detector().to_json()
    del told["capital"]
    with pytest.raises(WorkshopError, match="is damaged"):
        a_detector().restore(told)


def test_a_state_of_another_tolerance_is_refused():
    with pytest.raises(WorkshopError, match="another tolerance, objective or run length"):
        a_detector(tolerance=0.2).restore(a_detector().to_json())


def test_at_the_tolerance_false_alarms_are_no_more_than_promised():
    labels, run_length = 500, 1000
    evidence = evidence_over_time(flips(1, TOLERANCE, (2000, labels)), TOLERANCE, run_length, RISE)
    share = (evidence >= 1).any(axis=1).mean()
    assert 0.1 < share <= labels / run_length


def test_labels_drawn_where_the_model_errs_raise_no_alarm_if_weighted():
    """Wrong texts are drawn three times as often; unweighted the detector cries at once."""
    rng, texts = np.random.default_rng(2), 30_000
    wrong = rng.random(texts) < 0.12
    unsure = np.where(wrong, rng.random(texts) < 0.7, rng.random(texts) < 0.1)
    probability = np.where(unsure, 0.3, 0.05)
    taken = np.flatnonzero(rng.random(texts) < probability)
    weights = [drawn_weight(each, probability.min()) for each in probability[taken]]
    plain, weighted = a_detector(), a_detector()
    plain.add_many(wrong[taken])
    weighted.add_many(wrong[taken], weights)
    assert plain.report().verdict == "changed"
    assert weighted.report().verdict == "quiet"
    assert weighted.report().error == pytest.approx(0.12, abs=0.02)


def test_a_tolerance_is_the_bundles_error_and_some_points_within_bounds():
    assert error_tolerance(0.12, 3) == pytest.approx(0.15)
    assert 0 < error_tolerance(0.0, 0) < 0.01
    assert 0.9 < error_tolerance(0.99, 3) < 1


# -- intervals -----------------------------------------------------------------------------------------------


def test_without_labels_every_rate_is_possible():
    found = rate_interval(WeightedHits.counted([]))
    assert math.isnan(found.value)
    assert found[1:] == (0.0, 1.0)
    tally = LabelTally(("a", "b"))
    assert tally.accuracy()[1:] == tally.macro_f1()[1:] == (0.0, 1.0)


@pytest.mark.parametrize("hits, misses", [(1, 0), (0, 1), (200, 0), (0, 200), (10**7, 0), (0, 10**7), (1, 1)])
def test_extreme_counts_have_an_interval_with_the_rate_in_it(hits, misses):
    found = rate_interval(counted(hits, misses))
    assert 0 <= found.low <= found.value <= found.high <= 1
    turned = rate_interval(counted(misses, hits))
    assert (turned.low, turned.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-9)


def test_more_labels_make_narrower_intervals_and_a_higher_level_wider_ones():
    widths = [
        (found := rate_interval(counted(88 * n, 12 * n))).high - found.low for n in (1, 3, 10, 100, 10_000)
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] < 0.25 and widths[-1] < 0.005
    assert rate_interval(counted(88, 12), 0.99).low < rate_interval(counted(88, 12), 0.9).low


@pytest.mark.parametrize("truth", [0.02, 0.5, 0.88])
def test_the_truth_stays_inside_at_every_label(truth):
    """The truth is outside exactly when bets against it have won enough, which is quick to follow."""
    hits = flips(3, truth, (300, 400)).cumsum(axis=1)
    wanted, left = math.log(2 / 0.05), 0
    for row in hits[:150]:
        for labels in range(4, 401, 12):
            seen = counted(row[labels - 1], labels - row[labels - 1])
            if max(log_capital(seen, truth), log_capital(seen.turned(), 1 - truth)) >= wanted:
                left += 1
                break
    assert left / 150 <= 0.05
    for row in hits[:20]:
        found = rate_interval(counted(row[-1], 400 - row[-1]))
        seen = counted(row[-1], 400 - row[-1])
        inside = max(log_capital(seen, truth), log_capital(seen.turned(), 1 - truth)) < wanted
        assert inside == (found.low < truth < found.high)


def test_an_ordinary_interval_looked_at_after_each_label_leaves_the_truth():
    """So that the test above could fail: a normal 95 % interval does."""
    rates = flips(3, 0.5, (300, 400)).cumsum(axis=1)[:, 30:] / np.arange(31, 401)
    off = np.abs(rates - 0.5) > 1.96 * np.sqrt(rates * (1 - rates) / np.arange(31, 401))
    assert off.any(axis=1).mean() > 0.15


def test_unequal_draws_are_corrected_without_bias_and_the_truth_stays_inside():
    rng = np.random.default_rng(4)
    plain, weighted, outside = [], [], 0
    for _ in range(60):
        unsure = rng.random(3000)
        wrong = rng.random(3000) < 0.3 * unsure
        probability = inclusion_probabilities(np.maximum(unsure, 0.05), 300)
        taken = rng.random(3000) < probability
        weights = [drawn_weight(each, probability.min()) for each in probability[taken]]
        seen = WeightedHits.counted(
            (w, bool(error), 1) for w, error in zip(weights, wrong[taken], strict=True)
        )
        found = rate_interval(seen)
        plain.append(wrong[taken].mean() - wrong.mean())
        weighted.append(found.value - wrong.mean())
        outside += not found.low <= 0.15 <= found.high
    assert np.mean(plain) > 0.03
    assert abs(np.mean(weighted)) < 0.01
    assert outside <= 3


@pytest.mark.parametrize(
    ("probability", "least"), [(0.0, 0.0), (1.5, 0.1), (math.nan, 0.1), (0.5, math.nan), (0.1, 0.2), (0.5, 0)]
)
def test_a_weight_of_no_probability_is_refused(probability, least):
    assert drawn_weight(0.5, 0.1) == 0.2
    with pytest.raises(WorkshopError, match="A text was drawn with the probability"):
        drawn_weight(probability, least)


@pytest.fixture
def store(tmp_path):
    """40 predictions of one model, of which the later ones are sure, and 5 of another one."""
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    rng = np.random.default_rng(0)
    records = [
        prediction(f"text {number}", probabilities=(p := float(rng.uniform(0.5, 1.0)), 1 - p))
        for number in range(40)
    ]
    records += [prediction(f"other {number}", model_version="v2") for number in range(5)]
    add_predictions(store, records, store_texts=True)
    return store, records


def test_drawn_labels_count_by_the_whole_draw_whether_labelled_or_not(store):
    store, records = store
    draw_texts(store, DrawSizes(5, 10, 0), seed=1, model_version="v1")
    drawn = texts_to_label(store, limit=100)
    surest = min(drawn, key=lambda each: each.probability)
    for each in drawn:
        if each is not surest:  # its probability counts although it has no label
            add_label(store, Feedback(each.prediction_id, "neg", "anna"))
    asked = {each.prediction_id: each for each in drawn}
    unasked = next(each for each in records if each.prediction_id not in asked)
    add_label(store, Feedback(unasked.prediction_id, "neg", "ben"))
    every, chosen = LabelWeights(store, "all"), LabelWeights(store, "drawn")
    labels = list(labelled(store))
    assert len(labels) == len(drawn)
    for label in labels:
        if label.prediction_id == unasked.prediction_id:
            assert (every.of(label), chosen.of(label)) == (1.0, None)
        else:
            weight = surest.probability / asked[label.prediction_id].probability
            assert every.of(label) == chosen.of(label) == pytest.approx(weight)
            assert weight <= 1


def test_a_label_that_was_there_before_its_text_was_drawn_counts_from_then_on(store):
    store, records = store
    for record in records[:40]:
        add_label(store, Feedback(record.prediction_id, "neg", "anna"))
    weights = LabelWeights(store, "drawn")
    assert {weights.of(each) for each in labelled(store)} == {None}
    draw_texts(store, DrawSizes(40, 0, 0), seed=1, model_version="v1")
    assert [weights.of(each) for each in labelled(store)] == [1.0] * 40


def test_skipped_texts_have_the_weights_of_their_draw_each_text_once_and_one_model_only(store):
    store, _ = store
    draw_texts(store, DrawSizes(100, 0, 0), seed=1)
    drawn = texts_to_label(store, limit=100)
    first, other = (next(each for each in drawn if each.text.startswith(name)) for name in ("text", "other"))
    for name in ("anna", "ben"):
        skip_text(store, first.prediction_id, name)
        skip_text(store, other.prediction_id, name)
    weights = LabelWeights(store, "drawn")
    assert weights.skipped() == [1.0, 1.0] and weights.skipped("v1") == [1.0] and weights.skipped("v3") == []
    add_label(store, Feedback(first.prediction_id, "neg", "carla"))
    assert weights.skipped("v1") == []


def tallied(true, predicted, classes=("a", "b", "c")):
    tally = LabelTally(classes)
    for one, other in zip(true, predicted, strict=True):
        tally.add(one, other)
    return tally


def test_accuracy_and_macro_f1_are_those_of_scikit_learn_inside_their_intervals():
    rng = np.random.default_rng(5)
    true = rng.choice(["a", "b", "c"], 300, p=[0.7, 0.2, 0.1])
    predicted = np.where(rng.random(300) < 0.8, true, rng.choice(["a", "b", "c"], 300))
    tally = tallied(true, predicted)
    assert tally.accuracy().value == pytest.approx((true == predicted).mean())
    found = tally.macro_f1()
    assert found.value == pytest.approx(f1_score(true, predicted, average="macro"))
    assert 0 < found.low < found.value < found.high < 1
    assert tally.labels == 300


def test_macro_f1_covers_the_truth_at_every_look():
    """Two classes, known confusion: the true macro-F1 follows from it."""
    share = np.array([[0.6, 0.1], [0.05, 0.25]])  # rows: true, columns: predicted
    f1 = 2 * np.diag(share) / (share.sum(axis=0) + share.sum(axis=1))
    left = 0
    for seed in range(40):
        cells = np.random.default_rng([6, seed]).choice(4, 600, p=share.ravel())
        tally, out = LabelTally(("a", "b")), False
        for labels, cell in enumerate(cells, start=1):
            tally.add("ab"[cell // 2], "ab"[cell % 2])
            if labels in (10, 30, 100, 300, 600):
                found = tally.macro_f1()
                out |= not found.low <= f1.mean() <= found.high
        left += out
    assert left <= 2


def test_a_label_that_the_model_does_not_know_is_an_error_and_a_class_never_seen_may_be_anything():
    true, predicted = ["a"] * 99 + ["🙈 neu"], ["a"] * 100
    tally = tallied(true, predicted)
    assert tally.accuracy().value == pytest.approx(0.99)
    found = tally.macro_f1()
    assert found.value == pytest.approx(f1_score(true, predicted, average="macro", zero_division=0))
    assert found.low < 1 / 4
    assert 0.7 < found.high < 0.75, "of four classes one has an F1 of 0"
    assert tally.unknown == {"🙈 neu": 1}


def test_a_class_that_the_model_can_never_get_right_lowers_macro_f1_and_its_interval():
    rng = np.random.default_rng(8)
    true = rng.choice(["a", "b", "c"], 3000, p=[0.4, 0.4, 0.2])
    predicted = np.where(true == "c", "a", true)
    tally = tallied(true, predicted, classes=("a", "b"))
    found = tally.macro_f1()
    assert found.value == pytest.approx(f1_score(true, predicted, average="macro"))
    assert found.low < found.value < found.high < 2 / 3
    assert tally.unknown == {"c": int((true == "c").sum())}
    assert tallied(["x"], ["y"], classes=()).macro_f1() == (0.0, 0.0, 0.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abü"), st.sampled_from("ab"), st.sampled_from([1.0, 0.1, 1 / 3]))))
def test_a_tally_survives_json_to_the_bit_and_order_makes_no_difference(labels):
    tally, other = LabelTally(("a", "b")), LabelTally(("a", "b"))
    for each in labels:
        tally.add(*each)
    for each in reversed(labels):
        other.add(*each)
    again = LabelTally.from_json(json.loads(json.dumps(tally.to_json())))
    assert again == tally == other
    assert repr(again.macro_f1()) == repr(other.macro_f1())


@pytest.mark.parametrize("told", [{}, {"classes": ["a"], "counts": [["a", "b"]]}, {"counts": 3}])
def test_a_damaged_tally_is_refused_in_a_sentence(told):
    with pytest.raises(WorkshopError, match=r"^The tally of labels is damaged"):
        LabelTally.from_json(told)


def test_a_level_out_of_bounds_is_refused():
    with pytest.raises(WorkshopError, match="level of an interval"):
        rate_interval(counted(1, 1), 1.0)


# -- labels to buy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [0.08, 0.25])
def test_so_many_labels_are_enough_as_often_as_was_said(error):
    labels = labels_needed(TOLERANCE, error)
    told = [
        not (found := rate_interval(counted(wrong, labels - wrong))).low <= TOLERANCE <= found.high
        for wrong in np.random.default_rng(7).binomial(labels, error, 300)
    ]
    assert 0.7 < np.mean(told) < 0.9


def test_the_closer_to_the_tolerance_the_more_labels_and_at_it_none_are_enough():
    needed = [labels_needed(TOLERANCE, error) for error in (0.02, 0.08, 0.12)]
    assert needed == sorted(needed)
    assert labels_needed(TOLERANCE, TOLERANCE) is None
    assert labels_needed(TOLERANCE, 0.149) is None
    assert labels_needed(TOLERANCE, 1.0) < 10


def test_labels_that_are_there_already_are_not_bought_again():
    half = tallied(["a"] * 250, ["b"] * 25 + ["a"] * 225)
    assert labels_needed(TOLERANCE, 0.1) > labels_needed(TOLERANCE, 0.1, half) > 0
    assert labels_needed(TOLERANCE, 0.1, tallied(["a"] * 25_000, ["b"] * 2500 + ["a"] * 22_500)) == 0
    wrong = tallied(["a"] * 250, ["b"] * 225 + ["a"] * 25)  # right answers are never taken for errors
    assert labels_needed(TOLERANCE, 0.9, wrong) == 0 < labels_needed(TOLERANCE, 0.1, wrong)


@pytest.mark.parametrize(
    "wrong", [{"tolerance": 1.0}, {"error": math.nan}, {"level": 0.0}, {"chance": 1.0}, {"error": -0.1}]
)
def test_shares_out_of_bounds_are_refused(wrong):
    with pytest.raises(WorkshopError, match="is a share between 0 and 1"):
        labels_needed(**({"tolerance": 0.15, "error": 0.1} | wrong))


# -- the policy ----------------------------------------------------------------------------------------------


def test_the_commented_default_file_says_what_holds_without_a_file():
    assert read_policy(POLICIES / "default.toml") == Policy() == read_policy()
    named = tomllib.loads((POLICIES / "default.toml").read_text(encoding="utf-8"))
    assert {part: set(keys) for part, keys in named.items()} == {
        part: set(type(field.default).model_fields) for part, field in Policy.model_fields.items()
    }


def test_the_classroom_has_a_run_length_of_2000_labels_and_the_same_tolerance():
    classroom, default = read_policy(CLASSROOM_POLICY), read_policy()
    assert (default.performance.run_length, classroom.performance.run_length) == (20_000, 2_000)
    assert classroom.performance.tolerance_points == default.performance.tolerance_points == 3


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "[performance]\nrun_lenght = 1",
            "there is no performance.run_lenght; known here: tolerance_points,",
        ),
        ("[perform]", "there is no perform; known here: performance,"),
        ("[performance]\nrun_length = 5", "performance.run_length: input should be greater than"),
        ("[inputs]\nrun_length = 999", "inputs.run_length: input should be greater than or equal to 1000"),
        ("[performance]\nrun_length = nan", "performance.run_length: input should be a finite number"),
        ("[performance]\nrun_length = 'ü'", "performance.run_length: input should be a valid number"),
        ("[performance]\nfewest_labels = 2.5", "performance.fewest_labels: input should be a valid integer"),
        ("[performance]\nlabels = 'some'", "performance.labels: input should be 'all' or 'drawn'"),
        ("performance = 3", "performance is a part; write [performance]"),
        ("[performance", "is not valid TOML"),
        ("\x00", "is not valid TOML"),
    ],
)
def test_a_wrong_policy_is_refused_in_one_sentence(tmp_path, text, message):
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WorkshopError) as error:
        read_policy(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("The policy policy.toml")


def test_a_policy_that_is_not_there_or_not_text_is_refused(tmp_path):
    with pytest.raises(WorkshopError, match="cannot be read"):
        read_policy(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xe4")
    with pytest.raises(WorkshopError, match="is not in UTF-8; save it in UTF-8"):
        read_policy(tmp_path / "latin.toml")


def test_a_policy_is_read_with_the_mark_that_windows_editors_write(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xef\xbb\xbf[performance]\r\nrun_length = 3000\r\n")
    assert read_policy(path).performance.run_length == 3000


# -- the study -----------------------------------------------------------------------------------------------


def test_the_study_is_inside_its_bounds_and_its_page_is_of_the_same_numbers():
    path = study.RESULTS / "monitoring_labels.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    values = study.measures(found)
    assert values.keys() == study.BOUNDS.keys()
    outside = {
        name: values[name] for name, (low, high) in study.BOUNDS.items() if not low <= values[name] <= high
    }
    assert not outside
    assert path.with_suffix(".md").read_text(encoding="utf-8") == study.page(found)


def test_the_bundled_months_are_inside_their_bounds_and_their_page_is_of_the_same_numbers():
    path = monitoring_months.RESULTS / "monitoring_months.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert path.with_suffix(".md").read_text(encoding="utf-8") == monitoring_months.page(found)
    for each in found.values():
        assert len(each["deals"]) == monitoring_months.DEALS == 100
        values = monitoring_months.shares(each)
        bounds = monitoring_months.BOUNDS.items()
        assert {name for name, (low, high) in bounds if not low <= values[name] <= high} == set()


def test_the_studys_quiet_streams_are_repeated_in_part():
    errors = study.drawn(2, study.STREAMS, study.LABELS, study.ERROR)[:40, :1500]
    assert study.alarmed_share(study.e_detector(errors)) <= 0.05
    assert np.median(study.e_detector(study.drawn(5, 40, 1500, study.ERROR + 0.15))) <= 250


def test_two_windows_in_a_row_alarm_at_the_end_of_the_second():
    errors = np.zeros((2, 400))
    errors[0, 100:300] = 1
    errors[1, 100:200] = 1
    assert study.window_test(errors, in_a_row=2).tolist() == [300, np.inf]
    assert study.window_test(errors).tolist() == [200, 200]
