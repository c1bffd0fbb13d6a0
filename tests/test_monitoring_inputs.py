"""Drift of inputs and answers: what a bundle keeps, what alarms, what never crashes."""

import json
import math
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.monitoring_inputs import BOUNDS, measures
from tests.bundles import HOSTILE, reviews, tfidf_bundle
from tests.predicted import prediction
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import (
    Bundle,
    add_reference,
    make_reference,
    read_card,
    read_reference,
    text_traits,
)
from workshop_utils.models.bundle.reference import MOST_BYTES, _as_json, parse_reference
from workshop_utils.models.bundle.text_traits import (
    BUCKETS,
    NO_PROBABILITY,
    hash_of_text,
    language_of,
    named_buckets,
    probability_steps,
    word_buckets,
)
from workshop_utils.paths import ROOT
from workshop_utils.production.monitoring import (
    BlockBets,
    ConceptMonitor,
    DomainClassifier,
    ErrorReport,
    InputMonitor,
    Objective,
    OperationsMonitor,
    RateBets,
    RepeatedTexts,
    fewest_steps,
    input_monitor,
    watch_labels,
    watch_predictions,
)
from workshop_utils.production.monitoring.drift_report import without_nan
from workshop_utils.production.store import Feedback, add_label, add_predictions, open_store, scored_texts

CLASSES = ["neg", "pos"]
RESULTS = ROOT / "benchmarks" / "results" / "monitoring_inputs.json"

#: Two subjects whose words overlap only in part, so that streams can be mixed without any file.
FILM = [
    "film",
    "plot",
    "scene",
    "actor",
    "camera",
    "story",
    "music",
    "ending",
    "director",
    "role",
    "screen",
    "dialogue",
]
SHOP = [
    "dress",
    "sleeve",
    "fabric",
    "colour",
    "size",
    "zip",
    "pocket",
    "wool",
    "button",
    "collar",
    "seam",
    "lining",
]
COMMON = [
    "the",
    "a",
    "and",
    "of",
    "was",
    "very",
    "quite",
    "not",
    "so",
    "with",
    "for",
    "it",
    "this",
    "that",
    "good",
    "bad",
    "long",
    "short",
]


def written(rng, subject, words=30):
    """A text of some of a subject's words among common ones."""
    own, places = rng.random(words) < 0.3, rng.random(words)
    lists = [subject if each else COMMON for each in own]
    return " ".join(each[int(place * len(each))] for each, place in zip(lists, places, strict=True))


def answered(rng, text, up=0.0):
    """A text with an answer: traits, as the service would hand them over."""
    positive = min(1.0, float(rng.beta(2, 2)) + up)
    return text_traits(text, CLASSES[positive > 0.5], [1 - positive, positive])


def stream(seed, count, share_of_shop=0.0, up=0.0):
    """Different texts with answers."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield answered(rng, written(rng, SHOP if rng.random() < share_of_shop else FILM), up)


SHORT = [f"{one} {other}" for one in COMMON[:15] for other in FILM + SHOP[:3]]


def unequal(rng, count, share_of_short=0.4):
    """Texts that repeat unequally: 40 % are of 225 short ones, the others come once."""
    for _ in range(count):
        short = rng.random() < share_of_short
        yield SHORT[rng.integers(len(SHORT))] if short else written(rng, FILM)


@pytest.fixture(scope="module")
def reference():
    rng = np.random.default_rng(0)
    texts, known = ([written(rng, FILM) for _ in range(count)] for count in (400, 400))
    positive = rng.beta(2, 2, size=400)
    return make_reference(CLASSES, texts, np.stack([1 - positive, positive], 1), np.zeros(400), known)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle without reference statistics; whoever changes it takes a copy."""
    return tfidf_bundle(tmp_path_factory.mktemp("model") / "bundle")


def copied(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "bundle")


def watched(reference, traits, run_length=1000.0, seed=0):
    monitor = InputMonitor(reference, run_length, seed)
    for number, each in enumerate(traits, start=1):
        monitor.add(number, each)
    return monitor


def finding(monitor, name):
    return next(each for each in monitor.report().findings if each.name == name)


# What is compared of a text


def test_words_of_any_script_are_found_and_hashed():
    assert list(named_buckets("Grüße, GRÜSSE grüße! 3rd").values()) == ["grüße", "grüsse", "3rd"]
    assert list(named_buckets("यह फिल्म 中文 ไทย").values()) == ["यह", "फिल्म", "中", "文", "ไ", "ท", "ย"]
    assert (
        word_buckets(["film", "plot"]).tolist() == word_buckets(["film", "plot"]).tolist() == [48674, 36745]
    )


@pytest.mark.parametrize("text", [*HOSTILE, "x" * 1_000_000, "wort " * 300_000], ids=range(len(HOSTILE) + 2))
def test_a_hostile_text_has_traits(text):
    traits = text_traits(text, "pos", [0.5, 0.5], truncated=True)
    assert traits.length == len(text)
    assert len(traits.words) == len(traits.buckets) <= 256
    assert not len(traits.buckets) or traits.buckets.max() < BUCKETS


def test_languages_are_told_by_letters_and_scripts():
    english = "This was a very good film and I would watch it again with all of my friends tomorrow."
    german = "Das war ein sehr guter Film, und ich würde ihn mit meinen Freunden gern wieder ansehen."
    assert language_of(english) == "English"
    assert language_of(german) == "German"
    assert language_of("यह फिल्म बहुत अच्छी थी") == "Devanagari"
    assert language_of("👍 123") == "none"


