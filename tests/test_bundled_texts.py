"""The bundled texts hold what their card promises: variety, planted rows, difficulty, drift."""

import json

import pandas as pd
import pytest

from benchmarks import bundled_reviews as crossing
from benchmarks import bundled_texts as measure
from benchmarks.data_card import CARD, filled
from workshop_utils.data import load_poems, load_products, load_reviews
from workshop_utils.data.clean import clean, label_spellings
from workshop_utils.data.schemas import CATEGORIES
from workshop_utils.files import sha256
from workshop_utils.paths import BUNDLED

FRAMES = measure.bundled()
every_set = pytest.mark.parametrize("name", FRAMES)


@pytest.fixture(scope="module")
def figures():
    """Of each set; accuracy from characters, which takes longest, only where it is looked at."""
    return {
        name: measure.variety(frame["text"]) | measure.difficulty(frame, characters=name == "poems")
        for name, frame in FRAMES.items()
    }


def planted(kind):
    table = pd.read_csv(BUNDLED / "products_planted.csv", keep_default_na=False)
    return table[table["kind"] == kind].set_index("row")["detail"]


def test_the_card_is_up_to_date():
    text = CARD.read_text(encoding="utf-8")
    assert filled(text) == text, "run `python -m benchmarks.data_card`"


@every_set
def test_no_two_different_texts_share_two_fifths_of_their_five_word_runs(figures, name):
    assert figures[name]["near-duplicate pairs"] == 0


@every_set
def test_no_opening_of_four_words_is_frequent(figures, name):
    assert figures[name]["most frequent opening"] <= 0.01


@every_set
def test_the_vocabulary_is_rich(figures, name):
    assert figures[name]["word types"] > 4_000
    assert -1.3 < figures[name]["zipf slope"] < -0.7


@every_set
@pytest.mark.parametrize("cue", ["length alone", "punctuation alone", "first three words alone"])
def test_a_cheap_cue_does_not_give_the_class_away(figures, name, cue):
    assert figures[name][cue] <= figures[name]["largest class"] + 0.15


@pytest.mark.parametrize(
    ("name", "features", "low", "high"),
    [
        ("reviews", "words", 0.80, 0.88),
        ("products", "words", 0.88, 0.97),
        ("poems", "characters 2-5", 0.80, 0.95),
    ],
)
def test_the_task_is_as_hard_as_a_real_one(figures, name, features, low, high):
    assert low <= figures[name][features] <= high


def test_letters_tell_more_than_words_in_the_poems(figures):
    assert figures["poems"]["words"] < figures["poems"]["characters 2-5"]


def test_drift_is_where_the_card_says_and_nowhere_else():
    table = measure.drift()
    known = table.loc["reference", "accuracy"]
    windows = (measure.DATA_DRIFT, measure.QUIET, measure.CONCEPT_DRIFT)
    data, quiet, concept = (table.loc[", ".join(months)] for months in windows)
    assert data["AUC"] >= 0.93
    assert quiet["AUC"] <= 0.56
    assert 0.15 <= known - concept["accuracy"] <= 0.25
    # both lack the hard slice, and words mean what they meant
    assert data["accuracy"] > known and quiet["accuracy"] > known


def test_products_are_uneven_and_about_three_in_ten_are_repeated():
    raw = load_products("sample").set_axis(["label", "text"], axis="columns")
    shares = clean(raw, label_spellings(raw["label"]))["label"].value_counts(normalize=True)
    assert shares.index.tolist() == CATEGORIES
    assert shares.tolist() == pytest.approx([0.38, 0.23, 0.21, 0.17], abs=0.025)
    assert 0.27 <= measure.repeated(raw["text"].dropna()) <= 0.33


