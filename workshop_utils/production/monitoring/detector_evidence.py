"""The evidence of each detector beside its limit, small enough to be kept with every look at a model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from workshop_utils.production.monitoring.monitoring_report import MonitoringReport

DetectorAbout = Literal["errors", "inputs", "answers", "service", "challenger"]


@dataclass(frozen=True, slots=True)
class DetectorEvidence:
    """One detector, as it stood at a look.

    Attributes:
        name: as people read it. about: what it watches.
        evidence: what it has won by its bets. limit: from here on it is an alarm, or a proof.
        verdict: ``quiet``, ``changed``, ``insufficient data``; for a challenger ``better`` or ``open``.
        alarm_at: number of the text, label or request of the first alarm.
    """

    name: str
    about: DetectorAbout
    evidence: float
    limit: float
    verdict: str
    alarm_at: int | None = None

    @property
    def share(self) -> float:
        """The evidence as a share of its limit."""
        return self.evidence / self.limit


def detector_evidence(report: MonitoringReport) -> tuple[DetectorEvidence, ...]:
    """Each detector of a report, in the order in which people look at them."""
    found: list[DetectorEvidence] = []
    for name, errors in (
        ("errors", report.performance.errors),
        ("errors on inputs that look as before", report.concept),
    ):
        if errors is not None:
            found.append(_detector(name, "errors", errors))
    for finding in report.inputs.findings if report.inputs else ():
        found.append(_detector(finding.title, "inputs" if finding.kind == "data" else "answers", finding))
    for name, burning in (
        ("slow texts", report.operations.latency),
        ("failed requests", report.operations.errors),
    ):
        if burning.events:
            found.append(_detector(name, "service", burning))
    return tuple(found)


def evidence_to_json(found: tuple[DetectorEvidence, ...]) -> list[dict[str, Any]]:
    """For the details of a decision."""
    return [asdict(each) for each in found]


def evidence_of_details(details: Mapping[str, Any]) -> tuple[DetectorEvidence, ...]:
    """What a decision of kind ``monitor`` keeps; of an older one, what it says of errors."""
    if "detectors" in details:
        return tuple(
            DetectorEvidence(**each)
            for each in details["detectors"]
            if each.get("about") in get_args(DetectorAbout)
        )
    found = []
    parts = (details.get("performance") or {}).get("errors"), details.get("concept")
    for name, told in zip(("errors", "errors on inputs that look as before"), parts, strict=True):
        if told and told.get("evidence") is not None:
            found.append(
                DetectorEvidence(name, "errors", told["evidence"], 1.0, told["verdict"], told["alarm_at"])
            )
    return tuple(found)


def _detector(name: str, about: DetectorAbout, told: Any) -> DetectorEvidence:
    """Of any report with evidence as a share of its run length."""
    return DetectorEvidence(name, about, float(told.evidence), 1.0, told.verdict, told.alarm_at)
