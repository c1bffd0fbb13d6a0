"""Sub-words lose nothing, by hand and by library; characters, words, and rows of ids of one length."""

import re
import threading
import time
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import COURSE, lesson_cells
from workshop_utils.data import load_poems
from workshop_utils.models.tokenization import (
    PAD,
    UNKNOWN,
    TextEncoder,
    encode,
    pad,
    train_characters,
    train_subwords,
    train_words,
)

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
CHARACTERS = train_characters(["Grüße, süßer Käse 😴\r\n", "GROẞE JA\tÄÖÜ äöü\u2028", "हिन्दी"])
WORDS = train_words(["Der Mond, der MOND und die Sterne.", "Grüße! der"])


@pytest.fixture(scope="module")
def by_hand():
    """The functions of lesson 03's hand-made encoder, taken from the lesson itself."""
    names = {"re": re}
    for cell in lesson_cells(COURSE.lesson("03")):
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
    ("side", "truncation", "wanted"),
    [
        ("right", "head", [[1, 2, 0], [3, 4, 5], [0, 0, 0]]),
        ("left", "head", [[0, 1, 2], [3, 4, 5], [0, 0, 0]]),
        ("right", "tail", [[1, 2, 0], [4, 5, 6], [0, 0, 0]]),
        ("left", "tail", [[0, 1, 2], [4, 5, 6], [0, 0, 0]]),
        ("right", "head_tail", [[1, 2, 0], [3, 4, 6], [0, 0, 0]]),
        ("left", "head_tail", [[0, 1, 2], [3, 4, 6], [0, 0, 0]]),
    ],
)
def test_rows_are_padded_and_truncated_at_the_asked_end(side, truncation, wanted):
    assert pad([[1, 2], [3, 4, 5, 6], []], 3, side, truncation).tolist() == wanted


def test_padding_knows_its_limits():
    assert pad([], 4).shape == (0, 4)
    assert pad([[1, 2]], 0, truncation="tail").shape == (1, 0)
    assert (pad([[]], 2, pad_id=9) == np.array([[9, 9]])).all()
    with pytest.raises(ValueError, match="'left' or 'right'"):
        pad([[1]], 2, side="post")


@pytest.mark.parametrize(
    ("length", "wanted"),
    [(0, []), (1, [1]), (2, [1, 7]), (3, [1, 2, 7]), (6, [1, 2, 3, 5, 6, 7]), (7, [1, 2, 3, 4, 5, 6, 7])],
)
def test_both_ends_are_kept_and_the_head_has_the_odd_one(length, wanted):
    assert pad([[1, 2, 3, 4, 5, 6, 7]], length, truncation="head_tail").tolist() == [wanted]


def test_no_character_of_the_bundled_poems_is_lost(data_dir):
    poems = [unicodedata.normalize("NFC", text) for text in load_poems("sample")["text"]]
    characters = train_characters(poems)
    assert set("".join(poems)) | {PAD, UNKNOWN} == set(characters.get_vocab())
    assert {"J", "ä", "ö", "ü", "ß", "\n"} <= set(characters.get_vocab())
    ids = encode(characters, poems)
    assert not (ids == 1).any()
    assert ids.shape == (len(poems), max(map(len, poems)))


def test_the_most_frequent_character_has_the_lowest_id_after_filling_and_unknown():
    vocabulary = train_characters(["ßßß", "ää", "o"]).get_vocab()
    assert sorted(vocabulary, key=vocabulary.get) == [PAD, UNKNOWN, "ß", "ä", "o"]


@pytest.mark.parametrize("text", ["Grüße\r\n\tJA ẞ", "äöü ÄÖÜ", "😴 हिन्दी", " \u2028\n\n", ""])
def test_characters_come_back_line_ends_included(text):
    assert CHARACTERS.decode(CHARACTERS.encode(text).ids) == text


def test_characters_come_back_in_the_composed_form():
    decomposed = unicodedata.normalize("NFD", "Grüße, süß")
    assert CHARACTERS.decode(CHARACTERS.encode(decomposed).ids) == "Grüße, süß"


def test_an_unseen_character_becomes_unknown_one_by_one():
    assert CHARACTERS.encode("J日本").tokens == ["J", UNKNOWN, UNKNOWN]


