"""The process that trains one kind of model: ``python -m workshop_utils.models.training.worker FOLDER``.

One framework per process: the command itself imports none. The folder holds a job. On standard output go
JSON lines: ``{"cost": seconds}`` after a short trial; then the process waits for a line on standard input
with the seconds that it may take (or ``null``), and tells ``{"done": share}`` and ``{"note": sentence}``; an
error for people is ``{"error": sentence}``. When standard input ends, it takes its folder away and ends.
"""

import json
import os
import queue
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.training.job import (
    BUNDLE,
    Predictions,
    TrainingJob,
    read_job,
    write_predictions,
)
from workshop_utils.models.training.learner import TITLES, Learner, OutOfTime, make_learner
from workshop_utils.models.training.parts import Fit, Plan, stratified_share
from workshop_utils.models.training.prepare import MIN_TEXTS
from workshop_utils.quiet import quiet

#: Predicting a text costs about so much of reading it once in training.
_ASK_COST = 0.35
#: Of the seconds that there are, so many are planned; estimates are not exact.
_PLANNED = 0.8
_TRIAL_TEXTS = 2000

Tell = Callable[..., None]


class TextCosts(NamedTuple):
    """Seconds for each text that is read once in training, for each prediction, and to begin a training."""

    train: float
    ask: float
    start: float = 0.0

    def of(self, fit: Fit, passes: int) -> float:
        """Seconds of one training with its predictions."""
        return self.start + self.train * passes * len(fit.train) + self.ask * len(fit.ask)

    def of_all(self, plan: Plan, passes: int) -> float:
        """Seconds of all trainings."""
        return sum(self.of(fit, passes) for fit in plan.fits)


def try_out(learner: Learner, job: TrainingJob) -> TextCosts:
    """Measure what reading a text costs, on a few of the texts, one of each label first."""
    drawn = np.random.default_rng(job.settings.seed).permutation(job.plan.final.train)
    first = np.unique(job.codes[drawn], return_index=True)[1]
    rows = np.concatenate([drawn[first], np.delete(drawn, first)])[:_TRIAL_TEXTS]
    start, text = learner.trial([job.texts[row] for row in rows], job.codes[rows])
    return TextCosts(text, _ASK_COST * text, start)


def within_seconds(
    job: TrainingJob, costs: TextCosts, passes: int, seconds: float | None
) -> tuple[Plan, str]:
    """The plan as far as the seconds reach, and a sentence about what was left out.

    First the repeats of the cross-validation go, then training texts.

    Raises:
        OutOfTime: not even a tenth of the texts could be learned from.
    """
    plan, title = job.plan, TITLES[job.kind]
    if seconds is None or costs.of_all(plan, passes) <= _PLANNED * seconds:
        return plan, ""
    notes = []
    if len(plan.folds) > 1:
        plan = plan._replace(folds=plan.folds[:1])
        notes.append("is judged by one cross-validation only")
    fixed = sum(costs.start + costs.ask * len(fit.ask) for fit in plan.fits)
    share = (_PLANNED * seconds - fixed) / max(1e-9, costs.of_all(plan, passes) - fixed)
    if share < 0.1:
        needed = costs.of_all(plan, passes) / _PLANNED / 60
        raise OutOfTime(
            f"{title} does not fit into the time: it needs about {needed:.1f} minutes; "
            "give more --minutes or fewer --rows."
        )
    if share < 1:
        plan = Plan(
            [[_smaller(fit, job, share) for fit in repeat] for repeat in plan.folds],
            _smaller(plan.final, job, share),
        )
        notes.append(f"learns from {len(plan.final.train):,} of {len(job.plan.final.train):,} texts")
    return plan, f"To keep within the time, {title} {' and '.join(notes)}."


def _smaller(fit: Fit, job: TrainingJob, share: float) -> Fit:
    codes = job.codes[fit.train]
    chosen = stratified_share(codes, share, len(codes), job.settings.seed)
    for code in np.unique(codes):  # no label is left with less than what a table must have
        places = np.flatnonzero(codes == code)
        chosen[places[: max(0, MIN_TEXTS - chosen[places].sum())]] = True
    return fit._replace(train=fit.train[chosen])


def run_job(
    folder: Path, job: TrainingJob, learner: Learner, plan: Plan, costs: TextCosts, tell: Tell
) -> None:
    """Train all, keep the predictions and the bundle in the folder."""
    whole, before = costs.of_all(plan, learner.passes), 0.0
    size = len(job.settings.labels)
    folds = np.zeros((len(plan.folds), len(job.texts) if plan.folds else 0, size), dtype=np.float32)

    def train(fit: Fit) -> None:
        def share_done(share: float) -> None:
            cost = costs.train * learner.passes * len(fit.train)
            tell(done=min(0.99, (before + share * cost) / max(1e-9, whole)))

        learner.train([job.texts[row] for row in fit.train], job.codes[fit.train], share_done)

    for number, repeat in enumerate(plan.folds):
        for fit in repeat:
            train(fit)
            folds[number, fit.ask] = learner.predict_proba([job.texts[row] for row in fit.ask])
            before += costs.of(fit, learner.passes)
    began = time.perf_counter()
    train(plan.final)
    asked = [job.texts[row] for row in plan.final.ask]
    final = learner.predict_proba(asked) if learner.exact and asked else np.zeros((0, size), np.float32)
    seconds = time.perf_counter() - began
    learner.export(folder / BUNDLE)
    if asked and not learner.exact:  # the bundle's own answers count
        began = time.perf_counter()
        final = Bundle.load(folder / BUNDLE).predict_proba(asked)
        seconds += time.perf_counter() - began
    write_predictions(folder, Predictions(folds, final, seconds))
    tell(done=1.0)


def work(folder: Path) -> int:
    """Try out, wait for the seconds, train; the exit code."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # frameworks write to standard output as they please

    def tell(**event: Any) -> None:
        try:
            print(json.dumps(event), file=events, flush=True)
        except OSError:
            _leave(folder)

    lines: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(lines, folder), daemon=True).start()
    try:
        with quiet():
            job = read_job(folder)
            learner = make_learner(job.kind, job.settings, len(job.plan.final.train))
            costs = try_out(learner, job)
            tell(cost=costs.of_all(job.plan, learner.passes))
            seconds = json.loads(lines.get())
            plan, note = within_seconds(job, costs, learner.passes, seconds)
            if note:
                tell(note=note)
            run_job(folder, job, learner, plan, costs, tell)
    except WorkshopError as error:
        tell(error=str(error), late=isinstance(error, OutOfTime))
        return 1
    return 0


def _listen(lines: "queue.Queue[bytes]", folder: Path) -> None:
    """Hand over the line on standard input; when that ends, the command was killed: take all away and end."""
    while line := os.read(0, 1024):  # waits without a lock of Python's
        lines.put(line)
    _leave(folder)


def _leave(folder: Path) -> None:
    """Nobody listens any more."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.parent.rmdir()  # once it is empty
    except OSError:
        pass
    os._exit(1)


if __name__ == "__main__":
    raise SystemExit(work(Path(sys.argv[1])))
