"""The service's way into the store: predictions are written beside the answers, never in front of them."""

import atexit
import logging
import time
from collections import deque
from collections.abc import Sequence
from threading import BoundedSemaphore, Condition, Thread
from typing import Final, Literal

from workshop_utils.errors import WorkshopError
from workshop_utils.production.store.database import PATIENCE, Store
from workshop_utils.production.store.feedback import add_label
from workshop_utils.production.store.forks import survive_forks
from workshop_utils.production.store.predictions import Row, insert_rows, row_of
from workshop_utils.production.store.records import (
    Feedback,
    FeedbackResult,
    Prediction,
    StoreUnavailable,
    UnknownPrediction,
)
from workshop_utils.production.store.retention import Retention, prune_some

_log = logging.getLogger(__name__)

StorageMode = Literal["best-effort", "durable"]

#: Seconds in which predictions gather for one commit; the first pause when the database is away.
_GATHER: Final = 0.2
#: Seconds between two tries at most, when the database stays away.
_LONGEST_PAUSE: Final = 2.0
#: Predictions in one transaction.
_BATCH: Final = 1000
#: Seconds for which :meth:`Recorder.record` waits for its commit in ``durable`` mode.
_COMMIT_WITHIN: Final = 10.0
#: Labels that are being stored at once; a database that hangs must not hold all threads of a service.
_LABELS_AT_ONCE: Final = 4
#: Seconds between two looks at what is too old.
_PRUNE_EVERY: Final = 60.0


class _Request:
    """The rows of one request in the queue, and what became of them."""

    __slots__ = ("error", "rows", "settled", "size")

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.size = sum(len(row["text"] or "") for row in rows)
        self.settled = False
        self.error: Exception | None = None


