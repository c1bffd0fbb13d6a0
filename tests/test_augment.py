"""Augmentation changes what it says and nothing else."""

from collections import Counter

import numpy as np
import pytest

from workshop_utils.data.augment import load_synonyms, replace_synonyms, swap_letters

HOSTILE = ["", "ä ö ü ß", "😴👩‍💻 ❤️", "हिन्दी में किताब", "\ud800", "a\n\n b\t", "x" * 100_000, "wort " * 20_000]


def rng(seed=0):
    return np.random.default_rng(seed)


def test_there_are_sixty_synonyms_in_lower_case_that_differ_from_their_words():
    synonyms = load_synonyms()
    assert len(synonyms) == 60
    assert all(word != other and f"{word}{other}".islower() for word, other in synonyms.items())


def test_synonyms_keep_capitals_signs_and_unknown_words():
    synonyms = {"funny": "amusing", "film": "movie"}
    text = "Funny film, funnyish FILM! Größe 😴"
    assert replace_synonyms(text, rng(), synonyms, share=1) == "Amusing movie, funnyish Movie! Größe 😴"
    assert replace_synonyms(text, rng(), synonyms, share=0) == text


def test_a_share_of_the_words_is_replaced():
    changed = replace_synonyms("film " * 2000, rng(), {"film": "movie"}, share=0.25)
    assert 400 < changed.count("movie") < 600


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_swapping_keeps_every_sign_and_the_ends_of_each_word(text):
    changed = swap_letters(text, rng(), share=1)
    assert Counter(changed) == Counter(text) and len(changed) == len(text)
    assert [word[:1] + word[-1:] for word in changed.split()] == [
        word[:1] + word[-1:] for word in text.split()
    ]


def test_swapping_moves_neighbours_in_long_words_only():
    assert swap_letters("Käse und Brot", rng(), share=1) == "Ksäe und Bort"
    assert swap_letters("Käse und Brot", rng(), share=0) == "Käse und Brot"


def test_the_same_seed_makes_the_same_slips():
    text = "Die schönsten Geschichten schreibt das Leben"
    assert swap_letters(text, rng(5), 0.5) == swap_letters(text, rng(5), 0.5)
    assert swap_letters(text, rng(5), 0.5) != swap_letters(text, rng(6), 0.5)
