"""The output of a long job that can be resumed: it grows beside its final place and survives kill -9.

``out.csv.part`` (and ``out.csv.bad.csv.part``) grow; ``out.csv.state.json`` says from time to time how far
input and output had come together. What was written after that is dropped by the next run and made again.
"""

from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ValidationError

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write, locked, sync_file


class JobState(BaseModel):
    """How far a job has come: rows scored and bad rows so far, and the sizes of its outputs in bytes."""

    job: dict[str, str | int]
    rows: int = 0
    bad: int = 0
    output_bytes: int = 0
    bad_bytes: int = 0
    finished: bool = False


class ResumableOutput:
    """The files of one job, locked as long as the ``with`` block lasts.

    ``state`` is that of an earlier run of the same job, or ``fresh``.

    Args:
        fresh: the state before the first row; its ``job`` names all that the result depends on.
        overwrite: drop the beginning of another job.

    Raises:
        WorkshopError: another run is writing these files, or the beginning of another job lies there.
    """

    def __init__(self, target: Path, fresh: JobState, overwrite: bool) -> None:
        self.target, self.bad = target, beside(target, ".bad.csv")
        self.state = fresh
        self._fresh, self._overwrite = fresh, overwrite
        self._part, self._bad_part = beside(target, ".part"), beside(self.bad, ".part")
        self._state_file = beside(target, ".state.json")
        self._lock = locked(beside(target, ".lock"), f"Another run is writing {target.name} just now.")

    def __enter__(self) -> "ResumableOutput":
        self._lock.__enter__()  # before the state is read: it must not change after that
        try:
            found = self._earlier()
            if found and found.job != self._fresh.job and not self._overwrite:
                raise WorkshopError(
                    f"{self._part.name} is the beginning of another job (other input, bundle or column); "
                    "delete it, or start anew with --overwrite."
                )
            if found and found.job == self._fresh.job:
                self.state = found
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__(None, None, None)

    def open(self) -> tuple[BinaryIO, BinaryIO]:
        """Output and bad rows, open behind what the state counts on; the rest is dropped."""
        output = _opened(self._part, self.state.output_bytes)
        return output, _opened(self._bad_part, self.state.bad_bytes)

    def checkpoint(self, output: BinaryIO, bad: BinaryIO) -> None:
        """Both outputs reach the disk before the state that counts on them."""
        for file in (output, bad):
            sync_file(file)
        self.state.output_bytes, self.state.bad_bytes = output.tell(), bad.tell()
        atomic_write(self._state_file, self.state.model_dump_json())

    def finish(self) -> None:
        """Give the files their names; may be interrupted and repeated."""
        if self._bad_part.exists():
            if self.state.bad:
                self._bad_part.replace(self.bad)
            else:
                self.bad.unlink(missing_ok=True)
                self._bad_part.unlink()
        if self._part.exists():
            self._part.replace(self.target)
        self._state_file.unlink()

    def _earlier(self) -> JobState | None:
        """The state that an earlier run has left, if its files are still there."""
        try:
            state = JobState.model_validate_json(self._state_file.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        if state.finished:
            return state if self._part.exists() or self.target.exists() else None
        whole = _size(self._part) >= state.output_bytes and _size(self._bad_part) >= state.bad_bytes
        return state if whole else None


def beside(path: Path, ending: str) -> Path:
    """The file in the same folder whose name goes on with ``ending``."""
    return path.with_name(path.name + ending)


def _opened(path: Path, size: int) -> BinaryIO:
    """Open for writing behind the first ``size`` bytes, which are there: :meth:`_earlier` has looked."""
    file = path.open("ab")
    file.truncate(size)
    file.seek(size)
    return file


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1
