"""The monitors of one model that see every true label that stands: errors, concept, who gave the labels.

They have no state: labels are few beside texts, people correct them and take them back, and texts are drawn
that had a label already. So all labels that stand are read anew each time, and a mistake that was corrected
leaves no trace in any verdict.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable

from workshop_utils.production.monitoring.betting import RateBets
from workshop_utils.production.monitoring.blocks import Blocks
from workshop_utils.production.monitoring.concept_monitor import ConceptMonitor, ConceptReport
from workshop_utils.production.monitoring.doubts import LabelFlood
from workshop_utils.production.monitoring.error_detector import ErrorDetector, error_tolerance, risen_shares
from workshop_utils.production.monitoring.intervals import LabelTally, WeightedHits
from workshop_utils.production.monitoring.monitored_model import MonitoredModel
from workshop_utils.production.monitoring.monitoring_report import (
    ErrorsSince,
    LabelBlock,
    LabelSource,
    PerformanceReport,
)
from workshop_utils.production.policy import Policy
from workshop_utils.production.store import LabelledPrediction

#: So many sources of labels are told, each with a name of at most so many characters.
_SOURCES, _NAME = 8, 40
#: So many labels are in a block at first.
_BLOCK = 25
_UNASKED, _OTHERS = "unasked", "others"


class _Rise:
    """Since when may errors have risen: the stretch that ends now and speaks most for it (Page 1954).

    Attributes:
        since: number of its first label. labels: in it. wrong, weight: sums of the weights of its errors, and
            of all.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance, self._excess = tolerance, 0.0
        self._begin()

    def _begin(self) -> None:
        self.since, self.labels, self.wrong, self.weight = 0, 0, 0.0, 0.0

    def add(self, number: int, wrong: bool, weight: float, risen: bool) -> None:
        """One label; once errors have ``risen`` for certain, the beginning stays."""
        self._excess = max(0.0, self._excess + weight * (wrong - self._tolerance))
        if not self._excess and not risen:
            self._begin()
            return
        self.since = self.since or number
        self.labels, self.wrong, self.weight = (
            self.labels + 1,
            self.wrong + weight * wrong,
            self.weight + weight,
        )


