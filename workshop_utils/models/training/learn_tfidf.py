"""TF-IDF of words and pairs of words with logistic regression, as in lesson 02."""

import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from workshop_utils.errors import WorkshopError
from workshop_utils.models.export import export_tfidf
from workshop_utils.models.tokenization import well_formed
from workshop_utils.models.training.learner import LearnerSettings, ShareDone, TrialCosts

#: The largest number of columns; serving one text takes time and memory for each.
MAX_FEATURES = 50_000
_TRIAL_TEXTS = 500


def tfidf_parts(texts: int, run_together: bool = False) -> tuple[TfidfVectorizer, LogisticRegression]:
    """The two halves of the model, not fitted.

    Args:
        texts: how many there are to learn from; of many texts, what occurs in one only is left out.
        run_together: characters in place of words, for scripts without spaces.
    """
    cut: dict = {"token_pattern": r"\w+|[^\w\s]", "ngram_range": (1, 2)}
    if run_together:
        cut = {"analyzer": "char", "ngram_range": (1, 3)}
    vectorizer = TfidfVectorizer(
        **cut, min_df=2 if texts >= 1000 else 1, sublinear_tf=True, max_features=MAX_FEATURES
    )
    return vectorizer, LogisticRegression(C=10, max_iter=1000)


class TfidfLearner:
    """See :class:`~workshop_utils.models.training.learner.Learner`."""

    passes, exact = 1, True

    def __init__(self, settings: LearnerSettings) -> None:
        self._settings = settings

    def trial(self, texts: Sequence[str], codes: np.ndarray) -> TrialCosts:
        """Learn from a few of the texts."""
        few = slice(0, _TRIAL_TEXTS)
        began = time.perf_counter()
        self.train(texts[few], codes[few], lambda share: None)
        return TrialCosts(0.0, (time.perf_counter() - began) / len(texts[few]))

    def train(self, texts: Sequence[str], codes: np.ndarray, tell: ShareDone) -> None:
        """Learn from these texts."""
        self._vectorizer, self._classifier = tfidf_parts(len(texts), self._settings.run_together)
        try:
            features = self._vectorizer.fit_transform(map(well_formed, texts))
        except ValueError:  # an empty vocabulary
            raise WorkshopError(
                "No word stands in two of the texts, so nothing can be learned; check --text-column."
            ) from None
        tell(0.5)
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._classifier.fit(features, codes)
        self._classifier.classes_ = np.asarray(self._settings.labels, dtype=object)[self._classifier.classes_]
        tell(1.0)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities, shape (n, classes)."""
        features = self._vectorizer.transform(map(well_formed, texts))
        found = self._classifier.predict_proba(features)
        if found.shape[1] == len(self._settings.labels):
            return found.astype(np.float32)
        # a fold may lack all texts of a label; nothing is ever given that label then
        places = [self._settings.labels.index(label) for label in self._classifier.classes_]
        probabilities = np.zeros((len(texts), len(self._settings.labels)), dtype=np.float32)
        probabilities[:, places] = found
        return probabilities

    def export(self, folder: Path) -> None:
        """Write a bundle without metrics."""
        export_tfidf(self._vectorizer, self._classifier, folder)