def test_planted_rows_are_really_there():
    raw = load_products("sample")
    text, label = raw["description"], raw["category"]
    assert text[text.isna()].index.tolist() == planted("missing description").index.tolist()
    assert text[text.str.strip() == ""].index.tolist() == planted("blank description").index.tolist()
    assert label[~label.isin(CATEGORIES)].index.tolist() == sorted(planted("misspelt label").index)
    for row, detail in planted("misspelt label").items():
        assert label_spellings(label)[label[row]] == detail.removeprefix("should be ")
    for row, detail in planted("label error").items():
        right = detail.removeprefix("should be ")
        assert right in CATEGORIES and label[row] != right
    for row, detail in planted("second category").items():
        assert {label[row], detail.removeprefix("also listed under ")} <= set(label[text == text[row]])
    key = text.fillna("").str.split().str.join(" ").str.casefold()
    for kind in ("exact copy", "copy in other case", "copy with other white space"):
        assert (key[planted(kind).index].map(key.value_counts()) > 1).all()
    assert text[planted("absurd outlier").index].str.len().min() > 2_000
    assert text[planted("Hindi, Devanagari").index].str.contains("[\u0900-\u097f]").all()
    assert len(planted("label error")) == 10 and len(planted("second category")) == 12
    assert len(planted("third language")) >= 5 and len(planted("French words")) >= 20


def test_reviews_have_the_promised_calendar():
    reviews = load_reviews("sample")
    reference = reviews[reviews["split"] == "reference"]
    words = reference["review"].str.split().str.len()
    assert len(reference) == 1200 and reference["sentiment"].value_counts().nunique() == 1
    assert words.min() >= 15 and words.max() <= 220 and 70 <= words.median() <= 90
    assert reviews["written_at"].is_monotonic_increasing
    assert reviews["written_at"].min().strftime("%Y-%m") == "2025-01"
    assert reviews["written_at"].max().strftime("%Y-%m") == "2026-07"
    later = reviews[reviews["split"] == "later"]
    months = pd.crosstab(later["written_at"].dt.strftime("%Y-%m"), later["sentiment"])
    assert len(months) == 5 and (months == 75).all(axis=None)
    assert set(later["channel"]) == {"web", "app", "forum", "newsletter"}
    magazine = reference[reference["channel"] == "magazine"]
    assert magazine["sentiment"].value_counts().to_dict() == {"negative": 60, "positive": 60}


def test_the_measured_reviews_are_these_and_every_bound_is_met():
    kept = json.loads((crossing.RESULTS / "bundled_reviews.json").read_text(encoding="utf-8"))
    now = sha256(BUNDLED / "reviews.csv")
    assert kept["reviews.csv"] == now, "run `python -m benchmarks.bundled_reviews`"
    for name, (low, high) in crossing.BOUNDS.items():
        assert low <= kept["figures"][name] <= high, name


def test_who_wrote_each_review_stands_beside_it():
    reviews = load_reviews("sample")
    written = pd.read_csv(BUNDLED / "reviews_writers.csv", keep_default_na=False)
    people = pd.read_csv(BUNDLED / "writers.csv", keep_default_na=False)
    assert written["review_id"].tolist() == reviews["review_id"].tolist()
    assert set(written["writer"]) - set(people["writer"]) == {"first edition"}
    turned = written[written["kind"] == "turned"].merge(reviews, on="review_id")
    by_month = pd.crosstab(turned["written_at"].dt.strftime("%Y-%m"), turned["sentiment"])
    assert by_month.index.tolist() == ["2026-05", "2026-06", "2026-07"] and (by_month == 28).all(axis=None)
    plain = written[(written["pool"] == "reference") & (written["writer"] != "first edition")]
    assert (plain["kind"] == "ironic").mean() <= 0.06


def test_poems_are_german_stanzas_with_titles():
    poems = load_poems("sample")
    verses = poems["text"].str.split("\n").map(lambda lines: sum(bool(line) for line in lines))
    assert verses.between(4, 14).all()
    assert poems["author"].value_counts().to_dict() == {"Klassik": 150, "Volksliedton": 150, "Kabarett": 150}
    assert (poems["title"] != "").all() and poems.groupby("author")["title"].nunique().eq(150).all()
    letters = set("".join(poems["text"]))
    assert set("äöüßÄÖÜ") <= letters
    assert not letters & set("ſ\u0308\u00a0\u2028\ufffd")
