"""A challenger scores the same texts without answering; what it would have said is stored beside the answer.

It gets only cores that nobody else wants, and a prediction waits for it a quarter of a second at most.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from threading import Condition, Thread

from workshop_utils.production.service.loading import ModelSlot
from workshop_utils.production.service.metrics import ServiceMetrics
from workshop_utils.production.service.predicting import PredictionLog
from workshop_utils.production.service.problems import where_it_failed
from workshop_utils.production.service.scoring import DeadlinePassed, Overloaded, ScoringFailed, ScoringPool
from workshop_utils.production.store import (
    Feedback,
    FeedbackResult,
    Prediction,
    ShadowAnswer,
    UnknownPrediction,
)

_log = logging.getLogger(__name__)

_PATIENCE = 0.25
_LONGEST_SCORE = 10.0
_PAUSE = 0.005
_MOST_WAITING = 256  # predictions in the queue; more are written without the challenger


class ShadowLog:
    """A prediction log that asks the challenger first, beside the answers, and then writes to another log.

    Args:
        log: where predictions go. slot: the challenger, if there is one.
        pool: whose free cores are used.
        metrics: counts texts, disagreements, and texts that found no free core.
        answers_first: False for a durable log: the answer waits for the record, and so for the challenger.
    """

    def __init__(
        self,
        log: PredictionLog,
        slot: ModelSlot,
        pool: ScoringPool,
        metrics: ServiceMetrics,
        answers_first: bool,
    ) -> None:
        self._inner, self._slot, self._pool, self._metrics = log, slot, pool, metrics
        self._answers_first = answers_first
        self._waiting: deque[tuple[float, Prediction]] = deque()
        self._in_hand = False
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Predictions that found no place in the log."""
        return self._inner.dropped

    def record(self, predictions: Sequence[Prediction]) -> None:
        """Keep the predictions of one request; with a challenger's answers where it has time."""
        if self._slot.model is None:
            self._inner.record(predictions)
        elif not self._answers_first:
            give_up = time.monotonic() + _PATIENCE
            self._inner.record([self._shadowed(each, give_up) for each in predictions])
        elif not self._enqueue(predictions):
            self._metrics.shadow_dropped.inc(len(predictions))
            self._inner.record(predictions)

    def add_feedback(self, feedback: Feedback) -> FeedbackResult:
        """Keep a true label; a prediction that still waits for the challenger is written first."""
        try:
            return self._inner.add_feedback(feedback)
        except UnknownPrediction:
            with self._changed:
                self._changed.wait_for(self._is_empty, 2 * _PATIENCE)
            return self._inner.add_feedback(feedback)

    def close(self, timeout: float = 5.0) -> int:
        """Write what waits; the number of predictions lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return self._inner.close(timeout)

    def _enqueue(self, predictions: Sequence[Prediction]) -> bool:
        give_up = time.monotonic() + _PATIENCE
        with self._changed:
            if self._closed or len(self._waiting) + len(predictions) > _MOST_WAITING:
                return False
            self._waiting.extend((give_up, each) for each in predictions)
            self._changed.notify_all()
        return True

    def _is_empty(self) -> bool:
        return not self._waiting and not self._in_hand

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                give_up, prediction = self._waiting.popleft()
                self._in_hand = True
            try:
                self._inner.record([self._shadowed(prediction, 0.0 if self._closed else give_up)])
            except Exception as error:
                _log.error("A prediction was not kept: %s", where_it_failed(error))
            with self._changed:
                self._in_hand = False
                self._changed.notify_all()

    def _shadowed(self, prediction: Prediction, give_up: float) -> Prediction:
        """The prediction with the challenger's answer; as it is where no core was free or it failed."""
        challenger = self._slot.model
        while challenger is not None and time.monotonic() < give_up:
            try:
                job = self._pool.submit(challenger.score, [prediction.text], wait=False)
                (score,) = self._pool.result(job, time.monotonic() + _LONGEST_SCORE)
            except Overloaded:
                time.sleep(_PAUSE)
                continue
            except (DeadlinePassed, ScoringFailed):
                break
            self._metrics.shadow_texts.inc()
            self._metrics.shadow_disagreements.inc(score.label != prediction.label)
            shares = score.probabilities
            answer = ShadowAnswer(challenger.version, challenger.labels, score.label, shares)
            return replace(prediction, shadow=answer)
        self._metrics.shadow_dropped.inc()
        return prediction
