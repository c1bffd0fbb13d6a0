"""Notebooks follow from their sources, to the byte."""

import ast
import os

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from tests.conftest import COURSE
from workshop_utils.course.builder import build_all, build_notebook, keep_changed, stub, write_notebook
from workshop_utils.errors import WorkshopError


@pytest.mark.parametrize("form", ["open", "solved"])
def test_building_twice_gives_the_same_bytes(form):
    assert build_all(COURSE, form) == build_all(COURSE, form)


def test_notebooks_are_up_to_date_with_lessons():
    for path, text in build_all(COURSE).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: run `make notebooks`"


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.id)
@pytest.mark.parametrize("form", ["open", "solved"])
def test_notebooks_are_valid_and_without_outputs(lesson, form):
    notebook = build_notebook(lesson, form)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.id)
def test_the_open_form_hides_solutions_and_keeps_two_hints(lesson):
    cells = build_notebook(lesson).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert "BEGIN SOLUTION" not in code
    stubs = [cell for cell in cells if cell.metadata.get("part") == "stub"]
    hints = [cell for cell in cells if cell.metadata.get("part") == "hints"]
    assert 2 <= len(stubs) == len(hints) <= 4
    for cell in stubs:
        assert "# Your code here" in cell.source
        ast.parse(cell.source)
    assert all(cell.source.count("<summary>Hint") == 2 for cell in hints)


def test_a_stub_names_what_is_wanted_and_keeps_the_set_up():
    solution = "a = 1\n### BEGIN SOLUTION\nb = a + 1\nb = b * 2\nc = b\n### END SOLUTION\nprint(a)"
    assert stub(solution) == "a = 1\n# Your code here, in place of the ...\nb = ...\nc = ...\nprint(a)"


def test_a_stub_of_a_function_returns_the_open_mark():
    solution = "def f(x):\n    ### BEGIN SOLUTION\n    y = x\n    return y\n    ### END SOLUTION"
    assert (
        stub(solution) == "def f(x):\n    # Your code here, in place of the ...\n    y = ...\n    return ..."
    )


def test_a_solution_without_marks_is_refused():
    with pytest.raises(WorkshopError, match="BEGIN SOLUTION"):
        stub("a = 1")


def test_a_notebook_that_cannot_be_finished_leaves_the_old_one_whole(tmp_path, monkeypatch):
    path = tmp_path / "lesson.ipynb"
    write_notebook(new_notebook(), path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_notebook(new_notebook(cells=[new_markdown_cell("new")]), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_notebook_that_somebody_changed_is_kept(tmp_path, home):
    path = tmp_path / "lesson.ipynb"
    write_notebook(build_notebook(COURSE.lessons[0]), path)
    assert keep_changed(path) is None
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[3].source += "\n# my note: süß 🎓"
    write_notebook(notebook, path)
    kept = keep_changed(path)
    assert kept.is_relative_to(home)
    assert "süß 🎓" in kept.read_text(encoding="utf-8")


def test_what_is_no_notebook_any_more_is_kept_too(tmp_path, home):
    path = tmp_path / "lesson.ipynb"
    path.write_text("<<<<<<< HEAD", encoding="utf-8")
    assert keep_changed(path).read_text(encoding="utf-8") == "<<<<<<< HEAD"
