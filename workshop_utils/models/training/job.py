"""All trainings of one kind of model, as they are written down for the process that runs them.

A folder holds ``job.json`` (settings, texts, class numbers) and ``fits.npz`` (who learns from what); the
process adds ``predictions.npz`` and the bundle.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workshop_utils.models.training.learner import LearnerSettings, TrainedKind
from workshop_utils.models.training.parts import Fit, Plan

BUNDLE = "bundle"


class TrainingJob(NamedTuple):
    """What one process is to do.

    Attributes:
        kind: of model.
        settings: for the learner.
        texts: all of them, those to predict included.
        codes: class number of each text, shape (n,).
        plan: who learns from what.
    """

    kind: TrainedKind
    settings: LearnerSettings
    texts: list[str]
    codes: np.ndarray
    plan: Plan


def write_job(folder: Path, job: TrainingJob) -> None:
    """Write the job into an empty folder."""
    told = {"kind": job.kind, "settings": job.settings._asdict(), "texts": job.texts}
    (folder / "job.json").write_text(json.dumps(told), encoding="ascii")  # lone surrogates are escaped
    fits = enumerate(job.plan.fits)
    rows = {f"{part}{number}": getattr(fit, part) for number, fit in fits for part in fit._fields}
    np.savez(folder / "fits.npz", codes=job.codes, repeats=len(job.plan.folds), **rows)


def read_job(folder: Path) -> TrainingJob:
    """The job that :func:`write_job` wrote."""
    told = json.loads((folder / "job.json").read_text(encoding="ascii"))
    with np.load(folder / "fits.npz", allow_pickle=False) as arrays:
        codes, repeats = arrays["codes"], int(arrays["repeats"])
        count = (len(arrays.files) - 2) // 2
        fits = [Fit(arrays[f"train{number}"], arrays[f"ask{number}"]) for number in range(count)]
    *folds, final = fits
    size = len(folds) // max(1, repeats)
    plan = Plan([folds[start * size : (start + 1) * size] for start in range(repeats)], final)
    return TrainingJob(told["kind"], LearnerSettings(**told["settings"]), told["texts"], codes, plan)


class Predictions(NamedTuple):
    """What came out.

    Attributes:
        folds: from cross-validation, shape (repeats, n, classes), 0 where nothing was asked; or none.
        final: of the texts that the final training was asked for, shape (m, classes).
        seconds: that the final training took, its predictions included.
    """

    folds: np.ndarray
    final: np.ndarray
    seconds: float


def write_predictions(folder: Path, predictions: Predictions) -> None:
    """Keep them in the job's folder."""
    np.savez(folder / "predictions.npz", **predictions._asdict())


def read_predictions(folder: Path) -> Predictions:
    """What :func:`write_predictions` wrote."""
    with np.load(folder / "predictions.npz", allow_pickle=False) as arrays:
        return Predictions(arrays["folds"], arrays["final"], float(arrays["seconds"]))
