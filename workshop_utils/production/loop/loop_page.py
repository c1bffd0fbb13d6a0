"""The report of a loop as one HTML file: no script, nothing from anywhere else, readable on a phone."""

from importlib.resources import files

import jinja2

from workshop_utils.models.metrics import Interval
from workshop_utils.models.tokenization import well_formed
from workshop_utils.production.loop.loop_figure import draw_loop
from workshop_utils.production.loop.loop_report import LoopReport, percent

_STYLES = ("style.css", "pages.css")


def render_loop_page(report: LoopReport) -> str:
    """The whole page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("workshop_utils.production.loop"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: well_formed(value) if type(value) is str else value,
    )
    environment.filters |= {"percent": percent, "interval": _interval}
    static = files("workshop_utils.production.service").joinpath("static")
    style = "\n".join(static.joinpath(name).read_text(encoding="utf-8") for name in _STYLES)
    return environment.get_template("loop.html").render(
        report=report, style=style, figure=draw_loop(report.periods, report.expected)
    )


def _interval(found: Interval) -> str:
    return f"{percent(found.value)} ({100 * found.low:.0f} to {100 * found.high:.0f})"