@pytest.mark.parametrize("tokenizer", [CHARACTERS, WORDS], ids=["characters", "words"])
def test_nobody_can_write_filling_into_a_text(tokenizer):
    assert 0 not in tokenizer.encode("[PAD] der [UNK][PAD]").ids
    assert tokenizer.from_str(tokenizer.to_str()).encode("[PAD]").ids == tokenizer.encode("[PAD]").ids


def test_words_are_lower_case_unless_asked_and_in_the_order_of_their_counts():
    vocabulary = WORDS.get_vocab()
    assert sorted(vocabulary, key=vocabulary.get)[:4] == [PAD, UNKNOWN, "der", "mond"]
    assert WORDS.encode("MOND, Grüße!").tokens == ["mond", ",", "grüße", "!"]
    assert WORDS.encode("Gru\u0308ße").tokens == ["grüße"]
    assert {"Der", "der"} <= set(train_words(["Der der"], lowercase=False).get_vocab())


def test_words_have_a_largest_number_and_a_smallest_count():
    assert set(train_words(["b b b a a c"], size=4).get_vocab()) == {PAD, UNKNOWN, "b", "a"}
    assert set(train_words(["b b b a a c"], min_count=2).get_vocab()) == {PAD, UNKNOWN, "b", "a"}
    assert train_words(["b a", "a b"]).to_str() == train_words(["b a", "a b"]).to_str()
    assert WORDS.encode("niegehört 😴").tokens == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize("train", [train_characters, train_words, lambda texts: train_subwords(texts, 300)])
def test_no_texts_empty_texts_and_broken_texts_can_be_learned_from(train):
    assert train([]).encode("").ids == []
    assert train(["", "\ud800 ja"]).get_vocab_size() >= 2


@pytest.mark.parametrize("tokenizer", [CHARACTERS, WORDS, SUBWORDS], ids=["characters", "words", "sub-words"])
def test_encoding_takes_whatever_comes(tokenizer):
    ids = encode(tokenizer, [*HOSTILE, "\ud800", "der \udfff Mond"], length=12)
    assert ids.shape == (len(HOSTILE) + 2, 12) and ids.dtype == np.int32
    assert encode(tokenizer, []).shape == (0, 0) and encode(tokenizer, [], 7).shape == (0, 7)
    assert encode(tokenizer, [""]).shape == (1, 0) and not encode(tokenizer, [""], 5).any()
    assert (encode(tokenizer, ["\ud800"]) == encode(tokenizer, ["?"])).all()


def test_encoding_without_a_length_takes_the_longest_text():
    ids = encode(WORDS, ["der Mond", "der", "der Mond und die Sterne"])
    assert ids.shape == (3, 5) and (ids[1] == [WORDS.token_to_id("der"), 0, 0, 0, 0]).all()


def test_encoding_keeps_head_tail_or_both():
    def words(truncation, length):
        [row] = encode(WORDS, iter(["der Mond und die Sterne"]), length, truncation)
        return [WORDS.id_to_token(int(number)) for number in row]

    assert words("head", 3) == ["der", "mond", "und"]
    assert words("tail", 3) == ["und", "die", "sterne"]
    assert words("head_tail", 3) == ["der", "mond", "sterne"]
    assert words("head_tail", 4) == ["der", "mond", "die", "sterne"]


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


def test_a_huge_poem_is_cut_and_an_empty_one_is_filling_only(alphabet):
    rows = encode(alphabet, ["Jä" * 100_000, ""], 5)
    assert rows.shape == (2, 5) and (rows[0] > 1).all() and not rows[1].any()


@pytest.mark.parametrize("text", ["Grüße, schöne 😴 Füße? हिन्दी ", "[SEP] a\0b "])
def test_a_text_has_the_same_ids_however_long_it_is_and_whoever_is_beside_it(text):
    encoder = TextEncoder(train_words([text]))
    for repeated in (1, 10, 1000):
        alone, _ = encoder(text * repeated)
        assert alone.tolist() == [encoder.rows(["beside", text * repeated])[1]]


def test_other_threads_go_on_while_a_megabyte_is_tokenized():
    encoder = TextEncoder(train_words(["a b c"]))
    moments, done = [], threading.Event()

    def look_at_the_clock():
        while not done.wait(0.001):
            moments.append(time.monotonic())

    other = threading.Thread(target=look_at_the_clock)
    other.start()
    try:
        began = time.monotonic()
        encoder("a b c d e " * 100_000)
        ended = time.monotonic()
    finally:
        done.set()
        other.join()
    assert sum(began < moment < ended for moment in moments) > 10
