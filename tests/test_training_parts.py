"""Who learns from what: labels dealt evenly, near-duplicates together, no text in two parts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tests.own_tables import requests
from workshop_utils.data import load_products, load_reviews
from workshop_utils.data.duplicates import COMMON, duplicate_groups, near_duplicates
from workshop_utils.errors import WorkshopError
from workshop_utils.models.training.parts import (
    FOLDS,
    MIN_JUDGED,
    REPEATS,
    grouped_folds,
    plan_fits,
    refuse_one_group,
    stratified_share,
    without_leaks,
)
from workshop_utils.models.training.prepare import MIN_TEXTS, refuse_labels, sample_rows

NONE = np.array([], dtype=int)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=20, max_size=120), st.integers(0, 9)
)
def test_groups_stay_together_and_each_label_is_dealt_evenly(pairs, seed):
    codes, groups = (np.array(column) for column in zip(*pairs, strict=True))
    groups = groups * 4 + codes  # a group has one label
    fold = grouped_folds(codes, groups, FOLDS, seed)
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups))
    for code in set(codes):
        counts = np.bincount(fold[codes == code], minlength=FOLDS)
        largest = np.bincount(groups[codes == code]).max()
        assert counts.max() - counts.min() <= largest


def test_singles_are_dealt_evenly_whatever_the_imbalance():
    codes = np.repeat([0, 1, 2], [10, 1000, 13])
    fold = grouped_folds(codes, np.arange(len(codes)), 5, seed=1)
    assert np.bincount(fold[codes == 0]).tolist() == [2] * 5
    assert np.bincount(fold[codes == 1]).tolist() == [200] * 5
    assert np.ptp(np.bincount(fold)) <= 2
    assert (fold == grouped_folds(codes, np.arange(len(codes)), 5, seed=1)).all()
    assert (fold != grouped_folds(codes, np.arange(len(codes)), 5, seed=2)).any()


def test_a_large_table_holds_a_fifth_out():
    codes = np.arange(FOLDS * MIN_JUDGED) % 2
    plan = plan_fits(codes, np.arange(len(codes)), NONE, seed=0)
    assert plan.folds == [] and len(plan.final.ask) == MIN_JUDGED
    assert sorted([*plan.final.train, *plan.final.ask]) == list(range(len(codes)))


def test_a_small_table_is_judged_by_repeated_cross_validation_and_learned_from_whole():
    codes = np.arange(100) % 2
    plan = plan_fits(codes, np.arange(100), NONE, seed=0)
    assert len(plan.folds) == REPEATS and len(plan.final.train) == 100 and len(plan.final.ask) == 0
    for repeat in plan.folds:
        assert sorted(np.concatenate([fit.ask for fit in repeat])) == list(range(100))
        assert all(set(fit.train).isdisjoint(fit.ask) for fit in repeat)
    assert any((a.ask != b.ask).any() for a, b in zip(*plan.folds, strict=True)), "the repeats differ"


@pytest.mark.parametrize(("asked", "folds"), [(MIN_JUDGED, 0), (MIN_JUDGED - 1, REPEATS)])
def test_texts_of_a_test_table_are_never_learned_from(asked, folds):
    codes = np.arange(200 + asked) % 2
    plan = plan_fits(codes, np.arange(len(codes)), np.arange(200, 200 + asked), seed=0)
    assert len(plan.folds) == folds and plan.final.ask.tolist() == list(range(200, 200 + asked))
    assert all(fit.train.max() < 200 and fit.ask.max() < 200 for repeat in plan.folds for fit in repeat)
    assert plan.final.train.tolist() == list(range(200))


def test_leaks_are_found_word_for_word_and_as_near_duplicates():
    texts = [
        "Das war ein schöner langer Abend im alten Kino",
        "ganz anders als alles andere bisher",
        "OK  gut",
    ]
    asked = ["Das war ein schöner langer Abend im alten Kino, ehrlich", "ok gut", "nichts davon"]
    kept, leaks = without_leaks(texts, asked)
    assert kept.tolist() == [False, True, False] and leaks == 2


def test_a_share_keeps_the_mixture_and_at_least_one_of_each():
    codes = np.repeat([0, 1, 2], [100, 20, 2])
    chosen = stratified_share(codes, 0.1, 1000, seed=0)
    assert np.bincount(codes[chosen]).tolist() == [10, 2, 1]
    assert stratified_share(codes, 0.5, 10, seed=0).sum() <= 13


def test_a_sample_keeps_the_mixture_and_what_each_label_needs():
    labels = ["häufig"] * 900 + ["selten"] * 12
    drawn = sample_rows(labels, 100, seed=0)
    counts = pd.Series([labels[row] for row in drawn]).value_counts()
    assert drawn == sorted(set(drawn)) and counts["selten"] == MIN_TEXTS and 98 <= counts["häufig"] <= 99


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (["ja", "\ud800"] * 30, "'\\ud800' holds half a sign"),
        (["ja"] * 30, "All 30 texts have the label 'ja'"),
        ([f"label {n}" for n in range(201)] * 10, "201 different labels, and at most 200"),
        (["a"] * 10 + ["größer"] * 9, "'größer' has 9 different texts, and each label needs 10"),
        (
            ["a"] * 10 + ["b"] * 9 + ["c"],
            "'c' has 1 text, and each label needs 10 (1 other label has too few, too)",
        ),
    ],
)
def test_labels_that_cannot_be_learned_are_one_sentence_with_the_way_out(labels, sentence):
    with pytest.raises(WorkshopError) as error:
        refuse_labels(labels, "Abteilung")
    assert sentence in str(error.value) and str(error.value).count(". ") == 0


@pytest.mark.parametrize("count", [2, 200])
def test_two_labels_and_two_hundred_with_ten_texts_each_are_enough(count):
    refuse_labels([str(number) for number in range(count)] * 10, "label")


def test_a_label_of_one_group_is_one_sentence():
    with pytest.raises(WorkshopError, match="All texts of the label 'b' are near-duplicates"):
        refuse_one_group(["a", "a", "b", "b"], np.array([0, 1, 2, 2]))


def by_pairs(texts):
    """The groups as lesson 01 finds them: all pairs, then chains of them."""
    pairs, n = near_duplicates(pd.Series(texts)), len(texts)
    edges = coo_array((np.ones(len(pairs)), (pairs["first"], pairs["second"])), shape=(n, n))
    return connected_components(edges, directed=False)[1]


@pytest.mark.parametrize(
    "load", [lambda: load_products("sample")["description"], lambda: load_reviews("sample")["review"]]
)
def test_groups_are_those_of_the_pairs(load):
    texts = load().fillna("").tolist()
    np.testing.assert_array_equal(duplicate_groups(texts), by_pairs(texts))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["a", "b", "c", "ä", "猫"]), max_size=14).map(" ".join),
        min_size=1,
        max_size=12,
    )
)
def test_groups_of_short_and_repeated_texts_are_those_of_the_pairs(texts):
    np.testing.assert_array_equal(duplicate_groups(texts), by_pairs(texts))


def test_a_phrase_that_everybody_uses_binds_nobody_together():
    phrase = "thank you for your message we will answer"
    texts = [
        f"{phrase} {' '.join(f'{number}w{place}' for place in range(20))}" for number in range(3 * COMMON)
    ]
    assert len(set(duplicate_groups(texts))) == len(texts)


def test_a_form_letter_that_everybody_sends_is_one_group():
    letter = "thank you for your message we will answer within three working days yours sincerely"
    texts = [f"{letter} number {number}" for number in range(3 * COMMON)]
    assert len(set(duplicate_groups(texts))) == 1


def test_no_texts_and_empty_texts_have_groups_of_their_own():
    assert duplicate_groups([]).tolist() == []
    assert duplicate_groups(["", "", "kurz"]).tolist() == [0, 1, 2]
    assert len(set(duplicate_groups([text for text, _ in requests(60)]))) > 50
