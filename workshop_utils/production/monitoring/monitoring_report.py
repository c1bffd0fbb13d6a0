"""What monitoring tells of a deployed model: one verdict, why, what to do, and the numbers behind it."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from workshop_utils.models.metrics import Interval
from workshop_utils.production.monitoring.concept_monitor import ConceptReport
from workshop_utils.production.monitoring.drift_report import InputReport, without_nan
from workshop_utils.production.monitoring.error_detector import ErrorReport
from workshop_utils.production.monitoring.operations_monitor import OperationsReport

#: From good to bad. ``insufficient data``: nothing has changed, and too few labels say how often the model is
#: wrong. ``mild``: inputs, answers or concept have changed, and the errors are tolerable or unknown.
#: ``harmful``: wrong more often than is tolerated.
MonitoringVerdict = Literal["quiet", "insufficient data", "mild", "harmful"]

#: What has raised an alarm.
AlarmName = Literal["performance", "inputs", "predictions", "concept", "operations", "labels", "clock"]

#: The page that says what to do about each alarm.
RUNBOOKS: Final[dict[AlarmName, str]] = {
    "performance": "docs/runbooks/errors-have-risen.md",
    "inputs": "docs/runbooks/inputs-have-changed.md",
    "predictions": "docs/runbooks/answers-have-changed.md",
    "concept": "docs/runbooks/concept-has-changed.md",
    "operations": "docs/runbooks/service-is-slow-or-failing.md",
    "labels": "docs/runbooks/label-flood.md",
    "clock": "docs/runbooks/clock-jumped.md",
}
#: Alarms that change no verdict: neither labels nor a new model would mend what they tell of.
NO_VERDICT: Final[frozenset[AlarmName]] = frozenset({"operations", "labels", "clock"})
#: The page for a verdict of insufficient data.
TOO_FEW_LABELS: Final = "docs/runbooks/too-few-labels.md"


@dataclass(frozen=True)
class Alarm:
    """Something that people must know.

    Attributes:
        name: what has changed. sentence: how it is seen. runbook: the page that says what to do, as a path in
            the repository.
    """

    name: AlarmName
    sentence: str
    runbook: str


@dataclass(frozen=True)
class LabelSource:
    """Labels that came the same way.

    Attributes:
        labelled_by: who gave them; a few people are told, the others are counted together.
        part: by which part of a draw the texts were chosen; ``unasked`` where nobody had drawn them.
        labels: how many stand. counted: how many of these the estimate counts.
    """

    labelled_by: str
    part: str
    labels: int
    counted: int


@dataclass(frozen=True)
class ErrorsSince:
    """Errors since they began to rise.

    Attributes:
        label: number of the first label of the rise. labels: since then.
        error: weighted share of errors among them.
    """

    label: int
    labels: int
    error: float


@dataclass(frozen=True)
class PerformanceReport:
    """How often the model is right, by the true labels that stand.

    Attributes:
        errors: of the e-detector; None where the bundle does not say how often it was wrong when it was made.
        risen: since when they are above what is tolerated; None without an alarm.
        accuracy, macro_f1: with anytime-valid intervals, over the labels that count; None without any.
        level: of the intervals.
        counted: labels that count. sources: who gave the labels, and how the texts came to be labelled.
        unknown: labels that are none of the model's classes; they are errors.
        skipped: drawn texts of which people could not say what is true. accuracy_if_skipped: if every one of
            them is wrong, and if every one is right; None where nothing was skipped.
        reason: why errors are not judged, a sentence; empty where they are.
    """

    errors: ErrorReport | None
    risen: ErrorsSince | None
    accuracy: Interval | None
    macro_f1: Interval | None
    level: float
    counted: int
    sources: tuple[LabelSource, ...]
    unknown: int
    skipped: int
    accuracy_if_skipped: tuple[float, float] | None
    reason: str = ""

    @property
    def verdict(self) -> Literal["quiet", "changed", "insufficient data"]:
        """Of the errors: ``changed`` where they are above what is tolerated."""
        return "insufficient data" if self.errors is None else self.errors.verdict


@dataclass(frozen=True)
class TextBlock:
    """Texts that came one after the other, for a plot.

    Attributes:
        last: number of the last text. texts: how many. timed: with a measured latency. slow: slower than the
            objective.
        evidence: the largest of each quantity of the inputs and answers; 1 or more is an alarm.
    """

    last: int
    texts: int
    timed: int
    slow: int
    evidence: dict[str, float]


@dataclass(frozen=True)
class LabelBlock:
    """Labels that came one after the other, for a plot.

    Attributes:
        last: number of the last label. labels: how many. wrong, weight: sums of the weights of the errors and
            of all. evidence: of the e-detector at the end; 1 or more is an alarm.
    """

    last: int
    labels: int
    wrong: float
    weight: float
    evidence: float


@dataclass(frozen=True)
class MonitoringReport:
    """What is known of one model.

    Attributes:
        verdict: see :data:`MonitoringVerdict`; about the answers, not about the service's speed.
        reason: why, in one or two sentences.
        labels_to_buy: so many more labels would tell, where labels are what is missing; 0 where there are
            enough, None where labels are not asked for, or where no number of them would tell.
        model_version: as predictions name it. predictions, labels: of it, that were looked at.
        last_prediction, last_feedback: the last numbers that the store held; with them the same report can be
            made again.
        performance: errors. inputs, concept: None where the bundle keeps no reference statistics.
        operations: latency and errors of the service. alarms: at most one of a name.
        notes: sentences on what could not be told, or was begun anew.
        texts_over_time, labels_over_time: for plots, a bounded number of blocks.
    """

    verdict: MonitoringVerdict
    reason: str
    labels_to_buy: int | None
    model_version: str
    predictions: int
    labels: int
    last_prediction: int
    last_feedback: int
    performance: PerformanceReport
    inputs: InputReport | None
    concept: ConceptReport | None
    operations: OperationsReport
    alarms: tuple[Alarm, ...] = ()
    notes: tuple[str, ...] = ()
    texts_over_time: tuple[TextBlock, ...] = field(default=(), repr=False)
    labels_over_time: tuple[LabelBlock, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """For JSON, which has no NaN: a number that is none is None."""
        told = asdict(self)
        for name in ("accuracy", "macro_f1"):
            interval = getattr(self.performance, name)
            told["performance"][name] = None if interval is None else interval._asdict()
        told["performance"]["verdict"] = self.performance.verdict
        for name in ("inputs", "concept", "operations"):
            part = getattr(self, name)
            told[name] = None if part is None else part.to_dict()
        return without_nan(told)
