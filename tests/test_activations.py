"""A filter's favourite phrase is the window that it answers to most strongly, and never padding."""

import os

import numpy as np
import pytest

from workshop_utils.models.cnn.activations import ngrams_by_class, top_activating_ngrams
from workshop_utils.models.tokenization import encode, train_words

TEXTS = [
    "der süße Mond scheint",
    "die Straße lärmt und lärmt",
    "😴 👩‍💻 schläft",
    "",
    "हिन्दी में",
    "Wort " * 300,
]
WORDS = train_words(TEXTS)
IDS = encode(WORDS, TEXTS, 12)


@pytest.fixture(scope="module")
def keras():
    os.environ["KERAS_BACKEND"] = "tensorflow"
    return pytest.importorskip("keras")


def listening_for(keras, *phrases, width=2):
    """A network whose filters each answer to one phrase, word by word, and to nothing else as strongly."""
    from workshop_utils.models.cnn.networks import word_cnn

    size = WORDS.get_vocab_size()
    network = word_cnn(size, 2, size, len(phrases), [width], dropout=0.0, vectors=np.eye(size))
    kernel = np.zeros((width, size, len(phrases)), dtype=np.float32)
    for number, phrase in enumerate(phrases):
        for place, word in enumerate(WORDS.encode(phrase).ids):
            kernel[place, word, number] = 1
    [convolution] = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv1D)]
    convolution.set_weights([kernel, np.zeros(len(phrases), dtype=np.float32)])
    return network


def test_each_filter_names_the_phrase_it_was_made_for(keras):
    network = listening_for(keras, "süße mond", "lärmt und", "😴 👩‍💻", "हिन्दी में")
    found = top_activating_ngrams(network, IDS, WORDS)
    assert found["phrase"].tolist() == ["süße mond", "lärmt und", "😴 👩‍💻", "हिन्दी में"]
    assert found["text"].tolist() == [0, 1, 2, 4]
    assert found["response"].tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7])
def test_the_phrase_is_the_window_for_every_width(keras, width):
    words = ["der", "süße", "mond", "scheint"]
    phrase = " ".join(words[:width])
    [row] = top_activating_ngrams(listening_for(keras, phrase, width=width), IDS, WORDS).itertuples()
    assert row.phrase.split()[: min(width, 4)] == words[: min(width, 4)] and "[PAD]" not in row.phrase


def test_more_texts_than_one_portion_give_the_same_phrase(keras):
    network = listening_for(keras, "lärmt und")
    many = np.concatenate([np.zeros((100, 12), dtype=np.int32), IDS])
    [row] = top_activating_ngrams(network, many, WORDS).itertuples()
    assert (row.phrase, row.text) == ("lärmt und", 101)


def test_a_filter_that_never_answers_has_no_phrase_and_is_not_listed(keras):
    network = listening_for(keras, "süße mond", "")
    found = top_activating_ngrams(network, IDS, WORDS)
    assert found["phrase"].tolist() == ["süße mond", ""] and found["response"][1] == 0
    kernel = np.array([[3, 1], [0, 9]], dtype=np.float32)
    network.layers[-1].set_weights([kernel, np.zeros(2, dtype=np.float32)])
    listed = ngrams_by_class(network, found, ["leise", "laut"])
    assert listed["phrase"].tolist() == ["süße mond", "süße mond"]
    assert listed["weight"].tolist() == [1, -1]


def test_no_text_at_all_is_no_error(keras):
    network = listening_for(keras, "süße mond")
    assert top_activating_ngrams(network, IDS[:0], WORDS)["response"].tolist() == [0]
    assert top_activating_ngrams(network, IDS[:, :0], WORDS)["phrase"].tolist() == [""]
