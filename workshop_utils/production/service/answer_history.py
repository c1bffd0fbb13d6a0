"""How many requests for a prediction this process has answered and failed, over time, in bounded memory.

Requests that fail are in no store, and Prometheus may not be there. The page ``/dashboard`` shows these.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from threading import Lock
from typing import Final

from workshop_utils.production.dashboard import AnsweredRequests

#: So many slots of time at most; when there are more, each two become one.
_MOST_SLOTS = 2000
_FIRST_SECONDS = 10
_TOO_MANY_REQUESTS: Final = 429


class AnswerHistory:
    """Counts by slots of time; safe to share between threads.

    Args:
        clock: seconds since 1970.

    Attributes:
        since: when counting began.
    """

    def __init__(self, clock: Callable[[], float] = lambda: datetime.now(UTC).timestamp()) -> None:
        self._clock, self._lock = clock, Lock()
        self._seconds, self._slots = _FIRST_SECONDS, dict[int, tuple[int, int]]()
        self.since = datetime.fromtimestamp(clock(), UTC)

    def count(self, rule: str, status: int) -> None:
        """One more answer; those to other routes, and to mistakes of clients, do not count.

        Args:
            rule: of the route.
            status: of the answer.
        """
        failed = status >= 500 or status == _TOO_MANY_REQUESTS
        if not _predicts(rule) or not (failed or status < 400):
            return
        with self._lock:
            slot = int(self._clock() // self._seconds)
            good, bad = self._slots.get(slot, (0, 0))
            self._slots[slot] = (good + (not failed), bad + failed)
            while len(self._slots) > _MOST_SLOTS:
                self._widen()

    def moments(self) -> list[datetime]:
        """When the first and the last slot began that hold something."""
        with self._lock:
            ends = (min(self._slots), max(self._slots)) if self._slots else ()
            return [datetime.fromtimestamp(slot * self._seconds, UTC) for slot in ends]

    def over(self, edges: Sequence[datetime]) -> AnsweredRequests:
        """The numbers of each bucket; a slot counts where it begins.

        Args:
            edges: where buckets begin, and where the last one ends.
        """
        with self._lock:
            slots = sorted(self._slots.items())
            seconds = self._seconds
        answered, failed = [], []
        for start, end in pairwise(edges):
            inside = [
                counts for slot, counts in slots if start.timestamp() <= slot * seconds < end.timestamp()
            ]
            answered.append(sum(good for good, _ in inside))
            failed.append(sum(bad for _, bad in inside))
        return AnsweredRequests(self.since, tuple(answered), tuple(failed))

    def _widen(self) -> None:
        before, self._slots, self._seconds = self._slots, {}, 2 * self._seconds
        for slot, (good, bad) in before.items():
            so_far = self._slots.get(slot // 2, (0, 0))
            self._slots[slot // 2] = (so_far[0] + good, so_far[1] + bad)


def _predicts(rule: str) -> bool:
    return rule in ("/predict", "/predict/batch") or (
        rule.startswith("/v2/models/") and rule.endswith("/infer")
    )
