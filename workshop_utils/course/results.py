"""What a lesson reports: headline results and the state of its exercises.

Both are shown to the learner and, in the same output, kept in machine-readable form, so that the
runner reads them from the executed notebook.
"""

import json
import sys
from typing import Any

from IPython import get_ipython
from IPython.display import display

from workshop_utils.course.printable import printable
from workshop_utils.files import atomic_write
from workshop_utils.paths import home

RESULTS_MIME = "application/vnd.workshop.results+json"
EXERCISE_MIME = "application/vnd.workshop.exercise+json"


def record(lesson: str, **values: float | int | str) -> None:
    """Show the lesson's headline results as one JSON line and keep them under ``WORKSHOP_HOME/results``.

    Later lessons and the course page read them there. The table of ``workshop run`` has room for two of
    them and shows the last two fractions, so name the most telling results last.

    Args:
        lesson: file name of the lesson without ending, as ``02_baselines``.
        **values: results by name; NumPy's numbers too.

    >>> record("02_baselines", accuracy=0.81)  # doctest: +SKIP
    {"lesson": "02_baselines", "accuracy": 0.81}
    """
    line = {"lesson": lesson} | {name: _plain(value) for name, value in values.items()}
    text = json.dumps(line, ensure_ascii=False)
    atomic_write(home() / "results" / f"{lesson}.json", text + "\n")
    show(text, RESULTS_MIME, line)


def headline(results: dict[str, Any], count: int = 2) -> dict[str, Any]:
    """The results that a narrow table shows: the last fractions, or the last values where there are none.

    Args:
        results: all results of a lesson by name.
        count: how many to show at most.
    """
    fractions = {name: value for name, value in results.items() if isinstance(value, float)}
    return dict(list((fractions or results).items())[-count:])


def show(text: str, mime: str, data: dict[str, Any], html: str | None = None) -> None:
    """Print the text; in a notebook, let the output carry the data as well.

    Args:
        text: what people read.
        mime: the media type of ``data``.
        data: the same for machines, as JSON values.
        html: what people read in a notebook instead of the text.
    """
    if get_ipython() is None:
        print(printable(text, sys.stdout.encoding))
        return
    bundle = {"text/plain": text, mime: data}
    display(bundle | ({"text/html": html} if html else {}), raw=True)


def _plain(value: Any) -> float | int | str:
    """NumPy numbers become Python's; floats keep four digits."""
    value = value.item() if hasattr(value, "item") else value
    return round(value, 4) if isinstance(value, float) else value
