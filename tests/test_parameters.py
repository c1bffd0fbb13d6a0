"""Values of ``--set``: a text is what was typed, a number is a number, and nothing is taken in silence."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from workshop_utils.course.parameters import overrides, parse_settings
from workshop_utils.course.syllabus import Lesson
from workshop_utils.errors import WorkshopError

SOURCE = 'csv = ""\nlabel_column = "label"\nepochs = 2\nrate = 5e-5\nquick = False\nsizes = [1, 2]\n'
NOTEBOOK = new_notebook(cells=[new_code_cell(SOURCE, metadata={"tags": ["parameters"]})])
LESSON = Lesson(
    id="00",
    name="good",
    title="Good",
    teach=1,
    practise=0,
    budget={"smoke": 1, "workshop": 1, "full": 1},
    parameters={"smoke": {"epochs": 1, "rate": 1}},
)


def values(*settings):
    return overrides(LESSON, NOTEBOOK, "smoke", parse_settings(list(settings)))


@pytest.mark.parametrize(
    "typed",
    [
        "01",
        "1.0",
        "1e5",
        "true",
        "None",
        "null",
        "NaN",
        '"quoted"',
        "[1]",
        " spaced ",
        "",
        "a=b",
        "名前",
        "ä$",
    ],
)
def test_a_text_is_the_text_that_was_typed(typed):
    assert values(f"label_column={typed}")["label_column"] == typed


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("epochs=3", "epochs", 3),
        ("epochs= 3 ", "epochs", 3),
        ("rate=1e-3", "rate", 0.001),
        ("rate=2", "rate", 2.0),
        ("quick=true", "quick", True),
        ("quick=True", "quick", True),
        ("sizes=[4]", "sizes", [4]),
    ],
)
def test_a_number_is_a_number_of_the_parameters_type(setting, name, value):
    found = values(setting)[name]
    assert found == value and type(found) is type(value)


def test_the_profile_comes_first_and_what_was_typed_wins():
    assert values() == {"epochs": 1, "rate": 1.0}
    assert values("epochs=9") == {"epochs": 9, "rate": 1.0}


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("epochs=many", "a whole number"),
        ("epochs=3.0", "a whole number"),
        ("epochs=1e3", "a whole number"),
        ("epochs=true", "a whole number"),
        ("epochs=" + "9" * 5000, "a whole number"),
        ("rate=NaN", "a number"),
        ("rate=1e999", "a number"),
        ("rate=" + "9" * 400, "a number"),
        ("quick=1", "true or false"),
        ("sizes=" + "[" * 100_000, "a list in JSON"),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_sentence(setting, kind):
    name = setting.partition("=")[0]
    with pytest.raises(WorkshopError, match=f"^Parameter {name} of lesson 00_good must be {kind}, not '"):
        values(setting)


@pytest.mark.parametrize("setting", ["epochs", "=3", "two words=3"])
def test_what_is_no_setting_is_refused(setting):
    with pytest.raises(WorkshopError, match="--set needs name=value, not"):
        values(setting)


def test_a_table_in_the_current_folder_is_found_although_lessons_run_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "mine.csv").write_text("text,label\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert values("csv=mine.csv")["csv"] == str(tmp_path / "mine.csv")
    assert values("csv=other.csv")["csv"] == "other.csv"
