"""From texts to predictions: the model that answers now, the queue, the deadline, the record."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Protocol

import numpy as np

from workshop_utils.models.bundle.explain import Explanation, leave_one_out
from workshop_utils.production.service.loading import LoadedModel, ModelSlot
from workshop_utils.production.service.metrics import ServiceMetrics
from workshop_utils.production.service.problems import Problem, try_later
from workshop_utils.production.service.scoring import (
    DeadlinePassed,
    Overloaded,
    ScoringFailed,
    ScoringJob,
    ScoringPool,
    TextScore,
)
from workshop_utils.production.service.settings import ServiceSettings
from workshop_utils.production.service.tracing import RequestTracer
from workshop_utils.production.store import (
    Feedback,
    FeedbackResult,
    LabelRefused,
    Prediction,
    StoreUnavailable,
    UnknownLabel,
    UnknownPrediction,
    new_prediction_id,
)

#: Words that are weighed for a person at most, and how long their text may be.
_WORDS_WEIGHED, _LONGEST_WEIGHED = 60, 20_000
_WEIGHED_AT_ONCE = 12  # so many stand in the queue; all of them would leave no room there for others
_LEAST_SHARE = 1e-6  # a probability of 0 or 1 has no finite logit


class PredictionLog(Protocol):
    """Where predictions and their true labels go; the store's ``Recorder`` is one."""

    @property
    def dropped(self) -> int:
        """Predictions that found no place."""

    def record(self, predictions: Sequence[Prediction]) -> None:
        """Keep the predictions of one request, or raise StoreUnavailable."""

    def add_feedback(self, feedback: Feedback) -> FeedbackResult:
        """Keep a true label."""

    def close(self, timeout: float = 5.0) -> int:
        """Write what waits; the number of predictions lost."""


class NoLog:
    """A log for a service that keeps nothing."""

    dropped = 0

    def record(self, predictions: Sequence[Prediction]) -> None:
        """Keep nothing."""

    def add_feedback(self, feedback: Feedback) -> FeedbackResult:
        """Refuse: without a store nobody knows the prediction."""
        raise UnknownPrediction("This service keeps no predictions, so it takes no labels.")

    def close(self, timeout: float = 5.0) -> int:
        """Nothing waits."""
        return 0