class Recorder:
    """Writes predictions in batches, from one thread of its own. Safe to use from many threads.

    ``best-effort``: :meth:`record` returns at once and never raises. Predictions wait in a bounded queue and
    are committed several times a second; what finds no place is dropped and counted. A full disk, a locked
    or a vanished database never slows or fails an answer. Killed with -9, less than half a second is lost.

    ``durable``: :meth:`record` returns when its predictions are committed, together with those of other
    threads, and raises :class:`StoreUnavailable` when they are not: answer 503 then. Nothing is lost.

    The thread starts with the first call; a forked child gets an empty queue and a thread of its own.

    Args:
        store: from :func:`open_store`.
        mode: see above.
        store_texts: keep the texts themselves; else only their SHA-256 is kept.
        retention: what is deleted after a while, looked at every minute; None keeps everything.
        max_waiting: predictions in the queue at most.
        max_waiting_chars: characters of their texts at most.

    Attributes:
        store, mode, store_texts: as they were given.
        written: predictions committed so far. dropped: those of ``best-effort`` that are lost.
        waiting: those that are neither.
    """

    def __init__(
        self,
        store: Store,
        mode: StorageMode = "best-effort",
        store_texts: bool = False,
        retention: Retention | None = None,
        max_waiting: int = 10_000,
        max_waiting_chars: int = 64_000_000,
    ) -> None:
        self.mode: Final = mode
        self.store_texts: Final = store_texts
        self.store: Final = store
        self._retention = retention
        self._max_waiting, self._max_chars = max_waiting, max_waiting_chars
        self._close_before: float | None = None
        self.after_fork_in_child()
        survive_forks(self)

    def record(self, predictions: Sequence[Prediction]) -> None:
        """Store the predictions of one request, all or none of them.

        Raises:
            StoreUnavailable: in ``durable`` mode only: they could not be committed in time. They may still
                be stored a little later.
            ValueError: in ``durable`` mode only: the store has no room for such values.
        """
        if self.mode == "durable":
            self._record_durably(predictions)
            return
        try:
            accepted = self._enqueue(_Request([row_of(each, self.store_texts) for each in predictions]))
        except Exception as error:
            _tell_refused(len(predictions), error)
            accepted = False
        if not accepted:
            with self._changed:
                self.dropped += len(predictions)

    def add_feedback(self, feedback: Feedback) -> FeedbackResult:
        """Store a true label; it is committed when this returns, in either mode.

        A prediction that still waits in the queue is written first, so that its label finds it.

        Raises:
            UnknownPrediction: there is no such prediction (404).
            UnknownLabel: the model that made it has no such class (422).
            LabelRefused: it was made by a model, or nobody's name stands with it (422).
            StoreUnavailable: the database does not answer (503, Retry-After).
        """
        if not self._labelling.acquire(timeout=PATIENCE):
            raise StoreUnavailable("Too many labels wait to be stored; try again in a second.")
        try:
            return add_label(self.store, feedback)
        except UnknownPrediction:
            if not self.flush() and (away := self._away):  # it may be one of those that wait
                raise StoreUnavailable(str(away), runbook=away.runbook) from None
            return add_label(self.store, feedback)
        finally:
            self._labelling.release()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until what is in the queue now is committed or lost; False when the time was too short."""
        with self._changed:
            last = self._queue[-1] if self._queue else self._in_hand
            if last is None or last.settled:
                return True
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: last.settled, timeout)

    def close(self, timeout: float = 5.0) -> int:
        """Write what waits, stop the thread and return how many predictions are lost, all in all."""
        with self._changed:
            self._close_before = time.monotonic() + timeout
            self._changed.notify_all()
            thread = self._thread
        if thread:
            atexit.unregister(self.close)
            thread.join(timeout + 1)
        with self._changed:
            return self.dropped + self.waiting

    def before_fork(self) -> None:
        """The queue must not be in the midst of a change."""
        self._changed.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._changed.release()

    def after_fork_in_child(self) -> None:
        """An empty queue; what waits in the parent's is written by the parent."""
        self._changed = Condition()
        self._labelling = BoundedSemaphore(_LABELS_AT_ONCE)
        self._queue: deque[_Request] = deque()
        self._in_hand: _Request | None = None  # the last of those that are being written
        self._thread: Thread | None = None
        self._hurry = False
        self._close_before = None
        self._away: StoreUnavailable | None = None
        self._next_prune = 0.0
        self.written = self.dropped = self.waiting = self._waiting_chars = 0

    # what callers do

    def _record_durably(self, predictions: Sequence[Prediction]) -> None:
        request = _Request([row_of(each, self.store_texts) for each in predictions])
        if not self._enqueue(request):
            raise StoreUnavailable("Too many predictions wait to be stored; try again in a second.")
        with self._changed:
            if not self._changed.wait_for(lambda: request.settled, _COMMIT_WITHIN):
                raise StoreUnavailable("The store takes too long to commit; try again in a second.")
        if request.error:
            raise request.error

    def _enqueue(self, request: _Request) -> bool:
        rows = len(request.rows)
        with self._changed:
            full = self.waiting + rows > self._max_waiting or (
                self._waiting_chars + request.size > self._max_chars
            )
            if full or self._close_before is not None:
                return False
            if rows:
                self._queue.append(request)
                self.waiting += rows
                self._waiting_chars += request.size
                if self._thread is None:
                    self._start()
                self._changed.notify_all()
            else:
                request.settled = True
            return True

    def _start(self) -> None:
        self._thread = Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    # what the thread does

    def _run(self) -> None:
        while not self._finished():
            if batch := self._next_batch():
                self._write(batch)
            self._prune_if_due()

    def _finished(self) -> bool:
        with self._changed:
            return self._close_before is not None and not self._queue

    def _next_batch(self) -> list[_Request]:
        """The requests to commit next; none when there is something else to do."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._close_before is not None, _PRUNE_EVERY)
            if self._queue and self.mode == "best-effort":
                self._changed.wait_for(self._enough, _GATHER)
            self._hurry = False
            batch: list[_Request] = []
            rows = 0
            while self._queue and rows < _BATCH:
                batch.append(self._queue.popleft())
                rows += len(batch[-1].rows)
            self._in_hand = batch[-1] if batch else None
            return batch

    def _enough(self) -> bool:
        return self._hurry or self._close_before is not None or self.waiting >= _BATCH

    def _write(self, batch: list[_Request]) -> None:
        """Commit the requests; in ``best-effort`` try until they are committed or the recorder closes."""
        pause = _GATHER
        while not self._committed(batch):
            batch = [request for request in batch if not request.settled]
            if not self._may_try_again_after(pause):
                self._settle(batch, StoreUnavailable("The store did not answer before the end."))
                return
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _committed(self, batch: list[_Request]) -> bool:
        """Are the requests settled, one way or the other? If not, the database is away for now."""
        try:
            with self.store.writing() as connection:
                insert_rows(connection, [row for request in batch for row in request.rows])
        except StoreUnavailable as error:
            if self.mode == "best-effort":
                self._tell_once(error)
                return False
            self._settle(batch, error)
        except Exception as error:
            if len(batch) > 1:  # only those are refused whose values the database refuses
                return all(self._committed([request]) for request in batch)
            _tell_refused(len(batch[0].rows), error)
            self._settle(batch, error)
        else:
            self._tell_once(None)
            self._settle(batch, None)
        return True

    def _settle(self, batch: list[_Request], error: Exception | None) -> None:
        rows = sum(len(request.rows) for request in batch)
        with self._changed:
            for request in batch:
                request.settled, request.error = True, error
                self._waiting_chars -= request.size
            self.waiting -= rows
            if error is None:
                self.written += rows
            elif self.mode == "best-effort":
                self.dropped += rows
            self._changed.notify_all()

    def _may_try_again_after(self, pause: float) -> bool:
        with self._changed:
            if self._close_before is None:
                self._changed.wait_for(lambda: self._close_before is not None, pause)
            else:
                self._changed.wait(pause)
            return self._close_before is None or time.monotonic() < self._close_before

    def _tell_once(self, error: StoreUnavailable | None) -> None:
        """Log when the database goes away and when it is back, not at every try between."""
        if error and not self._away:
            told, runbook = "%s Predictions wait, at most %d of them.", {"runbook": error.runbook}
            _log.warning(told, error, self._max_waiting, extra=runbook)
        if self._away and not error:
            _log.warning("The store answers again; %d predictions were dropped so far.", self.dropped)
        self._away = error

    def _prune_if_due(self) -> None:
        """Delete a step of what is too old; the next one a minute later, or at once if there is more."""
        if self._retention is None or time.monotonic() < self._next_prune:
            return
        try:
            more = prune_some(self.store, self._retention).predictions
        except WorkshopError as error:
            _log.warning("Old predictions could not be deleted: %s", error)
            more = 0
        except Exception as error:
            _log.error("Old predictions could not be deleted: %s", type(error).__name__)
            more = 0
        self._next_prune = time.monotonic() + (0 if more else _PRUNE_EVERY)


def _tell_refused(count: int, error: Exception) -> None:
    """Log it without the words of a database, which may quote somebody's text."""
    reason = str(error) if isinstance(error, WorkshopError | ValueError) else type(error).__name__
    _log.error("%d predictions cannot be stored: %s", count, reason)
