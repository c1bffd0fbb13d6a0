"""The course as HTML pages that open from disk, without a network."""

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

import nbformat
from jinja2 import Environment, PackageLoader, StrictUndefined
from nbconvert import HTMLExporter
from nbformat.v4 import new_notebook
from pygments.formatters.html import HtmlFormatter

from workshop_utils.course.builder import Form
from workshop_utils.course.folders import course_dir
from workshop_utils.course.runner import Outcome, read_executed
from workshop_utils.course.syllabus import Course, Profile
from workshop_utils.files import atomic_write

_TEMPLATES = Environment(
    loader=PackageLoader("workshop_utils.course"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Picture(NamedTuple):
    """A figure of a lesson: the PNG file as base64, and the words for people who do not see it."""

    png: str
    alt: str


def write_pages(course: Course, outcomes: list[Outcome], profile: Profile, form: Form) -> Path:
    """Write one page for each lesson that ran, and an index.

    Args:
        course: the syllabus.
        outcomes: what became of the lessons, in the order of the index.
        profile: the profile they ran with.
        form: the form of their exercises.

    Returns:
        The index.
    """
    folder = course_dir()
    css = _TEMPLATES.get_template("course.css").render(
        code=HtmlFormatter(style="default").get_style_defs(".highlight")
    )
    pictures: dict[str, Picture | None] = {}
    for outcome in outcomes:
        notebook = read_executed(outcome.notebook if outcome.status != "not run" else None)
        pictures[outcome.lesson.id] = picture(notebook)
        if outcome.status != "not run":
            page = _lesson_page(course, outcome, notebook, css)
            atomic_write(folder / f"{outcome.lesson.slug}.html", page)
    index = _TEMPLATES.get_template("index.html").render(
        course=course, outcomes=outcomes, pictures=pictures, profile=profile, form=form, css=css
    )
    return atomic_write(folder / "index.html", index)


def picture(notebook: nbformat.NotebookNode) -> Picture | None:
    """The picture that stands for a lesson: that of the cell with ``picture=true``, else the first one.

    Args:
        notebook: an executed lesson; its cells say in ``alt`` what their figures show.

    Returns:
        The picture; ``None`` when there is no figure with such words.
    """
    found = [
        (
            bool(cell.metadata.get("picture")),
            Picture(output["data"]["image/png"].strip(), cell.metadata["alt"]),
        )
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {}) and cell.metadata.get("alt")
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _sections(notebook: nbformat.NotebookNode) -> list[tuple[str, nbformat.NotebookNode]]:
    """The lesson in parts: the title of an optional section, or nothing, and its cells.

    The cells that check the lesson itself are left out.
    """
    checking = {"claim", "mistake"}
    parts: list[tuple[str, nbformat.NotebookNode]] = [("", new_notebook())]
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if checking & tags:
            continue
        heading = re.match(r"## (More: .*)", cell.source) if cell.cell_type == "markdown" else None
        if heading or (parts[-1][0] and "more" not in tags):
            parts.append((heading[1] if heading else "", new_notebook()))
        parts[-1][1].cells.append(cell)
    return parts


def _lesson_page(course: Course, outcome: Outcome, notebook: nbformat.NotebookNode, css: str) -> str:
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    body = ""
    for title, part in _sections(notebook):
        text, _ = exporter.from_notebook_node(part)
        body += f"<details><summary>{escape(title)}</summary>{text}</details>" if title else text
    return _TEMPLATES.get_template("lesson.html").render(
        course=course, outcome=outcome, body=body, has_notebook=bool(notebook.cells), css=css
    )
