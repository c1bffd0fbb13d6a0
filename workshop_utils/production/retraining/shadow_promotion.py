"""``workshop promote --shadow``: promote the challenger of a deployment when people's labels say so.

The decision is recorded before the pointer moves; killed in between, the same command completes it.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from workshop_utils.errors import WorkshopError
from workshop_utils.production.deployment import (
    Told,
    clear_pointer,
    pointed_version,
    promote_challenger,
)
from workshop_utils.production.policy import Policy
from workshop_utils.production.retraining.shadow_guard import ShadowVerdict, judge_shadow
from workshop_utils.production.shadow import ShadowPair, read_pair_labels, shadow_pair
from workshop_utils.production.store import (
    Decision,
    Store,
    last_label,
    last_prediction,
    list_decisions,
    record_decision,
)

#: The kind of its decisions in the store.
SHADOW: Final = "shadow"

_SEED = 0


@dataclass(frozen=True)
class ShadowOutcome:
    """What came of it.

    Attributes:
        outcome: ``promoted``, ``refused``, or ``nothing``: no challenger stands in the shadow.
        reason: why, in words. champion: before. challenger: that was judged.
        decision: number in the store; None where nothing was to be decided.
        verdict: all that was looked at.
    """

    outcome: Literal["promoted", "refused", "nothing"]
    reason: str
    champion: str | None = None
    challenger: str | None = None
    decision: int | None = None
    verdict: ShadowVerdict | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"verdict": None if self.verdict is None else self.verdict.to_dict()}


def promote_by_evidence(
    store: Store,
    deployment: Path,
    policy: Policy | None = None,
    by: str = "workshop promote --shadow",
    why: str = "",
) -> ShadowOutcome:
    """Promote the challenger if the evidence is enough and the guard has nothing against it.

    Args:
        store: predictions, labels and decisions.
        deployment: the folder.
        policy: what is asked for; its part ``shadow``.
        by: who asks, for the history.
        why: what else they want to have written down there.

    Raises:
        WorkshopError: the deployment cannot be read or written, or another version has become the champion
            or the challenger meanwhile.
        StoreUnavailable: the database does not answer.
    """
    policy, deployment = policy or Policy(), Path(deployment).resolve()
    pair = shadow_pair(deployment)
    if pair is None:
        return _without_challenger(deployment, by)
    until = last_label(store)
    verdict = judge_shadow(read_pair_labels(store, pair, policy.shadow.labels, until), policy, _SEED)
    outcome: Literal["promoted", "refused"] = "promoted" if verdict.passed else "refused"
    number = _record(store, outcome, pair, verdict, policy, until)
    if verdict.passed:
        told = Told(by, f"{why} {verdict.reason} (decision {number})".strip(), verdict.figures)
        promote_challenger(deployment, told, pair.champion, pair.challenger)
    reason = f"{verdict.reason} {verdict.advice}".strip()
    return ShadowOutcome(outcome, reason, pair.champion, pair.challenger, number, verdict)


def replay_shadow(store: Store, decision: Decision) -> ShadowVerdict:
    """The verdict of a past decision, by the labels that were there then.

    Raises:
        WorkshopError: the decision was recorded by another version of this course.
        StoreUnavailable: the database does not answer.
    """
    try:
        details = decision.details
        pair = ShadowPair(details["champion"], details["challenger"])
        policy, seed = Policy.model_validate(details["policy"]), int(details["seed"])
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise WorkshopError(
            f"Decision {decision.number} was recorded by another version of this course."
        ) from error
    return judge_shadow(
        read_pair_labels(store, pair, policy.shadow.labels, decision.last_feedback), policy, seed
    )


def shadow_differences(decision: Decision, now: ShadowVerdict) -> tuple[str, ...]:
    """What a verdict says otherwise than the decision recorded; sentences."""
    then = {check["name"]: check for check in decision.details["verdict"]["checks"]}
    found = [
        f"{check.name}: {check.found} Then: {then[check.name]['found']}"
        for check in now.checks
        if check.name in then and check._asdict() != then[check.name]
    ]
    if {check.name for check in now.checks} != then.keys():
        found.append("Other things are looked at now.")
    if ("promoted" if now.passed else "refused") != decision.outcome:
        found.append(f"The challenger {'passes' if now.passed else 'is refused'} now, and was not then.")
    return tuple(found)


def _without_challenger(deployment: Path, by: str) -> ShadowOutcome:
    champion = pointed_version(deployment)
    if champion is None:
        raise WorkshopError(f"There is no champion in {deployment.name}; promote a bundle first.")
    if pointed_version(deployment, "challenger") == champion:  # a promotion was killed before its last step
        clear_pointer(deployment, "challenger", Told(by, "It is the champion."))
    return ShadowOutcome(
        "nothing",
        f"No challenger scores in the shadow of {champion}; `workshop promote BUNDLE --challenger` sets one.",
        champion,
    )


def _record(
    store: Store,
    outcome: str,
    pair: ShadowPair,
    verdict: ShadowVerdict,
    policy: Policy,
    until: int,
) -> int:
    """The number of the decision; what was decided by the same labels is not recorded again."""
    details = {
        **pair._asdict(),
        "verdict": verdict.to_dict(),
        "policy": policy.model_dump(mode="json", include={"shadow", "gate"}),
        "seed": _SEED,
    }
    before = [each for each in list_decisions(store, SHADOW) if each.model_version == pair.champion]
    if before and _without_number(before[-1].details) == _without_number(details):
        return before[-1].number
    decision = Decision(
        kind=SHADOW,
        outcome=outcome,
        reason=f"{pair.challenger} beside {pair.champion}: {verdict.reason}",
        model_version=pair.champion,
        details=details,
        last_prediction=last_prediction(store),
        last_feedback=until,
    )
    return record_decision(store, decision)


def _without_number(details: Any) -> dict[str, Any]:
    """All but the number of the last label: labels of other texts change nothing."""
    verdict = dict(details["verdict"])
    verdict["evidence"] = {**verdict["evidence"], "last_label": 0}
    return {**details, "verdict": verdict}
