"""The course as HTML pages that open from disk, without a network."""

from pathlib import Path

import nbformat
from jinja2 import Environment, PackageLoader, StrictUndefined
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from workshop_utils.course.runner import Outcome, course_dir
from workshop_utils.course.syllabus import Course, Profile

_TEMPLATES = Environment(
    loader=PackageLoader("workshop_utils.course"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


def write_pages(course: Course, outcomes: list[Outcome], profile: Profile, form: str) -> Path:
    """One page per lesson that ran, and an index; returns the index."""
    folder = course_dir()
    folder.mkdir(parents=True, exist_ok=True)
    css = _TEMPLATES.get_template("course.css").render(
        code=HtmlFormatter(style="default").get_style_defs(".highlight")
    )
    for outcome in outcomes:
        if outcome.status != "not run":
            _write(folder / f"{outcome.lesson.slug}.html", _lesson_page(course, outcome, css))
    index = _TEMPLATES.get_template("index.html").render(
        course=course, outcomes=outcomes, profile=profile, form=form, css=css
    )
    return _write(folder / "index.html", index)


def _lesson_page(course: Course, outcome: Outcome, css: str) -> str:
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    body = ""
    if outcome.notebook.exists():
        body, _ = exporter.from_notebook_node(nbformat.read(outcome.notebook, as_version=4))
    return _TEMPLATES.get_template("lesson.html").render(course=course, outcome=outcome, body=body, css=css)


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
