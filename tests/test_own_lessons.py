"""Lessons 01 and 02 on somebody's own table, cell by cell in this process: they work, or say one sentence."""

import io
import os
import random
import warnings

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.conftest import COURSE
from workshop_utils.course.builder import build_notebook
from workshop_utils.course.parameters import overrides, parse_settings
from workshop_utils.errors import WorkshopError

ADJECTIVES = {"good": "bright lovely kind smooth fresh brilliant", "bad": "dull awful broken late rude stale"}
SUBJECTS = ["My tea", "The soup", "Our train", "Her lecture", "That hotel", "A parcel"]
ENDS = ["for once", "again", "after lunch", "before dawn", "with friends", "in the rain", "as always"]


def message(chance, mood, sentences=1):
    words = ADJECTIVES[mood].split()
    return " ".join(
        f"{chance.choice(SUBJECTS)} was {chance.choice(words)} {chance.choice(ENDS)} {chance.random():.4f}."
        for _ in range(sentences)
    )


def moods(labels, rows, sentences=1):
    """Short messages, half of them good, under these two labels."""
    chance = random.Random(0)
    return [
        (message(chance, mood, sentences), labels[mood == "good"]) for mood in ["good", "bad"] * (rows // 2)
    ]


def chinese(labels, rows):
    chance = random.Random(0)
    signs = ["太差了浪费时间剧情无聊不推荐失望透顶", "这部电影非常好看我很喜欢演员表演精彩"]
    kinds = [0, 1] * (rows // 2)
    return [("".join(chance.choices(signs[kind], k=30)) + "。", labels[kind]) for kind in kinds]


def many(labels, rows):
    chance = random.Random(0)
    return [(f"{message(chance, 'good', 2)} code{n % labels}", f"label {n % labels}") for n in range(rows)]


TABLES = {
    "short messages": moods(["bad", "good"], 300),
    "60 rows, clean": moods(["bad", "good"], 60, 3),
    "dollars": moods(["$5 bad $", "$x^2_{$ good"], 120, 2),
    "Chinese": chinese(["差评", "好评"], 200),
    "words as labels": moods(["NA", "01"], 120, 2),
    "long labels": moods(["x" * 500, 'a "quoted",\nlabel' + "y" * 400], 120, 2),
    "many labels": many(150, 150 * 21),
}
REFUSED = {
    "one label": (moods(["good", "good"], 60), "has only one label, 'good'"),
    "no texts": ([("", "a"), (" ", "b")] * 30, "has 0 rows with a text and a label"),
    "all labels differ": ([(f"text {n}", f"l {n}") for n in range(600)], "has too few texts for each label"),
}
TRAINING_REFUSED = {
    "15 for each label": (
        moods(["bad", "good"], 30, 3),
        r"after cleaning the most frequent labels are 'good' \(15\)",
    ),
    "texts alike": ([(f"fixed words in a row {n}", "ab"[n % 2]) for n in range(120)], "near-duplicates once"),
    "numbers": ([(str(7919 * n), "ab"[n % 2]) for n in range(200)], "share too few words"),
}


@pytest.fixture
def run(tmp_path, home, data_dir, monkeypatch):
    """A function that executes a lesson on a table; what it leaves in its variables."""

    def drawn():
        for number in plt.get_fignums():
            plt.figure(number).savefig(io.BytesIO())
        plt.close("all")

    monkeypatch.setattr(plt, "show", drawn)
    environment = dict(os.environ)  # lessons set what quiets libraries

    def executed(number, rows, **settings):
        path = tmp_path / "mine.csv"
        pd.DataFrame(rows, columns=["text", "label"]).to_csv(path, index=False)
        lesson = COURSE.lesson(number)
        notebook = build_notebook(lesson, "solved", checked=False)
        own = {"csv": path, "text_column": "text", "label_column": "label"} | settings
        typed = parse_settings([f"{name}={value}" for name, value in own.items()])
        values = overrides(lesson, notebook, "smoke", typed)
        names = {"__name__": "lesson"}
        with warnings.catch_warnings(), plt.rc_context():
            warnings.filterwarnings("error", "Glyph")
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    exec(compile(cell.source, f"lesson {number}", "exec"), names)
                if "parameters" in cell.metadata.get("tags", []):
                    names |= values
        return names

    yield executed
    plt.close("all")
    os.environ.clear()
    os.environ.update(environment)


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_lesson_01_explores_any_table(run, name):
    names = run("01", TABLES[name], language_sample=20)
    assert names["verdict"](names["clean_listings"]) == "accepted"
    assert len(names["listings"]) == len(TABLES[name])
    assert set(names["clean_listings"]["label"]) == {label for _, label in TABLES[name]}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["60 rows, clean", "dollars", "Chinese", "many labels"])
def test_lesson_02_sets_the_bar_on_any_table(run, name):
    names = run("02", TABLES[name], epochs=1)
    assert len(names["labels"]) == (20 if name == "many labels" else 2)
    assert names["best_simple"] > 0.8, "these texts are easily told apart"


@pytest.mark.parametrize("lesson", ["01", "02", "06"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_a_table_lacks_is_said_in_one_sentence(run, lesson, name):
    rows, sentence = REFUSED[name]
    with pytest.raises(WorkshopError, match=sentence) as error:
        run(lesson, rows)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("lesson", ["02", "06"])
@pytest.mark.parametrize("name", TRAINING_REFUSED)
def test_what_a_table_lacks_for_training_is_said_in_one_sentence(run, lesson, name):
    rows, sentence = TRAINING_REFUSED[name]
    with pytest.raises(WorkshopError, match=sentence) as error:
        run(lesson, rows)
    assert "\n" not in str(error.value)