def test_a_score_that_is_no_probability_is_marked():
    steps = probability_steps([0.25, 1.0, math.nan, -0.1, math.inf, 1.5])
    assert steps.tolist() == [2500, 10000, *[NO_PROBABILITY] * 4]


# What a bundle keeps


def test_a_bundle_carries_its_reference_and_answers_as_before(bundle, tmp_path):
    folder = copied(bundle, tmp_path)
    texts = reviews()[0]
    before = Bundle.load(folder).predict_proba(texts[:20])
    made = add_reference(folder, texts[600:700], texts[:200])
    read = read_reference(folder)
    assert read.fingerprint == made.fingerprint and len(read) == 100
    assert (Bundle.load(folder).predict_proba(texts[:20]) == before).all()
    assert "reference.json" in read_card(folder).sha256


def test_reference_statistics_are_small_and_hold_no_text(bundle, tmp_path):
    folder = copied(bundle, tmp_path)
    secret = "Frau Schwarzenberger-Unikat wohnt nebenan"
    add_reference(folder, [f"{secret} {text}" for text in reviews()[0][:200]], reviews()[0][200:500])
    content = (folder / "reference.json").read_text(encoding="ascii")
    assert len(content) < MOST_BYTES
    assert "schwarzenberger" not in content.lower() and reviews()[0][0][:30] not in content


def test_without_words_only_numbers_are_kept():
    made = make_reference(CLASSES, ["one two", "three"], np.eye(2), [0, 1], ["one more"] * 9, keep="numbers")
    assert made.buckets is None and made.known_counts is None and not made.told_words
    assert sorted(made.lengths.tolist()) == [5, 7]


def test_a_thousand_classes_still_fit_into_a_megabyte():
    rng = np.random.default_rng(0)
    names = [f"class {number}" for number in range(1000)]
    texts = [f"text {number}" for number in range(2000)]
    made = make_reference(names, texts, rng.dirichlet(np.ones(1000), 2000), np.zeros(2000))
    assert 100 < len(made) < 2000


def test_a_text_that_the_table_has_several_times_is_known_and_not_compared_with():
    texts = ["good", "GOOD ", "bad", "good", "so so"]
    made = make_reference(CLASSES, texts, np.full((5, 2), 0.5), np.zeros(5), ["so so"])
    assert made.text_hashes.tolist() == [hash_of_text("bad")]
    assert made.known_hashes.tolist() == sorted(map(hash_of_text, ("good", "bad", "so so")))
    assert sorted(made.row_hashes.tolist()) == sorted(map(hash_of_text, [*texts, "so so"]))
    table = [*texts, "bad"]
    assert len(make_reference(CLASSES, ["bad", "new"], np.eye(2), [0, 0], table=table)) == 1


def test_of_many_different_texts_the_repeated_ones_are_known_first(monkeypatch):
    monkeypatch.setattr("workshop_utils.models.bundle.reference._KNOWN_HASHES", 3)
    texts = [f"text {number}" for number in range(50)]
    made = make_reference(CLASSES, texts, np.full((50, 2), 0.5), np.zeros(50), ["often", "often"])
    assert len(made.known_hashes) == 3 and hash_of_text("often") in made.known_hashes


def test_a_reference_of_an_older_bundle_has_no_hashes_of_texts_and_is_compared_with(reference):
    told = json.loads(_as_json(reference))
    for name in ("text_hashes", "row_hashes", "known_hashes"):
        del told[name]
    old = parse_reference(json.dumps(told).encode())
    assert old.text_hashes is None and len(old) == len(reference)
    monitor = watched(old, stream(1, 200, share_of_shop=0.5))
    assert finding(monitor, "domain classifier").verdict == "changed"
    assert watched(old, [next(stream(7, 1))] * 100).report().verdict("data") == "changed"


def test_a_bundle_without_reference_loads_and_has_none(bundle):
    assert Bundle.load(bundle).labels and read_reference(bundle) is None


