"""Drawing a table down keeps its mixture of labels, and repeats itself with a seed."""

import pandas as pd

from workshop_utils.data.split import at_most

FRAME = pd.DataFrame({"label": ["gut"] * 60 + ["übel"] * 36 + ["😐"] * 4, "text": map(str, range(100))})


def test_the_mixture_of_labels_is_kept_and_no_row_comes_twice():
    drawn = at_most(50, FRAME)
    assert drawn["label"].value_counts().to_dict() == {"gut": 30, "übel": 18, "😐": 2}
    assert drawn["text"].is_unique and list(drawn.index) == list(range(50))


def test_a_rare_label_keeps_two_rows():
    assert at_most(10, FRAME)["label"].value_counts()["😐"] == 2


def test_a_small_table_is_only_shuffled():
    drawn = at_most(1000, FRAME)
    assert sorted(drawn["text"]) == sorted(FRAME["text"]) and list(drawn["text"]) != list(FRAME["text"])


def test_the_same_seed_draws_the_same_rows():
    first, again, other = at_most(50, FRAME, 1), at_most(50, FRAME, 1), at_most(50, FRAME, 2)
    assert first.equals(again) and not first.equals(other)


def test_a_rare_label_keeps_as_many_rows_as_asked_if_it_has_them():
    counts = at_most(10, FRAME, least=12)["label"].value_counts().to_dict()
    assert counts == {"gut": 12, "übel": 12, "😐": 4}
