"""The harness of lesson 03: the same splits for all, seeds everywhere, and a word about the noise."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from workshop_utils.models.tuning.compare import compare, noise, scores, splits, verdict

TEXTS = ["schöner Film 😴", "öder Film", "अच्छी फिल्म", "", "süß und groß", "ja"] * 8
LABELS = ["gut", "schlecht", "gut", "schlecht", "gut", "schlecht"] * 8
PARTS = splits(LABELS, 5, seed=3)


def words():
    return make_pipeline(CountVectorizer(token_pattern=r"\S+"), LogisticRegression(C=10))


def test_splits_are_stratified_repeatable_and_disjoint():
    again = splits(LABELS, 5, seed=3)
    for (train, test), (train_again, test_again) in zip(PARTS, again, strict=True):
        assert (train == train_again).all() and (test == test_again).all()
        assert not set(train) & set(test) and len(test) == 12
        assert np.mean([LABELS[position] == "gut" for position in test]) == 0.5


def test_a_small_training_part_leaves_the_test_part_as_large():
    train, test = splits(LABELS, 2, train_size=10)[0]
    assert (len(train), len(test)) == (10, 12)


def test_the_same_variant_twice_scores_the_same():
    table = scores({"a": words(), "b": words()}, TEXTS, LABELS, PARTS)
    assert table.shape == (5, 2) and (table["a"] == table["b"]).all() and table["a"].mean() > 0.9
    assert list(compare(table, PARTS)["verdict"]) == ["base", "smaller than the noise"]


def test_a_clear_winner_is_called_better_and_the_base_can_be_named():
    table = scores({"guess": DummyClassifier(), "words": words()}, TEXTS, LABELS, PARTS)
    assert compare(table, PARTS).loc["words", "verdict"] == "better"
    assert compare(table, PARTS, base="words").loc["guess", "verdict"] == "worse"


def test_chance_is_seeded_by_the_split_whatever_the_variant_says():
    guess = {"guess": DummyClassifier(strategy="uniform")}
    pd.testing.assert_frame_equal(scores(guess, TEXTS, LABELS, PARTS), scores(guess, TEXTS, LABELS, PARTS))


def test_augmenting_touches_only_the_training_part_and_distorting_only_the_test_part():
    seen = {"augmented": set(), "distorted": set()}
    texts = [f"Text {number} ß" for number in range(len(LABELS))]

    def note(kind):
        return lambda text, rng: seen[kind].add(text) or text

    part = PARTS[:1]
    scores({"words": words()}, texts, LABELS, part, augment=note("augmented"), distort=note("distorted"))
    train, test = part[0]
    assert seen["augmented"] == {texts[position] for position in train}
    assert seen["distorted"] == {texts[position] for position in test}


def test_matrices_are_taken_as_they_are():
    numbers = np.array([[label == "gut", 1.0] for label in LABELS])
    table = scores({"numbers": LogisticRegression(C=100)}, numbers, LABELS, PARTS)
    assert (table["numbers"] == 1).all()


def test_lone_surrogates_can_be_distorted():
    texts = ["\ud800 kaputt", "heil"] * 24
    table = scores({"words": words()}, texts, LABELS, PARTS[:1], distort=lambda text, rng: text)
    assert len(table) == 1


def test_noise_follows_the_corrected_formula_and_one_split_tells_nothing():
    differences = np.array([0.1, 0.2, 0.0, 0.1, 0.1])
    parts = [(np.arange(36), np.arange(12))] * 5
    by_hand = 2.7764451 * np.sqrt(differences.var(ddof=1) * (1 / 5 + 12 / 36))
    assert noise(differences, parts) == pytest.approx(by_hand)
    assert noise([0.3], parts[:1]) == float("inf")


@pytest.mark.parametrize(
    ("difference", "message"), [(0.2, "better"), (-0.2, "worse"), (0.1, "smaller than the noise")]
)
def test_the_verdict_needs_more_than_the_noise(difference, message):
    assert verdict(difference, 0.1) == message