def test_a_reference_needs_texts(bundle):
    with pytest.raises(WorkshopError, match="need texts"):
        add_reference(bundle, [])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"format": "other"}, "format"),
        ({"class_names": ["a", "b", "c"]}, "different lengths"),
        ({"language_names": []}, "does not list"),
        ({"sizes": None}, "differ in number"),
        ({"lengths": {"shape": [10**12], "data": ""}}, "too large"),
        ({"text_hashes": {"shape": [0], "data": "eJwDAAAAAAE="}}, "hashes differ in number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_reference_that_does_not_fit_together_is_refused(change, what, bundle, tmp_path):
    folder = copied(bundle, tmp_path)
    add_reference(folder, reviews()[0][:60], reviews()[0][60:90])
    told = json.loads((folder / "reference.json").read_text(encoding="ascii"))
    with pytest.raises(ValueError, match=what):
        parse_reference(json.dumps(told | change).encode())


# Alarms and their promise


def test_bets_on_nothing_alarm_as_rarely_as_promised():
    rng = np.random.default_rng(0)
    streams, events, run_length = 300, 400, 1000
    alarms = 0
    for _ in range(streams):
        bets = RateBets(0.1, run_length, (1.5, 2.0, 4.0))
        for bad in rng.random(events) < 0.1:
            bets.add(bool(bad))
        alarms += bets.alarm_at is not None
    assert alarms / streams <= events / run_length


def test_a_risen_rate_is_found_and_a_weight_of_nothing_changes_nothing():
    rng = np.random.default_rng(0)
    bets, idle = RateBets(0.1, 1000, (2.0, 4.0)), RateBets(0.1, 1000, (2.0, 4.0))
    for bad in rng.random(400) < 0.3:
        bets.add(bool(bad))
        idle.add(bool(bad), weight=0.0)
    assert bets.alarm_at is not None and bets.alarm_at < 200
    assert idle.alarm_at is None and idle.bad == 0


def in_bursts(rng, share, length, count):
    """Bad events that come in runs of so many: 1 or 0."""
    begins = rng.random(count) < share / length / (1 - share)
    bad, left = np.zeros(count), 0
    for place, begin in enumerate(begins):
        left = length if begin and not left else left
        bad[place], left = left > 0, max(0, left - 1)
    return bad


@pytest.mark.parametrize("length", [1, 20, 64])
def test_bursts_within_the_allowed_share_alarm_as_rarely_as_promised(length):
    """Bets on each event take a burst for so many proofs: they alarm in nearly all of these streams."""
    rng, streams, events, run_length = np.random.default_rng(0), 40, 4000, 10_000
    in_blocks = on_each = 0
    for _ in range(streams):
        blocks, each = BlockBets(0.01, run_length), RateBets(0.01, run_length, (2.0, 6.0, 14.4))
        for bad in in_bursts(rng, 0.01, length, events):
            blocks.add(bool(bad))
            each.add(bool(bad))
        in_blocks += blocks.alarm_at is not None
        on_each += each.alarm_at is not None
    assert in_blocks / streams <= events / run_length
    assert on_each / streams > {1: -1, 20: 0.7, 64: 0.3}[length]


@pytest.mark.parametrize(("rate", "within"), [(2, 8000), (6, 1000), (14.4, 600), (100, 400)])
def test_a_burn_is_found_in_blocks_the_faster_the_stronger_it_is(rate, within):
    rng, found = np.random.default_rng(1), []
    for _ in range(20):
        bets = BlockBets(0.01, 100_000)
        for bad in rng.random(20_000) < 0.01 * rate:
            bets.add(bool(bad))
            if bets.alarm_at:
                break
        found.append(bets.alarm_at or math.inf)
    assert np.median(found) <= within and min(found) >= bets.fewest


def test_requests_that_fail_together_count_as_one():
    one_burst, often = RateBets(0.001, 1000, (2.0, 14.4)), RateBets(0.001, 1000, (2.0, 14.4))
    for bets in (one_burst, often):
        bets.add_counts(good=10_000, bad=20, burst=20)
    assert one_burst.alarm_at is None
    often.add_counts(good=19_000, bad=400, burst=20)
    assert often.alarm_at == 10_020 + 19_400


def test_ten_million_bad_events_do_not_overflow():
    bets = RateBets(0.01, 1000, (2.0, 14.4))
    with np.errstate(all="raise", under="ignore"):
        bets.add_counts(good=0, bad=10_000_000)
        for _ in range(3000):
            bets.add(True)
    assert math.isfinite(bets.evidence) and bets.alarm_at == 10_000_000


@pytest.mark.parametrize("run_length", [2.0, 100.0, 20_000.0])
def test_fewer_steps_than_the_fewest_cannot_alarm(run_length):
    bets = RateBets(0.05, run_length, (14.4,))
    for _ in range(bets.fewest - 1):
        bets.add(True)
    assert bets.alarm_at is None
    bets.add(True)
    assert bets.alarm_at == bets.fewest == fewest_steps(run_length, 1, 1 + bets.stakes[-1] * 0.95)


def test_quiet_streams_alarm_as_rarely_as_promised(reference):
    """Into the second round of the reference: texts / run length, for all quantities of a kind together."""
    streams, texts, run_length = 16, 500, 1250.0
    found = [
        watched(reference, stream(100 + seed, texts), run_length, seed).report() for seed in range(streams)
    ]
    for kind in ("data", "prediction"):
        share = np.mean([report.verdict(kind) == "changed" for report in found])
        assert share <= texts / run_length


def test_texts_of_another_subject_are_found_and_told_by_their_words(reference):
    monitor = watched(reference, stream(1, 200, share_of_shop=0.5))
    assert finding(monitor, "domain classifier").alarm_at <= 100
    words = monitor.report().words
    assert len(set(words.new[:6]) & set(SHOP)) >= 4 and len(set(words.gone[:6]) & set(FILM)) >= 3
    assert monitor.report().verdict("data") == "changed"
    assert monitor.report().verdict("prediction") == "quiet"


def test_other_answers_on_the_same_inputs_are_prediction_drift(reference):
    monitor = watched(reference, stream(2, 200, up=0.3))
    assert monitor.report().verdict("prediction") == "changed"
    assert finding(monitor, "domain classifier").verdict == "quiet"
    probability = finding(monitor, "probability")
    assert probability.now["pos"] > probability.reference["pos"] + 0.2


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("length", lambda each: each._replace(length=each.length + 500)),
        ("truncated", lambda each: each._replace(truncated=True)),
        ("language", lambda each: each._replace(language="German")),
        ("label", lambda each: each._replace(label="a label that nobody knows")),
        ("unknown words", lambda each: each._replace(buckets=(each.buckets + 7919).astype(np.uint16))),
        ("probability", lambda each: each._replace(probabilities=probability_steps([math.nan, math.nan]))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_quantity_raises_its_own_alarm(reference, name, change):
    monitor = watched(reference, map(change, stream(3, 150)))
    assert finding(monitor, name).verdict == "changed"


def test_answers_of_a_cross_validation_are_compared_by_their_labels_only():
    """Its models have learned from fewer texts and are less sure: that is no drift."""
    rng = np.random.default_rng(0)
    texts = [f"{written(rng, FILM)} {number}" for number in range(200)]
    unsure = np.stack([positive := rng.uniform(0.3, 0.7, 200), 1 - positive], 1)
    sure = [
        text_traits(f"{text} anew", CLASSES[int(p[1] > 0.5)], np.rint(p))
        for text, p in zip(texts, unsure, strict=True)
    ]
    for same_model in (True, False):
        made = make_reference(CLASSES, texts, unsure, np.zeros(200), same_model=same_model)
        monitor = watched(made, sure)
        assert (finding(monitor, "confidence").verdict == "changed") == same_model
        assert (finding(monitor, "label").verdict == "quiet") == same_model
    assert all("cross-validation" in finding(monitor, name).reason for name in ("label", "probability"))
    assert monitor.report().verdict("prediction") == "insufficient data"


def test_labels_of_a_cross_validation_are_not_compared_either_but_a_label_that_nobody_knows_is_seen():
    rng = np.random.default_rng(0)
    texts = [f"{written(rng, FILM)} {number}" for number in range(300)]
    folds = np.stack([positive := (rng.random(300) < 0.2).astype(float), 1 - positive], 1)
    made = make_reference(CLASSES, texts[:200], folds[:200], np.zeros(200), same_model=False)
    others = [text_traits(text, "neg", [1.0, 0.0]) for text in texts[200:]]
    assert finding(watched(made, others), "label").verdict == "insufficient data"
    strange = [each._replace(label="a label that nobody knows") for each in others]
    assert finding(watched(made, strange), "label").verdict == "changed"


def test_a_longer_run_length_costs_delay(reference):
    short, long = (watched(reference, stream(5, 300, 0.5), length) for length in (100.0, 1e9))
    assert finding(short, "domain classifier").alarm_at < finding(long, "domain classifier").alarm_at < 300


# Faults 29 and 30: an answer or "insufficient data", never a crash


def test_nothing_and_one_text_are_insufficient_data(reference):
    for count in (0, 1, 9):
        report = watched(reference, stream(6, count)).report()
        assert report.verdict("data") == report.verdict("prediction") == "insufficient data"
        assert all("fewest" in each.reason for each in report.findings)


def test_a_broken_sender_of_one_text_is_found(reference):
    one = next(stream(7, 1))
    monitor = watched(reference, [one] * 300)
    report = monitor.report()
    assert report.texts == 300 and report.twice == 299
    assert finding(monitor, "repeated texts").alarm_at < 60
    assert finding(monitor, "repeated texts").now["share of texts"] == pytest.approx(299 / 300)
    assert report.verdict("data") == "changed"


def test_a_sender_of_one_text_of_the_table_is_found_and_nothing_else_is_compared(reference):
    rng = np.random.default_rng(0)
    known = written(rng, FILM)
    made = make_reference(
        CLASSES, [written(rng, FILM) for _ in range(200)], np.full((200, 2), 0.5), np.zeros(200), [known] * 3
    )
    monitor = watched(made, [answered(rng, known)] * 200)
    assert finding(monitor, "repeated texts").verdict == "changed"
    assert "All texts came before" in finding(monitor, "domain classifier").reason


@pytest.fixture(scope="module")
def repeating():
    """A reference whose table repeats unequally."""
    rng = np.random.default_rng(20)
    texts, known = list(unequal(rng, 1000)), list(unequal(rng, 1000))
    positive = rng.beta(2, 2, size=1000)
    return make_reference(CLASSES, texts, np.stack([1 - positive, positive], 1), np.zeros(1000), known)


def test_streams_that_repeat_as_unequally_as_the_table_are_quiet_as_often_as_promised(repeating):
    streams, texts, run_length = 12, 800, 2000.0
    alarms = []
    for seed in range(streams):
        rng = np.random.default_rng([21, seed])
        traits = (answered(rng, text) for text in unequal(rng, texts))
        report = watched(repeating, traits, run_length, seed).report()
        alarms.append([report.verdict(kind) == "changed" for kind in ("data", "prediction")])
        assert 0.1 < report.twice / texts < 0.5
    assert (np.mean(alarms, axis=0) <= texts / run_length).all()


@pytest.mark.parametrize(("share", "rises"), [(0.75, True), (0.02, False)])
def test_more_or_fewer_repeated_texts_than_in_the_table_are_found(repeating, share, rises):
    rng = np.random.default_rng(22)
    monitor = watched(repeating, (answered(rng, text) for text in unequal(rng, 400, share)))
    found = finding(monitor, "repeated texts")
    assert found.verdict == "changed"
    assert (found.now["share of texts"] > found.reference["share of texts"]) == rises


def test_where_the_table_has_no_repeats_only_more_than_half_of_repeated_texts_are_an_alarm():
    rng = np.random.default_rng(23)
    for share, alarmed in ((0.3, False), (0.9, True)):
        repeats = RepeatedTexts(np.arange(500, dtype=np.uint32), 0)
        capital = [repeats.add(int(7 if rng.random() < share else number)) for number in range(1000, 1400)]
        assert (max(capital) > 10_000) == alarmed


@given(cut=st.integers(0, 60), rows=st.booleans())
@settings(max_examples=20, deadline=None)
def test_repeated_texts_go_on_after_a_restart_to_the_bit(cut, rows):
    hashes = np.array([1, 1, 2, 3] * 5, np.uint32) if rows else None
    texts = np.random.default_rng(0).integers(0, 9, 60).tolist()
    whole, part = RepeatedTexts(hashes, 3), RepeatedTexts(hashes, 3)
    for each in texts[:cut]:
        part.add(each)
    again = RepeatedTexts(hashes, 3)
    again.restore(json.loads(json.dumps(part.to_json())))
    for place, each in enumerate(texts):
        whole.add(each)
        if place >= cut:
            again.add(each)
    assert again.to_json() == whole.to_json()


def test_texts_without_words_are_not_said_to_be_not_kept(reference):
    monitor = watched(reference, (text_traits("!" * length, "pos", [0.5, 0.5]) for length in range(1, 41)))
    assert finding(monitor, "unknown words").reason == "None of the texts has a word."
    assert not any("store-texts" in each.reason for each in monitor.report().findings)


def test_a_word_of_fewer_than_three_texts_is_never_told(reference):
    rng = np.random.default_rng(24)
    texts = [
        f"Schwarzenberger {written(rng, SHOP)}" if number in (30, 60) else written(rng, SHOP)
        for number in range(100)
    ]
    monitor = watched(reference, (answered(rng, text) for text in texts))
    words = monitor.report().words.new
    assert words and "schwarzenberger" not in words
    classifier = DomainClassifier(reference.known_counts, reference.known_texts)
    both = ("ab", "cd")  # of two words with one number, neither borrows the other's texts
    for word in (both[0], both[1], both[0], both[1]):
        classifier.remember(np.array([5], np.uint16), [word])
        classifier.weights[5] = 1.0
        assert classifier.telling_words([], np.zeros(0, np.uint16)).new == []
    for _ in range(3):
        classifier.remember(np.array([5], np.uint16), [both[0]])
    assert classifier.telling_words([], np.zeros(0, np.uint16)).new == ["ab"]


@pytest.mark.parametrize("text", [*HOSTILE, "यह फिल्म बहुत अच्छी थी"], ids=range(len(HOSTILE) + 1))
def test_a_stream_of_odd_texts_gets_an_answer(reference, text):
    texts = [f"{text}{' ' * (number % 50)}" for number in range(120)]
    report = watched(reference, (text_traits(each, "pos", [0.1, 0.9]) for each in texts)).report()
    assert report.verdict("data") in ("changed", "quiet", "insufficient data")
    json.dumps(report.to_dict(), allow_nan=False)


def test_another_language_is_found(reference):
    hindi = [f"यह फिल्म बहुत अच्छी थी {number}" for number in range(120)]
    monitor = watched(reference, (text_traits(each, "pos", [0.5, 0.5]) for each in hindi))
    assert finding(monitor, "language").verdict == "changed"


def test_one_class_only_is_an_answer(reference):
    report = watched(reference, (each._replace(label="pos") for each in stream(8, 200))).report()
    assert report.verdict("prediction") == "changed"


def test_answers_of_a_model_with_other_labels_are_an_answer(reference):
    traits = (
        each._replace(probabilities=probability_steps([1 / 3] * 3), label="c") for each in stream(9, 150)
    )
    assert watched(reference, traits).report().verdict("prediction") == "changed"


def test_repeated_and_late_numbers_are_left_out(reference):
    monitor, once = InputMonitor(reference, 1000.0), watched(reference, stream(10, 60))
    traits = list(stream(10, 60))
    for number in range(1, 61):
        for again in (number, number, max(1, number - 5)):
            monitor.add(again, traits[again - 1])
    assert monitor.report().repeated == 120
    assert monitor.report().findings == once.report().findings


def test_texts_that_were_not_kept_leave_the_answers_to_look_at(reference):
    traits = (
        text_traits(None, each.label, each.probabilities / 10_000, each.truncated)
        for each in stream(11, 200, up=0.3)
    )
    monitor = watched(reference, traits)
    assert "--store-texts" in finding(monitor, "domain classifier").reason
    assert "--store-texts" in finding(monitor, "length").reason
    assert finding(monitor, "truncated").verdict == "quiet"
    assert monitor.report().verdict("prediction") == "changed"


def test_a_reference_of_few_texts_says_so():
    few = make_reference(CLASSES, ["a text", "b text"], np.eye(2), [0, 0], ["c text"])
    report = watched(few, stream(12, 100)).report()
    assert report.verdict("data") == "insufficient data"
    assert "reference has 2 texts" in report.findings[0].reason


def test_a_reference_without_words_says_so():
    rng = np.random.default_rng(0)
    texts = [written(rng, FILM) for _ in range(100)]
    numbers = make_reference(CLASSES, texts, np.full((100, 2), 0.5), np.zeros(100), keep="numbers")
    monitor = watched(numbers, stream(13, 100))
    assert "keeps no hashed words" in finding(monitor, "domain classifier").reason
    assert finding(monitor, "length").verdict != "insufficient data"


# State


@given(cut=st.integers(0, 450), seed=st.integers(0, 5))
@settings(max_examples=5, deadline=None)
def test_a_restart_anywhere_changes_no_bit(reference, tmp_path_factory, cut, seed):
    path = tmp_path_factory.mktemp("state") / "inputs.npz"
    traits = list(stream(seed, 450, share_of_shop=0.1))
    whole = watched(reference, traits, seed=seed)
    part = watched(reference, traits[:cut], seed=seed)
    part.save(path)
    again = InputMonitor.load(path, reference, 1000.0, seed)
    assert again.last == cut
    for number, each in enumerate(traits[cut:], start=cut + 1):
        again.add(number, each)
    assert again.report() == whole.report()
    ends = [path.with_name(f"{name}.npz") for name in ("whole", "again")]
    for monitor, end in zip((whole, again), ends, strict=True):
        monitor.save(end)
    with np.load(ends[0]) as first, np.load(ends[1]) as second:
        assert all((first[name] == second[name]).all() for name in first.files)


def test_the_state_does_not_grow_with_the_stream(reference, tmp_path, monkeypatch):
    monkeypatch.setattr(input_monitor, "KEPT_SIMILARITIES", 300)
    monitor = InputMonitor(reference, 1000.0)
    sizes = []
    for number, each in enumerate(stream(14, 2400, share_of_shop=0.2), start=1):
        monitor.add(number, each)
        if number in (390, 2390):  # as far in a round of 400 reference texts, and in one of 2,000 texts
            sizes.append(monitor.save(tmp_path / "state.npz").stat().st_size)
    first, last = sizes
    assert last < 1.2 * first


def test_a_state_of_another_bundle_or_a_broken_one_is_refused(reference, tmp_path):
    path = watched(reference, stream(15, 20)).save(tmp_path / "state.npz")
    with pytest.raises(WorkshopError, match="another bundle"):
        InputMonitor.load(path, reference, 2000.0)
    assert InputMonitor.load(tmp_path / "none.npz", reference, 1000.0).last == 0


def test_a_state_that_is_damaged_anywhere_is_refused_in_one_sentence_or_read_whole(reference, tmp_path):
    """Broken bytes raise zlib.error, tokenize.TokenError and many more inside NumPy."""
    monitor = watched(reference, stream(15, 20))
    path = monitor.save(tmp_path / "state.npz")
    content, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in [*range(0, 400, 10), *rng.integers(0, len(content), 60).tolist(), -1]:
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        for broken in (bytes(damaged), content[: max(0, place)]):
            path.write_bytes(broken)
            try:
                found = InputMonitor.load(path, reference, 1000.0)
            except WorkshopError as error:
                refused += 1
                assert str(error).count(". ") == 0 and "remove it" in str(error)
            else:
                assert found.report() == monitor.report()
    assert refused > 150


# Concept drift


def test_how_much_a_text_looked_like_the_reference_outlives_the_round(reference, monkeypatch):
    monkeypatch.setattr(input_monitor, "KEPT_SIMILARITIES", 500)
    monitor, traits = InputMonitor(reference, 1e9), list(stream(16, 900, share_of_shop=0.5))
    first = {}
    for number, each in enumerate(traits, start=1):
        monitor.add(number, each)
        if monitor.similarity(number) is not None:
            first[number] = monitor.similarity(number)
    assert monitor.report().rounds == 3
    assert all(
        monitor.similarity(number, traits[number - 1]) == first[number] for number in first if number > 401
    )
    assert monitor.similarity(100) is None and monitor.similarity(100, traits[99]) is None
    assert 0.2 < np.mean(list(first.values())) < 0.9


def test_what_was_learned_in_one_round_says_in_the_next_what_looks_alike(reference):
    monitor, rng = InputMonitor(reference, 1e9), np.random.default_rng(17)
    for number in range(1, 411):
        monitor.add(number, answered(rng, written(rng, SHOP if number % 2 else FILM)))
    assert monitor.report().rounds == 2
    alike = [monitor.similarity(10**6, answered(rng, written(rng, FILM))) for _ in range(30)]
    other = [monitor.similarity(10**6, answered(rng, written(rng, SHOP))) for _ in range(30)]
    assert np.mean(other) < 0.2 < 0.5 < np.mean(alike)


def test_inputs_that_change_raise_no_alarm_about_the_concept_although_labels_come_late(reference):
    """Labels come after all predictions, over several rounds; the model is bad at other inputs only."""
    monitor, concept = InputMonitor(reference, 1e9), ConceptMonitor(0.15, 2000)
    rng, wrong = np.random.default_rng(18), []
    for number in range(1, 1801):
        shop = rng.random() < 0.5
        monitor.add(number, answered(rng, written(rng, SHOP if shop else FILM)))
        wrong.append(bool(rng.random() < (0.6 if shop else 0.12)))
    for number, each in enumerate(wrong, start=1):
        concept.add(each, monitor.similarity(number))
    assert monitor.report().rounds >= 4
    assert concept.report().verdict == "quiet" and concept.report().untold <= 10


def concept_after(reference, wrong_share, shop_share=0.0, wrong_shop=0.0, seed=0):
    monitor, concept = InputMonitor(reference, 5000.0), ConceptMonitor(0.15, 2000)
    rng = np.random.default_rng(seed)
    for number in range(1, 701):
        shop = rng.random() < shop_share
        traits = text_traits(written(rng, SHOP if shop else FILM), "pos", [0.5, 0.5])
        similarity = monitor.similarity(number, traits)
        monitor.add(number, traits)
        concept.add(bool(rng.random() < (wrong_shop if shop else wrong_share)), similarity)
    return concept.report()


def test_more_errors_on_the_same_inputs_are_concept_drift(reference):
    assert concept_after(reference, 0.12).verdict == "quiet"
    assert concept_after(reference, 0.35).verdict == "changed"


def test_errors_on_other_inputs_alone_are_not(reference):
    report = concept_after(reference, 0.12, shop_share=0.5, wrong_shop=0.6)
    assert report.verdict == "quiet" and report.error < 0.2
    assert report.alike < 0.75 * report.labels


def test_labels_of_texts_that_were_not_kept_tell_nothing(reference):
    concept = ConceptMonitor(0.15, 2000)
    similarity = InputMonitor(reference, 100.0).similarity(1, text_traits(None, "pos", [0.5, 0.5]))
    concept.add(True, similarity)
    assert similarity is None and concept.report().untold == 1
    assert "Nobody can tell" in concept.report().reason


def test_concept_state_goes_through_json_to_the_bit():
    rng = np.random.default_rng(0)
    events = [(bool(rng.random() < 0.3), float(rng.random())) for _ in range(100)]
    whole, part = ConceptMonitor(0.15, 2000), ConceptMonitor(0.15, 2000)
    for place, event in enumerate(events):
        whole.add(*event)
        part.add(*event)
        told = json.loads(json.dumps(part.to_json()))
        part = ConceptMonitor(0.15, 2000)
        part.restore(told)
        assert part.to_json() == whole.to_json(), place


@pytest.mark.parametrize("changed", [{"tolerance": 0.2}, {"run_length": 3000}])
def test_a_concept_state_of_other_settings_or_a_damaged_one_is_refused(changed):
    concept = ConceptMonitor(0.15, 2000)
    with pytest.raises(WorkshopError, match="belongs to another tolerance"):
        ConceptMonitor(**({"tolerance": 0.15, "run_length": 2000} | changed)).restore(concept.to_json())
    for damaged in ({}, [], concept.to_json() | {"capital": [1.0]}, concept.to_json() | {"last": None}):
        with pytest.raises(WorkshopError, match=r"^The state of the concept monitor is damaged"):
            ConceptMonitor(0.15, 2000).restore(damaged)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, 0.03])
