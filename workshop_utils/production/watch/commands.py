"""A command in a process group of its own, which ends when the watch is asked to stop."""

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from threading import Event
from typing import IO

from workshop_utils.errors import WorkshopError
from workshop_utils.production.service.supervising import OWN_GROUP

_GRACE_SECONDS, _LOOK_SECONDS = 5.0, 0.2
_LONGEST_OUTPUT = 20_000


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended.

    Attributes:
        code: its exit code; None when it was ended here, because of a stop or because its time was over.
        output, errors: the end of what it wrote to standard output and standard error.
    """

    code: int | None
    output: str
    errors: str

    @property
    def reason(self) -> str:
        """Its last line about what went wrong."""
        for told in (self.errors, self.output):
            if lines := [line.strip() for line in told.splitlines() if line.strip()]:
                return lines[-1][:1000]
        if self.code is None:
            return "It took too long and was ended."
        if self.code < 0:
            return f"It was killed from outside (signal {-self.code}), perhaps for lack of memory."
        return f"It ended with exit code {self.code} and no word."


def run_command(
    command: Sequence[str] | str, stop: Event, text: str = "", seconds: float | None = None
) -> CommandEnd:
    """Run a command to its end; or end it, and what it has started, when ``stop`` is set.

    Args:
        command: as ``subprocess`` takes it.
        stop: asks for an end.
        text: what it reads from standard input, in UTF-8.
        seconds: after which it is ended; None for no limit.

    Raises:
        WorkshopError: it cannot be started, or there is no room for what it writes.
    """
    # one line is one sentence, and Python writes what we read, on every system
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    environment |= {"PYTHONUTF8": "1", "NO_COLOR": "1"}
    try:
        with TemporaryFile() as given, TemporaryFile() as output, TemporaryFile() as errors:
            given.write(text.encode("utf-8", "replace"))
            given.seek(0)
            child = subprocess.Popen(
                command, stdin=given, stdout=output, stderr=errors, env=environment, **OWN_GROUP
            )
            code = _wait(child, stop, None if seconds is None else time.monotonic() + seconds)
            return CommandEnd(code, _end_of(output), _end_of(errors))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WorkshopError(f"The command cannot be run: {reason}.") from error


def split_command(typed: str) -> Sequence[str] | str:
    """A command as somebody typed it, in the form that ``subprocess`` takes on this system.

    Raises:
        WorkshopError: it is empty, a quotation is not closed, or there is no such program.
    """
    try:
        parts = shlex.split(typed, posix=os.name != "nt")
    except ValueError as error:
        raise WorkshopError(f"The mail command cannot be read: {str(error).lower()}.") from error
    if not parts:
        raise WorkshopError(
            "The mail command is empty; name a program, such as \"mail -s 'Model' you@host\"."
        )
    program = parts[0].strip('"')
    if shutil.which(program) is None:
        raise WorkshopError(f"There is no program {program[:100]!r} for the mail command; install it first.")
    return typed if os.name == "nt" else parts


def _wait(child: "subprocess.Popen[bytes]", stop: Event, end: float | None) -> int | None:
    while not stop.is_set() and (end is None or time.monotonic() < end):
        try:
            return child.wait(_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    _end_group(child)
    return None


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    """Ask the command and all it has started to end; whoever does not, is killed."""
    _signal_group(child, kill=False)
    try:
        child.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    _signal_group(child, kill=True)
    child.wait()


def _signal_group(child: "subprocess.Popen[bytes]", kill: bool) -> None:
    try:
        if os.name != "nt":
            os.killpg(child.pid, signal.SIGKILL if kill else signal.SIGTERM)
        elif kill:
            child.kill()
        else:
            child.send_signal(getattr(signal, "CTRL_BREAK_EVENT"))  # noqa: B009
    except OSError:  # nobody of it is there any more
        pass


def _end_of(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LONGEST_OUTPUT))
    return file.read().decode("utf-8", "replace")
