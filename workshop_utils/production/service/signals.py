"""What asks a service to stop."""

import os
import signal
from collections.abc import Callable
from threading import Thread
from types import FrameType

#: As the system has them: stop, Ctrl-C, Ctrl-Break on Windows, and a terminal that was closed.
_STOP = ("SIGTERM", "SIGINT", "SIGBREAK", "SIGHUP")


def on_stop_signals(handle: Callable[[int, FrameType | None], None]) -> None:
    """Call ``handle`` when this process is asked to stop; with ``nohup`` a closed terminal does not ask."""
    for name in _STOP:
        number = getattr(signal, name, None)
        if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            continue
        signal.signal(number, handle)


def stop_when_closed(descriptor: int = 0) -> None:
    """Do to this process what SIGTERM does when nobody holds the other end of a pipe any more.

    A parent that keeps the other end stops its child by closing it, and by ending in whatever way, on every
    system.

    Args:
        descriptor: of the pipe; 0 is standard input.
    """

    def wait() -> None:
        try:
            while os.read(descriptor, 1024):
                pass
        except OSError:
            pass  # it was closed here
        if os.name == "nt":
            signal.raise_signal(signal.SIGTERM)  # there, os.kill would end the process at once
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, name="parent", daemon=True).start()
