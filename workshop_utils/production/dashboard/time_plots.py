"""Plots over the one axis of time, as SVG that is as wide as its place and whose letters keep their size.

Everything across is a percentage and everything up is in pixels, so a plot needs no script to fit a phone and
a projector. Heights are written in a column of their own beside it. Colours come from the page's style sheet;
every line has a name in words, dashes of its own, and its numbers in a table.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from workshop_utils.models.tokenization import well_formed
from workshop_utils.production.dashboard.time_axis import TimeAxis
from workshop_utils.production.monitoring.svg_plots import (
    LEAST,
    MOST,
    MOST_SERIES,
    decades,
    quoted,
    round_ticks,
)

_HEIGHT, _TOP, _BOTTOM = 150.0, 10.0, 26.0
_LANE, _MARKS = 34.0, 64.0
#: Marks that are closer than this share of the axis stand below each other, in so many rows.
_CLOSE, _ROWS = 0.06, 3
_LONGEST_LANE = 26


@dataclass(frozen=True, slots=True)
class TimeLine:
    """A line: its name, and stretches of points (place, height), each stretch from left to right.

    Attributes:
        intervals: (place, lower end, upper end) of points that have one.
    """

    name: str
    stretches: Sequence[Sequence[tuple[float, float]]]
    intervals: Sequence[tuple[float, float, float]] = ()

    @property
    def points(self) -> list[tuple[float, float]]:
        """Of all stretches."""
        return [point for stretch in self.stretches for point in stretch]


@dataclass(frozen=True, slots=True)
class TimePlot:
    """What is drawn. Places lie between 0 and 1.

    Attributes:
        title: in a few words. description: what is to be seen, for those who cannot see it.
        axis: of time.
        lines: at most four. bars: one height for each bucket.
        limit: a horizontal line; None draws none. limit_name: what it means.
        low, high: the least that the vertical axis shows; it shows more where lines go beyond. Intervals that
            do are cut off.
        logarithmic: the vertical axis. y_text: writes a height. y_ticks: heights to write; None: round ones.
        marks: vertical lines: place, and what they mean.
        spots: beginning and width of a place to point at, and the words that are shown there.
        steps: does a height hold until the next point?
    """

    title: str
    description: str
    axis: TimeAxis
    lines: Sequence[TimeLine] = ()
    bars: Sequence[float] = ()
    limit: float | None = None
    limit_name: str = ""
    low: float = 0.0
    high: float = 0.0
    logarithmic: bool = False
    y_text: Callable[[float], str] = "{:g}".format
    y_ticks: Sequence[float] | None = None
    marks: Sequence[tuple[float, str]] = ()
    spots: Sequence[tuple[float, float, str]] = field(default=(), repr=False)
    steps: bool = False

    def __post_init__(self) -> None:
        if len(self.lines) > MOST_SERIES:
            raise ValueError(f"a plot has at most {MOST_SERIES} lines")


@dataclass(frozen=True, slots=True)
class Lane:
    """A model on the axis: its name, and the stretches of time (beginning, width) in which it answered."""

    name: str
    stretches: Sequence[tuple[float, float]]


def draw_time_plot(plot: TimePlot, name: str) -> tuple[str, str]:
    """The column of heights and the plot, each as one ``<svg>``.

    Args:
        plot: what is drawn.
        name: of the elements, which no other plot of the page has.
    """
    ticks = _y_ticks(plot)
    up = _upwards(plot.logarithmic, ticks)
    column = [_text("100%", up(each) + 4, plot.y_text(each), "end") for each in ticks]
    parts = [_line("grid", 0, up(each), 1, up(each)) for each in ticks]
    parts += _time_ticks(plot.axis, _HEIGHT)
    parts += [_mark(place, told, _TOP, _HEIGHT - _BOTTOM) for place, told in plot.marks]
    parts += _bars(plot, up)
    if plot.limit is not None:
        parts.append(_line("limit", 0, up(plot.limit), 1, up(plot.limit)))
    for number, line in enumerate(plot.lines):
        parts += [
            _line(f"interval line-{number}", x, up(low), x, up(high)) for x, low, high in line.intervals
        ]
        for stretch in line.stretches:
            parts += _stretch(number, stretch, up, plot.steps)
    parts += [
        f'<rect class="spot" x="{_percent(x)}" width="{_percent(width)}" y="{_TOP:g}" '
        f'height="{_HEIGHT - _TOP - _BOTTOM:g}"><title>{quoted(visible_text(told))}</title></rect>'
        for x, width, told in plot.spots
    ]
    return _column(column, _HEIGHT), _field(plot.title, plot.description, name, _HEIGHT, parts)


def draw_lanes(
    axis: TimeAxis,
    lanes: Sequence[Lane],
    marks: Sequence[tuple[float, str, str]],
    description: str,
    name: str,
) -> str:
    """Which model answered when, and numbered marks above; one ``<svg>`` without a column of heights.

    Args:
        axis: of time.
        lanes: models, the newest at the end.
        marks: place, what to write, what it means.
        description: in words.
        name: of the element.
    """
    above = _MARKS if marks else 0.0
    height = above + _LANE * len(lanes) + _BOTTOM
    parts, last = _time_ticks(axis, height), [-1.0] * _ROWS
    for place, written, told in marks:
        row = next((row for row in range(_ROWS) if place - last[row] >= _CLOSE), _ROWS - 1)
        last[row] = place
        parts.append(_mark(place, told, 14 + 20 * row, height - _BOTTOM))
        parts.append(
            f'<g class="number-mark"><circle cx="{_percent(place)}" cy="{11 + 20 * row}" r="9"/>'
            f"{_text(_percent(place), 15 + 20 * row, written, 'middle')}"
            f"<title>{quoted(visible_text(told))}</title></g>"
        )
    for number, lane in enumerate(lanes):
        top = above + _LANE * number
        begins = min((x for x, _ in lane.stretches), default=0.0)
        place, anchor = (begins, "start") if begins < 0.6 else (1.0, "end")
        parts.append(_text(_percent(place), top + 13, cut(lane.name, _LONGEST_LANE), anchor))
        parts += [
            f'<rect class="lane" x="{_percent(x)}" width="{_percent(width)}" y="{top + 18:g}" height="10">'
            f"<title>{quoted(visible_text(lane.name))}</title></rect>"
            for x, width in lane.stretches
        ]
    return _field("Versions and decisions", description, name, height, parts)


def visible_text(text: str) -> str:
    """A text that can stand in a page and in one line: what cannot be shown becomes a sign that says so."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in well_formed(text))