def test_a_perfect_and_a_useless_model_can_be_watched(tolerance):
    concept = ConceptMonitor(tolerance, 100)
    for _ in range(50):
        concept.add(False, 1.0)
    assert concept.report().alarm_at is None


# Model drift


def test_slow_answers_burn_the_objective():
    rng = np.random.default_rng(0)
    quiet, slow = (OperationsMonitor(Objective(latency_ms=100), 5000) for _ in range(2))
    for number in range(1500):
        quiet.add(float(rng.gamma(2, 10)))
        slow.add(float(rng.gamma(2, 10)) + 200 * (number % 10 == 0))
    assert quiet.report().latency.verdict == "quiet" and quiet.report().latency.burn_rate < 1
    assert slow.report().latency.verdict == "changed" and slow.report().latency.alarm_at < 400
    assert slow.report().latency.burn_rate == pytest.approx(10, rel=0.2)


def test_quantiles_are_within_two_percent():
    monitor, values = OperationsMonitor(Objective(), 5000), np.random.default_rng(0).gamma(2, 10, 3000)
    for value in values:
        monitor.add(float(value))
    report = monitor.report()
    for share, found in ((0.5, report.p50_ms), (0.95, report.p95_ms), (0.99, report.p99_ms)):
        assert found == pytest.approx(np.quantile(values, share), rel=0.03)


