"""Plots as SVG, made on the server: no script, no font, no picture from anywhere.

A plot is drawn with the classes of the page's style sheet, so it follows its colours, light and dark. Whoever
cannot see it reads its description, and the numbers in the table under it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 420.0, 210.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 10.0, 10.0, 34.0
#: On a logarithmic axis nothing is drawn below the one and above the other.
LEAST, MOST = 1e-3, 1e4
#: As many kinds of lines are told apart by colour and by dashes.
MOST_SERIES = 4


@dataclass(frozen=True)
class Series:
    """A line: its name, and points (x, y) from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """What is drawn.

    Attributes:
        description: in words, for those who cannot see it. series: at most four.
        limit: a horizontal line at this height. limit_name: what it means.
        x_name, y_name: of the axes. logarithmic: the vertical axis. y_text: writes a height.
    """

    description: str
    series: Sequence[Series]
    limit: float
    limit_name: str
    x_name: str
    y_name: str
    logarithmic: bool = False
    y_text: Callable[[float], str] = "{:g}".format

    def __post_init__(self) -> None:
        if not 0 < len(self.series) <= MOST_SERIES or not all(each.points for each in self.series):
            raise ValueError(f"a plot has 1 to {MOST_SERIES} lines, each with a point or more")


def draw_plot(plot: Plot) -> str:
    """The plot as one ``<svg>`` element."""
    xs = [x for each in plot.series for x, _ in each.points]
    ys = [y for each in plot.series for _, y in each.points] + [plot.limit]
    x_low, x_high = (min(xs), max(xs)) if min(xs) < max(xs) else (min(xs) - 1, max(xs) + 1)
    y_ticks = decades(max(ys)) if plot.logarithmic else round_ticks(0.0, max(ys) or 1.0)
    low, high = y_ticks[0], y_ticks[-1]

    def across(x: float) -> float:
        return _LEFT + (x - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT)

    def up(y: float) -> float:
        if plot.logarithmic:
            share = math.log(min(max(y, low), high) / low) / math.log(high / low)
        else:
            share = (y - low) / (high - low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg class="plot" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" '
        f'aria-label="{quoted(plot.description)}">'
    ]
    for tick in y_ticks:
        parts.append(_line("grid", _LEFT, up(tick), _WIDTH - _RIGHT, up(tick)))
        parts.append(_text(_LEFT - 4, up(tick) + 4, plot.y_text(tick), "end"))
    for tick in _inside(round_ticks(x_low, x_high, 4, whole=True), x_low, x_high):
        parts.append(_text(across(tick), _HEIGHT - _BOTTOM + 14, f"{tick:,.0f}", "middle"))
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 4, plot.x_name, "end"))
    parts.append(_line("limit", _LEFT, up(plot.limit), _WIDTH - _RIGHT, up(plot.limit)))
    for number, each in enumerate(plot.series):
        places = [(across(x), up(y)) for x, y in each.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="line line-{number}" points="{path}"/>')
        if len(places) <= 40:
            parts += [
                f'<circle class="point line-{number}" cx="{x:.1f}" cy="{y:.1f}" r="2.2"/>' for x, y in places
            ]
    return "".join([*parts, "</svg>"])


def round_ticks(low: float, high: float, count: int = 4, whole: bool = False) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``, about ``count`` steps."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    if whole:
        step = max(1.0, round(step))
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _inside(ticks: Sequence[float], low: float, high: float) -> list[float]:
    return [tick for tick in ticks if low <= tick <= high]


def decades(high: float) -> list[float]:
    """Powers of ten from the least to the one above all heights; far above 1 there is nothing to see."""
    top = min(round(math.log10(MOST)), max(1, math.ceil(math.log10(high) - 1e-9) if high > 0 else 1))
    return [10.0**power for power in range(round(math.log10(LEAST)), top + 1)]


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def quoted(text: str) -> str:
    """A text within the quotes of an attribute, or between two tags."""
    return escape(text, {'"': "&quot;"})
