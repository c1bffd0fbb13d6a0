"""Train a challenger: on the table and on labelled texts, each of which counts so many times.

A text that counts five times is learned from five times, so every kind of model can do it. How often is tried
on labelled texts that are held out for that alone, and on a part of the table; the gate's texts take no part.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workshop_utils.data.usable_texts import shortened
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle, make_reference
from workshop_utils.models.metrics import macro_f1
from workshop_utils.models.training.job import BUNDLE, Predictions, TrainingJob, read_predictions
from workshop_utils.models.training.language import words_run_together
from workshop_utils.models.training.learner import LearnerSettings, TrainedKind, make_learner
from workshop_utils.models.training.parts import Fit, Plan, stratified_share
from workshop_utils.models.training.process import TrainingProcess
from workshop_utils.models.training.table import finish_bundle
from workshop_utils.models.training.worker import TextCosts, run_job
from workshop_utils.production.policy import Policy
from workshop_utils.production.retraining.gate import GateVerdict
from workshop_utils.production.retraining.material import RetrainingMaterial, TextPart
from workshop_utils.quiet import quiet

#: Trains what a job asks for; the folder, which is not there yet, holds its bundle afterwards.
Trainer = Callable[[TrainingJob, Path], Predictions]

#: Of the table, a fifth says what is forgotten, and at most so many texts.
_ASKED_SHARE, _MOST_ASKED = 0.2, 1000
#: With fewer labelled texts to compare weights by, the smallest weight is taken.
_FEWEST_COMPARED = 10
#: With fewer recent texts, monitoring compares with the frozen test set, too.
_FEWEST_COMPARED_WITH = 200

_KINDS: dict[str, TrainedKind] = {"keras": "cnn", "tfidf": "tfidf", "distilbert": "distilbert"}

_log = logging.getLogger(__name__)


class WeightTrial(NamedTuple):
    """What came of a weight: macro-F1 on labelled texts and on the table, and points lost there."""

    weight: int
    labelled: float
    table: float
    lost_points: float


class ChosenWeight(NamedTuple):
    """The weight that is taken, all that were tried, and why."""

    weight: int
    trials: tuple[WeightTrial, ...]
    sentence: str


def train_in_process(job: TrainingJob, folder: Path) -> Predictions:
    """Train in a process of its own: no framework is imported here, and its memory is given back."""
    with TrainingProcess(folder, job) as process:
        process.try_out()
        return process.train(None, lambda share: None, _log.info)


def train_here(job: TrainingJob, folder: Path) -> Predictions:
    """Train in this process: faster for TF-IDF, where many small models are trained one after the other."""
    folder.mkdir()
    learner = make_learner(job.kind, job.settings, len(job.plan.final.train))
    with quiet():
        run_job(folder, job, learner, job.plan, TextCosts(0.0, 0.0), lambda **event: None)
    return read_predictions(folder)


def champion_kind(champion: Bundle, policy: Policy) -> TrainedKind:
    """What kind of model is trained: the champion's, unless the policy names another."""
    wanted = policy.retraining.model
    return _KINDS[champion.card.kind] if wanted == "same" else wanted


def choose_weight(
    material: RetrainingMaterial, kind: TrainedKind, policy: Policy, trainer: Trainer, folder: Path, seed: int
) -> ChosenWeight:
    """Try each weight on the newest of the labelled texts to learn from; the best within the budget is taken.

    Args:
        material: what there is; its held-out and frozen parts are not looked at.
        kind: of model.
        policy: weights, budget and shares.
        trainer: trains.
        folder: to work in, not there yet.
        seed: of all random steps.
    """
    weights = sorted(set(policy.retraining.weights))
    size = round(policy.retraining.holdout_share * material.newest)
    first = weights[0]
    if len(weights) == 1:
        return ChosenWeight(first, (), f"Each labelled text counts {_times(first)}, as the policy says.")
    if size < _FEWEST_COMPARED or len(set(material.learned.codes[-size:].tolist())) < 2:
        return ChosenWeight(
            first, (), f"Each labelled text counts {_times(first)}: there are too few to compare weights by."
        )
    learned, compared = np.split(np.arange(len(material.learned.texts)), [-size])
    part = _joined(material.reference, material.learned)
    offset = len(material.reference.texts)
    asked = stratified_share(material.reference.codes, _ASKED_SHARE, _MOST_ASKED, seed)
    ask = np.concatenate([np.flatnonzero(asked), offset + compared])
    fits = [Fit(_rows(np.flatnonzero(~asked), offset + learned, weight), ask) for weight in (0, *weights)]
    plan = Plan([[fit] for fit in fits[:-1]], fits[-1])
    predictions = trainer(_job(material, part, kind, policy, plan, seed), folder)
    said = [*(each[ask].argmax(axis=1) for each in predictions.folds), predictions.final.argmax(axis=1)]
    truth, split = part.codes[ask], int(asked.sum())
    table = [macro_f1(truth[:split], each[:split]) for each in said]
    labelled = [macro_f1(truth[split:], each[split:]) for each in said]
    trials = tuple(
        WeightTrial(weight, round(new, 6), round(old, 6), round(100 * (table[0] - old), 6))
        for weight, new, old in zip(weights, labelled[1:], table[1:], strict=True)
    )
    shutil.rmtree(folder)
    return _best(trials, policy.gate.forgetting_budget_points)