class Predictor:
    """Answers texts, one request at a time in each of many threads.

    Attributes:
        slot: the model that answers.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        slot: ModelSlot,
        pool: ScoringPool,
        metrics: ServiceMetrics,
        prediction_log: PredictionLog,
        tracer: RequestTracer,
    ) -> None:
        self.slot = slot
        self._limits = settings.limits
        self._pool, self._metrics, self._log, self._tracer = pool, metrics, prediction_log, tracer
        self._room = BoundedSemaphore(settings.requests_in_flight)

    def predict(self, texts: Sequence[str], route: str, request_id: str, arrived: float) -> list[Prediction]:
        """Score and record the texts of one request; all of them by the same model.

        Args:
            texts: at least one.
            route: the rule of the route.
            request_id: of the request.
            arrived: when it arrived, by the clock of ``time.monotonic``.

        Raises:
            Problem: 413 too many texts; 429 too many wait; 503 no model, or the store does not answer;
                504 not in time; 500 the model failed.
        """
        if len(texts) > self._limits.texts_per_request:
            most = self._limits.texts_per_request
            raise Problem(413, f"{len(texts)} texts in one request; at most {most} are taken.", limit=most)
        with self._in_flight():
            model = self._ready_model()
            job, scores = self._scores(model, texts, arrived + self._limits.deadline_seconds)
            self._metrics.scored(job, scores)
            self._tracer.scored(model.version, job, scores)
            predictions = [
                Prediction(
                    prediction_id=new_prediction_id(),
                    model_version=model.version,
                    labels=model.labels,
                    text=text,
                    label=score.label,
                    probabilities=score.probabilities,
                    truncated=score.truncated,
                    route=route,
                    request_id=request_id,
                    queue_ms=job.queue_seconds * 1000,
                    tokenise_ms=score.tokenise_seconds * 1000,
                    infer_ms=score.infer_seconds * 1000,
                )
                for text, score in zip(texts, scores, strict=True)
            ]
            self._record(predictions)
        return predictions

    def weigh_words(self, prediction: Prediction, arrived: float) -> tuple[Explanation | None, str]:
        """Which words carried an answer: what its log-odds (logits) lose without each of the first words.

        It costs one scoring a word and is a service to people, so it waits in the same queue as all texts and
        is left out where there is no room or time.

        Args:
            prediction: from :meth:`predict`.
            arrived: when its request did, by the clock of ``time.monotonic``.

        Returns:
            The explanation and an empty text, or None and the reason in a sentence.
        """
        model = self.slot.model
        if model is None or model.version != prediction.model_version:
            return None, "A new model answers since, so its words were not weighed."
        if len(prediction.text) > _LONGEST_WEIGHED:
            return None, f"Words are weighed in texts of at most {_LONGEST_WEIGHED:,} characters."
        deadline = arrived + self._limits.deadline_seconds

        def log_odds(texts: Sequence[str]) -> np.ndarray:
            scores: list[TextScore] = []
            for start in range(0, len(texts), _WEIGHED_AT_ONCE):
                scores += self._scores(model, texts[start : start + _WEIGHED_AT_ONCE], deadline)[1]
            shares = np.array([score.probabilities for score in scores])
            shares = shares.clip(_LEAST_SHARE, 1 - _LEAST_SHARE)
            return np.log(shares / (1 - shares))

        try:
            with self._in_flight():
                return leave_one_out(log_odds, model.labels, prediction.text, _WORDS_WEIGHED), ""
        except Problem as problem:
            return None, f"The words were not weighed: {problem.detail}"

    def add_feedback(self, feedback: Feedback) -> FeedbackResult:
        """Keep a true label.

        Raises:
            Problem: 404 no such prediction; 422 no such label, or one that nobody may give; 503 no store.
        """
        with self._in_flight():
            try:
                return self._log.add_feedback(feedback)
            except UnknownPrediction as error:
                raise Problem(404, str(error)) from None
            except UnknownLabel as error:
                raise Problem(422, "The label is unknown.", [("/label", str(error))]) from None
            except LabelRefused as error:
                raise Problem(422, "The label is refused.", [("/source", str(error))]) from None
            except StoreUnavailable as error:
                raise self._unavailable(error) from None

    def _ready_model(self) -> LoadedModel:
        model = self.slot.model
        if model is None:
            raise self._later(503, f"No model answers yet: {self.slot.waiting_for}", "not_ready")
        return model

    def _scores(
        self, model: LoadedModel, texts: Sequence[str], deadline: float
    ) -> tuple[ScoringJob, list[TextScore]]:
        try:
            if time.monotonic() >= deadline:
                raise DeadlinePassed
            job = self._pool.submit(model.score, texts)
            return job, self._pool.result(job, deadline)
        except Overloaded:
            raise self._later(429, "Too many texts wait already.", "queue") from None
        except DeadlinePassed:
            seconds = self._limits.deadline_seconds
            raise self._later(504, f"The answer was not there in {seconds:g} s.", "deadline") from None
        except ScoringFailed as error:
            if isinstance(error.__cause__, MemoryError):
                raise error.__cause__ from None
            raise Problem(500, "The model failed on this request.") from None

    def _record(self, predictions: Sequence[Prediction]) -> None:
        try:
            self._log.record(predictions)
        except StoreUnavailable as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: StoreUnavailable) -> Problem:
        return self._later(503, "The store does not answer now.", "store", error.runbook)

    @contextmanager
    def _in_flight(self) -> Iterator[None]:
        """Never more requests in flight than there are threads for: the rest must be answered at once."""
        if not self._room.acquire(blocking=False):
            raise self._later(429, "Too many requests are in flight.", "queue")
        try:
            yield
        finally:
            self._room.release()

    def _later(self, status: int, detail: str, reason: str, runbook: str | None = None) -> Problem:
        self._metrics.rejected.labels(reason).inc()
        return try_later(status, detail, self._limits.retry_after_seconds, runbook)
