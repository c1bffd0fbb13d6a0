"""Retraining behind a gate: a reason, a challenger, a verdict in words, and a decision that can be replayed.

:func:`judge` is the gate, on arrays alone. :func:`retrain` does all of it for a deployment.
:func:`promote_by_evidence` promotes a challenger by what people say of its disagreements with the champion.
"""

from workshop_utils.production.retraining.challenger import (
    ChosenWeight,
    Trainer,
    WeightTrial,
    choose_weight,
    train_here,
    train_in_process,
)
from workshop_utils.production.retraining.decide import (
    LabelsAtHand,
    RetrainDecision,
    RetrainTrigger,
    decide_retraining,
)
from workshop_utils.production.retraining.gate import GateCheck, GateVerdict, judge
from workshop_utils.production.retraining.judging import class_numbers, judge_bundles
from workshop_utils.production.retraining.material import RetrainingMaterial, TextPart, read_material
from workshop_utils.production.retraining.measured import (
    check_behaviour,
    check_latency,
    check_leaks,
    check_numbers,
    check_parity,
)
from workshop_utils.production.retraining.outcome import RetrainOutcome, RetrainResult
from workshop_utils.production.retraining.paired import Gain, PairedAnswers, paired_gain
from workshop_utils.production.retraining.recent import RecentLabels, read_recent_labels
from workshop_utils.production.retraining.replaying import DecisionReplay, replay_decision
from workshop_utils.production.retraining.retrain import RetrainRequest, RetrainTools, retrain
from workshop_utils.production.retraining.shadow_guard import ShadowVerdict, judge_shadow
from workshop_utils.production.retraining.shadow_promotion import ShadowOutcome, promote_by_evidence

__all__ = [
    "ChosenWeight",
    "DecisionReplay",
    "Gain",
    "GateCheck",
    "GateVerdict",
    "LabelsAtHand",
    "PairedAnswers",
    "RecentLabels",
    "RetrainDecision",
    "RetrainOutcome",
    "RetrainRequest",
    "RetrainResult",
    "RetrainTools",
    "RetrainTrigger",
    "RetrainingMaterial",
    "ShadowOutcome",
    "ShadowVerdict",
    "TextPart",
    "Trainer",
    "WeightTrial",
    "check_behaviour",
    "check_latency",
    "check_leaks",
    "check_numbers",
    "check_parity",
    "choose_weight",
    "class_numbers",
    "decide_retraining",
    "judge",
    "judge_bundles",
    "judge_shadow",
    "paired_gain",
    "promote_by_evidence",
    "read_material",
    "read_recent_labels",
    "replay_decision",
    "retrain",
    "train_here",
    "train_in_process",
]
