"""The report as one HTML file: no script, nothing from anywhere else, readable on a phone and by ear."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2

from workshop_utils.models.metrics import Interval
from workshop_utils.models.tokenization import well_formed
from workshop_utils.production.monitoring.advice import what_to_do
from workshop_utils.production.monitoring.drift_report import CLASSIFIER, DriftFinding
from workshop_utils.production.monitoring.monitoring_report import MonitoringReport, TextBlock
from workshop_utils.production.monitoring.svg_plots import LEAST, MOST, Plot, Series, draw_plot

_STYLES = ("style.css", "pages.css")
_ALARM = "an alarm is raised here"
_LONGEST = 200


@dataclass(frozen=True)
class Figure:
    """A plot with all that stands around it: the names of its lines and of its limit, and its numbers."""

    plot: Plot
    title: str

    @property
    def svg(self) -> str:
        """The drawing, as HTML."""
        return draw_plot(self.plot)

    @property
    def numbers(self) -> list[list[str]]:
        """A row for each place on the horizontal axis: where, and the height of each line."""
        places = sorted({x for each in self.plot.series for x, _ in each.points})
        heights = [dict(each.points) for each in self.plot.series]
        return [
            [f"{x:,.0f}", *(self.plot.y_text(each[x]) if x in each else "–" for each in heights)]
            for x in places
        ]


def render_monitoring_page(report: MonitoringReport) -> str:
    """The whole page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("workshop_utils.production.monitoring"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters |= {"percent": _percent, "interval": _interval, "number": _number, "cut": _cut}
    environment.filters["means"] = _means
    static = files("workshop_utils.production.service").joinpath("static")
    style = "\n".join(static.joinpath(name).read_text(encoding="utf-8") for name in _STYLES)
    return environment.get_template("monitoring.html").render(
        report=report,
        style=style,
        to_do=what_to_do(report),
        errors=_error_figures(report),
        inputs=_input_figures(report),
        service=_service_figures(report),
        kinds=_by_kind(report),
        reasons=_reasons(report),
    )


def _error_figures(report: MonitoringReport) -> list[Figure]:
    blocks, errors = report.labels_over_time, report.performance.errors
    if not blocks or errors is None:
        return []
    shares = [(float(each.last), each.wrong / each.weight) for each in blocks if each.weight]
    evidence = [(float(each.last), each.evidence) for each in blocks]
    if not shares:
        return []
    told = (
        f"Share of wrong answers in {len(shares)} groups of labels, one after the other: from "
        f"{_percent(min(y for _, y in shares))} to {_percent(max(y for _, y in shares))} %, the latest "
        f"{_percent(shares[-1][1])} %. Tolerated are {_percent(errors.tolerance)} %."
    )
    wrong = Plot(
        told,
        [Series("wrong answers", shares)],
        errors.tolerance,
        "what is tolerated",
        "number of the label",
        "share of wrong answers",
        y_text=lambda share: f"{100 * share:.0f} %",
    )
    return [
        Figure(wrong, "How often the model is wrong"),
        Figure(
            _evidence("wrong answers", {"evidence of too many errors": evidence}, "number of the label"),
            "Evidence that it is wrong too often",
        ),
    ]


def _input_figures(report: MonitoringReport) -> list[Figure]:
    blocks = [each for each in report.texts_over_time if each.evidence]
    if not blocks or report.inputs is None:
        return []
    kinds = {each.name: each.kind for each in report.inputs.findings}
    lines = {
        f"words ({CLASSIFIER})": [CLASSIFIER],
        "other properties of the inputs": [
            name for name, kind in kinds.items() if kind == "data" and name != CLASSIFIER
        ],
        "the model's answers": [name for name, kind in kinds.items() if kind == "prediction"],
    }
    points = {title: _strongest(blocks, names) for title, names in lines.items() if names}
    return [
        Figure(
            _evidence("inputs and answers", points, "number of the prediction"),
            "Evidence that inputs or answers have changed",
        )
    ]


def _strongest(blocks: Sequence[TextBlock], names: Sequence[str]) -> list[tuple[float, float]]:
    return [
        (float(each.last), max((each.evidence.get(name, 0.0) for name in names), default=0.0))
        for each in blocks
    ]


def _evidence(about: str, lines: dict[str, list[tuple[float, float]]], x_name: str) -> Plot:
    told = "; ".join(
        f"{name}: largest {_height(max(y for _, y in points))}, now {_height(points[-1][1])}"
        for name, points in lines.items()
    )
    return Plot(
        f"Evidence about {about}, on a logarithmic scale; at 1 an alarm is raised. {told}.",
        [Series(name, points) for name, points in lines.items()],
        1.0,
        _ALARM,
        x_name,
        "evidence",
        logarithmic=True,
        y_text=_height,
    )


def _height(evidence: float) -> str:
    if evidence < LEAST:
        return f"below {LEAST:g}"
    return f"{evidence:.3g}" if evidence < 1000 else f"{min(evidence, MOST):,.0f}"


def _service_figures(report: MonitoringReport) -> list[Figure]:
    objective = report.operations.objective
    shares = [(float(each.last), each.slow / each.timed) for each in report.texts_over_time if each.timed]
    if not shares:
        return []
    told = (
        f"Share of texts that took longer than {objective.latency_ms:g} ms, in {len(shares)} groups of texts "
        f"one after the other: from {_percent(min(y for _, y in shares))} to "
        f"{_percent(max(y for _, y in shares))} %. {_percent(1 - objective.fast_share)} % may."
    )
    slow = Plot(
        told,
        [Series("slow texts", shares)],
        1 - objective.fast_share,
        "what the objective allows",
        "number of the prediction",
        "share of slow texts",
        y_text=lambda share: f"{100 * share:.1f} %",
    )
    return [Figure(slow, "Slow answers")]


def _by_kind(report: MonitoringReport) -> dict[str, list[DriftFinding]]:
    """The findings of what comes in and of what the model answers, under a heading each."""
    findings = report.inputs.findings if report.inputs else []
    return {
        "Of the inputs": [each for each in findings if each.kind == "data"],
        "Of the answers": [each for each in findings if each.kind == "prediction"],
    }


def _reasons(report: MonitoringReport) -> dict[str, list[str]]:
    """Why properties cannot be compared, each reason once, with the names of the properties."""
    found: dict[str, list[str]] = {}
    for each in report.inputs.findings if report.inputs else []:
        if each.reason:
            found.setdefault(each.reason, []).append(each.title)
    return found


def _means(finding: DriftFinding) -> list[tuple[str, float, float | None]]:
    """Name, mean then and mean now of each column that the reference knows."""
    return [(name, then, finding.now.get(name)) for name, then in finding.reference.items() if then == then]


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


def _interval(found: Interval | None) -> str:
    if found is None or found.value != found.value:
        return "–"
    return f"{_percent(found.value)} % ({_percent(found.low)} to {_percent(found.high)})"


def _number(value: float | None, digits: int = 3) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10**digits - 0.5 else f"{value:,.{digits}g}"


def _cut(text: str, length: int = _LONGEST) -> str:
    return text if len(text) <= length else f"{text[:length]} …"
