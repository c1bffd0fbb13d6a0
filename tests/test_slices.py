"""Slices tell where a model is worse, and how sure that is; words are found whole in any script."""

import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop_utils.data.words import any_word, letters, whole_words, with_case_of
from workshop_utils.models.insights.slices import SLICE_COLUMNS, length_bins, mentions, slice_table
from workshop_utils.models.metrics import Interval, holm, newcombe, wilson

HOSTILE = ["", " \n\t", "👩‍💻 🎬", "हिन्दी में किताब", "\ud800 film", "film " * 20_000, "Größe mu\u0308de"]


def outcomes(*parts):
    """``(hits, texts)`` for each part: right answers and the number of the part, shape (n,)."""
    right = [text < hits for hits, texts in parts for text in range(texts)]
    return np.array(right), np.repeat(np.arange(len(parts)), [texts for _, texts in parts])


def test_intervals_are_those_of_newcombes_paper():
    # Newcombe 1998, table II, first example: 56/70 against 48/80, method 10
    found = newcombe(wilson(56, 70), wilson(48, 80))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    # and its last one: 10/10 against 0/10
    assert newcombe(wilson(10, 10), wilson(0, 10)) == pytest.approx((1, 0.6075, 1), abs=5e-5)


def test_wilson_stays_inside_zero_and_one_and_is_never_of_no_width():
    for hits in (0, 1, 19, 20):
        value, low, high = wilson(hits, 20)
        assert 0 <= low <= value <= high <= 1 and high - low > 0.1


def test_a_row_tells_how_a_slice_differs_from_all_other_texts():
    right, part = outcomes((40, 80), (90, 100), (70, 80))
    table = slice_table(right, {"part": part})
    assert list(table.columns) == SLICE_COLUMNS
    assert table["texts"].tolist() == [80, 100, 80] and table["value"].tolist() == [0, 1, 2]
    first = table.iloc[0]
    assert first["accuracy"] == 0.5 and first["difference"] == pytest.approx(0.5 - 160 / 180)
    assert tuple(first[["low", "high"]]) == wilson(40, 80)[1:]
    assert tuple(first[["diff_low", "diff_high"]]) == newcombe(wilson(40, 80), wilson(160, 180))[1:]
    assert first["diff_high"] < 0 and first["p"] < 0.001


def test_a_small_slice_keeps_its_row_and_says_that_it_is_too_small():
    right, part = outcomes((1, 5), (80, 100))
    small, rest = slice_table(right, {"part": part}, minimum=10).itertuples(index=False)
    assert (small.texts, small.accuracy) == (5, 0.2)
    assert np.isnan([small.low, small.high, small.diff_low, small.diff_high, small.p]).all()
    assert rest.low < 0.8 < rest.high, "its own accuracy can be judged"
    assert np.isnan([rest.diff_low, rest.diff_high, rest.p]).all(), "but not against five texts"
    assert slice_table(right, {"part": part}, minimum=5)["low"].notna().all()


def test_a_slice_of_all_texts_has_nothing_to_differ_from():
    row = slice_table([True] * 30, {"all": ["x"] * 30}).iloc[0]
    assert row["low"] > 0.85 and row[["difference", "diff_low", "diff_high", "p"]].isna().all()


def test_values_keep_their_order_and_missing_ones_are_named():
    lengths = length_bins(["a b c", "a", "a b c d e", ""], edges=(2, 4))
    table = slice_table(
        [True] * 4,
        {"length": lengths, "mixed": ["b", 1, None, "b"], "flag": np.array([True, False, True, True])},
    )
    values = table.groupby("slice", sort=False)["value"].apply(list)
    assert values["length"] == ["0 words", "1-2 words", "3-4 words", "over 4 words"]
    assert values["mixed"] == ["b", 1, "missing"] and values["flag"] == [False, True]
    with_gap = pd.Series(pd.Categorical(["late", None, "early", "late"], ["late", "early", "never"]))
    assert slice_table([True] * 4, {"when": with_gap})["value"].tolist() == ["late", "early", "missing"]


def test_values_in_any_script_get_a_row():
    values = ["schön", "हिन्दी", "🎬", "", "\ud800"]
    assert sorted(slice_table([True] * 5, {"sign": values})["value"]) == sorted([*values[:4], "?"])


def test_looking_often_finds_intervals_without_zero_but_adjusted_p_values_stay_calm():
    rng = np.random.default_rng(0)
    alarms, calm = [], []
    for _ in range(60):
        right, part = rng.random(1000) < 0.8, rng.integers(0, 10, 1000)
        table = slice_table(right, {"nothing": part})
        alarms.append(((table["diff_low"] > 0) | (table["diff_high"] < 0)).any())
        calm.append(table["p"].min() >= 0.05)
    assert np.mean(alarms) > 0.25, "about four of ten tables hold a row that looks special"
    assert np.mean(calm) > 0.9, "and hardly one a small p"


