"""The panels of the dashboard: each a plot, its legend, a sentence, and the same numbers as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from operator import attrgetter

from workshop_utils.production.dashboard.reading import Dashboard, Look
from workshop_utils.production.dashboard.rolling import WINDOW, RollingPoint
from workshop_utils.production.dashboard.time_axis import TimeAxis
from workshop_utils.production.dashboard.time_plots import (
    Lane,
    TimeLine,
    TimePlot,
    cut,
    draw_lanes,
    draw_time_plot,
    evidence_text,
)
from workshop_utils.production.store import SAMPLED

#: So many lanes and numbered marks at most, the newest ones.
MOST_LANES, MOST_MARKS = 6, 12
_VERDICTS = ("quiet", "insufficient data", "mild", "harmful")
_GROUPS = {"errors": "errors", "inputs": "inputs", "answers": "answers", "service": "service"}
_SHORT = 40


@dataclass(frozen=True, slots=True)
class AnsweredRequests:
    """Requests for a prediction that one process answered, by bucket.

    Attributes:
        since: when the process began to count.
        answered: with a prediction. failed: refused for lack of room or time, or ended by a fault.
    """

    since: datetime
    answered: tuple[int, ...]
    failed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: what it shows. now: the newest value in words. note: how to read it.
        heights, field: two ``<svg>`` beside each other; ``heights`` may be empty.
        legend: kind of sign (a class of the style sheet) and its name.
        header, rows: the same numbers as a table.
    """

    title: str
    now: str
    note: str
    heights: str
    field: str
    legend: tuple[tuple[str, str], ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def make_panels(found: Dashboard, requests: AnsweredRequests | None) -> list[Panel]:
    """All panels, from top to bottom; those without anything to draw are left out.

    Args:
        found: what was read.
        requests: as this process counted them, on the same axis.
    """
    if found.axis is None:
        return []
    panels = [_lanes(found, found.axis)]
    if found.rolling:
        panels += [_rolling(found, found.axis, name) for name in ("accuracy", "macro_f1")]
    panels += [*_verdicts(found, found.axis), *_evidence(found, found.axis)]
    if found.uses:
        panels.append(_volume(found, found.axis))
    if any(found.latencies):
        panels.append(_latencies(found, found.axis))
    if requests is not None and sum(requests.answered) + sum(requests.failed):
        panels.append(_errors(found, found.axis, requests))
    return panels


def numbered_happenings(found: Dashboard) -> list[int]:
    """Places of the happenings that get a number on the axis: the newest ones that lie on it."""
    axis = found.axis
    inside = [
        place
        for place, each in enumerate(found.happenings)
        if axis is not None and 0 <= axis.share(each.time) <= 1
    ]
    return inside[-MOST_MARKS:]


def _marks(found: Dashboard, axis: TimeAxis) -> list[tuple[float, str]]:
    """Where another model became the champion."""
    return [
        (axis.share(each.time), f"{axis.told(each.time)}: {each.what} {each.version}")
        for each in found.happenings
        if each.new_champion and 0 <= axis.share(each.time) <= 1
    ]


def _lanes(found: Dashboard, axis: TimeAxis) -> Panel:
    shown = [use for use in found.uses if use.predictions][-MOST_LANES:]
    lanes = [Lane(use.version, _runs(use.by_bucket)) for use in shown]
    marks = [
        (axis.share(each.time), str(number), f"{number}. {axis.told(each.time)}: {each.what} {each.version}")
        for number, each in enumerate((found.happenings[place] for place in numbered_happenings(found)), 1)
    ]
    told = (
        f"{_counted(len(lanes), 'model')} answered, the last one {lanes[-1].name}; "
        if lanes
        else "No model answered; "
    )
    told += f"the table of decisions tells of {_counted(len(marks), 'numbered mark')}."
    rows = tuple(
        (cut(use.version, _SHORT), axis.told(use.first), axis.told(use.last), f"{use.predictions:,}")
        for use in reversed(shown)
    )
    left_out = len([use for use in found.uses if use.predictions]) - len(shown)
    return Panel(
        "Versions and decisions",
        cut(shown[-1].version, _SHORT) if shown else "",
        "A bar is a time in which a model answered. The numbers stand in the table of decisions below. A "
        "dotted line in the plots: another model became the champion."
        + (f" Models that answered earlier and are not drawn: {left_out}." if left_out else ""),
        "",
        draw_lanes(axis, lanes, marks, told, "lanes"),
        (),
        ("model", "first answer", "last answer", "predictions on this axis"),
        rows,
    )


def _runs(counts: Sequence[int]) -> list[tuple[float, float]]:
    """Beginning and width of each run of buckets that hold something."""
    runs: list[list[int]] = []
    for place, count in enumerate(counts):
        if count and runs and sum(runs[-1]) == place:
            runs[-1][1] += 1
        elif count:
            runs.append([place, 1])
    return [(begin / len(counts), width / len(counts)) for begin, width in runs]


def _rolling(found: Dashboard, axis: TimeAxis, name: str) -> Panel:
    title = {"accuracy": "Accuracy", "macro_f1": "Macro-F1"}[name]
    stretches = [
        [(axis.middle(each.bucket), getattr(each, name).value) for each in stretch]
        for stretch in _rolling_stretches(found.rolling)
    ]
    intervals = [(axis.middle(each.bucket), *getattr(each, name)[1:]) for each in found.rolling]
    last, level = found.rolling[-1], 100 * found.policy.performance.level
    tolerated = found.newest.tolerated if found.newest and name == "accuracy" else None
    limit = None if tolerated is None else 1 - tolerated
    plot = TimePlot(
        f"{title} over time",
        f"{title} of the newest labels at the end of {_counted(len(found.rolling), 'bucket')} of time; the "
        f"latest is {_share(getattr(last, name).value)}, of the model {last.model_version}."
        + (f" At least {_share(limit)} are tolerated." if limit is not None else ""),
        axis,
        [TimeLine(title, stretches, intervals)],
        limit=limit,
        limit_name="as many errors as are tolerated",
        low=_lowest(found.rolling, name),
        high=1.0,
        y_text=_share_tick,
        marks=_marks(found, axis),
        spots=[_rolling_spot(each, axis, title, name) for each in found.rolling],
    )
    legend = [("line line-0", f"{title} of the newest labels"), ("interval line-0", f"{level:g} % interval")]
    if limit is not None:
        legend.append(("limit", plot.limit_name))
    note = (
        "As for the accuracy."
        if name != "accuracy"
        else (
            f"Over the newest labels up to there, at least {WINDOW} where there are as many; a label counts "
            "where its prediction was made, and a line breaks where another model begins. Drawn labels count "
            "by their drawing probability. Each interval is anytime-valid, as in `workshop monitor`."
        )
    )
    if found.labels_one_in > 1:
        note += f" One in {found.labels_one_in:,} labels is counted, evenly chosen."
    rows = tuple(
        (
            axis.told(axis.edges[each.bucket + 1]),
            cut(each.model_version, _SHORT),
            f"{each.labels:,}",
            _share(getattr(each, name).value),
            f"{_share(getattr(each, name).low)} to {_share(getattr(each, name).high)}",
        )
        for each in reversed(found.rolling)
    )
    return _panel(
        plot,
        name,
        title,
        f"{_interval_text(last, name)}",
        note,
        legend,
        ("until", "model", "labels", title, f"{level:g} % interval"),
        rows,
    )


def _rolling_stretches(points: Sequence[RollingPoint]) -> list[list[RollingPoint]]:
    """The points of one model each, broken where only another one has a point."""
    stretches: list[list[RollingPoint]] = []
    running: dict[str, list[RollingPoint]] = {}
    for _, group in groupby(points, key=attrgetter("bucket")):
        before, running = running, {}
        for each in group:
            if (stretch := before.get(each.model_version)) is None:
                stretches.append(stretch := [])
            stretch.append(each)
            running[each.model_version] = stretch
    return stretches


def _lowest(points: Sequence[RollingPoint], name: str) -> float:
    """The lower end that the plot must show: of windows that are full, where there are any."""
    full = [each for each in points if each.labels >= WINDOW] or points
    return min(getattr(each, name).low for each in full)


def _interval_text(point: RollingPoint, name: str) -> str:
    value, low, high = getattr(point, name)
    return f"{_share(value)} ({_share(low)} to {_share(high)}), {_counted(point.labels, 'label')}"


def _rolling_spot(point: RollingPoint, axis: TimeAxis, title: str, name: str) -> tuple[float, float, str]:
    told = f"until {axis.told(axis.edges[point.bucket + 1])}, {point.model_version}: {title} "
    return point.bucket / axis.buckets, 1 / axis.buckets, told + _interval_text(point, name)


def _verdicts(found: Dashboard, axis: TimeAxis) -> list[Panel]:
    """What monitoring said, and since when: steps from one change of the verdict to the next."""
    if found.newest is None:
        return []
    steps: list[tuple[float, float]] = []
    for each in found.verdicts:
        if each.outcome in _VERDICTS and axis.share(each.time) <= 1:
            height = float(_VERDICTS.index(each.outcome))
            if axis.share(each.time) < 0:
                steps = [(0.0, height)]
            else:
                steps.append((axis.share(each.time), height))
    newest = min(axis.share(found.newest.time), 1.0)
    if not steps or newest < 0:
        return []
    steps.append((max(newest, steps[-1][0]), steps[-1][1]))
    changes = sum(before[1] != after[1] for before, after in pairwise(steps))
    plot = TimePlot(
        "Verdict of monitoring over time",
        f"The verdict changed {_counted(changes, 'time')}; the newest is {found.newest.outcome}.",
        axis,
        [TimeLine("verdict", [steps])],
        y_text=lambda height: ("quiet", "insufficient", "mild", "harmful")[int(height)],
        y_ticks=(0.0, 1.0, 2.0, 3.0),
        marks=_marks(found, axis),
        steps=True,
    )
    rows = tuple(
        (axis.told(each.time), each.outcome, cut(each.model_version, _SHORT), cut(each.reason, 300))
        for each in reversed(found.verdicts[-20:])
    )
    note = "As `workshop monitor` recorded it; the last point is the newest look."
    return [
        _panel(
            plot,
            "verdict",
            "Verdict of monitoring",
            found.newest.outcome,
            note,
            [("line line-0", "verdict")],
            ("since", "verdict", "model", "why"),
            rows,
        )
    ]


def _evidence(found: Dashboard, axis: TimeAxis) -> list[Panel]:
    """The strongest evidence of each group of detectors, as a share of its limit."""
    looks = [each for each in found.looks if each.detectors and 0 <= axis.share(each.time) <= 1]
    runs = [list(run) for _, run in groupby(looks, key=attrgetter("model_version"))]
    drawn: dict[str, TimeLine] = {}
    for group, name in _GROUPS.items():
        stretches = [
            [
                (axis.share(look.time), height)
                for look in run
                if (height := _strongest(look, group)) is not None
            ]
            for run in runs
        ]
        if any(stretches):
            drawn[group] = TimeLine(name, [stretch for stretch in stretches if stretch])
    if not drawn:
        return []
    lines = list(drawn.values())
    told = "; ".join(f"{line.name} {_evidence_cell(looks[-1], group)}" for group, line in drawn.items())
    plot = TimePlot(
        "Evidence over time",
        f"Evidence about {', '.join(line.name for line in lines)} at {_counted(len(looks), 'look')}, on a "
        f"logarithmic scale. At 1 an alarm is raised. Now: {told}.",
        axis,
        lines,
        limit=1.0,
        limit_name="an alarm is raised here",
        logarithmic=True,
        y_text=evidence_text,
        marks=_marks(found, axis),
        spots=[
            (axis.share(look.time) - 0.01, 0.02, f"{axis.told(look.time)}: {_evidence_words(look)}")
            for look in looks
        ],
    )
    rows = tuple(
        (
            axis.told(look.time),
            cut(look.model_version, _SHORT),
            *(_evidence_cell(look, group) for group in _GROUPS),
        )
        for look in reversed(looks)
    )
    note = (
        "The strongest detector of each group, as a share of its limit, at each look (of several in a bucket "
        "the last). All detectors stand in the table of detectors below."
    )
    legend = [(f"line line-{number}", f"about {line.name}") for number, line in enumerate(lines)]
    return [
        _panel(
            plot,
            "evidence",
            "Evidence of the detectors",
            told,
            note,
            [*legend, ("limit", plot.limit_name)],
            ("look", "model", *_GROUPS.values()),
            rows,
        )
    ]


def _strongest(look: Look, group: str) -> float | None:
    return max((each.share for each in look.detectors if each.about == group), default=None)


def _evidence_cell(look: Look, group: str) -> str:
    found = _strongest(look, group)
    return "–" if found is None else evidence_text(found)


def _evidence_words(look: Look) -> str:
    return ", ".join(f"{name} {_evidence_cell(look, group)}" for group, name in _GROUPS.items())


def _volume(found: Dashboard, axis: TimeAxis) -> Panel:
    volume = found.volume
    plot = TimePlot(
        "Predictions over time",
        f"Predictions in {axis.buckets} buckets of {_length(axis)}, from {min(volume):,} to {max(volume):,}.",
        axis,
        bars=volume,
        y_text=_count,
        marks=_marks(found, axis),
        spots=[
            (
                place / axis.buckets,
                1 / axis.buckets,
                f"from {axis.told(axis.edges[place])}: {count:,} predictions",
            )
            for place, count in enumerate(volume)
        ],
    )
    rows = tuple((axis.told(axis.edges[place]), f"{count:,}") for place, count in enumerate(volume) if count)
    note = f"Predictions in the store, by buckets of {_length(axis)}. The last bucket may not be over."
    return _panel(
        plot,
        "volume",
        "Volume",
        f"{sum(volume):,} on this axis",
        note,
        [("volume", "predictions")],
        ("from", "predictions"),
        rows[::-1],
    )


def _latencies(found: Dashboard, axis: TimeAxis) -> Panel:
    names = {"p50": "50 %", "p95": "95 %", "p99": "99 %"}
    lines = [
        TimeLine(
            f"{told} of texts within",
            _stretches(
                [
                    None if each is None else (axis.middle(place), getattr(each, name))
                    for place, each in enumerate(found.latencies)
                ]
            ),
        )
        for name, told in names.items()
    ]
    objective = found.policy.operations
    last = next(each for each in reversed(found.latencies) if each is not None)
    now = f"50 % within {last.p50:,.0f} ms, 95 % {last.p95:,.0f} ms, 99 % {last.p99:,.0f} ms"
    plot = TimePlot(
        "Latency over time",
        f"Milliseconds within which 50, 95 and 99 of 100 texts were answered. The latest bucket: {now}. The "
        f"objective is {objective.latency_ms:g} ms.",
        axis,
        lines,
        limit=objective.latency_ms,
        limit_name=f"objective: {100 * objective.fast_share:g} % within {objective.latency_ms:g} ms",
        y_text=lambda height: f"{height:,.0f} ms",
        marks=_marks(found, axis),
        spots=[
            (
                place / axis.buckets,
                1 / axis.buckets,
                f"from {axis.told(axis.edges[place])}: 50 % within {each.p50:,.1f} ms, 95 % {each.p95:,.1f} "
                f"ms, 99 % {each.p99:,.1f} ms",
            )
            for place, each in enumerate(found.latencies)
            if each
        ],
    )
    rows = tuple(
        (
            axis.told(axis.edges[place]),
            *(f"{value:,.1f}" for value in (each.p50, each.p95, each.p99)),
            f"{each.measured:,}",
        )
        for place, each in enumerate(found.latencies)
        if each
    )
    note = (
        f"Waiting, tokenising and inference of a text, without HTTP. Of each bucket about {SAMPLED} "
        "predictions are read, evenly chosen; all where there are fewer."
    )
    legend = [(f"line line-{number}", line.name) for number, line in enumerate(lines)]
    return _panel(
        plot,
        "latency",
        "Latency",
        now,
        note,
        [*legend, ("limit", plot.limit_name)],
        ("from", "50 %, ms", "95 %, ms", "99 %, ms", "predictions read"),
        rows[::-1],
    )


def _errors(found: Dashboard, axis: TimeAxis, requests: AnsweredRequests) -> Panel:
    pairs = list(zip(requests.answered, requests.failed, strict=True))
    shares = [failed / (answered + failed) if answered + failed else None for answered, failed in pairs]
    allowed = 1 - found.policy.operations.success_share
    failed, whole = sum(requests.failed), sum(requests.answered) + sum(requests.failed)
    now = f"{failed:,} of {whole:,} requests failed"
    plot = TimePlot(
        "Error rate over time",
        f"Share of requests for a prediction that this process refused for lack of room or time, or that "
        f"failed: {now} on this axis. {100 * allowed:g} % may.",
        axis,
        [
            TimeLine(
                "failed requests",
                _stretches(
                    [
                        None if share is None else (axis.middle(place), share)
                        for place, share in enumerate(shares)
                    ]
                ),
            )
        ],
        limit=allowed,
        limit_name=f"objective: {100 * allowed:g} % may fail",
        y_text=_share_tick,
        marks=_marks(found, axis),
        spots=[
            (
                place / axis.buckets,
                1 / axis.buckets,
                f"from {axis.told(axis.edges[place])}: {bad:,} of {good + bad:,} requests failed",
            )
            for place, (good, bad) in enumerate(pairs)
            if good + bad
        ],
    )
    rows = tuple(
        (axis.told(axis.edges[place]), f"{good + bad:,}", f"{bad:,}", _share(bad / (good + bad)))
        for place, (good, bad) in enumerate(pairs)
        if good + bad
    )
    note = (
        "Requests that fail are in no store. This is what this one process has counted since its start at "
        f"{requests.since:%Y-%m-%d %H:%M} UTC: status 429 or 5xx, of all requests for a prediction but those "
        "whose client made the mistake. Other replicas count for themselves; Prometheus adds them up from "
        "`/metrics`."
    )
    return _panel(
        plot,
        "failures",
        "Error rate",
        now,
        note,
        [("line line-0", "failed requests"), ("limit", plot.limit_name)],
        ("from", "requests", "failed", "share"),
        rows[::-1],
    )


def _panel(
    plot: TimePlot,
    name: str,
    title: str,
    now: str,
    note: str,
    legend: Sequence[tuple[str, str]],
    header: tuple[str, ...],
    rows: tuple[tuple[str, ...], ...],
) -> Panel:
    heights, field = draw_time_plot(plot, name)
    return Panel(title, now, note, heights, field, tuple(legend), header, rows)


def _stretches(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """Points without gaps between them."""
    found: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is not None:
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [each for each in found if each]


def _share(value: float) -> str:
    return "–" if value != value else f"{100 * value:.1f} %"


def _share_tick(value: float) -> str:
    return f"{100 * value:.3g} %"


def _count(value: float) -> str:
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k" if value >= 1e4 else f"{value:,.0f}"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'s' * (count != 1)}"


def _length(axis: TimeAxis) -> str:
    seconds = int(axis.length.total_seconds())
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % unit == 0:
            count = seconds // unit
            return f"{count} {name}" + ("s" if count > 1 else "")
    return f"{seconds} seconds"
