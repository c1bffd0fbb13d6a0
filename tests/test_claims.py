"""The claims of the lessons were executed as the lessons are now, hold in three seeds, and can fail."""

import json

import pytest

from benchmarks import claims

RESULTS = json.loads(claims.FILE.read_text(encoding="utf-8"))
every_lesson = pytest.mark.parametrize("lesson", claims.with_claims(), ids=lambda lesson: lesson.slug)


def test_no_lesson_no_data_and_no_lock_has_changed_since():
    assert RESULTS["fingerprints"] == claims.fingerprints(), "run `make claims`"


@every_lesson
def test_every_claim_holds_in_three_seeds(lesson):
    seeds = RESULTS["lessons"][lesson.slug]["seeds"]
    assert list(seeds) == ["0", "1", "2"]
    assert {sentence for run in seeds.values() for sentence, holds in run.items() if not holds} == set()


@every_lesson
def test_four_in_five_claims_about_learning_are_false_with_shuffled_labels(lesson):
    assert RESULTS["lessons"][lesson.slug]["false_when_shuffled"] >= 0.8
