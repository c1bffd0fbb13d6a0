"""A parent that starts the service anew when it dies: killed, out of memory, crashed."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any

from workshop_utils.production.runbooks import DOES_NOT_START
from workshop_utils.production.service.signals import on_stop_signals

_log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE, _HEALTHY_AFTER = 0.1, 10.0, 60.0

#: A process group of its own: what a terminal's Ctrl-C says comes through the parent, and once.
OWN_GROUP: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if os.name == "nt"
    else {"start_new_session": True}
)

#: Exit codes with which the service itself ends: stopped, one sentence said why not, wrong use.
_DECIDED = frozenset({0, 1, 2})


def supervise(command: Sequence[str]) -> int:
    """Run a command, and again whenever it dies of something that it has not decided itself.

    SIGTERM, Ctrl-C and a closed terminal are handed on, and end it. The pause between two starts doubles
    while the command keeps dying.

    Returns:
        the exit code of the last run.
    """
    supervisor = _Supervisor(command)
    on_stop_signals(supervisor.stop)
    return supervisor.run()


class _Supervisor:
    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._stopping = False
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            self._child = subprocess.Popen(self._command, **OWN_GROUP)
            _log.info("The service was started.", extra={"pid": self._child.pid})
            if self._stopping:  # the signal came between start and name
                self._end_child()
            code = _wait(self._child)
            if self._stopping or code in _DECIDED:
                return max(code, 0) if self._stopping else code
            pause = _FIRST_PAUSE if time.monotonic() - began > _HEALTHY_AFTER else pause
            known = {"exit_code": code, "pause": pause, "runbook": DOES_NOT_START}
            _log.error("The service died and is started anew.", extra=known)
            if self._is_stopped_within(pause):
                return 0
            pause = min(2 * pause, _LONGEST_PAUSE)

    def stop(self, number: int, _: FrameType | None) -> None:
        """Hand a signal on."""
        self._stopping = True
        self._end_child()

    def _is_stopped_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < end:
            time.sleep(0.05)  # one long sleep would go on after a signal
        return self._stopping

    def _end_child(self) -> None:
        if self._child is not None and self._child.poll() is None:
            if os.name == "nt":
                self._child.send_signal(getattr(signal, "CTRL_BREAK_EVENT"))  # noqa: B009
            else:
                self._child.terminate()


def _wait(child: "subprocess.Popen[bytes]") -> int:
    while True:
        try:
            return child.wait(timeout=0.5)  # on Windows a signal is noticed only in between
        except subprocess.TimeoutExpired:
            continue
