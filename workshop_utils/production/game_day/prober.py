"""Somebody who asks a service ten texts a second, whatever happens to it, and counts the answers."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread

from workshop_utils.production.game_day.asking import NoAnswer, ask_json

_EVERY_SECONDS, _PATIENCE = 0.1, 30.0


@dataclass(frozen=True, slots=True)
class ProbeCount:
    """What a prober was told.

    Attributes:
        asked: texts. answered: with a label.
        others: why the rest were not, and how often each reason came.
    """

    asked: int
    answered: int
    others: dict[str, int]


class Prober:
    """Asks ``/predict`` from a thread of its own. Used ``with``.

    Args:
        url: of the service.
        text: gives the next text.
    """

    def __init__(self, url: str, text: Callable[[], str]) -> None:
        self._url, self._text = url, text
        self._stop, self._lock = Event(), Lock()
        self._counts: Counter[str] = Counter()
        self._thread = Thread(target=self._run, name="prober", daemon=True)

    def count(self) -> ProbeCount:
        """So far."""
        with self._lock:
            others = {reason: count for reason, count in sorted(self._counts.items()) if reason}
            return ProbeCount(self._counts.total(), self._counts[""], others)

    def __enter__(self) -> "Prober":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            reason = self._ask()
            with self._lock:
                self._counts[reason] += 1
            due = max(due + _EVERY_SECONDS, time.monotonic())
            self._stop.wait(due - time.monotonic())

    def _ask(self) -> str:
        """Why there was no label; nothing where there was."""
        try:
            status, answer = ask_json(self._url, "/predict", {"text": self._text()}, seconds=_PATIENCE)
        except NoAnswer as error:
            return str(error)
        if status == 200 and "label" in answer:
            return ""
        return f"{status}: {answer.get('detail', 'no reason')}"
