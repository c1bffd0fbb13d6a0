"""Run lessons from top to bottom with papermill and keep what they report."""

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_notebook
from papermill.exceptions import PapermillExecutionError

from workshop_utils.course.builder import Form, build_notebook, write_notebook
from workshop_utils.course.claims import CLAIM_MIME
from workshop_utils.course.folders import course_dir, prepare_folder
from workshop_utils.course.memory import PeakMemory, machine_mb
from workshop_utils.course.mistakes import MISTAKE_MIME
from workshop_utils.course.parameters import defaults, overrides
from workshop_utils.course.results import EXERCISE_MIME, RESULTS_MIME
from workshop_utils.course.syllabus import Lesson, Profile
from workshop_utils.data.load import originals
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT, shown

_log = logging.getLogger(__name__)

Status = Literal["done", "failed", "interrupted", "not run"]


@dataclass
class Outcome:
    """What became of one lesson.

    Attributes:
        lesson: the lesson.
        budget: seconds that it may take.
        status: ``failed`` where a cell raised an error, the kernel died, or a solution is wrong.
        seconds: wall-clock time.
        memory: peak of its processes together, in MB.
        results: what it recorded, by name.
        exercises: how many are open, passed and wrong.
        claims: whether each claim holds, by its sentence.
        learning_claims: the sentences of those about what a model has learned.
        unnoticed: what the checks said to mistakes that they did not notice.
        error: the cell that failed and why; empty when all is well.
        notebook: the executed notebook; it may be missing when the kernel did not start.
    """

    lesson: Lesson
    budget: int
    status: Status = "not run"
    seconds: float = 0.0
    memory: float = 0.0
    results: dict[str, Any] = field(default_factory=dict)
    exercises: Counter[str] = field(default_factory=Counter)
    claims: dict[str, bool] = field(default_factory=dict)
    learning_claims: list[str] = field(default_factory=list)
    unnoticed: list[str] = field(default_factory=list)
    error: str = ""
    notebook: Path | None = None


def run_lesson(
    lesson: Lesson,
    profile: Profile = "workshop",
    form: Form = "open",
    settings: dict[str, Any] | None = None,
    on_cell: Callable[[], None] = lambda: None,
) -> Outcome:
    """Execute one lesson in a kernel of its own; whatever goes wrong there ends up in the outcome.

    Args:
        lesson: the lesson.
        profile: which of its parameters in ``course.toml`` to take.
        form: exercises open, or with solutions.
        settings: values for its parameters cell, by name; they win over the profile.
        on_cell: called after each code cell.

    Returns:
        The outcome; a lesson that failed or was interrupted has one, too.

    Raises:
        WorkshopError: the settings do not fit the lesson, or the folder cannot be written.
    """
    notebook = build_notebook(lesson, form, checked=True)
    values = overrides(lesson, notebook, profile, settings or {})
    target = prepare_folder(course_dir()) / f"{lesson.slug}.ipynb"
    target.unlink(missing_ok=True)  # an earlier run's results are not this one's
    outcome = Outcome(lesson, lesson.budget[profile], notebook=target)
    os.environ.setdefault("TQDM_DISABLE", "1")  # the kernel inherits it: kept outputs hold no progress lines
    memory = PeakMemory()
    start = time.perf_counter()
    try:
        with memory, _stderr_into(target.with_suffix(".log")):
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
        outcome.error = _ended_early(target)
        outcome.status = "failed" if outcome.error else "done"
    except KeyboardInterrupt:
        outcome.status = "interrupted"
    except Exception as error:  # nothing that happens to one lesson may stop the others
        outcome.status = "failed"
        outcome.error = _explained(error, target, memory.peak_mb)
    outcome.seconds = time.perf_counter() - start
    outcome.memory = memory.peak_mb
    _read_reports(outcome)
    if outcome.status == "done" and not on_own_table(notebook, values):
        outcome.error = _objection(
            outcome, form, strict=profile != "smoke" and on_bundled_data(notebook, values)
        )
        outcome.status = "failed" if outcome.error else "done"
    return outcome


def on_bundled_data(notebook: nbformat.NotebookNode, values: dict[str, Any]) -> bool:
    """Does the lesson read what the course ships, and not an original corpus or somebody's own table?

    Args:
        notebook: the lesson.
        values: what is put into its parameters cell.
    """
    parameters = defaults(notebook) | values
    if on_own_table(notebook, values):
        return False
    return parameters.get("source") == "sample" or not originals()


