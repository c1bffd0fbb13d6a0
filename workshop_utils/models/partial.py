"""The partial output of a long job: it grows beside its final place, survives kill -9, and is continued.

``out.csv.part`` (and ``out.csv.bad.csv.part``) grow; ``out.csv.state.json`` says from time to time how far
input and output had come together. What was written after that is dropped by the next run and made again.
"""

import os
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ValidationError

from workshop_utils.data.errors import WorkshopError


class State(BaseModel):
    """How far a job has come: where its input goes on, and the sizes of its outputs in bytes."""

    job: dict[str, str | int]
    offset: int
    line: int
    rows: int = 0
    bad: int = 0
    output_bytes: int = 0
    bad_bytes: int = 0
    finished: bool = False


class Partial:
    """The files of one job. ``state`` is that of an earlier run of the same job, or ``fresh``.

    Args:
        fresh: the state before the first row; its ``job`` names all that the result depends on.
        overwrite: drop the beginning of another job.

    Raises:
        WorkshopError: the beginning of another job lies there.
    """

    def __init__(self, target: Path, fresh: State, overwrite: bool):
        self.target, self.bad = target, beside(target, ".bad.csv")
        self._part, self._bad_part = beside(target, ".part"), beside(self.bad, ".part")
        self._state_file = beside(target, ".state.json")
        found = self._earlier()
        if found and found.job != fresh.job and not overwrite:
            raise WorkshopError(
                f"{self._part.name} is the beginning of another job (other input, bundle or column); "
                "delete it, or start anew with --overwrite."
            )
        self.state = found if found and found.job == fresh.job else fresh

    def open(self) -> tuple[BinaryIO, BinaryIO]:
        """Output and bad rows, open behind what the state counts on; the rest is dropped.

        Raises:
            WorkshopError: another run is writing them.
        """
        output = _opened(self._part, self.state.output_bytes)
        return output, _opened(self._bad_part, self.state.bad_bytes)

    def checkpoint(self, output: BinaryIO, bad: BinaryIO) -> None:
        """Both outputs reach the disk before the state that counts on them."""
        for file in (output, bad):
            file.flush()
            os.fsync(file.fileno())
        self.state.output_bytes, self.state.bad_bytes = output.tell(), bad.tell()
        draft = beside(self._state_file, ".tmp")
        draft.write_text(self.state.model_dump_json(), encoding="utf-8")
        draft.replace(self._state_file)

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

    def _earlier(self) -> State | None:
        """The state that an earlier run has left, if its files are still there."""
        try:
            state = State.model_validate_json(self._state_file.read_bytes())
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
    file = path.open("ab")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows has no such lock
        pass
    except BlockingIOError:
        file.close()
        raise WorkshopError(f"Another run is writing {path.name} just now.") from None
    file.truncate(size)
    file.seek(size)
    return file


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1
