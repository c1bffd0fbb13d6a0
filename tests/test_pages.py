"""The course page: one picture of each lesson, and nothing from elsewhere."""

import base64
import re
from collections import Counter

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.small_course import BAD, make, use
from workshop_utils.course.folders import course_dir
from workshop_utils.course.pages import picture, write_pages
from workshop_utils.course.runner import Outcome, read_executed

PNG = base64.b64encode(b"\x89PNG first").decode()
OTHER = base64.b64encode(b"\x89PNG other").decode()


def figure(png, **metadata):
    """A cell that has drawn something."""
    output = new_output("display_data", {"text/plain": "<Figure>", "image/png": png + "\n"})
    return new_code_cell("plot()", outputs=[new_output("stream", text="x"), output], metadata=metadata)


def lesson(*cells):
    return new_notebook(cells=[new_markdown_cell("# 00 · Good"), *cells])


def test_the_first_figure_stands_for_the_lesson():
    assert picture(lesson(figure(PNG, alt="a"), figure(OTHER, alt="b"))) == (PNG, "a")


def test_a_figure_that_is_chosen_goes_before_the_first():
    assert picture(lesson(figure(PNG, alt="a"), figure(OTHER, alt="b", picture=True))) == (OTHER, "b")


def test_a_figure_without_words_for_those_who_do_not_see_it_is_not_shown():
    assert picture(lesson(figure(PNG), figure(OTHER, alt="b"))) == (OTHER, "b")
    assert picture(lesson(figure(PNG))) is None


@pytest.mark.parametrize("text", [None, "", '{"cells": [{"cell'])
def test_a_notebook_that_was_not_written_to_its_end_counts_as_none(tmp_path, text):
    path = tmp_path / "half.ipynb"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert read_executed(path).cells == []


@pytest.fixture
def index(tmp_path, home, monkeypatch):
    """The course page of a lesson with two figures and one that failed before its first."""
    make(tmp_path, BAD)
    course = use(tmp_path, monkeypatch)
    course_dir().mkdir(parents=True)
    path = course_dir() / "00_good.ipynb"
    nbformat.write(lesson(figure(PNG, alt='Two "curves" <rising>'), figure(OTHER, alt="b")), path)
    outcomes = [
        Outcome(
            course.lessons[0], 60, "done", 70.0, 1812.0, {"macro_f1": 0.8}, Counter(open=2), notebook=path
        ),
        Outcome(
            course.lessons[1], 60, "failed", error="<b>\nKilled", notebook=path.with_name("01_bad.ipynb")
        ),
    ]
    return write_pages(course, outcomes, "smoke", "open").read_text(encoding="utf-8")


def test_the_index_shows_one_picture_of_each_lesson_linked_to_it(index):
    (image,) = re.findall(r"<img [^>]*>", index)
    assert f'src="data:image/png;base64,{PNG}"' in image
    assert 'alt="Two &#34;curves&#34; &lt;rising&gt;"' in image and 'loading="lazy"' in image
    assert f'<a href="00_good.html">{image}</a>' in index
    assert OTHER not in index


def test_the_index_tells_what_became_of_each_lesson(index):
    assert "1 done, 1 failed" in index
    assert "70 of 60 s" in index and "1,812 MB" in index and "2 open" in index and "macro f1: 0.8" in index
    assert "&lt;b&gt;\nKilled" in index


def test_the_index_loads_nothing(index):
    assert "http" not in index and "@import" not in index and 'rel="stylesheet"' not in index


def test_a_lesson_without_a_notebook_has_a_page_that_says_why(index):
    page = (course_dir() / "01_bad.html").read_text(encoding="utf-8")
    assert "This lesson failed" in page and "Killed" in page
    assert ".ipynb" not in page
    assert "01_bad.html" in index
