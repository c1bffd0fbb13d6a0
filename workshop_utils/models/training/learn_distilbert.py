"""A pretrained DistilBERT, fine-tuned as in lesson 06, in PyTorch."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workshop_utils.models.export import export_distilbert
from workshop_utils.models.training.learner import (
    TRIAL_BATCHES,
    TRIAL_SECONDS,
    LearnerSettings,
    ShareDone,
    TrialCosts,
)
from workshop_utils.models.training.parts import stratified_share
from workshop_utils.models.transformer import Classifier, Recipe, fine_tune, new_classifier

if TYPE_CHECKING:
    from transformers import TrainerCallback

#: Tokens of a text at most.
MAX_LENGTH = 128
#: The int8 gate asks texts that were not learned from: a tenth, and at most so many.
_GATE_SHARE, _GATE_TEXTS = 0.1, 2000


class DistilbertLearner:
    """See :class:`~workshop_utils.models.training.learner.Learner`; int8 may round its bundle's answers."""

    exact = False

    def __init__(self, settings: LearnerSettings, texts: int) -> None:
        self._settings = settings
        self.passes = 4 if texts < 1000 else 3 if texts < 5000 else 2
        size = 8 if texts < 2000 else 16
        self._recipe = Recipe(self.passes, batch_size=size, per_device_batch_size=size, seed=settings.seed)

    def trial(self, texts: Sequence[str], codes: np.ndarray) -> TrialCosts:
        """Learn from a few batches."""
        few = slice(0, TRIAL_BATCHES * self._recipe.batch_size)
        clock = [time.perf_counter()]
        fine_tune(
            self._untrained(),
            texts[few],
            self._names(codes[few]),
            self._recipe._replace(epochs=1),
            callbacks=[_tells(lambda share: clock.append(time.perf_counter()), TRIAL_SECONDS)],
        )
        start, *updates = np.diff(clock)  # the first update is slow
        seconds = float(np.median(updates)) if updates else float(start)
        return TrialCosts(float(start), seconds / len(texts[: self._recipe.batch_size]))

    def train(self, texts: Sequence[str], codes: np.ndarray, tell: ShareDone) -> None:
        """Learn from these texts."""
        kept_back = stratified_share(codes, _GATE_SHARE, _GATE_TEXTS, self._settings.seed)
        learned = np.flatnonzero(~kept_back).tolist()
        self._gate = [texts[row] for row in np.flatnonzero(kept_back).tolist()], self._names(codes[kept_back])
        self._classifier = self._untrained()
        fine_tune(
            self._classifier,
            [texts[row] for row in learned],
            self._names(codes[learned]),
            self._recipe,
            callbacks=[_tells(tell)],
        )
        tell(1.0)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities, shape (n, classes)."""
        return self._classifier.predict_proba(texts)

    def export(self, folder: Path) -> None:
        """Write a bundle without metrics."""
        model, tokenizer, max_length, truncation = self._classifier
        texts, labels = self._gate
        export_distilbert(model, tokenizer, folder, texts, labels, max_length, truncation)

    def _untrained(self) -> Classifier:
        settings = self._settings
        return new_classifier(settings.labels, settings.encoder, MAX_LENGTH, seed=settings.seed)

    def _names(self, codes: np.ndarray) -> list[str]:
        return [self._settings.labels[code] for code in codes]


def _tells(tell: ShareDone, most_seconds: float = math.inf) -> "TrainerCallback":
    """Tells after each update how far the training is, and ends it after so many seconds."""
    from transformers import TrainerCallback

    class Tells(TrainerCallback):
        began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            tell(state.global_step / max(1, state.max_steps))
            if state.global_step > 1 and time.perf_counter() - self.began > most_seconds:
                control.should_training_stop = True

    return Tells()
