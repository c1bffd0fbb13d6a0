"""INSTRUCTORS.md: minutes, notes and typical mistakes, from the syllabus and the lessons' sources."""

import re
from collections.abc import Iterator

import nbformat

from workshop_utils.course.builder import source_cells
from workshop_utils.course.minutes import core_minutes
from workshop_utils.course.syllabus import Course, Lesson

_OPENING = """# For instructors

Made by `make notebooks` from `course.toml` and the lessons' sources; change those. Participants' notebooks
hold none of this. A lesson's *core* is what you teach from the notebook; its minutes are estimated
(words / 150, 6 seconds a line of code, 20 seconds a cell). Slides take the rest of the minutes for teaching.
Sections that begin with "More:" are optional and not counted: skip them, or give them to those who are quick.
"""


def instructors_guide(course: Course) -> str:
    """The text of INSTRUCTORS.md.

    Args:
        course: the syllabus.
    """
    lines = [_OPENING, "| lesson | core, minutes | to teach | to practise |", "|:--|--:|--:|--:|"]
    for lesson in course.lessons:
        core = core_minutes(source_cells(lesson))
        lines.append(f"| {lesson.id} · {lesson.title} | {core:.0f} | {lesson.teach} | {lesson.practise} |")
    lines.append("")
    for block in course.blocks:
        lessons = ", ".join(block.lessons)
        lines.append(
            f"- **{block.name}**: lessons {lessons}; {block.minutes} minutes with {block.breaks} of breaks."
        )
    for lesson in course.lessons:
        notes = [*_notes(lesson), *_mistakes(lesson)]
        if notes:
            lines += ["", f"## {lesson.id} · {lesson.title}", "", *notes]
    return "\n".join(lines) + "\n"


def _notes(lesson: Lesson) -> Iterator[str]:
    """Each note under the heading after which it stands."""
    heading = ""
    for cell in source_cells(lesson):
        if "instructor" in cell.metadata.get("tags", []):
            yield f"- *{heading}*: {' '.join(cell.source.split())}"
        elif cell.cell_type == "markdown" and (found := re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)):
            heading = found[-1]


def _mistakes(lesson: Lesson) -> Iterator[str]:
    """For each exercise with mistakes, what its check says to them."""
    exercises: dict[str, list[nbformat.NotebookNode]] = {}
    for cell in source_cells(lesson):
        if cell.metadata.get("part") == "mistake":
            exercises.setdefault(cell.metadata["exercise"], []).append(cell)
    for name, cells in exercises.items():
        words = "; ".join(f"“{cell.metadata['says']}”" for cell in cells)
        yield f"- Exercise *{name}*, what its check says to typical mistakes: {words}."
