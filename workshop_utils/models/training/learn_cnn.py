"""The word CNN of lesson 05, in Keras on TensorFlow; its bundle is made by a process of its own."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from workshop_utils.models.cnn import SavedNetwork, fit, save_network, word_cnn
from workshop_utils.models.export import export_keras
from workshop_utils.models.tokenization import encode, encode_rows, train_subwords, train_words
from workshop_utils.models.training.learner import (
    TRIAL_BATCHES,
    TRIAL_SECONDS,
    LearnerSettings,
    ShareDone,
    TrialCosts,
)
from workshop_utils.models.training.parts import stratified_share

if TYPE_CHECKING:
    import keras

#: Ids of the vocabulary at most, and tokens of a text at most.
WORDS, LONGEST = 20_000, 400
_UPDATES, _PATIENCE = 60_000, 3


class CnnLearner:
    """See :class:`~workshop_utils.models.training.learner.Learner`."""

    exact = True

    def __init__(self, settings: LearnerSettings, texts: int) -> None:
        self._settings = settings
        self.passes = int(np.clip(_UPDATES // max(1, texts), 6, 30))
        self._batch_size = 32 if texts < 5000 else 64

    def trial(self, texts: Sequence[str], codes: np.ndarray) -> TrialCosts:
        """Learn from one batch, again and again."""
        size = len(texts[: self._batch_size])
        clock = [time.perf_counter()]
        network, ids = self._start(texts, texts)
        while len(clock) < 3 or (len(clock) < TRIAL_BATCHES + 2 and clock[-1] < clock[0] + TRIAL_SECONDS):
            network.train_on_batch(ids[:size], codes[:size])  # the first time it builds the graph
            clock.append(time.perf_counter())
        start, *batches = np.diff(clock)
        return TrialCosts(float(start), float(np.median(batches)) / size)

    def train(self, texts: Sequence[str], codes: np.ndarray, tell: ShareDone) -> None:
        """Learn from these texts."""
        import keras

        watched = stratified_share(codes, 0.1, 2000, self._settings.seed)
        network, ids = self._start([text for text, w in zip(texts, watched, strict=True) if not w], texts)
        done = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: tell((epoch + 1) / self.passes)
        )
        fit(
            network,
            ids[~watched],
            codes[~watched].tolist(),
            self.passes,
            validation=(ids[watched], codes[watched].tolist()),
            patience=_PATIENCE,
            batch_size=self._batch_size,
            seed=self._settings.seed,
            callbacks=[done],
        )
        self._saved = SavedNetwork(
            network, self._tokenizer, self._settings.labels, self._max_length, "head_tail"
        )
        self._texts = list(texts[:100])
        tell(1.0)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities, shape (n, classes)."""
        return self._saved.predict_proba(texts)

    def export(self, folder: Path) -> None:
        """Write a bundle without metrics."""
        with tempfile.TemporaryDirectory() as scratch:
            saved = save_network(Path(scratch) / folder.name, *self._saved)
            export_keras(saved, folder, self._texts)

    def _start(self, learned: Sequence[str], texts: Sequence[str]) -> tuple["keras.Model", np.ndarray]:
        """A network that has learned nothing yet, with the vocabulary of ``learned``; ids of ``texts``."""
        self._tokenizer = self._vocabulary(learned)
        lengths = [len(row) for row in encode_rows(self._tokenizer, learned[:5000])]
        self._max_length = int(np.clip(np.quantile(lengths, 0.95), 8, LONGEST))
        network = word_cnn(
            self._tokenizer.get_vocab_size(),
            len(self._settings.labels),
            dimensions=64,
            filters=64,
            seed=self._settings.seed,
        )
        return network, encode(self._tokenizer, texts, self._max_length, "head_tail")

    def _vocabulary(self, texts: Sequence[str]) -> Tokenizer:
        if self._settings.run_together:
            return train_subwords(texts, 8000)
        return train_words(texts, WORDS, min_count=2 if len(texts) >= 1000 else 1)