def cut(text: str, length: int) -> str:
    """At most so many characters of it, all of them visible."""
    shown = visible_text(text)
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def _y_ticks(plot: TimePlot) -> list[float]:
    if plot.y_ticks is not None:
        return list(plot.y_ticks)
    heights = [y for line in plot.lines for _, y in line.points]
    heights += [*plot.bars, *([] if plot.limit is None else [plot.limit])]
    heights = [each for each in heights if math.isfinite(each)]
    if plot.logarithmic:
        return decades(max(heights, default=1.0))[::2]
    low, high = min([plot.low, *heights]), max([plot.high, *heights])
    return round_ticks(low, high if high > low else low + 1.0, 3)


def _upwards(logarithmic: bool, ticks: Sequence[float]) -> Callable[[float], float]:
    low, high = ticks[0], ticks[-1]

    def up(y: float) -> float:
        inside = min(max(y, low), high) if math.isfinite(y) else (high if y > 0 else low)
        share = (
            math.log(inside / low) / math.log(high / low) if logarithmic else (inside - low) / (high - low)
        )
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    return up


def _bars(plot: TimePlot, up: Callable[[float], float]) -> list[str]:
    width = 1 / max(1, len(plot.bars))
    return [
        f'<rect class="volume" x="{_percent((number + 0.08) * width)}" width="{_percent(0.84 * width)}" '
        f'y="{up(height):.1f}" height="{up(0.0) - up(height):.1f}"/>'
        for number, height in enumerate(plot.bars)
        if height > 0
    ]


def _stretch(
    number: int, points: Sequence[tuple[float, float]], up: Callable[[float], float], steps: bool
) -> list[str]:
    """A line in a picture of its own, stretched to the width of the plot, and a dot for each point."""
    corners: list[tuple[float, float]] = []
    for x, y in points:
        if steps and corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, up(y)))
    path = " ".join(f"{1000 * x:.1f},{y:.1f}" for x, y in corners)
    drawn = (
        f'<svg width="100%" height="{_HEIGHT:g}" viewBox="0 0 1000 {_HEIGHT:g}" preserveAspectRatio="none">'
        f'<polyline class="line line-{number}" points="{path}"/></svg>'
    )
    dots = [
        f'<circle class="point line-{number}" cx="{_percent(x)}" cy="{up(y):.1f}" r="2.5"/>'
        for x, y in points
    ]
    return [drawn, *dots] if len(points) > 1 else dots


def _time_ticks(axis: TimeAxis, height: float) -> list[str]:
    parts = [_line("edge", 0, height - _BOTTOM, 1, height - _BOTTOM)]
    for place, written in axis.ticks():
        anchor = "start" if place < 0.04 else "end" if place > 0.96 else "middle"
        parts.append(_line("tick", place, height - _BOTTOM, place, height - _BOTTOM + 5))
        parts.append(_text(_percent(place), height - 7, written, anchor))
    return parts


def _mark(place: float, told: str, top: float, bottom: float) -> str:
    x = _percent(place)
    line = f'<line class="mark" x1="{x}" y1="{top:g}" x2="{x}" y2="{bottom:g}">'
    return f"{line}<title>{quoted(visible_text(told))}</title></line>"


def _column(parts: Sequence[str], height: float) -> str:
    return f'<svg class="heights" height="{height:g}" aria-hidden="true">{"".join(parts)}</svg>'


def _field(title: str, description: str, name: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg class="field" width="100%" height="{height:g}" role="img" '
        f'aria-labelledby="{name}-title {name}-told"><title id="{name}-title">{quoted(title)}</title>'
        f'<desc id="{name}-told">{quoted(visible_text(description))}</desc>{"".join(parts)}</svg>'
    )


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{_percent(x1)}" y1="{y1:.1f}" x2="{_percent(x2)}" y2="{y2:.1f}"/>'


def _text(x: str, y: float, written: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y:.1f}" text-anchor="{anchor}">{quoted(visible_text(written))}</text>'


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.2f}%"


def evidence_text(evidence: float) -> str:
    """Evidence as people read it; far from 1 there is nothing to tell."""
    if evidence < LEAST:
        return f"< {LEAST:g}"
    if evidence > MOST:
        return f"> {MOST:,.0f}"
    return f"{evidence:.2g}" if evidence < 99.5 else f"{evidence:,.0f}"
