"""Cleaning and near-duplicates, on texts as people really type them."""

import doctest

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workshop_utils.data import clean as clean_module
from workshop_utils.data.clean import clean, label_spellings, tidy_text
from workshop_utils.data.duplicates import duplicate_groups, near_duplicates


def test_the_example_in_the_docstring_is_true():
    assert doctest.testmod(clean_module) == (0, 1), "none failed, one was there"


def test_tidy_text_resolves_entities_composes_letters_and_folds_white_space():
    texts = pd.Series(["  Tee &amp; Kaffee\u00a0\n 500&nbsp;ml ", "u\u0308ber", "", None, "👩‍🎓\tok"])
    tidied = tidy_text(texts)
    assert tidied.dropna().tolist() == ["Tee & Kaffee 500 ml", "über", "", "👩‍🎓 ok"]
    assert tidied.isna().tolist() == [False, False, False, True, False]


TYPED = st.lists(
    st.sampled_from([*"aeu &;#", "\u0301", "\u0308", "\u00a0", "\u2000", "\t", "&amp;", "हि", "👩‍🎓"])
)


@settings(deadline=None)  # other tests may run beside it
@given(st.lists(st.text() | TYPED.map("".join), min_size=1, max_size=20))
def test_tidy_text_never_fails_and_changes_nothing_the_second_time_but_entities(texts):
    once = tidy_text(pd.Series(texts, dtype="str"))
    assert once.str.strip().equals(once)
    assert not once.str.contains(r"\s\s").any()
    plain = once[~once.str.contains("&")]
    assert tidy_text(plain).equals(plain)


def test_an_entity_inside_an_entity_takes_a_second_time():
    once = tidy_text(pd.Series(["&amp;amp;"]))
    assert once.item() == "&amp;" and tidy_text(once).item() == "&"


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


def test_labels_that_are_merely_alike_are_kept_and_spellings_of_one_are_merged_and_told(caplog):
    labels = ["normal"] * 300 + ["abnormal"] * 2 + ["Normal "]
    frame = pd.DataFrame({"label": labels, "text": [f"text {number}" for number in range(len(labels))]})
    with caplog.at_level("INFO"):
        counts = clean(frame)["label"].value_counts().to_dict()
    assert counts == {"normal": 301, "abnormal": 2}
    assert "The label 'Normal ' (1 row) is read as 'normal'." in caplog.text
    read = label_spellings(frame["label"])
    assert clean(frame, read)["label"].unique().tolist() == ["normal"], "where somebody accepts the proposals"


def test_rare_labels_that_resemble_nothing_are_left_alone():
    labels = pd.Series(["Books"] * 300 + ["Toys", "boks", "ÜBER"])
    assert label_spellings(labels) == {"boks": "Books"}


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


@pytest.mark.parametrize("texts", [[], [""], ["", "a b"], ["a b c d", "a b c d"]])
def test_near_duplicates_of_texts_without_a_run_of_words_is_an_empty_table(texts):
    pairs = near_duplicates(pd.Series(texts, dtype="str"))
    assert pairs.empty and list(pairs.columns) == ["first", "second", "share"]
    assert len(set(duplicate_groups(pd.Series(texts, dtype="str")))) == len(texts)
