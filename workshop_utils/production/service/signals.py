"""What asks a service to stop."""

import signal
from collections.abc import Callable
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