def test_counters_are_differences_and_may_begin_anew():
    monitor = OperationsMonitor(Objective(), 5000)
    for requests, failed in ((10_000, 5), (20_000, 9), (100, 0), (20_100, 400)):
        monitor.add_counters(requests, failed)
    report = monitor.report().errors
    assert report.events == 40_100 and report.bad == 409
    assert report.verdict == "changed" and report.alarm_at == 40_100


def test_a_clock_that_jumps_makes_no_negative_time():
    monitor, start = OperationsMonitor(Objective(), 5000), datetime(2026, 3, 1, tzinfo=UTC)
    for minutes in (0, 1, 2, -600, -599, 3, 4):
        monitor.add(None, start + timedelta(minutes=minutes))
    assert monitor.report().texts_per_hour == pytest.approx(60)


def test_a_clock_that_once_jumps_by_twenty_years_spoils_nothing():
    monitor, start = OperationsMonitor(Objective(), 5000), datetime(2026, 3, 1, tzinfo=UTC)
    for minute in range(100):
        monitor.add(None, start + timedelta(minutes=minute, days=7300 * (minute == 10)))
    assert monitor.report().texts_per_hour == pytest.approx(60)


def test_texts_that_come_less_than_once_an_hour_have_no_rate():
    monitor, start = OperationsMonitor(Objective(), 5000), datetime(2026, 3, 1, tzinfo=UTC)
    for day in range(9):
        monitor.add(1.0, start + timedelta(days=day))
    assert monitor.report().texts_per_hour is None


