"""Notebooks from lesson sources: the open form for participants, the solved form for checking.

A lesson is a jupytext percent script. Cells of an exercise carry ``exercise="name"`` and a ``part``:
``task``, ``hint`` (two), ``solution``, ``discussion`` (optional), ``check`` and ``mistake`` (two or more).
Cells tagged ``more`` are optional matter, those tagged ``claim`` run but are not shown, and those tagged
``instructor`` go into INSTRUCTORS.md. CONTRIBUTING.md shows one of each.
"""

import ast
import hashlib
import re
import shutil
import textwrap
import time
from pathlib import Path
from typing import Literal

import jupytext
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workshop_utils.course.syllabus import Course, Lesson, lesson_source
from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write
from workshop_utils.paths import ROOT, home

Form = Literal["open", "solved"]

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_REGION = re.compile(rf"^([ \t]*){BEGIN}\n(.*?)^[ \t]*{END}\n?", re.DOTALL | re.MULTILINE)
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def build_notebook(lesson: Lesson, form: Form = "open", checked: bool = False) -> nbformat.NotebookNode:
    """The lesson's notebook without outputs; the same source gives the same bytes.

    Args:
        lesson: the lesson; its source is in ``lessons/``.
        form: exercises open, or with solutions.
        checked: with the cells that check the lesson itself: claims, and with solutions also mistakes.

    Raises:
        WorkshopError: its title is not that of ``course.toml``, or an exercise lacks a part.
    """
    hidden = {"instructor"} if checked else {"instructor", "claim"}
    cells = [cell for cell in source_cells(lesson) if not hidden & set(cell.metadata.get("tags", []))]
    cells[0].source = _with_minutes(cells[0].source, lesson)
    arranged = []
    for group in _groups(cells):
        arranged += group if "exercise" not in group[0].metadata else _exercise(group, form, checked)
    for cell in arranged:
        if cell.source.startswith("## More:"):
            cell.metadata["jp-MarkdownHeadingCollapsed"] = True
    return _finished(arranged, lesson.name.replace("_", "-"))


def source_cells(lesson: Lesson) -> list[nbformat.NotebookNode]:
    """The cells of the lesson's source, as they stand there.

    Args:
        lesson: the lesson.
    """
    return jupytext.reads(lesson_source(lesson).read_text(encoding="utf-8"), fmt="py:percent").cells


