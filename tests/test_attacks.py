"""Attacks stay within their budget, tell what they did, and break no letter."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop_utils.data.augment import load_synonyms
from workshop_utils.data.words import letters, whole_words
from workshop_utils.models.insights.attacks import (
    NEIGHBOURS,
    Attack,
    attack,
    attack_table,
    character_moves,
    word_moves,
)

LABELS = ["negative", "positive"]
HOSTILE = [
    *("", " \n", "👩‍💻👩‍💻👩‍💻👩‍💻 🎬", "हिन्दी में किताब", "\ud800\ud800\ud800\ud800 ä"),
    *("film " * 20_000, "x" * 100_000, "wu\u0308nscho\u0308n", "12345 ?!"),
]
GOOD, BAD = whole_words(["good", "great", "funny", "wonderful"]), whole_words(["bad", "boring", "awful"])


class Model:
    """Counts good and bad words, and the texts that it is asked."""

    def __init__(self):
        self.texts = []

    def __call__(self, texts):
        self.texts += texts
        score = np.array([len(GOOD.findall(text)) - len(BAD.findall(text)) + 0.2 for text in texts])
        positive = 1 / (1 + np.exp(-score))
        return np.stack([1 - positive, positive], axis=1).astype(np.float32)


def rng(seed=0):
    return np.random.default_rng(seed)


def all_moves(word):
    return {move for seed in range(200) for move in character_moves(word, rng(seed))}


def test_there_are_four_kinds_of_slips_and_the_ends_stay():
    found = all_moves("film")
    assert {"flim", "flm", "fim", "fiilm", "fillm"} <= found
    assert {"fulm", "folm", "fikm"} <= found, "keys beside i and l"
    assert found == {"flim", "flm", "fim", "fiilm", "fillm", "fulm", "folm", "fikm"}
    assert len(character_moves("wonderful", rng())) == 4


def test_capitals_stay_capitals():
    assert all(move.isupper() and move[0] == "F" for move in all_moves("FILM"))
    assert all(move.istitle() for move in all_moves("Film"))


@pytest.mark.parametrize(
    "word", ["", "a", "bad", "ü🎬", "4You", "don't", "👩‍💻👩‍💻👩‍💻👩‍💻", "\ud800" * 5, "----"]
)
def test_short_words_and_what_is_no_word_are_left_alone(word):
    assert character_moves(word, rng()) == []


@pytest.mark.parametrize("word", ["wünschön", "wu\u0308nscho\u0308n", "हिन्दीवाला", "q\u0308q\u0308ab"])
def test_a_letter_moves_with_all_its_signs(word):
    own = set(letters(word))
    for move in all_moves(word):
        strange = [part for part in letters(move) if part not in own]
        assert len(strange) <= 1 and all(part in NEIGHBOURS for part in strange), "one key beside at most"
        assert move[0] == unicodedata.normalize("NFC", word)[0]


@given(st.text(max_size=30), st.integers(0, 5))
def test_any_word_can_be_asked_for_moves(word, seed):
    moves = character_moves(word, rng(seed))
    assert len(moves) <= 4 and len(set(moves)) == len(moves)
    assert all(abs(len(letters(move)) - len(letters(word))) <= 1 for move in moves)
    assert word_moves(word, rng(seed)) == word_moves(word)


def test_neighbours_are_neighbours_of_each_other():
    assert len(NEIGHBOURS) == 26 and NEIGHBOURS["s"] == "ad" and NEIGHBOURS["q"] == "w"
    assert all(key in NEIGHBOURS[other] for key, near in NEIGHBOURS.items() for other in near)


def test_synonyms_go_both_ways_and_keep_capitals():
    assert word_moves("funny") == ["amusing"] and word_moves("AMUSING") == ["FUNNY"]
    assert word_moves("Movie") == ["Film"] and word_moves("zebra") == word_moves("") == []
    assert "dull" in word_moves("boring") and "boring" in word_moves("dull")
    assert all(word_moves(word) and word not in word_moves(word) for word in load_synonyms())


def test_an_attack_breaks_the_word_that_carries_the_answer():
    model = Model()
    found = attack(model, LABELS, "A good film about bread.", "positive", character_moves, seed=1)
    assert not found.flipped and found.right, "0.2 of a point for positive is left without any word"
    (old, new), *more = found.changes
    assert old == "good" and more == [] and found.text == f"A {new} film about bread."
    assert found.after < found.before and found.queries == len(model.texts)
    assert found.after == pytest.approx(model([found.text])[0, 1])


def test_an_attack_stops_as_soon_as_the_answer_is_wrong():
    text = "Boring, boring, awful story, bad ending, boring. The evening was long, the cinema cold."
    found = attack(Model(), LABELS, text, "negative", word_moves, budget=9)
    assert found.flipped and found.after < 0.5 < found.before
    assert len(found.changes) == 5, "a fifth of a point stands against five: all must go"
    assert found.text.endswith("The evening was long, the cinema cold."), "no word more than needed"
    assert found.text.startswith("Dull, dull, horrible story, poor ending, dull.")


def test_the_budget_of_changes_is_kept():
    text = "Awful, bad, boring, bad, boring story"
    for budget in range(4):
        found = attack(Model(), LABELS, text, "negative", word_moves, budget=budget)
        assert len(found.changes) == budget and not found.flipped
    assert found.after < found.before


@pytest.mark.parametrize("queries", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("moves", [character_moves, word_moves])
def test_never_more_queries_than_allowed(queries, moves):
    model = Model()
    text = "An awful film with a boring story and a bad ending, " * 20
    found = attack(model, LABELS, text, "negative", moves, budget=50, queries=queries)
    assert found.queries == len(model.texts) <= queries


def test_moves_that_do_not_help_are_not_kept():
    found = attack(Model(), LABELS, "The waiter carried seventeen plates", "positive", character_moves)
    assert found.changes == [] and found.text == "The waiter carried seventeen plates"
    assert found.after == found.before and found.queries > 1


def test_a_wrong_answer_needs_no_attack():
    found = attack(Model(), LABELS, "good", "negative", character_moves)
    assert found == Attack("good", [], False, 1, found.before, found.before, False) and found.before < 0.5


def test_among_three_labels_any_wrong_one_will_do():
    def three(texts):
        misspelt = np.array(["film" not in text for text in texts])
        return np.where(misspelt[:, None], [0.3, 0.3, 0.4], [0.5, 0.4, 0.1])

    found = attack(three, ["a", "b", "c"], "this film here", "a", character_moves)
    assert found.flipped and len(found.changes) == 1 and found.changes[0][0] == "film"


def test_the_same_seed_makes_the_same_attack():
    text = "A wonderful and funny film about a great baker"
    first, again, other = (
        attack(Model(), LABELS, text, "positive", character_moves, seed=seed) for seed in (3, 3, 4)
    )
    assert first == again and first.text != other.text


@pytest.mark.parametrize("moves", [character_moves, word_moves])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_attacked_or_left_in_peace(text, moves):
    found = attack(Model(), LABELS, text, "positive", moves, queries=20)
    assert found.right and found.queries <= 20
    if not found.changes:
        assert found.text == text


@pytest.mark.parametrize(("label", "queries"), [("größe", 10), ("positive", 0)])
def test_an_unknown_label_or_no_query_is_refused(label, queries):
    with pytest.raises(ValueError, match="needs a label"):
        attack(Model(), LABELS, "good", label, character_moves, queries=queries)


def test_the_table_tells_accuracy_before_and_under_attack():
    def run(right, flipped, changes, queries):
        return Attack("t", [("a", "b")] * changes, flipped, queries, 0.9, 0.4, right)

    slips = [run(True, True, 1, 10), run(True, True, 3, 20), run(True, False, 5, 30), run(False, False, 0, 1)]
    table = attack_table({"slips": slips, "synonyms": slips[2:], "nothing": []}).set_index("attack")
    assert table.loc["slips"].tolist() == [4, 0.75, 0.25, 2, 20]
    assert table.loc["synonyms", "accuracy"] == table.loc["synonyms", "under_attack"] == 0.5
    assert np.isnan(table.loc["synonyms", "changes"]), "no attack succeeded"
    assert table.loc["nothing", "texts"] == 0 and np.isnan(table.loc["nothing", "accuracy"])
