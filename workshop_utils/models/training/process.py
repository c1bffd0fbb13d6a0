"""The command's side of the process that trains: start it, let it go, listen, and never leave it behind."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workshop_utils.errors import WorkshopError
from workshop_utils.models.training.job import Predictions, TrainingJob, read_predictions, write_job
from workshop_utils.models.training.learner import TITLES, OutOfTime, TrainedKind

_ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # the same rounding on every processor
    "TQDM_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "true",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYTHONIOENCODING": "utf-8",
}


class TrainingProcess:
    """Trains one kind of model in a process of its own; used as a context, whose end is the process's end.

    Args:
        folder: empty; the job and all that comes of it lie there.
        job: what to train.
    """

    def __init__(self, folder: Path, job: TrainingJob) -> None:
        self.kind: TrainedKind = job.kind
        self.folder = folder
        self.cost = 0.0
        folder.mkdir()
        write_job(folder, job)
        scratch = folder / "scratch"
        scratch.mkdir()
        temporary = {name: str(scratch) for name in ("TMPDIR", "TEMP", "TMP")}
        with (folder / "stderr.txt").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workshop_utils.models.training.worker", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env=os.environ | _ENVIRONMENT | temporary,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what was to be written has no reader any more
                    pass

    def try_out(self) -> None:
        """Wait for the trial; from then on, ``cost`` is the seconds that all trainings will take.

        Raises:
            WorkshopError: the model cannot be trained.
        """
        self.cost = float(self._next()["cost"])

    def train(
        self, seconds: float | None, progress: Callable[[float], None], note: Callable[[str], None]
    ) -> Predictions:
        """Let it train and wait for it.

        Args:
            seconds: that it may take; None for no limit.
            progress: called with the share that is done.
            note: called with a sentence about what was left out.

        Raises:
            OutOfTime: it did not end in time.
            WorkshopError: the training failed.
        """
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            self._process.kill()

        clock = threading.Timer(seconds or 0, stop)
        clock.daemon = True
        if seconds is not None:
            clock.start()
        try:
            self._go(seconds)
            done = 0.0
            while done < 1:
                event = self._next(stopped)
                if "note" in event:
                    note(event["note"])
                done = float(event.get("done", done))
                progress(done)
        finally:
            clock.cancel()
        return read_predictions(self.folder)

    def _go(self, seconds: float | None) -> None:
        assert self._process.stdin is not None
        try:
            print(json.dumps(seconds), file=self._process.stdin, flush=True)
        except OSError:  # it has ended; reading tells why
            pass

    def _next(self, stopped: threading.Event | None = None) -> dict[str, Any]:
        """The next event."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended(stopped is not None and stopped.is_set())
        event: dict[str, Any] = json.loads(line)
        if "error" in event:
            raise (OutOfTime if event["late"] else WorkshopError)(event["error"])
        return event

    def _ended(self, stopped: bool) -> WorkshopError:
        title = TITLES[self.kind]
        code = self._process.wait()
        if stopped:
            return OutOfTime(f"{title} did not end in time; give more --minutes or fewer --rows.")
        if code < 0:
            return WorkshopError(
                f"The training of {title} was stopped from outside (signal {-code}), perhaps for lack of "
                "memory; try fewer --rows."
            )
        lines = (
            (self.folder / "stderr.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        )
        reason = lines[-1][:300] if lines else f"exit code {code}"
        return WorkshopError(f"The training of {title} failed: {reason}")
