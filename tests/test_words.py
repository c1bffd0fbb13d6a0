"""Words and the characters that a reader sees, in scripts that put signs on letters."""

import doctest
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from workshop_utils.data import words
from workshop_utils.data.words import WORD, any_word, letters, mentions_any, swap_words, whole_words


def test_the_examples_in_the_docstrings_are_true():
    result = doctest.testmod(words)
    assert result.failed == 0 and result.attempted == 3


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("u\u0308ber", ["ü", "b", "e", "r"]),
        ("क्षत्रिय", ["क्", "ष", "त्", "रि", "य"]),  # conjuncts: two letters each
        ("क्\u200dष", ["क्\u200dष"]),  # a joiner holds them together
        ("क्\u200cष", ["क्\u200c", "ष"]),
        ("தமிழ்", ["த", "மி", "ழ்"]),
        ("a\u200db", ["a\u200db"]),
        ("👩‍👩‍👧 ok", ["👩‍👩‍👧", " ", "o", "k"]),
        ("🇮🇳👍🏽", ["🇮🇳", "👍🏽"]),  # two code points each
        ("\u1112\u1161\u11ab", ["한"]),
        ("\n\u0301", ["\n", "\u0301"]),
        ("", []),
    ],
)
def test_a_character_is_what_a_reader_sees_as_one(text, seen):
    assert letters(text) == seen


@settings(deadline=None)  # other tests may run beside it
@given(st.text())
def test_no_character_is_lost_or_moved(text):
    assert "".join(letters(text)) == "".join(letters("".join(letters(text))))
    assert "".join(any_word().split(text)) == text


@pytest.mark.parametrize("text", ["हिन्दी", "Straße", "u\u0308ber", "नही\u0902", "naïve"])
def test_a_word_with_signs_is_one_word(text):
    assert any_word().split(f"3 {text}!")[1::2] == [text]
    assert whole_words([text]).findall(f"{text}, {text}x") == [text]


def test_a_sign_on_the_next_letter_ends_no_word():
    assert not whole_words(["हिन्द"]).search("हिन्दी"), "the vowel sign belongs to the word"
    assert not whole_words(["u"]).search("u\u0308ber")
    assert mentions_any(["a.b", "axb"], ["a.b"]) == [True, False], "words are no patterns"
    assert swap_words("MÜDE und Wach", {"müde": "wach"}) == "WACH und Müde"


@pytest.mark.parametrize(
    "text", ["Hello a bc, über 12 naïve_x don't", "é e\u0301 x", "हिन्दी में", "한국어 단어", ""]
)
def test_counted_words_are_those_of_scikit_learn(text):
    assert re.findall(WORD, text) == re.findall(CountVectorizer().token_pattern, text)


def test_each_character_of_a_script_without_spaces_is_a_word():
    assert re.findall(WORD, "abc中文def です 12 ไทย") == [
        "abc",
        "中",
        "文",
        "def",
        "で",
        "す",
        "12",
        "ไ",
        "ท",
        "ย",
    ]