def test_holm_multiplies_the_smallest_by_their_number_and_never_falls():
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.9, 0.001]) == pytest.approx([0.9, 0.002])
    assert holm([0.5, 0.6]).max() == 1.0 and len(holm([])) == 0
    assert holm([np.nan, 0.01, np.nan]) == pytest.approx([np.nan, 0.01, np.nan], nan_ok=True)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_adjusting_keeps_the_order_and_never_makes_a_p_value_smaller(p_values):
    adjusted = holm(p_values)
    assert (adjusted >= p_values).all() and (adjusted <= 1).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


@pytest.mark.parametrize(
    ("right", "groups", "message"),
    [
        ([], {}, "not empty"),
        ([[True]], {}, "not empty"),
        ([True], {"größe": ["a", "b"]}, "2 values for 1 texts"),
    ],
)
def test_slices_that_do_not_fit_are_refused(right, groups, message):
    with pytest.raises(ValueError, match=message):
        slice_table(right, groups)


def test_no_slices_make_an_empty_table():
    assert list(slice_table([True], {}).columns) == SLICE_COLUMNS and len(slice_table([True], {})) == 0


def test_lengths_are_words_between_white_space():
    found = length_bins(HOSTILE, edges=(1, 3, 100))
    assert list(found) == [
        *("0 words", "0 words", "2-3 words", "2-3 words", "2-3 words", "over 100 words", "2-3 words")
    ]
    assert list(found.categories) == ["0 words", "1 word", "2-3 words", "4-100 words", "over 100 words"]


@pytest.mark.parametrize("edges", [(), (0, 5), (5, 5), (9, 3)])
def test_edges_must_rise(edges):
    with pytest.raises(ValueError, match="must rise"):
        length_bins(["a"], edges)


def test_mentions_are_whole_words_in_any_case():
    texts = ["A HERO.", "heroes", "anti-hero's", "hero_1", "", "Straße", "STRASSE", "strassen"]
    expected = [True, False, True, False, False, True, True, False]
    assert mentions(texts, ["hero", "Straße"]).tolist() == expected


def test_a_vowel_sign_belongs_to_its_letter():
    assert mentions(["कि", "क है", "हिन्दी।", "हिन्दीवाला"], ["क", "हिन्दी"]).tolist() == [
        False,
        True,
        True,
        False,
    ]


def test_both_unicode_forms_are_the_same_word():
    for form in ("NFC", "NFD"):
        assert mentions([unicodedata.normalize(form, "Sehr MÜDE!")], ["müde"]).all()
        assert mentions(["Sehr müde!"], [unicodedata.normalize(form, "müde")]).all()
        assert not mentions([unicodedata.normalize(form, "müde")], ["mu"]).any()


def test_mentioning_nothing_and_hostile_texts_are_fine():
    assert mentions(HOSTILE, []).tolist() == mentions(HOSTILE, ["", " "]).tolist() == [False] * len(HOSTILE)
    assert mentions(HOSTILE, ["film"]).tolist() == [False, False, False, False, True, True, False]
    assert mentions([], ["film"]).shape == (0,) and mentions([], ["film"]).dtype == bool
    assert mentions(["a.b", "axb", "C++!"], ["a.b", "c++"]).tolist() == [True, False, True]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_taking_words_apart_loses_nothing(text):
    pieces = any_word().split(text)
    assert "".join(pieces) == text and len(pieces) % 2 == 1
    assert pieces[1::2] == any_word().findall(text)
    assert "".join(letters(text)) == unicodedata.normalize("NFC", text)


def test_a_letter_keeps_its_signs_and_joined_emoji_stay_joined():
    assert letters("mu\u0308de") == ["m", "ü", "d", "e"]
    assert letters("q\u0308a") == ["q\u0308", "a"], "there is no composed form of it"
    assert letters("a👩‍💻❤️b") == ["a", "👩‍💻", "❤️", "b"]
    assert any_word().findall("Don't, हिन्दी mu\u0308de 4K 🎬x") == [
        "Don",
        "t",
        "हिन्दी",
        "mu\u0308de",
        "K",
        "x",
    ]


def test_capitals_follow_the_model():
    assert [with_case_of(model, "ölung") for model in ("A", "Anna", "ANNA", "anna", "हिन्दी", "")] == [
        *("Ölung", "Ölung", "ÖLUNG", "ölung", "ölung", "ölung")
    ]
    assert with_case_of("Anna", "McKay") == "McKay" and with_case_of("हिन्दी", "McKay") == "McKay"
    assert with_case_of("Anna", "") == ""


def test_the_longest_word_is_found_first():
    assert whole_words(["new", "new york"]).findall("New York is new") == ["New York", "new"]


def test_an_interval_is_an_interval():
    assert isinstance(wilson(1, 2), Interval) and isinstance(newcombe(wilson(1, 2), wilson(1, 3)), Interval)
