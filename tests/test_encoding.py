"""Sub-words lose nothing, by hand and by library; rows of ids get one length."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import COURSE, lesson_cells
from workshop_utils.data import load_poems
from workshop_utils.models.encoding import encode, pad, train_characters, train_subwords

TRAINING = ["Die schönen Lieder der süßen Nachtigall", "Der Mond, der Mond und die Lieder"] * 5
HOSTILE = [
    "",
    " ",
    "  zwei\n\nLeerzeichen ",
    "ä ö ü ß ẞ",
    "😴👩‍💻 ❤️",
    "हिन्दी में",
    "\u0000\ufeff",
    "Wort " * 20_000,
]
SUBWORDS = train_subwords(TRAINING, 300)


@pytest.fixture(scope="module")
def by_hand():
    """The functions of lesson 02's hand-made encoder, taken from the lesson itself."""
    names = {"re": re}
    for cell in lesson_cells(COURSE.lesson("02")):
        if cell.cell_type == "code" and re.search(r"^def (pieces|learn_merges|encode)\(", cell.source, re.M):
            exec(cell.source.split("\n\n\nmerge(")[0].split("\n\n\nline =")[0], names)
    names["learned"] = names["learn_merges"](TRAINING, 20)
    return names


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_both_encoders_give_every_text_back(text, by_hand):
    assert SUBWORDS.decode(SUBWORDS.encode(text).ids) == text
    if len(text) < 1000:
        assert "".join(by_hand["encode"](text)) == text


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_the_library_encoder_loses_nothing(text):
    assert SUBWORDS.decode(SUBWORDS.encode(text).ids) == text


def test_the_hand_made_encoder_learns_the_most_frequent_pair_first(by_hand):
    assert by_hand["learn_merges"](["abab"], 2) == [("a", "b"), ("ab", "ab")]
    assert len(by_hand["encode"]("der Mond")) < len("der Mond")


def test_the_vocabulary_is_at_most_as_large_as_asked_and_repeatable():
    assert SUBWORDS.get_vocab_size() <= 300
    assert train_subwords(TRAINING, 300).to_str() == SUBWORDS.to_str()


@pytest.mark.parametrize(
    ("side", "keep", "wanted"),
    [
        ("right", "head", [[1, 2, 0], [3, 4, 5], [0, 0, 0]]),
        ("left", "head", [[0, 1, 2], [3, 4, 5], [0, 0, 0]]),
        ("right", "tail", [[1, 2, 0], [4, 5, 6], [0, 0, 0]]),
        ("left", "tail", [[0, 1, 2], [4, 5, 6], [0, 0, 0]]),
    ],
)
def test_rows_are_filled_and_cut_at_the_asked_end(side, keep, wanted):
    assert pad([[1, 2], [3, 4, 5, 6], []], 3, side, keep).tolist() == wanted


def test_padding_knows_its_limits():
    assert pad([], 4).shape == (0, 4)
    assert pad([[1, 2]], 0, keep="tail").shape == (1, 0)
    assert (pad([[]], 2, filler=9) == np.array([[9, 9]])).all()
    with pytest.raises(ValueError, match="'left' or 'right'"):
        pad([[1]], 2, side="post")


@pytest.fixture(scope="module")
def alphabet():
    return train_characters(load_poems("sample")["text"])


def back(tokenizer, text):
    return tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False)


def test_no_letter_of_the_bundled_poems_is_lost(alphabet):
    poems = load_poems("sample")["text"]
    assert all(back(alphabet, poem) == poem for poem in poems)
    assert "J" in alphabet.get_vocab() and not (encode(alphabet, poems) == 1).any()


@pytest.mark.parametrize("text", ["JÄGER ẞ ß", "ä\n\n ö\tü", "हिन्दी में", "😴👩‍💻", " ", ""])
def test_characters_that_were_trained_come_back(text):
    assert back(train_characters([text, "Jäger"]), text) == text


def test_unknown_characters_are_one_number_and_umlauts_have_one_form(alphabet):
    assert encode(alphabet, ["a😴b"]).tolist()[0][1] == 1
    assert back(alphabet, "a😴b") == "a[UNK]b"
    assert (encode(alphabet, ["a\u0308"]) == encode(alphabet, ["ä"])).all()
    assert encode(alphabet, ["\ud800"]).tolist() == [[1]]


def test_a_huge_poem_is_cut_and_an_empty_one_is_filling_only(alphabet):
    rows = encode(alphabet, ["Jä" * 100_000, ""], 5)
    assert rows.shape == (2, 5) and (rows[0] > 1).all() and not rows[1].any()
