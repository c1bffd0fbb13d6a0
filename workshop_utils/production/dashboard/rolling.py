"""Rolling accuracy and macro-F1: at the end of each bucket of time, over the newest labels up to there."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from workshop_utils.models.metrics import Interval
from workshop_utils.production.dashboard.time_axis import TimeAxis
from workshop_utils.production.monitoring import LabelTally, drawn_weight, tally_intervals
from workshop_utils.production.monitoring.label_weights import CountedLabels
from workshop_utils.production.store import TimedLabel

#: A window reaches back over whole buckets until it holds so many labels.
WINDOW: Final = 50
#: So many points at most, the newest ones.
_MOST_POINTS = 60

_Answers = Counter[tuple[str, str, float]]  # truth, answer, weight


@dataclass(frozen=True, slots=True)
class RollingPoint:
    """One model at the end of a bucket.

    Attributes:
        model_version: whose. bucket: the bucket at whose end it stands. first: the bucket where its window
            begins. labels: in the window.
        accuracy, macro_f1: with anytime-valid intervals.
    """

    model_version: str
    bucket: int
    first: int
    labels: int
    accuracy: Interval
    macro_f1: Interval


def rolling_points(
    labels: Sequence[TimedLabel],
    axis: TimeAxis,
    classes: Mapping[str, tuple[str, ...]],
    least: Mapping[int, float],
    counted: CountedLabels,
    level: float,
) -> tuple[RollingPoint, ...]:
    """A point for each bucket in which a text of a model has a label, in the order of time.

    A label counts where its prediction was made, however late it came. Windows of two models share no label.

    Args:
        labels: that stand.
        axis: labels of other times are left out.
        classes: the labels of each model, by version.
        least: the least probability of each draw;
            see :func:`~workshop_utils.production.store.least_probabilities`.
        counted: which labels count, as the policy says.
        level: of the intervals.
    """
    by_model: dict[str, dict[int, _Answers]] = defaultdict(lambda: defaultdict(Counter))
    for each in labels:
        bucket, weight = axis.bucket(each.time), _weight(each, least, counted)
        if bucket is not None and weight is not None:
            by_model[each.model_version][bucket][each.truth, each.label, weight] += 1
    windows = [
        (version, *window, buckets) for version, buckets in by_model.items() for window in _windows(buckets)
    ]
    windows = sorted(windows, key=lambda each: (each[2], each[0]))[-_MOST_POINTS:]
    tallies = [_tally(classes[version], first, end, found) for version, first, end, found in windows]
    return tuple(
        RollingPoint(version, end, first, tally.labels, *found)
        for (version, first, end, _), tally, found in zip(
            windows, tallies, tally_intervals(tallies, level), strict=True
        )
    )


def _weight(label: TimedLabel, least: Mapping[int, float], counted: CountedLabels) -> float | None:
    """As :class:`~workshop_utils.production.monitoring.LabelWeights` weighs it."""
    if label.draw is None or label.drawing_probability is None:
        return 1.0 if counted == "all" else None
    return drawn_weight(label.drawing_probability, least[label.draw]) if label.draw in least else None


def _windows(buckets: Mapping[int, _Answers]) -> list[tuple[int, int]]:
    """First and last bucket of each window."""
    found, places = [], sorted(buckets)
    for number, end in enumerate(places):
        first, held = end, buckets[end].total()
        for earlier in reversed(places[:number]):
            if held >= WINDOW:
                break
            first, held = earlier, held + buckets[earlier].total()
        found.append((first, end))
    return found


def _tally(classes: tuple[str, ...], first: int, end: int, buckets: Mapping[int, _Answers]) -> LabelTally:
    answers: _Answers = Counter()
    for place in range(first, end + 1):
        answers += buckets.get(place, Counter())
    return LabelTally(classes, answers)
