"""What a lesson reports: headline results and the state of its exercises.

Both are shown to the learner and, in the same output, kept in machine-readable form, so that the
runner reads them from the executed notebook.
"""

import json
from typing import Any

from IPython import get_ipython
from IPython.display import display

from workshop_utils.paths import home

RESULTS_MIME = "application/vnd.workshop.results+json"
EXERCISE_MIME = "application/vnd.workshop.exercise+json"


def record(lesson: str, **values: float | int | str) -> None:
    """Show the lesson's headline results as one JSON line and keep them under ``WORKSHOP_HOME/results``.

    Later lessons and the course page read them there.

    >>> record("03_baselines", accuracy=0.81)  # doctest: +SKIP
    {"lesson": "03_baselines", "accuracy": 0.81}
    """
    line = {"lesson": lesson} | {name: _plain(value) for name, value in values.items()}
    text = json.dumps(line, ensure_ascii=False)
    target = home() / "results" / f"{lesson}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(target)
    show(text, RESULTS_MIME, line)


def _plain(value: Any) -> float | int | str:
    """NumPy numbers become Python's; floats keep four digits."""
    value = value.item() if hasattr(value, "item") else value
    return round(value, 4) if isinstance(value, float) else value


def show(text: str, mime: str, data: dict, html: str | None = None) -> None:
    """Print the text; in a notebook, let the output carry the data as well."""
    if get_ipython() is None:
        print(text)
        return
    bundle = {"text/plain": text, mime: data}
    display(bundle | ({"text/html": html} if html else {}), raw=True)
