"""The watch as a process: rounds in one thread, alerts in another, and a main thread that hears signals."""

import signal
from collections.abc import Callable
from threading import Thread
from types import FrameType

from workshop_utils.production.service.server import ServiceServer

_LOOK_SECONDS, _LEAVE_SECONDS = 0.2, 12.0


class StopSignals:
    """Hears SIGTERM, Ctrl-C and Ctrl-Break from now on; ``heard`` tells whether one came.

    The handler only sets a flag: it may run in the midst of anything.
    """

    def __init__(self) -> None:
        self.heard = False
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._hear)

    def _hear(self, number: int, _: FrameType | None) -> None:
        self.heard = True


def run_until(
    signals: StopSignals,
    work: Callable[[], None],
    stop: Callable[[], None],
    server: ServiceServer | None = None,
) -> None:
    """Do the work in a thread, and serve in another, until the work is done or a signal comes.

    Args:
        signals: are heard.
        work: is done once.
        stop: makes it end soon; called when a signal came.
        server: serves meanwhile.
    """
    threads = [Thread(target=work, name="watch", daemon=True)]
    if server is not None:
        threads.append(Thread(target=server.run, name="alerts", daemon=True))
    for thread in threads:
        thread.start()
    while threads[0].is_alive() and not signals.heard:
        threads[0].join(_LOOK_SECONDS)  # Windows hears a signal only between two waits
    stop()
    if server is not None:
        server.drain()
    for thread in threads:
        thread.join(_LEAVE_SECONDS)
