"""Record what was judged, promote what passed, keep what was refused; killed anywhere, it can run again."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workshop_utils.errors import WorkshopError
from workshop_utils.production.deployment import Lineage, PointerName, Told, pointed_version, promote
from workshop_utils.production.registry import mirror_deployment, registry_exists
from workshop_utils.production.retraining.gate import GateCheck, GateVerdict
from workshop_utils.production.retraining.keeping import CHALLENGER, VERDICT, keep_decision, key_of, read_json
from workshop_utils.production.retraining.outcome import RETRAIN, RetrainOutcome, RetrainResult
from workshop_utils.production.store import Decision, Store, list_decisions, record_decision

_log = logging.getLogger(__name__)

_APPROVED: dict[str, RetrainResult] = {"none": "promoted", "person": "waiting", "shadow": "challenger"}
_POINTERS: dict[str, PointerName] = {
    "promoted": "current",
    "waiting": "waiting",
    "challenger": "challenger",
}


def made_by(version: str, details: Mapping[str, Any]) -> bool:
    """Did this decision make that version? Its name ends with the first digits of its card's sum."""
    made = str(details.get("bundle_sha256", ""))
    return bool(made) and version.rpartition("-")[2] == made[:12]


def unfinished(work: Path, champion: str) -> dict[str, Any]:
    """What was judged beside this champion, or made it, and was not brought to its end; else empty."""
    judged = read_json(work / VERDICT)
    current = judged.get("champion") == champion or made_by(champion, judged)
    return judged if current else {}


def verdict_of(details: Mapping[str, Any]) -> GateVerdict:
    """What the gate said, from what a decision records."""
    told = details["gate"]
    checks = tuple(GateCheck(**check) for check in told["checks"])
    return GateVerdict(told["passed"], checks, told["figures"], told["labels_missing"])


def conclude(
    store: Store, deployment: Path, work: Path, judged: Mapping[str, Any], by: str
) -> RetrainOutcome:
    """Record the decision, move the pointer, tell the registry, keep what a replay needs.

    Args:
        store: for the decision.
        deployment: the folder, resolved.
        work: holds the bundle; gone afterwards.
        judged: what was made and judged.
        by: who asked, for the history.

    Raises:
        WorkshopError: another version has become the champion meanwhile, or the deployment cannot be written.
        StoreUnavailable: the database does not answer.
    """
    champion = pointed_version(deployment)
    if champion is None or (champion != judged["champion"] and not made_by(champion, judged)):
        raise WorkshopError(
            f"{champion} has become the champion while the challenger was made; run it again, and it is "
            "judged beside that one."
        )
    verdict = verdict_of(judged)
    policy = judged["policy"]["retraining"]
    outcome: RetrainResult = _APPROVED[policy["approval"]] if verdict.passed else "refused"
    number = _record(store, outcome, judged)
    version = None
    if verdict.passed:
        told = Told(by, f"{judged['reason']} {judged['why']} (decision {number})", verdict.figures)
        lineage = Lineage(
            training_data=key_of({name: judged["sums"][name] for name in ("reference", "learned")}),
            policy=judged["policy_sha256"],
            code_revision=f"workshop-{judged['workshop']}",
        )
        version = promote(work / CHALLENGER, deployment, told, _POINTERS[outcome], lineage).version
        _tell_registry(deployment)
    keep_decision(work, number, not verdict.passed, policy["keep_refused"])
    missing = verdict.labels_missing
    return RetrainOutcome(
        outcome,
        judged["reason"],
        judged["champion"],
        version,
        number,
        verdict,
        judged["labels_learned"],
        judged["labels_held_out"],
        None if missing is None else math.ceil(missing / policy["holdout_share"]),
        weight=judged["weight"],
        seconds=judged["seconds"],
        notes=tuple(judged["notes"]),
    )


def _record(store: Store, outcome: RetrainResult, judged: Mapping[str, Any]) -> int:
    """The number of the decision; a run that was killed may have recorded it."""
    for each in list_decisions(store, RETRAIN):
        if each.details.get("key") == judged["key"] and each.last_feedback == judged["last_feedback"]:
            return each.number
    decision = Decision(
        kind=RETRAIN,
        outcome=outcome,
        reason=judged["reason"],
        model_version=judged["champion"],
        details=dict(judged),
        last_prediction=judged["last_prediction"],
        last_feedback=judged["last_feedback"],
    )
    return record_decision(store, decision)


def _tell_registry(deployment: Path) -> None:
    """The registry may be behind; the deployment decides."""
    if not registry_exists():
        return
    try:
        mirror_deployment(deployment)
    except WorkshopError as error:
        _log.warning("%s", error)
