"""Figures in the runbooks, from studies and the policy; ``python -m benchmarks.runbooks`` writes them.

A figure stands before a mark that says where it comes from, such as ``50<!-- policy / performance /
fewest_labels -->``. ``%`` at the end of a mark multiplies by a hundred; ``key`` tells the last name itself.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from workshop_utils.files import atomic_write
from workshop_utils.paths import ROOT
from workshop_utils.production.policy import Policy

RUNBOOK_PAGES = ROOT / "docs" / "runbooks"
MARKED = re.compile(r"([\w.,]*)<!-- (labels|inputs|policy) / ([^>]+?) -->")
_RESULTS = ROOT / "benchmarks" / "results"


@cache
def _source(name: str) -> Any:
    if name == "policy":
        return Policy().model_dump()
    return json.loads((_RESULTS / f"monitoring_{name}.json").read_text(encoding="utf-8"))


def figure(source: str, place: str) -> str:
    """What stands at a place of a source, as people read it.

    Raises:
        KeyError: there is no such place.
    """
    keys = place.split(" / ")
    unit = keys.pop() if keys[-1] in ("%", "key", "key %") else ""
    value = _source(source)
    for key in keys:
        value = value[key]
    if "key" in unit:
        value = float(keys[-1])
    return f"{100 * value:,.1f}".removesuffix(".0") if "%" in unit else f"{value:,.0f}"


def filled(page: str) -> str:
    """The page with every marked figure as its source has it."""
    return MARKED.sub(lambda mark: f"{figure(mark[2], mark[3])}<!-- {mark[2]} / {mark[3]} -->", page)


def runbooks() -> list[Path]:
    """All pages."""
    return sorted(RUNBOOK_PAGES.glob("*.md"))


if __name__ == "__main__":
    for path in runbooks():
        atomic_write(path, filled(path.read_text(encoding="utf-8")))
