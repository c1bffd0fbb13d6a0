"""course.toml is read strictly: what is wrong is said in one sentence."""

import pytest

from workshop_utils.course.syllabus import load_course
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT

GOOD = (ROOT / "course.toml").read_text(encoding="utf-8")


def read(tmp_path, text):
    path = tmp_path / "course.toml"
    path.write_text(text, encoding="utf-8")
    return load_course(path)


def test_the_syllabus_of_the_course_is_valid():
    course = load_course()
    assert course.lesson("00") is course.lesson("first_network") is course.lesson("00_first_network")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace("subtitle =", "subtile ="), "subtile"),
        (lambda text: text.replace("minutes = 215", "minutes = 216"), "add up to 215"),
        (lambda text: text.replace("teach = 40", "teach = 41", 1), "add up to 216"),
        (lambda text: text.replace('"first_network"', '"fist_network"'), "fist_network"),
        (lambda text: text.replace("smoke = 60, ", "", 1), "no budget for smoke"),
        (
            lambda text: text.replace('lessons = ["00", "01", "02"]', 'lessons = ["01", "00", "02"]'),
            "in order",
        ),
        (lambda text: text.replace('lessons = ["01", "02"]', 'lessons = ["17"]'), "unknown lessons ['17']"),
        (lambda text: text + "\n[", "cannot be read"),
    ],
)
def test_a_wrong_syllabus_is_refused_with_the_reason(tmp_path, change, reason):
    with pytest.raises(WorkshopError) as error:
        read(tmp_path, change(GOOD))
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_lesson_is_named_together_with_the_known_ones():
    with pytest.raises(WorkshopError, match="00_first_network"):
        load_course().lesson("42")