@pytest.mark.parametrize(
    "other", [OperationsMonitor(Objective(latency_ms=20), 5000), OperationsMonitor(Objective(), 9000)]
)
def test_an_operations_state_of_other_settings_or_a_damaged_one_is_refused(other):
    told = OperationsMonitor(Objective(), 5000).to_json()
    with pytest.raises(WorkshopError, match="belongs to another tolerance, objective or run length"):
        other.restore(told)
    for damaged in ({}, told | {"slow": {}}, told | {"latest": "soon"}, told | {"counters": [1]}):
        with pytest.raises(WorkshopError, match=r"^The state of the operations monitor is damaged"):
            OperationsMonitor(Objective(), 5000).restore(damaged)


def test_no_report_has_a_number_that_is_none():
    told = without_nan({"a": [math.nan, 1.5, (math.inf, "x")], "b": {"c": -math.inf, "d": None}})
    assert told == {"a": [None, 1.5, [None, "x"]], "b": {"c": None, "d": None}}
    report = ErrorReport("quiet", math.inf, None, 0, math.nan, 0.15, 2000.0)
    assert report.to_dict()["evidence"] is report.to_dict()["error"] is None


def test_latencies_that_are_no_numbers_are_passed_over():
    monitor = OperationsMonitor(Objective(), 5000)
    for value in (None, math.nan, math.inf, -5.0):
        monitor.add(value)
    report = monitor.report()
    assert report.latency.events == 0 and report.latency.verdict == "insufficient data"
    assert report.p50_ms is report.texts_per_hour is report.latency.burn_rate is None


