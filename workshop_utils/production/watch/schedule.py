"""When to run: every so often, and whenever somebody asks; one run at a time."""

import logging
import time
from collections.abc import Callable
from threading import Condition, Event

from workshop_utils.production.service.problems import where_it_failed

_log = logging.getLogger(__name__)

_LONGEST_WAIT = 3600.0


def next_due(began: float, every: float, now: float) -> float:
    """The first moment after ``now`` of ``began``, ``began + every``, …: what is missed is not made up."""
    due = began + every * ((now - began) // every + 1)
    return due if due > now else due + every  # rounded down to now


class RunSchedule:
    """Calls ``run`` at once and then every so often, until it is stopped. A failing run stops nothing.

    Args:
        run: one run. every: seconds from one to the next. stop: set when there shall be no other run.
        clock: seconds that never jump.
    """

    def __init__(
        self,
        run: Callable[[], object],
        every: float,
        stop: Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run, self._every, self._stop, self._clock = run, every, stop, clock
        self._changed = Condition()
        self._asked = False

    def ask(self) -> None:
        """Run now. Asked during a run, another one follows it; asked again before that, it is still one."""
        with self._changed:
            self._asked = True
            self._changed.notify_all()

    def stop(self) -> None:
        """No other run begins; a run that knows the same event may end early."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def run(self) -> None:
        """Run until stopped."""
        began = self._clock()
        while not self._stop.is_set():
            try:
                self._run()
            except Exception as error:  # the next run may go well
                _log.error("A run failed: %s", where_it_failed(error))
            self._wait_until(next_due(began, self._every, self._clock()))

    def _wait_until(self, due: float) -> None:
        with self._changed:
            while not (self._stop.is_set() or self._asked) and (left := due - self._clock()) > 0:
                self._changed.wait(min(left, _LONGEST_WAIT))
            self._asked = False
