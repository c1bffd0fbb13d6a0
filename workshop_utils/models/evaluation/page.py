"""One HTML file about a model: it asks no other host for anything, whatever the texts and labels hold."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import jinja2

from workshop_utils.models.evaluation.measures import Evaluation, ResultRow
from workshop_utils.models.tokenization import well_formed

#: Up to so many classes the whole confusion matrix is shown; above, the most frequent mistakes stand for it.
MATRIX_CLASSES = 25
_LONGEST = 1000


class ResultPage(NamedTuple):
    """What the page tells.

    Attributes:
        title: the heading.
        summary: sentences under it.
        rows: the table of results.
        evaluation: of the model that was chosen.
        facts: (name, value) pairs: data, language, seed and so on.
        notes: what was found in the data.
        judged: how the numbers came about, a sentence.
    """

    title: str
    summary: Sequence[str]
    rows: Sequence[ResultRow]
    evaluation: Evaluation
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    judged: str


def render_result_page(page: ResultPage) -> str:
    """The whole page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("workshop_utils.models.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters |= {"percent": _percent, "seconds": _seconds, "cut": _cut}
    evaluation = page.evaluation
    return environment.get_template("result.html").render(
        page=page,
        whole=len(evaluation.labels) <= MATRIX_CLASSES,
        most=int(evaluation.confusion.max()),
        confused=evaluation.confused(3 * MATRIX_CLASSES),
        matrix=evaluation.confusion.tolist(),
    )


def _visible(value: object) -> object:
    """A text as HTML can hold it: control characters and lone surrogates become visible signs."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "".join(
        "\ufffd" if unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t" else sign
        for sign in well_formed(value)
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} s" if value < 60 else f"{value / 60:.1f} min"


def _cut(text: str, length: int = _LONGEST) -> str:
    return text if len(text) <= length else f"{text[:length]} …"
