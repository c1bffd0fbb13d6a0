"""The table of faults and the tests that prove it: ``python -m tests.faults`` writes their names into it."""

import ast
import re
from collections import defaultdict
from pathlib import Path

from workshop_utils.files import atomic_write
from workshop_utils.paths import ROOT

PAGE = ROOT / "docs" / "faults.md"
_ROW = re.compile(r"(?m)^\| (\d+) \|(.*)\|([^|\n]*)\|$")


def marked_rows(source: str) -> dict[str, list[int]]:
    """Each test function of a file that is marked with rows of the table, in the order of the file."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            marks = [each for each in node.decorator_list if isinstance(each, ast.Call)]
            rows = [ast.literal_eval(row) for mark in marks if _is_fault(mark) for row in mark.args]
            if rows:
                found[node.name] = rows
    return found


def _is_fault(mark: ast.Call) -> bool:
    return isinstance(mark.func, ast.Attribute) and mark.func.attr == "fault"


def proofs(folder: Path = ROOT / "tests") -> dict[int, list[tuple[str, str]]]:
    """For each row the files and the tests that prove it."""
    found = defaultdict(list)
    for path in sorted(folder.glob("test_*.py")):
        for name, rows in marked_rows(path.read_text(encoding="utf-8")).items():
            for row in rows:
                found[row].append((path.name, name))
    return dict(found)


def rows_of(page: str) -> list[int]:
    """The numbers of the table's rows."""
    return [int(row[1]) for row in _ROW.finditer(page)]


def filled(page: str, proved: dict[int, list[tuple[str, str]]]) -> str:
    """The page with the names of the tests in the last column of its table."""

    def fill(row: re.Match[str]) -> str:
        told = defaultdict(list)
        for file, name in proved.get(int(row[1]), []):
            told[file].append(name.removeprefix("test_").replace("_", " "))
        cell = "; ".join(f"[{file}](../tests/{file}): {', '.join(names)}" for file, names in told.items())
        return f"| {row[1]} |{row[2]}| {cell} |"

    return _ROW.sub(fill, page)


if __name__ == "__main__":
    atomic_write(PAGE, filled(PAGE.read_text(encoding="utf-8"), proofs()))
