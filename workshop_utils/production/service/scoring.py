"""Texts wait for a core here. Every text is scored alone, so a core takes one at a time, whoever sent it.

Requests take turns: one of 64 texts does not keep one of a single text waiting. How much may wait is counted
in texts, because texts are what takes time. Huge texts, which take a core for seconds, never hold all cores.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from typing import NamedTuple

from workshop_utils.production.service.memory import give_memory_back
from workshop_utils.production.service.problems import where_it_failed
from workshop_utils.production.store.forks import survive_forks

_log = logging.getLogger(__name__)


class TextScore(NamedTuple):
    """One text, scored: a probability for each class, the label, and where the time went, in seconds."""

    probabilities: tuple[float, ...]
    label: str
    truncated: bool
    tokenise_seconds: float
    infer_seconds: float


#: A text counts once more for every so many characters.
_LONG = 20_000

#: A text of so many characters is huge: its tokens take 30 MB and more, which are not kept for the next one.
_HUGE = 100_000

#: From one text to its score; safe to call from several threads.
TextScorer = Callable[[str], TextScore]


class Overloaded(Exception):
    """More texts wait than the service lets wait."""


class DeadlinePassed(Exception):
    """The scores were not there in time."""


class ScoringFailed(Exception):
    """The model failed on a text of this job."""


@dataclass(eq=False)
class ScoringJob:
    """The texts of one request, on their way. ``queue_seconds`` passed until a core took the first one."""

    scorer: TextScorer
    texts: Sequence[str]
    submitted: float
    queue_seconds: float = 0.0
    scores: list[TextScore | None] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    error: BaseException | None = None
    taken: int = 0
    done: int = 0
    finished: Event = field(default_factory=Event)


def _is_huge(text: str) -> bool:
    return len(text) >= _HUGE


def _weight(texts: Sequence[str], huge: bool) -> int:
    """How much the texts count that are huge, or those that are not."""
    return sum(1 + len(text) // _LONG for text in texts if _is_huge(text) == huge)


class ScoringPool:
    """As many threads as texts may be scored at once, and the jobs that wait for them.

    The threads start with the first job; a forked child gets an empty queue and threads of its own.

    Args:
        runs: texts scored at once, each on one core.
        max_queued: texts that may wait; so many again that are huge, for they do not wait for the same cores.
    """

    def __init__(self, runs: int, max_queued: int) -> None:
        self._runs, self._max_queued = runs, max_queued
        self._closed = False
        self.after_fork_in_child()
        survive_forks(self)

    def submit(self, scorer: TextScorer, texts: Sequence[str], wait: bool = True) -> ScoringJob:
        """Queue the texts of a request; an empty queue takes any request that is allowed at all.

        Args:
            scorer: scores one text.
            texts: at least one.
            wait: False for work that can be left out: it is taken only where a core is free.

        Raises:
            Overloaded: too many texts wait already.
        """
        count = len(texts)
        job = ScoringJob(scorer, texts, time.monotonic(), scores=[None] * count, began=[0.0] * count)
        with self._turn:
            self._start()
            if self._is_full_for(texts) if wait else not self._is_core_free_for(texts[0]):
                raise Overloaded
            self._count(texts, 1)
            self._jobs.append(job)
            self._turn.notify(len(texts))
        return job

    def result(self, job: ScoringJob, deadline: float) -> list[TextScore]:
        """The scores in the order of the texts.

        Args:
            job: from :meth:`submit`.
            deadline: by the clock of ``time.monotonic``.

        Raises:
            DeadlinePassed: they are not there by then; what has not begun is given up.
            ScoringFailed: the model failed; its cause is the error.
        """
        if not job.finished.wait(max(0.0, deadline - time.monotonic())):
            self._give_up(job)
            raise DeadlinePassed
        if job.error:
            raise ScoringFailed from job.error
        return [score for score in job.scores if score is not None]

    @property
    def queued(self) -> int:
        """Texts that wait now; a long one counts once more for every 20,000 characters."""
        return sum(self._waiting.values())

    def close(self) -> None:
        """Let the threads end when nothing waits any more."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        for thread in self._threads:
            thread.join(5)

    def before_fork(self) -> None:
        """The queue must not be in the midst of a change."""
        self._turn.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._turn.release()

    def after_fork_in_child(self) -> None:
        """An empty queue; the parent's jobs are answered by the parent."""
        self._turn = Condition()
        self._jobs: deque[ScoringJob] = deque()
        self._threads: list[Thread] = []
        self._waiting = {False: 0, True: 0}  # what is not huge, and what is
        self._running = self._huge_running = 0

    def _is_full_for(self, texts: Sequence[str]) -> bool:
        return any(
            waiting and more and waiting + more > self._max_queued
            for waiting, more in ((self._waiting[huge], _weight(texts, huge)) for huge in (False, True))
        )

    def _is_core_free_for(self, text: str) -> bool:
        ready = sum(len(job.texts) - job.taken for job in self._jobs if self._may_begin(job))
        return self._running + ready < self._runs and (self._huge_may_begin or not _is_huge(text))

    @property
    def _huge_may_begin(self) -> bool:
        return self._huge_running < max(1, self._runs - 1)

    def _count(self, texts: Sequence[str], sign: int) -> None:
        for huge in (False, True):
            self._waiting[huge] += sign * _weight(texts, huge)

    def _start(self) -> None:
        while len(self._threads) < self._runs and not self._closed:
            thread = Thread(target=self._work, name=f"score-{len(self._threads)}", daemon=True)
            thread.start()  # where the machine has no thread left, the next request tries again
            self._threads.append(thread)

    def _give_up(self, job: ScoringJob) -> None:
        with self._turn:
            if job in self._jobs:
                self._jobs.remove(job)
                self._count(job.texts[job.taken :], -1)

    def _work(self) -> None:
        while self._score_one():
            pass  # a thread that waits holds no job, and so keeps no old model in memory

    def _score_one(self) -> bool:
        """Score the next text; False when the pool is closed."""
        turn = self._next()
        if turn is None:
            return False
        job, row = turn
        huge = _is_huge(job.texts[row])
        job.began[row] = time.monotonic()
        try:
            job.scores[row] = job.scorer(job.texts[row])
        except BaseException as error:  # whatever a library throws: the thread lives on
            job.error = error  # whoever waits is told first: without memory, telling the log may fail
            self._give_up(job)
            job.finished.set()
            with suppress(MemoryError):
                _log.error("The model failed on a text: %s", where_it_failed(error))
        finally:
            with self._turn:
                self._running -= 1
                job.done += 1
                if job.done == len(job.texts):
                    job.finished.set()
                if huge:
                    self._huge_running -= 1
                    self._turn.notify()  # the next huge one may begin
        if huge:
            give_memory_back()
        return True

    def _next(self) -> tuple[ScoringJob, int] | None:
        """The next text of the job whose turn it is; None when the pool is closed."""
        with self._turn:
            while (job := self._whose_turn()) is None:
                if self._closed and not self._jobs:
                    return None
                self._turn.wait()
            self._jobs.remove(job)
            row = job.taken
            if row == 0:
                job.queue_seconds = time.monotonic() - job.submitted
            job.taken += 1
            self._count(job.texts[row : row + 1], -1)
            self._running += 1
            self._huge_running += _is_huge(job.texts[row])
            if job.taken < len(job.texts):
                self._jobs.append(job)
            return job, row

    def _whose_turn(self) -> ScoringJob | None:
        return next(filter(self._may_begin, self._jobs), None)

    def _may_begin(self, job: ScoringJob) -> bool:
        """May its next text begin, if a core is free?"""
        return not _is_huge(job.texts[job.taken]) or self._huge_may_begin
