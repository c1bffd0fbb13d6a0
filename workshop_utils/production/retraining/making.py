"""Make a challenger and let the gate judge it; what a stopped run has made is taken up."""

import shutil
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np

from workshop_utils import __version__
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.training.job import BUNDLE, read_predictions
from workshop_utils.production.policy import Policy
from workshop_utils.production.retraining.challenger import (
    ChosenWeight,
    Trainer,
    WeightTrial,
    champion_kind,
    choose_weight,
    finish_challenger,
    train_challenger,
)
from workshop_utils.production.retraining.decide import RetrainDecision
from workshop_utils.production.retraining.judging import judge_bundles
from workshop_utils.production.retraining.keeping import (
    CHALLENGER,
    VERDICT,
    begin_work,
    key_of,
    read_json,
    write_json,
)
from workshop_utils.production.retraining.material import RetrainingMaterial
from workshop_utils.production.retraining.measured import check_latency, check_parity

_WEIGHT, _TRAINING = "weight.json", "training"


class ChallengerOrder(NamedTuple):
    """What is wanted, and what was known then.

    Attributes:
        champion: name of its version. bundle: the champion. policy, seed: as they were asked for.
        why: the reason. labels_new: labels that were new to the champion.
        judged_until: number of the last label that was there when the champion was judged.
        last_prediction, last_feedback: the last numbers in the store.
    """

    champion: str
    bundle: Bundle
    policy: Policy
    seed: int
    why: RetrainDecision
    labels_new: int
    judged_until: int
    last_prediction: int
    last_feedback: int


def policy_sum(policy: Policy) -> str:
    """SHA-256 of all that a policy says, defaults included."""
    return sha256(policy.model_dump_json().encode("utf-8")).hexdigest()


def make_challenger(
    order: ChallengerOrder,
    material: RetrainingMaterial,
    trainer: Trainer,
    work: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Choose the weight, train, measure, judge.

    Args:
        order: what is wanted.
        material: to learn from and to be judged by.
        trainer: trains.
        work: folder that outlives a killed run; it holds bundle and verdict afterwards.
        say: hears how it goes.

    Returns:
        All that a decision records, as JSON can hold it.
    """
    began = time.perf_counter()
    policy, seed, champion = order.policy, order.seed, order.bundle
    sums = {name: getattr(material, name).sha256 for name in ("reference", "learned", "recent", "frozen")}
    terms = {"champion": order.champion, "policy_sha256": policy_sum(policy), "seed": seed, "sums": sums}
    key = key_of(terms | {"workshop": __version__})
    begin_work(work, key)
    chosen = _train(order, material, trainer, work)
    say(chosen.sentence)
    trained = Bundle.load(work / _TRAINING / BUNDLE)
    texts = [*material.recent.texts, *material.frozen.texts]
    true = np.concatenate([material.recent.codes, material.frozen.codes])
    answers = read_predictions(work / _TRAINING).final
    measured = [
        check_latency(champion, trained, texts, policy.gate.latency_factor),
        check_parity(material.labels, true, answers, trained.predict_proba(texts)),
    ]
    verdict = judge_bundles(champion, trained, material, policy.gate, seed, measured)
    finish_challenger(work / _TRAINING, work / CHALLENGER, material, verdict, policy, seed)
    told = terms | {
        "key": key,
        "trigger": order.why.trigger,
        "why": order.why.sentence,
        "bundle_sha256": Bundle.load(work / CHALLENGER).sha256,
        "gate": verdict.to_dict(),
        "reason": verdict.reason,
        "measured": [check._asdict() for check in measured],
        "weight": chosen.weight,
        "trials": [trial._asdict() for trial in chosen.trials],
        "notes": [*material.notes, chosen.sentence],
        "labels_new": order.labels_new,
        "labels_learned": len(material.learned.texts),
        "labels_held_out": len(material.recent.texts),
        "policy": policy.model_dump(mode="json"),
        "judged_until": order.judged_until,
        "last_prediction": order.last_prediction,
        "last_feedback": order.last_feedback,
        "workshop": __version__,
        "seconds": round(time.perf_counter() - began, 1),
    }
    write_json(work / VERDICT, told)
    return told


def _train(
    order: ChallengerOrder, material: RetrainingMaterial, trainer: Trainer, work: Path
) -> ChosenWeight:
    """Each step gets its name when it is done."""
    policy, seed = order.policy, order.seed
    kind = champion_kind(order.bundle, policy)
    for left in work.glob("draft-*"):
        shutil.rmtree(left, ignore_errors=True)
    draft = work / f"draft-{uuid4().hex}"  # a killed run's process may still be clearing its own away
    told = read_json(work / _WEIGHT)
    if told:
        trials = tuple(WeightTrial(**trial) for trial in told["trials"])
        chosen = ChosenWeight(told["weight"], trials, told["sentence"])
    else:
        chosen = choose_weight(material, kind, policy, trainer, draft, seed)
        shutil.rmtree(draft, ignore_errors=True)
        write_json(
            work / _WEIGHT, chosen._asdict() | {"trials": [trial._asdict() for trial in chosen.trials]}
        )
    if not (work / _TRAINING).exists():
        train_challenger(material, chosen.weight, kind, policy, trainer, draft, seed)
        draft.rename(work / _TRAINING)
    return chosen
