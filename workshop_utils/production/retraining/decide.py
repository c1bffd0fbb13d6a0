"""Is there a reason to train, and are there labels enough? A pure function of what is known."""

from typing import Literal, NamedTuple

from workshop_utils.production.monitoring.monitoring_report import MonitoringReport
from workshop_utils.production.policy import RetrainingPolicy

RetrainTrigger = Literal["asked", "harmful", "schedule"]


class LabelsAtHand(NamedTuple):
    """How many labels there are to learn from.

    Attributes:
        new: that the champion has not learned from. since_last_try: that came after the last challenger for
            this champion was judged; None where there was none.
    """

    new: int
    since_last_try: int | None = None


class RetrainDecision(NamedTuple):
    """Train or not.

    Attributes:
        trigger: why; None: do nothing. sentence: in words.
        labels_missing: so many more labels are needed. labels_to_buy: so many more would tell.
    """

    trigger: RetrainTrigger | None
    sentence: str
    labels_missing: int | None = None
    labels_to_buy: int | None = None


def decide_retraining(
    policy: RetrainingPolicy,
    labels: LabelsAtHand,
    asked: str = "",
    age_days: float = 0.0,
    report: MonitoringReport | None = None,
) -> RetrainDecision:
    """Look for a reason, then for labels.

    Args:
        policy: what is a reason, and how many labels are enough.
        labels: that there are.
        asked: a person's reason; empty where nobody asked.
        age_days: since the champion was trained.
        report: what monitoring says; not needed where somebody asked.
    """
    found = _reason(policy, asked, age_days, report)
    if found.trigger is None:
        return found
    missing = policy.fewest_labels - labels.new
    if missing > 0:
        return RetrainDecision(
            None,
            f"{found.sentence} But {_more_labels(missing)} needed: {labels.new:,} are new to the champion, "
            f"and the policy asks for {policy.fewest_labels:,}.",
            labels_missing=missing,
        )
    wanted = 1 if asked else policy.again_after_labels
    if labels.since_last_try is not None and labels.since_last_try < wanted:
        missing = wanted - labels.since_last_try
        return RetrainDecision(
            None,
            f"{found.sentence} But a challenger was judged by these labels already; {_more_labels(missing)} "
            "needed before the next.",
            labels_missing=missing,
        )
    return found


def _reason(
    policy: RetrainingPolicy, asked: str, age_days: float, report: MonitoringReport | None
) -> RetrainDecision:
    if asked:
        return RetrainDecision("asked", f"Somebody asked for it: {asked.rstrip('.')}.")
    if report is not None and report.verdict == "harmful" and policy.on_harmful:
        return RetrainDecision("harmful", f"Monitoring says harmful: {report.reason}")
    if policy.every_days and age_days >= policy.every_days:
        return RetrainDecision(
            "schedule",
            f"The champion is {age_days:.0f} days old, and the policy trains every {policy.every_days:g}.",
        )
    if report is None:
        return RetrainDecision(None, "Nobody asked, and monitoring was not.")
    if report.verdict == "mild":
        return _mild(report)
    said = {
        "quiet": "Nothing has changed",
        "insufficient data": "Too little is known",
        "harmful": "Monitoring says harmful, and by the policy that is no reason to train",
    }[report.verdict]
    return RetrainDecision(None, f"{said}: {report.reason}", labels_to_buy=report.labels_to_buy)


def _mild(report: MonitoringReport) -> RetrainDecision:
    """Inputs or answers have changed, and nobody knows of more errors: labels tell."""
    buy = report.labels_to_buy
    advice = f"Buy {buy:,} labels to see whether the errors have risen." if buy else "No training is needed."
    return RetrainDecision(
        None, f"Something has changed, mildly: {report.reason} {advice}", labels_to_buy=buy
    )


def _more_labels(count: int) -> str:
    return "1 more label is" if count == 1 else f"{count:,} more labels are"
