"""Accuracy by period beside a model that is never retrained, with alarms, retrainings and versions, as SVG.

Drawn with the classes of the pages' style sheet, so it follows their colours, light and dark. Nothing is told
by colour alone: lines differ in dashes, and every mark is a word.
"""

from collections.abc import Sequence
from datetime import datetime
from xml.sax.saxutils import escape

from workshop_utils.models.metrics import Interval
from workshop_utils.production.loop.loop_report import LoopPeriod, percent

_WIDTH, _PLOT, _ROW = 760.0, 260.0, 20.0
_LEFT, _RIGHT, _TOP = 92.0, 16.0, 12.0
#: More names than this would touch each other.
_MOST_NAMES = 9
_SIGNS = {"quiet": "quiet", "insufficient data": "few data", "mild": "mild", "harmful": "HARMFUL"}
_DONE = {"promoted": "promoted", "refused": "refused", "waiting": "waits", "challenger": "shadow"}
_SHORT = {"quiet": "q", "insufficient data": "?", "mild": "m", "harmful": "H"}
_SHORT_DONE = {"promoted": "P", "refused": "R", "waiting": "W", "challenger": "S"}


def draw_loop(periods: Sequence[LoopPeriod], expected: float) -> str:
    """One ``<svg>``: two lines over time, and under them what was said and done after each period.

    Args:
        periods: in their order, at least one.
        expected: accuracy of the first model when it was made, a dashed line.
    """
    axis = _Axis(periods, expected)
    height = _TOP + _PLOT + 5 * _ROW
    parts = [
        f'<svg class="plot" viewBox="0 0 {_WIDTH:g} {height:g}" role="img" '
        f'aria-label="{escape(_described(periods, expected), {chr(34): "&quot;"})}">'
    ]
    for tick in axis.ticks:
        parts.append(_line("grid", _LEFT, axis.up(tick), _WIDTH - _RIGHT, axis.up(tick)))
        parts.append(_text(_LEFT - 6, axis.up(tick) + 4, f"{100 * tick:.0f} %", "end"))
    parts.append(_line("limit", _LEFT, axis.up(expected), _WIDTH - _RIGHT, axis.up(expected)))
    parts += _swaps(periods, axis)
    parts += _curve(axis, [each.first for each in periods], 1, -2.5)
    parts += _curve(axis, [each.accuracy for each in periods], 0, 2.5)
    parts += _rows(periods, axis)
    return "".join([*parts, "</svg>"])


class _Axis:
    """Where a period and an accuracy are drawn."""

    def __init__(self, periods: Sequence[LoopPeriod], expected: float) -> None:
        self.middles = [self._middle(each) for each in periods]
        self._first, self._last = periods[0].start.timestamp(), periods[-1].end.timestamp()
        lows = [each.low for period in periods for each in (period.accuracy, period.first)]
        tenths = max(0, min(9, int(10 * min(*lows, expected))))
        self.ticks = [tenth / 10 for tenth in range(tenths, 11)]

    def across(self, moment: float) -> float:
        share = (moment - self._first) / max(1.0, self._last - self._first)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def at(self, moment: datetime) -> float:
        return self.across(moment.timestamp())

    def up(self, accuracy: float) -> float:
        low = self.ticks[0]
        return _TOP + _PLOT - (accuracy - low) / (1 - low) * _PLOT

    @staticmethod
    def _middle(period: LoopPeriod) -> float:
        return (period.start.timestamp() + period.end.timestamp()) / 2


def _curve(axis: _Axis, found: Sequence[Interval], number: int, aside: float) -> list[str]:
    """Intervals as bars, a little beside each other, and a line through the values."""
    places = [axis.across(middle) + aside for middle in axis.middles]
    pairs = list(zip(places, found, strict=True))
    line = " ".join(f"{x:.1f},{axis.up(each.value):.1f}" for x, each in pairs)
    return [
        *(
            f'<line class="bar-{number}" x1="{x:.1f}" y1="{axis.up(each.low):.1f}" x2="{x:.1f}" '
            f'y2="{axis.up(each.high):.1f}"/>'
            for x, each in pairs
        ),
        f'<polyline class="line line-{number}" points="{line}"/>',
        *(
            f'<circle class="point line-{number}" cx="{x:.1f}" cy="{axis.up(each.value):.1f}" r="2.6"/>'
            for x, each in pairs
        ),
    ]


def _swaps(periods: Sequence[LoopPeriod], axis: _Axis) -> list[str]:
    """Where another version began to answer."""
    places = [axis.at(each.end) for each in periods if each.promoted]
    bottom = _TOP + _PLOT + 4 * _ROW
    return [_line("swap", x, _TOP, x, bottom) for x in places]


def _rows(periods: Sequence[LoopPeriod], axis: _Axis) -> list[str]:
    """Names of the periods, verdicts, retrainings, versions."""
    few = len(periods) <= _MOST_NAMES
    step = -(-len(periods) // _MOST_NAMES)
    parts, y = [], _TOP + _PLOT + 16
    for place, (middle, each) in enumerate(zip(axis.middles, periods, strict=True)):
        x = axis.across(middle)
        if place % step == 0:
            parts.append(_text(x, y, each.name.removeprefix("week of "), "middle"))
        said = (_SIGNS if few else _SHORT)[each.verdict]
        parts.append(_text(x, y + _ROW, said, "middle", "told" if each.verdict == "harmful" else ""))
        if done := (_DONE if few else _SHORT_DONE).get(each.retraining.outcome):
            parts.append(_text(x, y + 2 * _ROW, done, "middle", "good" if each.promoted else ""))
    for name, place in (("monitor", 1), ("retrain", 2), ("version", 3)):
        parts.append(_text(4, y + place * _ROW, name, "start"))
    for start, end, version in _served(periods):
        left, right = axis.at(start), axis.at(end)
        parts.append(_line("served", left + 2, y + 3 * _ROW - 12, right - 2, y + 3 * _ROW - 12))
        parts.append(_text((left + right) / 2, y + 3 * _ROW + 1, version, "middle"))
    return parts


def _served(periods: Sequence[LoopPeriod]) -> list[tuple[datetime, datetime, str]]:
    """From when to when each version answered; its number is enough for people."""
    found: list[tuple[datetime, datetime, str]] = []
    for each in periods:
        name = each.version.partition("-")[0]
        if found and found[-1][2] == name:
            found[-1] = (found[-1][0], each.end, name)
        else:
            found.append((found[-1][1] if found else each.start, each.end, name))
    return found


def _described(periods: Sequence[LoopPeriod], expected: float) -> str:
    """In words, for those who cannot see it; the table under it has the numbers."""
    told = "; ".join(
        f"{each.name}: {percent(each.accuracy.value)}, never retrained {percent(each.first.value)}, "
        f"{each.verdict}{', a challenger was promoted' if each.promoted else ''}"
        for each in periods
    )
    return f"Accuracy by period; the first model had {percent(expected)} when it was made. {told}."


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str, name: str = "") -> str:
    css = f' class="{name}"' if name else ""
    return f'<text{css} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
