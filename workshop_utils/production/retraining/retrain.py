"""``workshop retrain``: decide, train a challenger, let the gate judge, and promote or keep the champion.

Killed anywhere, the champion is a whole version and the next run goes on: what was trained is not trained
again, what was judged is not judged again, and a decision is recorded once.
"""

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from workshop_utils.errors import WorkshopError
from workshop_utils.files import locked
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.deployment import (
    open_version,
    pointed_version,
    version_folder,
    version_names,
)
from workshop_utils.production.monitoring.monitor import monitor_store
from workshop_utils.production.monitoring.monitoring_report import MonitoringReport
from workshop_utils.production.policy import Policy
from workshop_utils.production.retraining.challenger import Trainer, train_in_process
from workshop_utils.production.retraining.concluding import conclude, made_by, unfinished
from workshop_utils.production.retraining.decide import LabelsAtHand, RetrainDecision, decide_retraining
from workshop_utils.production.retraining.keeping import work_folder
from workshop_utils.production.retraining.making import ChallengerOrder, make_challenger, policy_sum
from workshop_utils.production.retraining.material import read_material
from workshop_utils.production.retraining.measured import refuse_unusable_behaviour
from workshop_utils.production.retraining.outcome import RETRAIN, RetrainOutcome
from workshop_utils.production.retraining.recent import RecentLabels, read_recent_labels
from workshop_utils.production.store import (
    Decision,
    Store,
    last_label,
    last_prediction,
    list_decisions,
)

_log = logging.getLogger(__name__)


class RetrainRequest(NamedTuple):
    """What somebody asks for.

    Attributes:
        deployment: the folder whose champion is to be retrained. policy: what is a reason and what is enough.
        reason: a person's; then nothing else need have happened.
        by: who asks, for the history. seed: of all random steps.
    """

    deployment: Path
    policy: Policy
    reason: str = ""
    by: str = "workshop retrain"
    seed: int = 0


class RetrainTools(NamedTuple):
    """How it is done; a study may train in its own process, a test may monitor without a stream.

    Attributes:
        trainer: trains. monitor: says whether the champion is still right. now: the clock.
        say: hears how it goes.
    """

    trainer: Trainer = train_in_process
    monitor: Callable[..., MonitoringReport] = monitor_store
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    say: Callable[[str], None] = _log.info


class _Moment(NamedTuple):
    """What is known when it begins; a decision can be repeated by it."""

    deployment: Path
    champion: str
    bundle: Bundle
    last_prediction: int
    last_feedback: int
    judged_until: int
    decisions: list[Decision]


def retrain(request: RetrainRequest, store: Store, tools: RetrainTools | None = None) -> RetrainOutcome:
    """Retrain the champion of a deployment where there is a reason, and promote what passes the gate.

    Args:
        request: what is asked for.
        store: predictions, labels and decisions.
        tools: how it is done.

    Raises:
        WorkshopError: there is no champion, the policy's tables cannot be read, a label was made by a model,
            a training fails, or another retraining of this deployment runs; the champion stays as it is.
        StoreUnavailable: the database does not answer.
    """
    tools = tools or RetrainTools()
    deployment = Path(request.deployment).resolve()
    champion = pointed_version(deployment)
    if champion is None:
        raise WorkshopError(f"There is no champion in {deployment.name}; promote a bundle first.")
    work = work_folder(deployment)
    work.parent.mkdir(parents=True, exist_ok=True)
    busy = f"Another retraining of {deployment.name} is running; wait for its end."
    with locked(work.with_name(f".{work.name}.lock"), busy):
        if judged := unfinished(work, champion):
            tools.say("A retraining that was stopped is brought to its end.")
            return conclude(store, deployment, work, judged, request.by)
        moment = _look(store, deployment, champion)
        models = version_names(deployment)
        given = read_recent_labels(store, moment.last_feedback, moment.judged_until, models)
        decision = _decide(request, store, tools, moment, given)
        if decision.trigger is None:
            return _nothing(champion, decision)
        tools.say(decision.sentence)
        refuse_unusable_behaviour(moment.bundle, request.policy.gate)
        material = read_material(request.policy, moment.bundle.labels, given)
        for note in material.notes:
            tools.say(note)
        missing = request.policy.gate.fewest_recent - len(material.recent.texts)
        if missing > 0:
            return _nothing(champion, _too_few_held_out(decision, request.policy, missing), material.notes)
        order = ChallengerOrder(
            champion=champion,
            bundle=moment.bundle,
            policy=request.policy,
            seed=request.seed,
            why=decision,
            labels_new=len(given.new),
            judged_until=moment.judged_until,
            last_prediction=moment.last_prediction,
            last_feedback=moment.last_feedback,
        )
        judged = make_challenger(order, material, tools.trainer, work, tools.say)
        return conclude(store, deployment, work, judged, request.by)