def _best(trials: Sequence[WeightTrial], budget: float) -> ChosenWeight:
    within = [trial for trial in trials if trial.lost_points <= budget]
    if not within:
        return ChosenWeight(
            trials[0].weight,
            tuple(trials),
            f"Each labelled text counts {_times(trials[0].weight)}: every weight forgets more than "
            f"{budget:g} points of the table, and the smallest forgets least.",
        )
    best = max(within, key=lambda trial: (trial.labelled, -trial.weight))
    return ChosenWeight(
        best.weight,
        tuple(trials),
        f"Each labelled text counts {_times(best.weight)}: of {len(within)} weights (of {len(trials)}) that "
        f"forget at most {budget:g} points of the table, it is the best on new labels (macro-F1 "
        f"{best.labelled:.3f}, and {best.lost_points:.1f} points forgotten).",
    )


def train_challenger(
    material: RetrainingMaterial,
    weight: int,
    kind: TrainedKind,
    policy: Policy,
    trainer: Trainer,
    folder: Path,
    seed: int,
) -> None:
    """Train on all that may be learned from; ask the recent texts and then the frozen ones.

    Args:
        material: what there is.
        weight: how often a labelled text counts.
        kind: of model.
        policy: names the encoder.
        trainer: trains.
        folder: to work in, not there yet; it holds the bundle afterwards.
        seed: of all random steps.
    """
    part = _joined(material.reference, material.learned, material.recent, material.frozen)
    offset, learned = len(material.reference.texts), len(material.learned.texts)
    train = _rows(np.arange(offset), offset + np.arange(learned), weight)
    plan = Plan([], Fit(train, np.arange(offset + learned, len(part.texts))))
    trainer(_job(material, part, kind, policy, plan, seed), folder)


def learned_texts(material: RetrainingMaterial) -> list[str]:
    """All that a challenger learns from."""
    return [*material.reference.texts, *material.learned.texts]


def finish_challenger(
    folder: Path, target: Path, material: RetrainingMaterial, verdict: GateVerdict, policy: Policy, seed: int
) -> Path:
    """Give the trained bundle its metrics, those on recent labels, and what monitoring compares with.

    Args:
        folder: of the training.
        target: of the bundle.
        material: what it learned and was judged by.
        verdict: of the gate.
        policy: says what is kept of texts.
        seed: of the drawing.
    """
    draft = folder / BUNDLE
    bundle = Bundle.load(draft)
    figures = verdict.figures
    metrics = {
        "accuracy": figures["recent_accuracy"],
        "macro_f1": figures["recent_macro_f1"],
        "frozen_accuracy": figures["frozen_accuracy"],
        "frozen_macro_f1": figures["frozen_macro_f1"],
        "texts": figures["recent_labels"],
    }
    reference = None
    if policy.retraining.reference != "none":
        texts = list(material.recent.texts)
        if len(texts) < _FEWEST_COMPARED_WITH:
            texts += material.frozen.texts
        scores = bundle.score(texts)
        reference = make_reference(
            bundle.labels,
            texts,
            scores.probabilities,
            scores.truncated,
            learned_texts(material),
            policy.retraining.reference,
            seed,
        )
    return finish_bundle(draft, target, metrics, material.recent.texts, reference)


def _job(
    material: RetrainingMaterial, part: TextPart, kind: TrainedKind, policy: Policy, plan: Plan, seed: int
) -> TrainingJob:
    without = np.setdiff1d(np.arange(len(material.labels)), part.codes[plan.final.train])
    if len(without):
        raise WorkshopError(
            f"No text to learn from has the label {shortened(material.labels[without[0]])}, which the "
            "champion knows; name a table in the policy that has it."
        )
    together = words_run_together(material.reference.texts, seed)
    settings = LearnerSettings(material.labels, seed, policy.retraining.encoder, together)
    return TrainingJob(kind, settings, part.texts, part.codes, plan)


def _joined(*parts: TextPart) -> TextPart:
    return TextPart(
        [text for part in parts for text in part.texts], np.concatenate([part.codes for part in parts])
    )


def _rows(reference: np.ndarray, learned: np.ndarray, weight: int) -> np.ndarray:
    """Places to learn from; each labelled text so often."""
    return np.concatenate([reference, np.repeat(learned, weight)])


def _times(weight: int) -> str:
    return "once" if weight == 1 else f"{weight} times"