class LabelMonitors:
    """Sees labels in the order in which those that stand arrived.

    Args:
        model: what is monitored.
        policy: its parts ``performance`` and ``concept``.
        similarity: how much a labelled text looks like the reference, by the number of its prediction.

    Attributes:
        changed_at: number of the text by which inputs or answers had changed, None where they have not; to be
            set before the labels of later texts are seen.
        labels: seen. last: number of the last one.
        since: labels of texts that came after inputs, answers or concept had changed; all where nothing has.
        flood: did very many come at once?
    """

    def __init__(
        self, model: MonitoredModel, policy: Policy, similarity: Callable[[int], float | None]
    ) -> None:
        self._policy, self._similarity = policy.performance, similarity
        self._errors = self._concept = None
        if model.error is not None:
            self._errors = _error_detector(model.error, policy)
            if model.reference is not None:
                tolerance = error_tolerance(model.error, policy.performance.tolerance_points)
                self._concept = ConceptMonitor(tolerance, policy.concept.run_length)
        self._tally, self._since = LabelTally(model.labels), LabelTally(model.labels)
        self._sources: Counter[tuple[str, str, bool]] = Counter()
        self._blocks: Blocks[LabelBlock] = Blocks(_joined, _BLOCK)
        self._block = LabelBlock(0, 0, 0.0, 0.0, 0.0)
        self._rise = _Rise(1.0 if self._errors is None else self._errors.tolerance)
        self._concept_changed = False
        self.flood = LabelFlood(policy.performance.flood_labels)
        self.changed_at: int | None = None
        self.labels = self.last = 0

    def see(self, label: LabelledPrediction, weight: float | None) -> None:
        """One more label.

        Args:
            label: as it stands.
            weight: from 0 to 1 in the estimate; None where it does not count there.
        """
        self.labels, self.last = self.labels + 1, label.number
        self._sources[label.labelled_by[:_NAME], label.part or _UNASKED, weight is not None] += 1
        if weight is None:
            return
        self.flood.see(label)
        wrong = not label.correct
        self._tally.add(label.truth, label.label, weight)
        if self._concept_changed or (
            self.changed_at is not None and label.prediction_number > self.changed_at
        ):
            self._since.add(label.truth, label.label, weight)
        if self._errors is not None:
            self._errors.add(wrong, weight)
        if self._concept is not None and label.part in (None, "random"):
            self._concept.add(wrong, self._similarity(label.prediction_number))
            self._concept_changed = self._concept.report().verdict == "changed"
        self._count(label.number, wrong, weight)

    def performance(self, skipped: Iterable[float] = ()) -> PerformanceReport:
        """What the labels say of errors.

        Args:
            skipped: the weights of drawn texts of which people could not say what is true.
        """
        hits, level, weights = self._tally.hits(), self._policy.level, list(skipped)
        counted = self._tally.labels
        return PerformanceReport(
            errors=None if self._errors is None else self._errors.report(),
            risen=self._risen(),
            accuracy=self._tally.accuracy(level) if counted else None,
            macro_f1=self._tally.macro_f1(level) if counted else None,
            level=level,
            counted=counted,
            sources=self._told_sources(),
            unknown=sum(self._tally.unknown.values()),
            skipped=len(weights),
            accuracy_if_skipped=_with_skipped(hits, sum(weights)) if weights else None,
            reason=""
            if self._errors is not None
            else "The bundle does not say how often it was wrong when it was made; "
            "train it with `workshop train`, which measures that.",
        )

    def concept(self) -> ConceptReport | None:
        """Errors on inputs that look the same; None where nothing can be compared."""
        return None if self._concept is None else self._concept.report()

    @property
    def since(self) -> LabelTally:
        """See the class."""
        changed = self._concept_changed or self.changed_at is not None
        return self._since if changed else self._tally

    def over_time(self) -> tuple[LabelBlock, ...]:
        """The labels that count, in blocks."""
        return (*self._blocks.finished, *([self._block] if self._block.labels else []))

    def _count(self, number: int, wrong: bool, weight: float) -> None:
        errors = None if self._errors is None else self._errors.report()
        if errors is not None:
            self._rise.add(number, wrong, weight, errors.alarm_at is not None)
        evidence = 0.0 if errors is None else errors.evidence
        self._block = _joined(self._block, LabelBlock(number, 1, wrong * weight, weight, evidence))
        if self._block.labels == self._blocks.size:
            self._blocks.add(self._block)
            self._block = LabelBlock(0, 0, 0.0, 0.0, 0.0)

    def _risen(self) -> ErrorsSince | None:
        rise = self._rise
        if self._errors is None or self._errors.report().alarm_at is None or not rise.weight:
            return None
        return ErrorsSince(rise.since, rise.labels, rise.wrong / rise.weight)

    def _told_sources(self) -> tuple[LabelSource, ...]:
        labels: Counter[tuple[str, str]] = Counter()
        counted: Counter[tuple[str, str]] = Counter()
        for (by, part, counts), number in self._sources.items():
            labels[by, part] += number
            counted[by, part] += number * counts
        order = sorted(labels, key=lambda source: (-labels[source], source))
        told = [LabelSource(by, part, labels[by, part], counted[by, part]) for by, part in order[:_SOURCES]]
        if rest := order[_SOURCES:]:
            sums = [sum(each[source] for source in rest) for each in (labels, counted)]
            told.append(LabelSource(_OTHERS, _OTHERS, sums[0], sums[1]))
        return tuple(told)


def fewest_labels_judged(error: float, policy: Policy) -> int:
    """So many labels of weight 1 are judged; fewer are insufficient data."""
    tolerance, rise = _limits(error, policy)
    rises = tuple((risen_shares(tolerance, rise) / tolerance).tolist())
    bets = RateBets(tolerance, policy.performance.run_length, rises)
    return max(bets.fewest, policy.performance.fewest_labels)


def _error_detector(error: float, policy: Policy) -> ErrorDetector:
    tolerance, rise = _limits(error, policy)
    performance = policy.performance
    return ErrorDetector(tolerance, performance.run_length, rise, performance.fewest_labels)


def _limits(error: float, policy: Policy) -> tuple[float, float]:
    performance = policy.performance
    return error_tolerance(error, performance.tolerance_points), performance.smallest_rise_points / 100


def _with_skipped(hits: WeightedHits, skipped: float) -> tuple[float, float]:
    """Accuracy if every skipped text is wrong, and if every one is right."""
    right, all_of_them = float(hits.weights @ hits.hits), float(hits.weights @ (hits.hits + hits.misses))
    whole = all_of_them + skipped
    return (right / whole, (right + skipped) / whole) if whole else (0.0, 1.0)


def _joined(first: LabelBlock, second: LabelBlock) -> LabelBlock:
    return LabelBlock(
        second.last,
        first.labels + second.labels,
        first.wrong + second.wrong,
        first.weight + second.weight,
        second.evidence,
    )


def share_wrong(tally: LabelTally) -> float | None:
    """Weighted share of errors; None without any label that counts."""
    rate = tally.hits().rate
    return None if math.isnan(rate) else 1 - rate
