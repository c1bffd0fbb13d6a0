"""Make a past decision again, from the store, the bundles and the policy of then: the same verdict?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.deployment import open_version, version_folder, version_names
from workshop_utils.production.monitoring.monitor import read_back
from workshop_utils.production.policy import Policy
from workshop_utils.production.retraining.concluding import made_by, verdict_of
from workshop_utils.production.retraining.gate import GateCheck, GateVerdict
from workshop_utils.production.retraining.judging import judge_bundles
from workshop_utils.production.retraining.keeping import CHALLENGER, kept_folder
from workshop_utils.production.retraining.material import read_material
from workshop_utils.production.retraining.outcome import RETRAIN
from workshop_utils.production.retraining.recent import read_recent_labels
from workshop_utils.production.retraining.shadow_promotion import SHADOW, replay_shadow, shadow_differences
from workshop_utils.production.store import Decision, Store, read_decision

_OTHER_VERSION = "Decision {} was recorded by another version of this course."
_CHANGED = {
    "frozen": "The frozen test set is not what it was then.",
    "recent": "The held-out labels are not what they were then.",
    "reference": "The table is not what it was then.",
    "learned": "The labels that were learned from are not what they were then.",
}


@dataclass(frozen=True)
class DecisionReplay:
    """A decision, made again.

    Attributes:
        decision: as it was recorded. missing: what is not there any more, or is another one than then;
            sentences. differences: what is said otherwise now; sentences.
        gate: of a retraining, what the gate says now; None where something is missing.
    """

    decision: Decision
    missing: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    gate: GateVerdict | None = None

    @property
    def same(self) -> bool:
        """Is all there, and is the same said?"""
        return not self.missing and not self.differences


def replay_decision(store: Store, number: int, deployment: Path) -> DecisionReplay:
    """Make a decision about monitoring, retraining or a shadow again, by what was known then.

    A challenger is judged again and not trained again; latency and parity are taken as they were measured.

    Args:
        store: holds the decision, and the predictions and labels that it rests on.
        number: of the decision.
        deployment: holds the champion of then.

    Raises:
        WorkshopError: there is no such decision, or it is about something else.
        StoreUnavailable: the database does not answer.
    """
    decision = read_decision(store, number)
    if decision.kind == RETRAIN:
        return _replay_retraining(store, decision, deployment)
    if decision.kind == "monitor":
        return _replay_monitoring(store, decision, deployment)
    if decision.kind == SHADOW:
        return DecisionReplay(decision, (), shadow_differences(decision, replay_shadow(store, decision)))
    raise WorkshopError(
        f"Decision {number} is of the kind {decision.kind}; those of monitor, retrain and shadow are "
        "replayed."
    )


def _replay_monitoring(store: Store, decision: Decision, deployment: Path) -> DecisionReplay:
    try:
        report = read_back(store, version_folder(deployment, decision.model_version or ""), decision)
    except WorkshopError as error:
        return DecisionReplay(decision, (str(error),))
    except (KeyError, ValidationError) as error:
        raise WorkshopError(_OTHER_VERSION.format(decision.number)) from error
    if (report.verdict, report.reason) == (decision.outcome, decision.reason):
        return DecisionReplay(decision)
    return DecisionReplay(decision, (), (f"Monitoring says {report.verdict} now: {report.reason}",))


def _replay_retraining(store: Store, decision: Decision, deployment: Path) -> DecisionReplay:
    details: dict[str, Any] = dict(decision.details)
    try:
        policy = Policy.model_validate(details["policy"])
        then, measured = verdict_of(details), [GateCheck(**check) for check in details["measured"]]
    except (KeyError, TypeError, ValidationError) as error:
        raise WorkshopError(_OTHER_VERSION.format(decision.number)) from error
    try:
        champion = open_version(deployment, details["champion"])
        challenger = _challenger(deployment, decision.number, details)
        given = read_recent_labels(store, decision.last_feedback or 0, details["judged_until"])
        material = read_material(policy, champion.labels, given)
    except WorkshopError as error:
        return DecisionReplay(decision, (str(error),))
    missing = [
        told for name, told in _CHANGED.items() if getattr(material, name).sha256 != details["sums"][name]
    ]
    if missing:
        return DecisionReplay(decision, tuple(missing))
    verdict = judge_bundles(champion, challenger, material, policy.gate, details["seed"], measured)
    return DecisionReplay(decision, (), _differences(then, verdict), verdict)


def _challenger(deployment: Path, number: int, details: dict[str, Any]) -> Bundle:
    """From the deployment, or from where the refused ones are kept."""
    for version in reversed(version_names(deployment)):
        if made_by(version, details):
            return open_version(deployment, version)
    kept = kept_folder(number) / CHALLENGER
    if not kept.is_dir():
        raise WorkshopError(
            "The challenger is not kept any more (the policy's keep_refused says how many are)."
        )
    bundle = Bundle.load(kept)
    if bundle.sha256 != details["bundle_sha256"]:
        raise WorkshopError("The kept challenger is another one than then.")
    return bundle


def _differences(then: GateVerdict, now: GateVerdict) -> tuple[str, ...]:
    """Checks that say something else, and the verdict."""
    before = {check.name: check for check in then.checks}
    found = [
        f"{check.name}: {check.found} Then: {before[check.name].found}"
        for check in now.checks
        if check.name in before and check != before[check.name]
    ]
    if {check.name for check in now.checks} != set(before):
        found.append("The gate looks at other things now.")
    if then.passed != now.passed:
        found.append(f"The challenger {'passes' if now.passed else 'is refused'} now, and was not then.")
    return tuple(found)
