"""From what the monitors tell to one verdict, its reason, the alarms, and how many labels to buy.

The verdict is about the answers. A slow or failing service is an alarm of its own: neither labels nor a new
model would mend it, so it changes no verdict.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workshop_utils.production.monitoring.concept_monitor import ConceptReport
from workshop_utils.production.monitoring.drift_report import DriftFinding, InputReport
from workshop_utils.production.monitoring.error_detector import error_tolerance
from workshop_utils.production.monitoring.intervals import LabelTally
from workshop_utils.production.monitoring.label_monitors import fewest_labels_judged, share_wrong
from workshop_utils.production.monitoring.labels_needed import labels_needed
from workshop_utils.production.monitoring.monitoring_report import (
    NO_VERDICT,
    RUNBOOKS,
    Alarm,
    AlarmName,
    MonitoringVerdict,
    PerformanceReport,
)
from workshop_utils.production.monitoring.operations_monitor import OperationsReport
from workshop_utils.production.policy import Policy


@dataclass(frozen=True)
class Findings:
    """What the monitors tell of one model.

    Attributes:
        error: share of errors when the model was made; None where its bundle does not say.
        performance, inputs, concept, operations: as in :class:`~.monitoring_report.MonitoringReport`.
        since: labels of texts that came after something had changed; all where nothing has.
        doubts: alarms about what the monitors were told.
    """

    error: float | None
    performance: PerformanceReport
    inputs: InputReport | None
    concept: ConceptReport | None
    operations: OperationsReport
    since: LabelTally
    doubts: tuple[Alarm, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """What :class:`~.monitoring_report.MonitoringReport` says of verdict, reason, alarms and labels."""

    verdict: MonitoringVerdict
    reason: str
    alarms: tuple[Alarm, ...]
    labels_to_buy: int | None


def judge_findings(found: Findings, policy: Policy) -> Judgement:
    """The worst that holds of harmful, mild and insufficient data; else quiet."""
    alarms = _alarms(found)
    verdict = _verdict(found.performance, {each.name for each in alarms})
    buy = _labels_to_buy(verdict, found, policy)
    return Judgement(verdict, _reason(verdict, found, alarms), alarms, buy)


def _verdict(performance: PerformanceReport, alarms: set[AlarmName]) -> MonitoringVerdict:
    if performance.verdict == "changed":
        return "harmful"
    if alarms & {"inputs", "predictions", "concept"}:
        return "mild"
    return performance.verdict


def _alarms(found: Findings) -> tuple[Alarm, ...]:
    told: list[tuple[AlarmName, str]] = []
    if found.performance.verdict == "changed":
        told.append(("performance", _errors(found.performance)))
    findings = [] if found.inputs is None else found.inputs.findings
    changed = [each for each in findings if each.verdict == "changed"]
    if data := [each for each in changed if each.kind == "data"]:
        told.append(("inputs", f"The inputs have changed: {_first_seen(data)}."))
    if answers := [each for each in changed if each.kind == "prediction"]:
        told.append(("predictions", f"The model's answers have changed: {_first_seen(answers)}."))
    if found.concept is not None and found.concept.verdict == "changed":
        told.append(("concept", _same_inputs(found.concept)))
    if burning := _burning(found.operations):
        told.append(("operations", burning))
    return (*found.doubts, *(Alarm(name, sentence, RUNBOOKS[name]) for name, sentence in told))


def _errors(performance: PerformanceReport) -> str:
    errors = performance.errors
    if errors is None:
        return performance.reason
    if errors.error is None or errors.verdict == "insufficient data":
        return errors.reason
    if performance.risen is not None:
        risen = performance.risen
        return (
            f"The model is wrong in {_percent(risen.error)} of the {risen.labels:,} labels since label "
            f"{risen.label:,}; {_percent(errors.tolerance)} are tolerated."
        )
    return (
        f"The model is wrong in {_percent(errors.error)} of {errors.labels:,} labels; "
        f"{_percent(errors.tolerance)} are tolerated."
    )


def _first_seen(findings: Sequence[DriftFinding]) -> str:
    first = min(each.alarm_at for each in findings if each.alarm_at is not None)
    return f"{', '.join(each.title for each in findings)}, first seen at prediction {first:,}"


def _same_inputs(concept: ConceptReport) -> str:
    return (
        "On inputs that look as before, the model is wrong more often than the "
        f"{_percent(concept.tolerance)} that are tolerated, first seen after {concept.alarm_at:,} labels."
    )


def _burning(report: OperationsReport) -> str:
    objective, sentences = report.objective, []
    if report.latency.verdict == "changed":
        sentences.append(
            f"{report.latency.bad:,} of {report.latency.events:,} texts took longer than "
            f"{objective.latency_ms:g} ms; {_percent(1 - objective.fast_share)} may."
        )
    if report.errors.verdict == "changed":
        sentences.append(
            f"{report.errors.bad:,} of {report.errors.events:,} requests failed; "
            f"{_percent(1 - objective.success_share)} may."
        )
    return " ".join(sentences)


def _labels_to_buy(verdict: MonitoringVerdict, found: Findings, policy: Policy) -> int | None:
    """See :class:`~.monitoring_report.MonitoringReport`."""
    if found.error is None or verdict in ("quiet", "harmful"):
        return None
    seen = found.since.hits()
    weight = float(seen.weights @ (seen.hits + seen.misses))
    if verdict == "insufficient data":
        return max(1, math.ceil(fewest_labels_judged(found.error, policy) - weight))
    estimate = share_wrong(found.since) if weight >= policy.performance.fewest_labels else None
    return labels_needed(
        error_tolerance(found.error, policy.performance.tolerance_points),
        found.error if estimate is None else estimate,
        found.since,
        policy.performance.level,
    )


def _reason(verdict: MonitoringVerdict, found: Findings, alarms: Sequence[Alarm]) -> str:
    told = [each.sentence for each in alarms if each.name not in NO_VERDICT]
    if verdict != "harmful":
        told.append(_errors(found.performance))
    if verdict in ("quiet", "insufficient data"):
        told.append(_unchanged(found))
    if unknown := found.performance.unknown:
        told.append(f"{unknown:,} of the true labels are none of the model's classes, and count as errors.")
    return " ".join(told)


def _unchanged(found: Findings) -> str:
    """What can be said of inputs and answers that raised no alarm."""
    if found.inputs is None:
        return "Whether inputs have changed nobody can tell."
    known = found.inputs.verdict("data") == "quiet", found.inputs.verdict("prediction") == "quiet"
    return {
        (True, True): "Inputs and answers look as before.",
        (True, False): "The inputs look as before; of the answers too little is known.",
        (False, True): "The answers look as before; of the inputs too little is known.",
        (False, False): "Of inputs and answers too little is known to compare them.",
    }[known]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