def on_own_table(notebook: nbformat.NotebookNode, values: dict[str, Any]) -> bool:
    """Does the lesson read somebody's own table? Its claims and solutions are about the course's data.

    Args:
        notebook: the lesson.
        values: what is put into its parameters cell.
    """
    return bool((defaults(notebook) | values).get("csv"))


def _objection(outcome: Outcome, form: Form, strict: bool) -> str:
    """Why a lesson that ran to its end has failed all the same; empty when it has not."""
    if form == "solved" and set(outcome.exercises) - {"passed"}:
        return "A solution does not pass its own check."
    if outcome.unnoticed:
        return "\n".join(["A check does not say to a mistake what it must say.", *outcome.unnoticed])
    false = [sentence for sentence, holds in outcome.claims.items() if not holds]
    if strict and false:
        return "\n".join(["The lesson says what its output does not show:", *false])
    return ""


def _explained(error: Exception, notebook: Path, peak_mb: float) -> str:
    """Why the lesson failed, for people: one sentence, or the code of the cell and its error."""
    if isinstance(error, PapermillExecutionError):
        if error.ename == WorkshopError.__name__:
            return str(error.evalue)
        return f"{error.source}\n{error.ename}: {error.evalue}"
    begun = _begun(notebook)
    if not begun:
        return (
            f"Jupyter's kernel did not start ({type(error).__name__}: {error}). Run `workshop preflight`, "
            f"which looks at it; its last words are in {shown(notebook.with_suffix('.log'))}."
        )
    if isinstance(error, DeadKernelError):
        return (
            f"{begun[-1].source}\nThe lesson's process was killed in this cell, perhaps because memory ran "
            f"out: it had taken up to {peak_mb:,.0f} MB, and this machine has {machine_mb():,.0f} MB. Close "
            "other programs and run the lesson again, or with `--profile smoke`."
        )
    if isinstance(error, TimeoutError):
        return (
            f"{begun[-1].source}\nJupyter's kernel gave no answer in time. Close other programs and run the "
            "lesson again."
        )
    _log.error("%s could not be run to its end", notebook.stem, exc_info=error)
    return f"{begun[-1].source}\nThe lesson could not be run to its end ({type(error).__name__}: {error})."


def _ended_early(notebook: Path) -> str:
    """What to say where a cell has ended its process in order, as ``raise SystemExit`` does; else nothing."""
    begun = _begun(notebook)
    if len(begun) == len(_code_cells(notebook)):
        return ""
    return f"{begun[-1].source}\nThe lesson ended itself in this cell; the cells after it have not run."


def _begun(notebook: Path) -> list[nbformat.NotebookNode]:
    """The code cells that were begun."""
    return [cell for cell in _code_cells(notebook) if cell.metadata.get("papermill", {}).get("start_time")]


def _code_cells(notebook: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read_executed(notebook).cells if cell.cell_type == "code"]


def read_executed(path: Path | None) -> nbformat.NotebookNode:
    """An executed notebook; one without cells where it is missing, or where writing it was interrupted.

    Args:
        path: the notebook of an :class:`Outcome`.
    """
    try:
        return nbformat.read(path, as_version=4) if path else new_notebook()
    except (OSError, nbformat.reader.NotJSONError):
        return new_notebook()


def _read_reports(outcome: Outcome) -> None:
    """Collect headline results and exercise states from the executed notebook."""
    notebook = read_executed(outcome.notebook)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if RESULTS_MIME in data:
                # a notebook's own JSON sorts the names; the line that is shown keeps their order
                values = json.loads(data["text/plain"])
                outcome.results |= {name: value for name, value in values.items() if name != "lesson"}
            if EXERCISE_MIME in data:
                outcome.exercises[data[EXERCISE_MIME]["state"]] += 1
            if CLAIM_MIME in data:
                made = data[CLAIM_MIME]
                outcome.claims[made["sentence"]] = made["holds"]
                outcome.learning_claims += [made["sentence"]] if made["learning"] else []
            if MISTAKE_MIME in data and not data[MISTAKE_MIME]["noticed"]:
                outcome.unnoticed.append("Wanted: {says} Said: {message}".format(**data[MISTAKE_MIME]))
    if outcome.notebook and notebook.cells:
        write_notebook(notebook, outcome.notebook)


@contextmanager
def _stderr_into(log: Path) -> Generator[None, None, None]:
    """Send what child processes write to stderr (TensorFlow's greetings, crashes) to a file."""
    kept = os.dup(2)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
