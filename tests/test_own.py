"""Somebody's own table in a lesson: it is brought into form, or one sentence says what it lacks."""

import pandas as pd
import pytest

from workshop_utils.data.own import own_table, own_training_table
from workshop_utils.errors import WorkshopError

NOUNS = ["train", "soup", "hotel", "parcel", "website", "bread", "concert", "lecture", "ticket", "coat"]


def text(number, word):
    """Texts of different words, so that none is nearly another; each holds ``word``."""
    first, second = NOUNS[number % 10], NOUNS[number // 10 % 10]
    return f"{word} a{number} {first} b{number} {second} c{number} {word}"


def written(path, rows, columns=("text", "label")):
    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)
    return path


def two_labels(each, labels=("01", "$5")):
    return [(text(number, f"word{label}x"), label) for label in labels for number in range(each)]


@pytest.fixture
def table(tmp_path):
    return tmp_path / "mine.csv"


def test_a_table_to_explore_keeps_every_row_and_every_label_as_typed(table):
    rows = [*two_labels(30), ("", "01"), (None, "01"), ("again", "$5"), ("again", "$5"), ("no label", None)]
    found = own_table(written(table, rows), "text", "label")
    assert len(found) == 65
    assert found["label"].value_counts().to_dict() == {"01": 32, "$5": 32}


@pytest.mark.parametrize("read", [own_table, own_training_table])
@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [(text(n, "good"), "good") for n in range(60)],
            "has only one label, 'good', and a classifier needs two",
        ),
        (two_labels(4), "has 8 rows with a text and a label, and a lesson needs 10; check the parameters"),
        ([("", "a"), ("  ", "b")] * 30, "has 0 rows with a text and a label"),
        (
            [(text(n, "x"), f"label {n}") for n in range(2000)],
            r"has too few texts for each label: .* and 1,997 more",
        ),
    ],
)
def test_a_table_that_nobody_can_learn_from_is_refused_in_one_sentence(table, read, rows, sentence):
    with pytest.raises(WorkshopError, match=rf"mine\.csv {sentence}") as error:
        read(written(table, rows), "text", "label")
    assert "\n" not in str(error.value)


def test_one_column_is_no_table(table):
    with pytest.raises(WorkshopError, match="text_column and label_column are both 'text'; name two columns"):
        own_table(written(table, two_labels(30)), "text", "text")


def test_a_small_clean_table_is_taken_whole(table):
    found = own_training_table(written(table, two_labels(20)), "text", "label", per_label=20)
    assert found["label"].value_counts().to_dict() == {"01": 20, "$5": 20}
    assert list(found.index) == list(range(40))


def test_too_few_texts_for_each_label_are_counted_after_cleaning(table):
    rows = two_labels(15) * 4
    with pytest.raises(
        WorkshopError, match=r"after cleaning the most frequent labels are '01' \(15\), '\$5' \(15\)"
    ):
        own_training_table(written(table, rows), "text", "label", per_label=20)


def test_near_duplicates_count_once(table):
    rows = [(f"fixed words in a row {number}", "ab"[number % 2]) for number in range(120)]
    with pytest.raises(WorkshopError, match=r"counting near-duplicates once .* 'a' \(1\), 'b' \(1\)"):
        own_training_table(written(table, rows), "text", "label")


def test_texts_that_all_contradict_themselves_are_refused(table):
    rows = [(text(number, "x"), label) for number in range(30) for label in "ab"]
    with pytest.raises(
        WorkshopError, match=r"No text of .* is left after cleaning: each stands under several"
    ):
        own_training_table(written(table, rows), "text", "label")


def test_texts_without_a_word_in_common_are_refused(table):
    rows = [(f"{number}{number % 7}{number}", "ab"[number % 2]) for number in range(10_000, 10_100)]
    with pytest.raises(WorkshopError, match=r"share too few words: 0 words stand in two texts or more"):
        own_training_table(written(table, rows), "text", "label")


def test_words_of_a_script_without_spaces_are_its_characters(table):
    good, bad = "这部电影非常好看我很喜欢", "太差了浪费时间剧情无聊不"
    rows = [(f"{word[n % 9 :]}{word[: n % 11]}{n}。", word[:2]) for word in (good, bad) for n in range(60)]
    assert len(own_training_table(written(table, rows), "text", "label")) == 120


def test_rare_labels_are_left_out_and_named(table, caplog):
    rows = [*two_labels(30), *two_labels(5, ["x" * 500])]
    caplog.set_level("INFO")
    found = own_training_table(written(table, rows), "text", "label", per_label=20)
    assert set(found["label"]) == {"01", "$5"}
    assert f"labels with fewer than 20 texts are left out: '{'x' * 39}…' (5)" in caplog.messages


def test_of_many_labels_the_most_frequent_are_taken_and_said(table, caplog):
    rows = [row for number in range(30) for row in two_labels(20 + number, [f"label {number}"])]
    caplog.set_level("INFO")
    found = own_training_table(written(table, rows), "text", "label", per_label=20, most_labels=8)
    assert set(found["label"]) == {f"label {number}" for number in range(22, 30)}
    assert "of 30 labels, the 8 most frequent are taken" in caplog.messages


def test_a_large_table_is_drawn_down_with_its_mixture_and_a_seed(table, caplog):
    rows = [*two_labels(3000, ["common"]), *two_labels(900, ["rare"]), *two_labels(21, ["rarest"])]
    written(table, rows)
    caplog.set_level("INFO")
    found = own_training_table(table, "text", "label", per_label=20, rows=400, seed=1)
    assert found["label"].value_counts().to_dict() == {"common": 306, "rare": 92, "rarest": 20}
    assert "418 of 3,921 cleaned rows are taken" in caplog.messages
    assert found.equals(own_training_table(table, "text", "label", per_label=20, rows=400, seed=1))
    assert not found.equals(own_training_table(table, "text", "label", per_label=20, rows=400, seed=2))


def test_spellings_that_merely_look_alike_stay_two_labels(table):
    rows = [*two_labels(400, ["normal"]), *two_labels(25, ["abnormal"]), *two_labels(25, ["Normal "])]
    found = own_training_table(written(table, rows), "text", "label", per_label=20)
    assert set(found["label"]) == {"normal", "abnormal"}
