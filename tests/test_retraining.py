"""The gate on arrays, the reasons to train, and what a challenger learns from and is judged by."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.retrained import make_world, policy, reviews, write_table
from workshop_utils.errors import WorkshopError
from workshop_utils.models.metrics import paired_difference
from workshop_utils.production.policy import (
    CLASSROOM_POLICY,
    GatePolicy,
    Policy,
    RetrainingPolicy,
    read_policy,
)
from workshop_utils.production.retraining import (
    LabelsAtHand,
    PairedAnswers,
    check_leaks,
    check_numbers,
    class_numbers,
    decide_retraining,
    judge,
    paired_gain,
    read_material,
    read_recent_labels,
)
from workshop_utils.production.retraining.challenger import WeightTrial, _best
from workshop_utils.production.store import Feedback, add_label, last_label, open_store
from workshop_utils.production.store.tables import feedback


def answers(true, right, chance, labels=("neg", "pos")):
    """A model that is right with this chance, and otherwise says another label."""
    true = np.asarray(true)
    other = np.where(true == labels[0], labels[1], labels[0])
    return np.where(chance.random(len(true)) < right, true, other)


def texts_of(count, positive, chance):
    return np.where(chance.random(count) < positive, "pos", "neg")


def pair(seed, count=200, positive=0.5, champion=0.8, challenger=0.8):
    chance = np.random.default_rng(seed)
    true = texts_of(count, positive, chance)
    return PairedAnswers(true, answers(true, champion, chance), answers(true, challenger, chance))


SAME = pair(0, 200)


def check(verdict, name):
    (found,) = [each for each in verdict.checks if each.name.startswith(name)]
    return found


# -- the paired bootstrap ------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
@pytest.mark.parametrize("positive", [0.5, 0.9])
def test_without_weights_it_is_the_paired_difference_of_the_metrics(metric, positive):
    pairs = pair(1, 150, positive, 0.7, 0.85)
    gain = paired_gain(pairs, metric, resamples=400, seed=3)
    expected = paired_difference(pairs.true, pairs.champion, pairs.challenger, metric, resamples=400, seed=3)
    assert gain.gain == pytest.approx(expected)
    assert gain.after - gain.before == pytest.approx(gain.gain.value)


def test_weights_of_two_count_a_text_twice_and_an_uneven_draw_is_put_right():
    chance = np.random.default_rng(2)
    true = texts_of(20_000, 0.5, chance)
    hard = chance.random(20_000) < 0.3  # the champion is wrong there, and these are drawn four times as often
    champion = np.where(hard, answers(true, 0.5, chance), answers(true, 0.95, chance))
    challenger = np.where(hard, answers(true, 0.7, chance), answers(true, 0.9, chance))
    whole = paired_gain(PairedAnswers(true, champion, challenger), "accuracy").gain.value
    probability = np.where(hard, 0.8, 0.2)
    drawn = chance.random(20_000) < probability
    part = [each[drawn] for each in (true, champion, challenger)]
    naive = paired_gain(PairedAnswers(*part), "accuracy").gain
    corrected = paired_gain(PairedAnswers(*part, 0.2 / probability[drawn]), "accuracy").gain
    assert corrected.low < whole < corrected.high and abs(corrected.value - whole) < 0.02
    assert naive.low > whole, "without the weights, the hard texts count too much"
    for metric in ("accuracy", "macro_f1"):
        doubled = [np.concatenate([each, each[:50]]) for each in part]
        weights = np.ones(len(part[0]))
        weights[:50] = 2
        assert paired_gain(PairedAnswers(*part, weights), metric).gain.value == pytest.approx(
            paired_gain(PairedAnswers(*doubled), metric).gain.value
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"champion": ["pos"]},
        {"weights": [1.0]},
        {"slices": {"length": ["short"]}},
        {"weights": [1.0, 0.0]},
        {"weights": [1.0, float("nan")]},
    ],
)
def test_answers_that_do_not_fit_together_are_one_sentence(wrong):
    fitting = {"true": ["pos", "neg"], "champion": ["pos", "neg"], "challenger": ["neg", "neg"]}
    with pytest.raises(WorkshopError) as error:
        PairedAnswers(**(fitting | wrong))
    assert "\n" not in str(error.value)
    with pytest.raises(WorkshopError, match="there is none"):
        paired_gain(PairedAnswers([], [], []))


# -- the gate ------------------------------------------------------------------------------------------------


def test_a_real_improvement_passes_and_says_what_it_gained():
    verdict = judge(pair(3, 150, champion=0.6, challenger=0.8), SAME)
    assert verdict.passed and "All" in verdict.reason and "points on recent labels" in verdict.reason
    assert verdict.figures["recent_macro_f1_gain"] > 0.1 and verdict.labels_missing is None
    assert list(verdict.figures)[:2] == ["recent_macro_f1_gain", "frozen_macro_f1_gain"]
    assert judge(pair(3, 150, champion=0.6, challenger=0.8), SAME) == verdict


def test_the_same_answers_are_no_improvement_and_the_verdict_says_so():
    true = SAME.true
    verdict = judge(PairedAnswers(true, SAME.champion, SAME.champion), SAME)
    failed = [each for each in verdict.checks if not each.passed]
    assert [each.name for each in failed] == ["macro-F1 on recent labels"]
    assert "+0.0 points" in failed[0].found and "interval above 0" in failed[0].asked


@pytest.mark.parametrize("positive", [0.5, 0.88])
@pytest.mark.parametrize("count", [40, 150])
def test_an_equal_challenger_is_hardly_ever_promoted(positive, count):
    policy = GatePolicy(resamples=400)
    frozen = pair(0, 200, positive)
    passed = sum(judge(pair(seed, count, positive), frozen, policy).passed for seed in range(1, 201))
    assert passed <= 10


def test_a_better_challenger_is_promoted_in_four_of_five_cases():
    frozen = [pair(seed + 1000, 200) for seed in range(40)]
    policy = GatePolicy(resamples=400, forgetting_budget_points=8)
    recent = [pair(seed, 120, champion=0.65, challenger=0.85) for seed in range(40)]
    passed = [judge(one, other, policy).passed for one, other in zip(recent, frozen, strict=True)]
    assert sum(passed) >= 32


def test_accuracy_alone_would_let_a_model_of_shuffled_labels_through_where_one_label_is_frequent():
    chance = np.random.default_rng(5)
    true = texts_of(1000, 0.88, chance)
    champion = answers(true, 0.84, chance)
    shuffled = np.where(chance.random(1000) < 0.98, "pos", "neg")
    pairs = PairedAnswers(true, champion, shuffled)
    assert paired_gain(pairs, "accuracy").gain.value > 0
    verdict = judge(pairs, pairs)
    assert not check(verdict, "macro-F1 on recent labels").passed
    assert not check(verdict, "better than the majority class on recent labels").passed


def test_the_majority_class_and_a_single_label_are_no_model():
    chance = np.random.default_rng(6)
    true = texts_of(300, 0.88, chance)
    always = np.full(300, "pos")
    for champion in (answers(true, 0.3, chance), always):
        verdict = judge(PairedAnswers(true, champion, always), SAME)
        assert not verdict.passed
        assert not check(verdict, "not degenerate on recent labels").passed
        assert not check(verdict, "better than the majority class on recent labels").passed


def test_what_was_known_may_be_forgotten_within_the_budget_only():
    recent = pair(7, 200, champion=0.55, challenger=0.85)
    true = np.array(["neg", "pos"] * 100)
    worse = true.copy()
    worse[:10] = np.where(worse[:10] == "neg", "pos", "neg")
    frozen = PairedAnswers(true, true, worse)  # 5 points less
    refused = judge(recent, frozen, GatePolicy(forgetting_budget_points=4))
    assert not check(refused, "accuracy on the frozen test set").passed and not refused.passed
    assert "forgetting budget" in refused.reason and refused.labels_missing is None
    assert judge(recent, frozen, GatePolicy(forgetting_budget_points=5)).passed


def test_one_slice_that_breaks_down_is_enough_to_refuse():
    true = np.array(["neg", "pos"] * 200)
    champion = np.where(np.arange(400) % 4 < 2, true, "neg")
    long = np.arange(400) >= 340
    challenger = np.where(long, np.where(true == "pos", "neg", "pos"), true)
    slices = {"length": np.where(long, "long", "short")}
    recent = PairedAnswers(true, champion, challenger, slices=slices)
    fine = PairedAnswers(true, true, true)
    verdict = judge(recent, fine)
    assert [each.name for each in verdict.checks if not each.passed] == ["slices"]
    assert "length 'long'" in check(verdict, "slices").found
    assert judge(recent, fine, GatePolicy(fewest_in_slice=100)).passed, "too few texts are not judged"


def test_a_champion_that_names_one_label_too_often_may_be_replaced_by_one_that_does_not():
    chance = np.random.default_rng(4)
    true = texts_of(300, 0.5, chance)
    champion = np.where(chance.random(300) < 0.6, "neg", true)  # finds all that are negative
    pairs = PairedAnswers(true, champion, answers(true, 0.85, chance))
    found = np.asarray(true) == "neg"
    recall = paired_gain(pairs.part(found), "accuracy").gain
    assert recall.value < -0.1 and recall.high < 0, "by recall, the slice would be refused"
    assert paired_gain(pairs.about("neg"), "f1").gain.value > 0
    assert judge(pairs, pairs).passed


def test_too_few_labels_are_refused_and_it_says_how_many_are_missing():
    verdict = judge(pair(8, 25, champion=0.5, challenger=1.0), SAME)
    assert not verdict.passed and verdict.labels_missing == 15
    assert "25 are held out" in verdict.reason
    empty = judge(PairedAnswers([], [], []), SAME)
    assert not empty.passed and empty.labels_missing == 40
    nothing_frozen = judge(pair(8), PairedAnswers([], [], []))
    assert not check(nothing_frozen, "frozen test set").passed


def test_a_gain_that_may_be_chance_says_about_how_many_more_labels_would_tell():
    chance = np.random.default_rng(9)
    true = texts_of(60, 0.5, chance)
    champion = true.copy()
    champion[:20] = np.where(true[:20] == "pos", "neg", "pos")
    challenger = true.copy()
    challenger[14:30] = np.where(true[14:30] == "pos", "neg", "pos")
    verdict = judge(PairedAnswers(true, champion, challenger), SAME)
    assert not verdict.passed and 30 < verdict.labels_missing < 3000


def test_fewer_than_six_texts_of_difference_are_chance_whatever_the_interval_says():
    true = np.array(["neg", "pos"] * 30)
    champion = true.copy()
    champion[:5] = np.where(true[:5] == "pos", "neg", "pos")
    verdict = judge(PairedAnswers(true, champion, true), SAME)
    assert verdict.figures["recent_accuracy_gain"] > 0 and not verdict.passed
    assert "on 5 texts only one of both is right" in check(verdict, "macro-F1 on recent labels").found


def test_answers_that_are_no_numbers_or_all_the_same_are_refused():
    assert check_numbers(np.array([[0.2, 0.8], [0.6, 0.4]])).passed
    assert not check_numbers(np.array([[0.2, 0.8], [np.nan, 0.4]])).passed
    assert not check_numbers(np.array([[0.2, 0.8], [0.2, 0.8]])).passed
    assert class_numbers(np.array([[0.2, 0.8], [np.nan, 0.4], [np.inf, 0]])).tolist() == [1, -1, -1]


def test_a_text_that_was_learned_and_judges_is_a_leak_word_for_word_or_nearly():
    text = "one two three four five six seven eight nine ten"
    assert check_leaks(["something else"], [text]).passed
    assert not check_leaks([text.upper() + " "], [text]).passed
    assert not check_leaks([text + " eleven"], [text]).passed


def test_a_verdict_is_json_and_hostile_labels_stay_on_one_line():
    labels = ("Änne 😴\nzweite Zeile", "न" * 300)
    chance = np.random.default_rng(10)
    true = np.array([labels[0], labels[1]] * 60)
    recent = PairedAnswers(true, answers(true, 0.6, chance, labels), answers(true, 0.8, chance, labels))
    told = judge(recent, recent).to_dict()
    assert told["checks"][0]["name"] == "enough recent labels"
    assert all("\n" not in each["found"] and len(each["found"]) < 400 for each in told["checks"])


# -- the reason ----------------------------------------------------------------------------------------------


def report(verdict, buy=None):
    return SimpleNamespace(verdict=verdict, reason=f"{verdict}, it says.", labels_to_buy=buy)


PLENTY = LabelsAtHand(500)


@pytest.mark.parametrize(
    ("told", "trigger", "words"),
    [
        ({"asked": "new product"}, "asked", "Somebody asked for it: new product."),
        ({"report": report("harmful")}, "harmful", "Monitoring says harmful"),
        ({"report": report("quiet"), "age_days": 31.0}, "schedule", "31 days old"),
        ({"report": report("quiet"), "age_days": 29.0}, None, "Nothing has changed"),
        ({"report": report("mild", 120)}, None, "Buy 120 labels"),
        ({"report": report("insufficient data", 40)}, None, "Too little is known"),
    ],
)
def test_who_asks_what_monitoring_says_and_age_are_reasons(told, trigger, words):
    found = decide_retraining(RetrainingPolicy(every_days=30), PLENTY, **told)
    assert found.trigger == trigger and words in found.sentence
    if trigger is None:
        assert found.labels_to_buy == getattr(told["report"], "labels_to_buy", None)


def test_by_the_policy_harm_and_age_may_be_no_reason():
    policy = RetrainingPolicy(on_harmful=False)
    found = decide_retraining(policy, PLENTY, age_days=10_000, report=report("harmful"))
    assert found.trigger is None and "no reason to train" in found.sentence


def test_with_too_few_labels_it_says_how_many_are_missing():
    policy = RetrainingPolicy(fewest_labels=100)
    found = decide_retraining(policy, LabelsAtHand(88), report=report("harmful"))
    assert found.trigger is None and found.labels_missing == 12
    assert "12 more labels are needed" in found.sentence
    found = decide_retraining(policy, LabelsAtHand(99), "please")
    assert "1 more label is needed" in found.sentence


def test_the_same_labels_are_not_judged_again_and_again():
    policy = RetrainingPolicy(again_after_labels=50)
    found = decide_retraining(policy, LabelsAtHand(300, 20), report=report("harmful"))
    assert found.trigger is None and found.labels_missing == 30
    assert decide_retraining(policy, LabelsAtHand(300, 50), report=report("harmful")).trigger == "harmful"
    assert decide_retraining(policy, LabelsAtHand(300, 1), "please").trigger == "asked"
    assert decide_retraining(policy, LabelsAtHand(300, 0), "please").trigger is None


# -- the weight ----------------------------------------------------------------------------------------------


def test_the_best_weight_within_the_budget_is_taken_and_the_smallest_of_equals():
    trials = [WeightTrial(1, 0.6, 0.8, 0.5), WeightTrial(5, 0.7, 0.79, 2.0), WeightTrial(20, 0.8, 0.7, 9.0)]
    assert _best(trials, 3.0).weight == 5 and _best(trials, 10.0).weight == 20
    assert _best([each._replace(labelled=0.6) for each in trials], 10.0).weight == 1
    none = _best(trials, 0.1)
    assert none.weight == 1 and "every weight forgets more" in none.sentence


# -- what is learned from ------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield make_world(tmp_path / "world", store)
    store.close()


def material(world, **changes):
    given = read_recent_labels(world.store, last_label(world.store))
    return read_material(policy(world.folder, **changes), ["negative", "positive"], given)


def test_the_newest_labels_are_held_out_in_the_order_of_their_texts_not_of_the_labels(world):
    texts, labels = reviews(7, 50)
    names = world.predict(texts)
    for name, label in reversed(list(zip(names, labels, strict=True))):
        add_label(world.store, Feedback(name, label, "anna"))
    found = material(world)
    assert found.learned.texts == texts[:30] and found.recent.texts == texts[30:] and found.newest == 30
    assert [found.labels[code] for code in found.recent.codes] == labels[30:]


def test_a_text_of_the_frozen_test_set_is_refused_and_counted_however_it_is_typed(world):
    texts, labels = reviews(7, 50)
    (frozen, _) = reviews(2, 150)
    world.label([*texts, frozen[3].upper() + "  ", frozen[4]], [*labels, "positive", "positive"])
    found = material(world)
    assert sorted([*found.learned.texts, *found.recent.texts]) == sorted(texts)
    assert "2 labelled texts stand in the frozen test set, too; refused." in found.notes


def test_no_text_is_learned_from_and_judges(world):
    texts, labels = reviews(7, 50)
    first = "one two three four five six seven eight"
    world.label([first, *texts, first + " nine"], ["positive", *labels, "positive"])
    found = material(world)
    assert first not in found.learned.texts and first + " nine" in found.recent.texts
    assert any("stand among the held-out labels" in note for note in found.notes)


def test_a_text_that_was_labelled_twice_counts_with_its_newest_label(world):
    texts, labels = reviews(7, 50)
    world.label([*texts, texts[0]], [*labels, "negative" if labels[0] == "positive" else "positive"])
    found = material(world)
    parts = [*found.learned.texts, *found.recent.texts]
    assert parts.count(texts[0]) == 1
    place = found.recent.texts.index(texts[0])
    assert found.labels[found.recent.codes[place]] != labels[0]


def test_what_the_champion_has_learned_is_not_held_out(world):
    texts, labels = reviews(7, 50)
    known, their_labels = reviews(1, 300)
    world.label([*texts, *known[:10]], [*labels, *their_labels[:10]])
    found = material(world)
    assert not set(known[:10]) & set(found.recent.texts)
    assert set(known[:10]) <= set(found.learned.texts) and not set(known[:10]) & set(found.reference.texts)


def test_labels_of_texts_that_are_not_kept_are_counted(world):
    names = world.predict(["kept nowhere"], keep=False)
    add_label(world.store, Feedback(names[0], "positive", "anna"))
    given = read_recent_labels(world.store, last_label(world.store))
    assert given.without_text == 1 and given.new == []


def test_labels_that_a_model_made_are_refused_in_one_sentence(world):
    texts, labels = reviews(7, 5)
    world.label(texts, labels, by=world.champion)
    with pytest.raises(WorkshopError, match="was given by the model"):
        read_recent_labels(world.store, last_label(world.store), models=[world.champion])
    with world.store.writing() as connection:
        connection.execute(feedback.update().values(source="model"))
    with pytest.raises(WorkshopError, match="5 labels in the store were not made by people"):
        read_recent_labels(world.store, last_label(world.store))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"table": ""}, "The policy names no table; write it under"),
        ({"frozen_test": "nowhere.csv"}, "nowhere.csv"),
        ({"text_column": "none"}, "none"),
    ],
)
def test_a_policy_that_names_no_usable_table_is_one_sentence(world, data, sentence):
    world.label(*reviews(7, 50))
    whole = policy(world.folder).data.model_dump() | data
    with pytest.raises(WorkshopError) as error:
        material(world, data=whole)
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_a_table_with_other_labels_is_one_sentence(world):
    write_table(world.folder / "frozen.csv", ["a text", "another"], ["rot", "grün"])
    world.label(*reviews(7, 50))
    with pytest.raises(WorkshopError, match=r"No label of frozen\.csv is one of the champion's"):
        material(world)


def test_only_drawn_labels_judge_where_the_policy_says_so(world):
    world.label(*reviews(7, 50))
    found = material(world, performance={"labels": "drawn"})
    assert not found.recent.texts and len(found.learned.texts) == 50


# -- the policy ----------------------------------------------------------------------------------------------


def test_paths_of_a_policy_are_relative_to_its_file(tmp_path):
    path = tmp_path / "ö" / "policy.toml"
    path.parent.mkdir()
    path.write_text('[data]\ntable = "table.csv"\nfrozen_test = ""\n', encoding="utf-8")
    data = read_policy(path).data
    assert data.table == str(path.parent.resolve() / "table.csv") and data.frozen_test == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[data]\ntabel = 'x'", "there is no data.tabel; known here: table,"),
        ("[retraining]\nweights = []", "retraining.weights: tuple should have at least 1 item"),
        ("[retraining]\nweights = [1.5]", "retraining.weights.0: input should be a valid integer"),
        ("[retraining]\napproval = 'maybe'", "retraining.approval: input should be 'none'"),
        ("[gate]\nlevel = 2", "gate.level: input should be less than 1"),
    ],
)
def test_a_wrong_part_is_refused_in_one_sentence(tmp_path, text, message):
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WorkshopError) as error:
        read_policy(path)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_policy_survives_json_as_a_decision_keeps_it():
    classroom = read_policy(CLASSROOM_POLICY)
    assert Policy.model_validate(classroom.model_dump(mode="json")) == classroom
