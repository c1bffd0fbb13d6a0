"""How long the core of a lesson takes to teach, estimated from its source."""

import re
from collections.abc import Iterable

import nbformat

#: Words read aloud in a minute; seconds to read a line of code; seconds to run a cell and look at its output.
WORDS_A_MINUTE, SECONDS_A_LINE, SECONDS_A_CELL = 150, 6, 20

_APART = {"more", "claim", "instructor"}


def in_core(cell: nbformat.NotebookNode) -> bool:
    """Is the cell part of what is taught? Of an exercise only the task is; the rest is practice.

    Args:
        cell: a cell of a lesson's source.
    """
    if _APART & set(cell.metadata.get("tags", [])):
        return False
    return cell.metadata.get("part", "task") == "task"


def core_minutes(cells: Iterable[nbformat.NotebookNode]) -> float:
    """Minutes for the core: words / 150 + 6 s a code line + 20 s a code cell.

    Args:
        cells: all cells of a lesson's source.
    """
    words = lines = count = 0
    for cell in filter(in_core, cells):
        if cell.cell_type == "code":
            lines += len(code_lines(cell.source))
            count += 1
        else:
            words += len(re.findall(r"\w+", cell.source))
    return words / WORDS_A_MINUTE + (lines * SECONDS_A_LINE + count * SECONDS_A_CELL) / 60


def code_lines(source: str) -> list[str]:
    """Lines of code that are neither empty nor only a comment.

    Args:
        source: the code of a cell.
    """
    return [line for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]
