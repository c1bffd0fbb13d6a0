"""What the three kinds of models have in common while they are trained."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np

from workshop_utils.errors import WorkshopError

#: Kinds of models that can be trained, the cheapest first.
TrainedKind = Literal["tfidf", "cnn", "distilbert"]
KINDS: tuple[TrainedKind, ...] = ("tfidf", "cnn", "distilbert")
#: What people call them.
TITLES: dict[TrainedKind, str] = {"tfidf": "TF-IDF", "cnn": "CNN", "distilbert": "DistilBERT"}

#: A trial ends after so many batches, or seconds, and at least two batches.
TRIAL_BATCHES, TRIAL_SECONDS = 8, 15

#: Called with the share of one training that is done, between 0 and 1.
ShareDone = Callable[[float], None]


class OutOfTime(WorkshopError):
    """A training did not end within its seconds, or would not."""


class LearnerSettings(NamedTuple):
    """What every learner is told.

    Attributes:
        labels: names of the classes.
        seed: of all random steps.
        encoder: for DistilBERT: ``packaged``, a folder, or a name on the Hugging Face hub.
        run_together: the texts put no spaces between words.
    """

    labels: list[str]
    seed: int = 0
    encoder: str = "packaged"
    run_together: bool = False


class TrialCosts(NamedTuple):
    """Seconds to begin a training, and to read one text once in it."""

    start: float
    text: float


class Learner(Protocol):
    """Trains one kind of model; what it has learned last is what it predicts by and exports.

    Attributes:
        passes: how often a training reads each text, at most.
        exact: its bundle answers as it does itself, to 1e-5.
    """

    passes: int
    exact: bool

    def trial(self, texts: Sequence[str], codes: np.ndarray) -> TrialCosts:
        """What a training costs, measured on a few of these texts."""

    def train(self, texts: Sequence[str], codes: np.ndarray, tell: ShareDone) -> None:
        """Learn from n texts and their class numbers, shape (n,)."""

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities of shape (n, classes), float32."""

    def export(self, folder: Path) -> None:
        """Write a bundle without metrics."""


def make_learner(kind: TrainedKind, settings: LearnerSettings, texts: int) -> Learner:
    """The learner of this kind, for trainings of about so many texts."""
    if kind == "cnn":
        from workshop_utils.models.training.learn_cnn import CnnLearner

        return CnnLearner(settings, texts)
    if kind == "distilbert":
        from workshop_utils.models.training.learn_distilbert import DistilbertLearner

        return DistilbertLearner(settings, texts)
    from workshop_utils.models.training.learn_tfidf import TfidfLearner

    return TfidfLearner(settings)
