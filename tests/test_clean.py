"""Cleaning and near-duplicates, on texts as people really type them."""

import doctest

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from workshop_utils.data import clean as clean_module
from workshop_utils.data.clean import clean, label_spellings, tidy_text
from workshop_utils.data.duplicates import duplicate_groups, near_duplicates


def test_the_example_in_the_docstring_is_true():
    assert doctest.testmod(clean_module).failed == 0


def test_tidy_text_resolves_entities_composes_letters_and_folds_white_space():
    texts = pd.Series(["  Tee &amp; Kaffee\u00a0\n 500&nbsp;ml ", "u\u0308ber", "", None, "👩‍🎓\tok"])
    assert tidy_text(texts).tolist()[:3] == ["Tee & Kaffee 500 ml", "über", ""]
    assert tidy_text(texts).isna().tolist() == [False, False, False, True, False]


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_tidy_text_never_fails_and_changes_nothing_the_second_time_but_entities(texts):
    once = tidy_text(pd.Series(texts, dtype="str"))
    assert once.str.strip().equals(once)
    assert not once.str.contains(r"\s\s").any()


def test_cleaning_keeps_one_row_per_text_and_no_contradictions():
    frame = pd.DataFrame(
        {
            "label": ["A"] * 120 + ["B"] * 120 + ["a ", "B", "A", None],
            "text": [f"a {n}" for n in range(120)]
            + [f"b {n}" for n in range(120)]
            + ["new", "a 1", "A  2 ", "x"],
        }
    )
    cleaned = clean(frame)
    assert "new" in set(cleaned.loc[cleaned["label"] == "A", "text"])
    assert "a 1" not in set(cleaned["text"]), "stood under A and B"
    assert (cleaned["text"].str.casefold() == "a 2").sum() == 1
    assert len(cleaned) == 240


def test_rare_labels_that_resemble_nothing_are_left_alone():
    assert label_spellings(pd.Series(["Books"] * 300 + ["Toys"])) == {}


def test_near_duplicates_finds_a_changed_price_and_not_a_shared_phrase():
    long = "steel lunch box with three round containers and one spoon for office and school use daily"
    texts = pd.Series(
        [
            long + " price 499",
            long + " price 599",
            "for office and school use daily take this completely different bag instead of the old one",
            "",
            "too short",
        ]
    )
    pairs = near_duplicates(texts)
    assert pairs[["first", "second"]].values.tolist() == [[0, 1]]
    groups = duplicate_groups(texts)
    assert groups[0] == groups[1] and len(np.unique(groups)) == 4


def test_near_duplicates_of_nothing_is_nothing():
    assert near_duplicates(pd.Series(["", "a b"])).empty
