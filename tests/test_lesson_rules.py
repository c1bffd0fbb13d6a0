"""The form that every lesson keeps, so that learners always know where they are."""

import ast
import re

import pytest

from tests.conftest import COURSE, lesson_cells
from workshop_utils.course.builder import build_notebook
from workshop_utils.course.parameters import defaults, overrides
from workshop_utils.course.syllabus import PROFILES

every_lesson = pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.slug)

#: Names that have changed in the libraries we teach; none may come back.
OUTDATED = [
    "evaluation_strategy",
    "keras.preprocessing.text",
    "TF_USE_LEGACY_KERAS",
    "from tensorflow.keras",
    "no_cuda",
]


def code_cells(lesson, form="solved"):
    return [cell for cell in build_notebook(lesson, form).cells if cell.cell_type == "code"]


def code_lines(source):
    return [line for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]


def prose(lesson):
    return "\n".join(cell.source for cell in lesson_cells(lesson) if cell.cell_type == "markdown")


@every_lesson
def test_cells_are_short(lesson):
    for cell in code_cells(lesson):
        folded = cell.metadata.get("part") == "check"  # nobody reads a check on a projector
        limit = 30 if folded else 25 if re.search(r"^class ", cell.source, re.MULTILINE) else 15
        assert len(code_lines(cell.source)) <= limit, f"split this cell:\n{cell.source}"


@every_lesson
def test_code_fits_on_a_projector(lesson):
    long = [line for cell in code_cells(lesson) for line in cell.source.splitlines() if len(line) > 100]
    assert long == []


@every_lesson
def test_there_are_five_words_for_each_line_of_code(lesson):
    words = len(re.findall(r"\w+", prose(lesson)))
    lines = sum(len(code_lines(cell.source)) for cell in code_cells(lesson))
    assert words >= 5 * lines, f"{words} words for {lines} lines of code"


@every_lesson
def test_the_opening_says_what_who_how_long_and_what_files(lesson):
    opening = build_notebook(lesson).cells[0].source
    assert opening.startswith(f"# {lesson.id} · {lesson.title}\n")
    assert f"{lesson.teach} minutes to teach, {lesson.practise} to practise" in opening
    for heading in ("**You will be able to**", "**You need**", "**Reads**", "**Writes**"):
        assert heading in opening
    objectives = re.findall(
        r"^- ", opening.split("**You will be able to**")[1].split("**You need**")[0], re.MULTILINE
    )
    assert 3 <= len(objectives) <= 5


@every_lesson
def test_the_end_answers_warns_asserts_records_and_points_on(lesson):
    cells = lesson_cells(lesson)
    ending = "\n".join(cell.source for cell in cells[-4:])
    for heading in ("## What we learned", "**If your numbers differ**", "**Read on**"):
        assert heading in ending
    code = [cell.source for cell in cells[-3:] if cell.cell_type == "code"][-1]
    assert "assert " in code and "record(" in code and f'"{lesson.slug}"' in code


@every_lesson
def test_parameters_are_plain_values_and_profiles_know_them(lesson):
    notebook = build_notebook(lesson)
    assert all(isinstance(value, str | int | float | bool) for value in defaults(notebook).values())
    for profile in PROFILES:
        overrides(lesson, notebook, profile, {})


@every_lesson
def test_figures_have_alternative_text(lesson):
    for cell in lesson_cells(lesson):
        if cell.cell_type == "code" and re.search(r"plt\.subplots|\.plot\b|show_digits\(", cell.source):
            defines_only = cell.source.lstrip().startswith(("def ", "from ")) and "\n\n\n" not in cell.source
            assert defines_only or cell.metadata.get("alt"), f"no alt text:\n{cell.source}"


@every_lesson
def test_code_is_honest_and_up_to_date(lesson):
    for cell in code_cells(lesson):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom):
                assert all(alias.name != "*" for alias in node.names), "no star imports"
        downloads = (
            r"urlopen|requests\.(get|post)\((?!\s*(f\"\{service\.url\}|service\.url))"
            r"|fetch\(|from_pretrained\(\""
        )
        assert not re.search(downloads, cell.source), "no lesson downloads"
        assert not any(name in cell.source for name in OUTDATED)


@every_lesson
def test_no_two_code_cells_follow_each_other_for_long(lesson):
    run = longest = 0
    for cell in build_notebook(lesson).cells:
        run = run + 1 if cell.cell_type == "code" else 0
        longest = max(longest, run)
    assert longest <= 3, "ask before a cell, read the result after it"