def _look(store: Store, deployment: Path, champion: str) -> _Moment:
    """Numbers first: what comes later is left for the next time."""
    feedback, prediction = last_label(store), last_prediction(store)
    decisions = list_decisions(store, RETRAIN)
    own = [each.last_feedback or 0 for each in decisions if made_by(champion, each.details)]
    bundle = open_version(deployment, champion)
    return _Moment(deployment, champion, bundle, prediction, feedback, max(own, default=0), decisions)


def _decide(
    request: RetrainRequest, store: Store, tools: RetrainTools, moment: _Moment, given: RecentLabels
) -> RetrainDecision:
    policy, waiting = request.policy, pointed_version(moment.deployment, "waiting")
    if waiting is not None:
        return RetrainDecision(
            None, f"{waiting} waits for a yes or no; say `workshop promote --approve` or `--reject` first."
        )
    if shadow := _in_shadow(request, moment):
        return RetrainDecision(
            None,
            f"{shadow} scores in the shadow, and another challenger would begin without evidence: label its "
            "disagreements for `workshop promote --shadow`, or say `workshop promote --no-challenger` first.",
        )
    report = None
    if not request.reason:
        report = tools.monitor(
            store,
            version_folder(moment.deployment, moment.champion),
            policy,
            until_prediction=moment.last_prediction,
            until_feedback=moment.last_feedback,
        )
    age_days = _age_days(moment.bundle, tools.now())
    labels = LabelsAtHand(len(given.new), _since_last_try(request, moment, given))
    decision = decide_retraining(policy.retraining, labels, request.reason, age_days, report)
    if decision.labels_missing and given.without_text:
        more = f" {given.without_text:,} labels have no text: serve with --store-texts to learn from them."
        return decision._replace(sentence=decision.sentence + more)
    return decision


def _in_shadow(request: RetrainRequest, moment: _Moment) -> str | None:
    """The challenger that labels decide about, by the policy, unless somebody asks for another one."""
    if request.policy.retraining.approval != "shadow" or request.reason:
        return None
    challenger = pointed_version(moment.deployment, "challenger")
    return None if challenger == moment.champion else challenger


def _age_days(champion: Bundle, now: datetime) -> float:
    """Days since it was trained; 0 where its card tells no time."""
    try:
        created = datetime.fromisoformat(champion.card.created)
    except ValueError:
        return 0.0
    if created.tzinfo is None:
        created = created.replace(tzinfo=UTC)
    return (now - created).total_seconds() / 86_400


def _since_last_try(request: RetrainRequest, moment: _Moment, given: RecentLabels) -> int | None:
    """Labels since a challenger for this champion was judged by the same policy and seed."""
    terms = (moment.champion, policy_sum(request.policy), request.seed)
    tries = [
        each.last_feedback or 0
        for each in moment.decisions
        if tuple(map(each.details.get, ("champion", "policy_sha256", "seed"))) == terms
    ]
    return sum(each.number > max(tries) for each in given.new) if tries else None


def _too_few_held_out(decision: RetrainDecision, policy: Policy, missing: int) -> RetrainDecision:
    more = math.ceil(missing / policy.retraining.holdout_share)
    held = policy.gate.fewest_recent - missing
    return RetrainDecision(
        None,
        f"{decision.sentence} But the gate asks for {policy.gate.fewest_recent:,} held-out labels, and "
        f"{held:,} can be held out: about {more:,} more {'label is' if more == 1 else 'labels are'} needed.",
        labels_missing=more,
    )


def _nothing(champion: str, decision: RetrainDecision, notes: list[str] | None = None) -> RetrainOutcome:
    return RetrainOutcome(
        "nothing",
        decision.sentence,
        champion,
        labels_missing=decision.labels_missing,
        labels_to_buy=decision.labels_to_buy,
        notes=tuple(notes or ()),
    )
