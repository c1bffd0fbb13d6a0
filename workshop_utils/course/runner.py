"""Run lessons from top to bottom with papermill and keep what they report."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
import papermill
import psutil
from papermill.exceptions import PapermillExecutionError

from workshop_utils.course.builder import Form, build_notebook, write_notebook
from workshop_utils.course.parameters import overrides
from workshop_utils.course.results import EXERCISE_MIME, RESULTS_MIME
from workshop_utils.course.syllabus import Lesson, Profile
from workshop_utils.paths import ROOT, home

Status = Literal["done", "failed", "interrupted", "not run"]


@dataclass
class Outcome:
    """What became of one lesson. Seconds are wall-clock, memory the peak of its process tree in MB."""

    lesson: Lesson
    budget: int
    status: Status = "not run"
    seconds: float = 0.0
    memory: float = 0.0
    results: dict[str, Any] = field(default_factory=dict)
    exercises: Counter = field(default_factory=Counter)
    error: str = ""
    notebook: Path | None = None


def course_dir() -> Path:
    """Where executed notebooks and pages go."""
    return home() / "course"


def run_lesson(
    lesson: Lesson,
    profile: Profile = "workshop",
    form: Form = "open",
    settings: dict[str, Any] | None = None,
    on_cell: Callable[[], None] = lambda: None,
) -> Outcome:
    """Execute one lesson in a kernel of its own; errors end up in the outcome.

    Args:
        on_cell: called after each code cell.

    Raises:
        WorkshopError: the settings do not fit the lesson.
    """
    notebook = build_notebook(lesson, form)
    values = overrides(lesson, notebook, profile, settings or {})
    target = course_dir() / f"{lesson.slug}.ipynb"
    outcome = Outcome(lesson, lesson.budget[profile], notebook=target)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TQDM_DISABLE", "1")  # the kernel inherits it: kept outputs hold no progress lines
    start = time.perf_counter()
    with _PeakMemory() as memory, _stderr_into(target.with_suffix(".log")):
        try:
            papermill.execute_notebook(
                notebook,
                str(target),
                parameters=values,
                kernel_name="python3",
                progress_bar=False,
                cwd=str(ROOT / "notebooks"),
                extra_arguments=["--IPKernelApp.log_level=40"],
                on_cell_complete=lambda **_: on_cell(),
            )
            outcome.status = "done"
        except PapermillExecutionError as error:
            outcome.status = "failed"
            outcome.error = f"{_source(target, error.exec_count)}\n{error.ename}: {error.evalue}"
        except KeyboardInterrupt:
            outcome.status = "interrupted"
    outcome.seconds = time.perf_counter() - start
    outcome.memory = memory.peak_mb
    _read_reports(outcome)
    if form == "solved" and outcome.status == "done" and set(outcome.exercises) - {"passed"}:
        outcome.status = "failed"
        outcome.error = "A solution does not pass its own check."
    return outcome


def _source(notebook: Path, exec_count: int | None) -> str:
    """The code of the cell that failed."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.get("execution_count") == exec_count and cell.cell_type == "code":
            return cell.source
    return ""


def _read_reports(outcome: Outcome) -> None:
    """Collect headline results and exercise states from the executed notebook."""
    if not outcome.notebook.exists():
        return
    notebook = nbformat.read(outcome.notebook, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if RESULTS_MIME in data:
                outcome.results |= {k: v for k, v in data[RESULTS_MIME].items() if k != "lesson"}
            if EXERCISE_MIME in data:
                outcome.exercises[data[EXERCISE_MIME]["state"]] += 1
    write_notebook(notebook, outcome.notebook)


@contextmanager
def _stderr_into(log: Path) -> Iterator[None]:
    """Send what child processes write to stderr (TensorFlow's greetings, crashes) to a file."""
    kept = os.dup(2)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class _PeakMemory:
    """Watch the resident memory of all child processes together, four times a second."""

    def __enter__(self) -> "_PeakMemory":
        self.peak_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        me = psutil.Process(os.getpid())
        while not self._stop.wait(0.25):
            total = 0
            for child in me.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak_mb = max(self.peak_mb, total / 1e6)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