def write_notebook(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write the notebook as UTF-8 with a final line break, whole or not at all.

    Args:
        notebook: any notebook.
        path: the file; its folder is made.
    """
    atomic_write(path, nbformat.writes(notebook) + "\n")


def build_all(course: Course, form: Form = "open") -> dict[Path, str]:
    """Path and text of every notebook of the given form; with the open form, of the start page too.

    Args:
        course: the syllabus.
        form: exercises open, or with solutions.

    Raises:
        WorkshopError: as :func:`build_notebook`.
    """
    folder = ROOT / "notebooks" if form == "open" else home() / "solved"
    texts = {
        folder / f"{lesson.slug}.ipynb": nbformat.writes(build_notebook(lesson, form)) + "\n"
        for lesson in course.lessons
    }
    if form == "open":
        texts[folder / "START.ipynb"] = nbformat.writes(_start_page(course)) + "\n"
    return texts


def keep_changed(path: Path) -> Path | None:
    """Copy a notebook whose cells somebody has changed to ``WORKSHOP_HOME/kept`` before it is overwritten.

    Args:
        path: the notebook; it need not exist.

    Returns:
        The copy; ``None`` when nobody has changed a cell.
    """
    if not path.exists():
        return None
    try:
        notebook = nbformat.read(path, as_version=4)
        if notebook.metadata.get("workshop", {}).get("cells") == _fingerprint(notebook):
            return None
    except Exception:  # not a notebook any more: keep it too
        pass
    kept = home() / "kept" / f"{path.stem}-{time.strftime('%Y%m%d-%H%M%S')}.ipynb"
    kept.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(path, kept))


def _finished(cells: list, prefix: str) -> nbformat.NotebookNode:
    """The notebook with steady cell ids and a fingerprint by which a person's change is noticed."""
    notebook = new_notebook(
        cells=cells, metadata={"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    )
    for number, cell in enumerate(cells):
        cell.id = f"{prefix}-{number:03d}"
    notebook.metadata["workshop"] = {"cells": _fingerprint(notebook)}
    return notebook


def _fingerprint(notebook: nbformat.NotebookNode) -> str:
    sources = "\0".join(cell.source for cell in notebook.cells)
    return hashlib.sha256(sources.encode("utf-8")).hexdigest()[:16]


def _with_minutes(heading: str, lesson: Lesson) -> str:
    title, _, rest = heading.partition("\n")
    if title != f"# {lesson.id} · {lesson.title}":
        raise WorkshopError(f"{lesson.slug}.py must begin with the title '# {lesson.id} · {lesson.title}'.")
    runs = f"Runs in under {_spoken(lesson.budget['workshop'])}."
    return f"{title}\n\n*{lesson.teach} minutes to teach, {lesson.practise} to practise. {runs}*\n{rest}"


def _spoken(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{seconds / 60:g} minutes"


def _groups(cells: list) -> list[list]:
    """Cells of one exercise together, every other cell alone."""
    groups: list[list] = []
    for cell in cells:
        name = cell.metadata.get("exercise")
        if name and groups and groups[-1][0].metadata.get("exercise") == name:
            groups[-1].append(cell)
        else:
            groups.append([cell])
    return groups


def _exercise(cells: list, form: Form, checked: bool) -> list:
    parts: dict[str, list] = {}
    for cell in cells:
        parts.setdefault(cell.metadata.get("part"), []).append(cell)
    name = cells[0].metadata["exercise"]
    counts = {part: len(found) for part, found in parts.items() if part not in ("discussion", "mistake")}
    if counts != {"task": 1, "hint": 2, "solution": 1, "check": 1}:
        raise WorkshopError(
            f"Exercise {name!r} needs one task, two hints, one solution and one check, not {counts}."
        )
    task, check, solution = parts["task"][0], parts["check"][0], parts["solution"][0]
    check.metadata["jupyter"] = {"source_hidden": True}
    discussion = parts.get("discussion", [])
    if form == "solved":
        solution.source = _REGION.sub(lambda region: region[2], solution.source).rstrip("\n")
        mistakes = [_mistake(cell, check.source) for cell in parts.get("mistake", [])] if checked else []
        return [task, solution, *discussion, check, *mistakes]
    answer = f"```python\n{_REGION.sub(lambda region: region[2], solution.source).rstrip()}\n```"
    folded = [_folded(f"Hint {number}", hint.source) for number, hint in enumerate(parts["hint"], start=1)]
    folded_solution = _folded("Solution", "\n\n".join([answer, *(cell.source for cell in discussion)]))
    solution.source = stub(solution.source)
    tag = {"exercise": name}
    return [
        task,
        new_markdown_cell("\n\n".join(folded), metadata=tag | {"part": "hints"}),
        new_code_cell(solution.source, metadata=tag | {"part": "stub"}),
        check,
        new_markdown_cell(folded_solution, metadata=tag | {"part": "solution"}),
    ]


def _mistake(cell: nbformat.NotebookNode, check: str) -> nbformat.NotebookNode:
    """The cell that gives the wrong answer to the check and looks what it says."""
    says = cell.metadata.get("says")
    name = re.search(r"^def (\w+)\(", check, re.MULTILINE)
    if not says or not name:
        raise WorkshopError(f'A mistake needs the words of its check, says="...": {cell.source[:60]!r}.')
    call = f"mistake({name[1]}, {cell.source!r}, {says!r})"
    code = f"from workshop_utils.course.mistakes import mistake\n\n{call}"
    return new_code_cell(code, metadata={"tags": ["mistake"]})


def stub(solution: str) -> str:
    """What a learner starts from: solution regions become ``# Your code here`` and ``name = ...``.

    Args:
        solution: code with at least one region between the lines ``BEGIN`` and ``END``.

    Raises:
        WorkshopError: there is no such region.
    """
    if not _REGION.search(solution):
        raise WorkshopError(f"A solution needs the lines '{BEGIN}' and '{END}': {solution[:60]!r}.")
    return _REGION.sub(lambda region: textwrap.indent(_placeholder(region[2]), region[1]), solution).rstrip(
        "\n"
    )


def _placeholder(code: str) -> str:
    source = "def solution():\n" + textwrap.indent(textwrap.dedent(code), "    ")
    lines = ["# Your code here, in place of the ..."]
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    for node in function.body:
        if isinstance(node, ast.Assign):
            lines += [f"{target.id} = ..." for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.Return):
            lines.append("return ...")
    return "\n".join(dict.fromkeys(lines)) + "\n"


def _folded(summary: str, text: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


def _start_page(course: Course) -> nbformat.NotebookNode:
    """The page that JupyterLab opens first."""
    lines = [f"# {course.title}", "", course.subtitle, ""]
    for block in course.blocks:
        lines += [f"## {block.name}", "", "| lesson | minutes |", "|:--|--:|"]
        for id in block.lessons:
            lesson = course.lesson(id)
            link = f"[{lesson.id} · {lesson.title}]({lesson.slug}.ipynb)"
            lines.append(f"| {link} | {lesson.teach} + {lesson.practise} |")
        lines.append("")
    lines += [
        "Minutes are for teaching + for practising. Open a lesson by its link, then run one cell after the",
        "other with <kbd>Shift</kbd>+<kbd>Enter</kbd>. Every lesson starts alone: begin where you like.",
    ]
    return _finished([new_markdown_cell("\n".join(lines))], "start")