def test_operations_state_goes_through_json_to_the_bit():
    rng, start = np.random.default_rng(0), datetime(2026, 3, 1, tzinfo=UTC)
    whole, part = (OperationsMonitor(Objective(20), 5000) for _ in range(2))
    for number in range(200):
        event = (float(rng.gamma(2, 10)), start + timedelta(seconds=number))
        whole.add(*event)
        part.add(*event)
        if number % 50 == 0:
            part.add_counters(number, 0)
            whole.add_counters(number, 0)
            told = json.loads(json.dumps(part.to_json()))
            part = OperationsMonitor(Objective(20), 5000)
            part.restore(told)
    assert json.dumps(part.to_json()) == json.dumps(whole.to_json())
    assert part.report() == whole.report()


# From the store


def test_predictions_come_from_the_store_in_order_and_in_parts(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    start = datetime(2026, 3, 1, tzinfo=UTC)
    records = [
        prediction(
            f"text {number}",
            model_version="v1" if number % 2 else "v2",
            time=start - timedelta(days=number),
            infer_ms=float(number),
            queue_ms=1.0,
        )
        for number in range(10)
    ]
    records.append(prediction("unmeasured"))
    add_predictions(store, records, store_texts=True)
    found = list(scored_texts(store))
    assert [each.text for each in found] == [*(f"text {number}" for number in range(10)), "unmeasured"]
    assert all(before.number < after.number for before, after in pairwise(found))
    assert found[3].latency_ms == 4.0 and found[-1].latency_ms is None
    assert [each.text for each in scored_texts(store, after=found[7].number, model_version="v1")] == [
        "text 9",
        "unmeasured",
    ]
    assert {each.text for each in scored_texts(store, texts=False)} == {None}
    assert len(list(scored_texts(store, until=found[4].number))) == 5


def test_monitors_go_on_in_the_store_where_they_stopped(reference, tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    rng, start = np.random.default_rng(0), datetime(2026, 3, 1, tzinfo=UTC)
    clock = [start + timedelta(seconds=int(second)) for second in rng.permutation(300)]  # jumps as it likes
    records = [
        prediction(written(rng, SHOP if number > 150 else FILM), labels=tuple(CLASSES), time=clock[number])
        for number in range(300)
    ]
    whole, part = (InputMonitor(reference, 1000.0) for _ in range(2))
    operations = OperationsMonitor(Objective(), 5000)
    for first in range(0, 300, 75):
        add_predictions(store, records[first : first + 75], store_texts=True)
        assert watch_predictions(store, part, operations, "v1") == 75
        part.save(tmp_path / "state.npz")
        part = InputMonitor.load(tmp_path / "state.npz", reference, 1000.0)
    assert watch_predictions(store, whole, model_version="v1") == 300
    assert whole.report() == part.report() and whole.report().verdict("data") == "changed"
    assert operations.report().texts_per_hour > 0
    assert watch_predictions(store, whole, operations, "v1") == 0


def test_late_and_corrected_labels_reach_the_concept_monitor_once(reference, tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    rng = np.random.default_rng(0)
    records = [prediction(written(rng, FILM), labels=tuple(CLASSES)) for _ in range(60)]
    add_predictions(store, records, store_texts=True)
    inputs, concept = InputMonitor(reference, 1000.0), ConceptMonitor(0.15, 2000)
    watch_predictions(store, inputs)
    for record in reversed(records):
        add_label(store, Feedback(record.prediction_id, "pos", "anna"))
        add_label(store, Feedback(record.prediction_id, "pos", "anna"))
    assert watch_labels(store, inputs, concept) == 0, "nobody had drawn them"
    concept = ConceptMonitor(0.15, 2000)
    assert watch_labels(store, inputs, concept, unasked=True) == 60
    add_label(store, Feedback(records[0].prediction_id, "neg", "ben"))
    assert watch_labels(store, inputs, concept, unasked=True) == 1
    assert concept.report().labels == 61 and concept.report().error < 0.05


def test_monitoring_needs_no_more_than_serving_does():
    code = (
        "import sys\n"
        "for name in ('sklearn', 'scipy', 'pandas', 'regex', 'lingua', 'river'): sys.modules[name] = None\n"
        "import numpy as np\n"
        "from workshop_utils.models.bundle import make_reference, text_traits\n"
        "from workshop_utils.production.monitoring import InputMonitor\n"
        "texts = [f'text {number}' for number in range(100, 280)]\n"
        "half, none = np.full((60, 2), 0.5), [0] * 60\n"
        "monitor = InputMonitor(make_reference(['a', 'b'], texts[:60], half, none, texts[60:120]), 100)\n"
        "for number in range(120, 180): monitor.add(number, text_traits(texts[number], 'a', [0.5, 0.5]))\n"
        "print(monitor.report().verdict('data'))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "quiet", result.stderr


# The study


def test_the_study_keeps_its_bounds():
    study = json.loads(RESULTS.read_text(encoding="utf-8"))
    values = measures(study)
    assert {
        name: values[name] for name, (low, high) in BOUNDS.items() if not low <= values[name] <= high
    } == {}
    assert study["quiet"]["streams"] >= 150 and study["quiet"]["texts"] >= 1500
