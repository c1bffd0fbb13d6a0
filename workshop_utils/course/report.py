"""``workshop run``: the lessons one after the other, what became of each, and the course page.

In a terminal there are progress bars and then one table. Elsewhere (a pipe, the log of CI) there is one
plain line for each lesson as it ends. Failures are printed in full after either.
"""

from collections.abc import Callable
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from workshop_utils.course.builder import Form, build_notebook
from workshop_utils.course.folders import course_dir, prepare_folder
from workshop_utils.course.pages import write_pages
from workshop_utils.course.parameters import overrides, parse_settings
from workshop_utils.course.printable import printable
from workshop_utils.course.results import headline
from workshop_utils.course.runner import Outcome, run_lesson
from workshop_utils.course.syllabus import Lesson, Profile, load_course
from workshop_utils.files import locked
from workshop_utils.paths import shown


def run_course(names: list[str], profile: Profile, form: Form, settings: list[str], console: Console) -> bool:
    """Run the named lessons (none means all); true when every one of them was done.

    Args:
        names: lessons by number or name.
        profile: which parameters of ``course.toml`` to take.
        form: exercises open, or with solutions.
        settings: texts of the form ``name=value``, for the parameters of every named lesson.
        console: where to write.

    Raises:
        WorkshopError: before anything runs: an unknown lesson or setting, a folder that cannot be written,
            another run in the same folder.
    """
    course = load_course()
    lessons = [course.lesson(name) for name in names] or course.lessons
    values = parse_settings(settings)
    cells = {}
    for lesson in lessons:
        notebook = build_notebook(lesson, form, checked=True)
        overrides(lesson, notebook, profile, values)
        cells[lesson.id] = 1 + sum(cell.cell_type == "code" and bool(cell.source) for cell in notebook.cells)
    outcomes = [Outcome(lesson, lesson.budget[profile]) for lesson in lessons]
    folder = prepare_folder(course_dir())
    busy = (
        f"Another `workshop run` is writing {shown(folder)}; wait for its end, "
        "or give this one a folder of its own in WORKSHOP_HOME."
    )
    with locked(folder / ".lock", busy):
        display = _Bars(console, cells) if console.is_terminal else _Lines(console)
        with display:
            for number, lesson in enumerate(lessons):
                on_cell = display.begin(lesson)
                outcomes[number] = run_lesson(lesson, profile, form, values, on_cell)
                display.end(outcomes[number])
                if outcomes[number].status == "interrupted":
                    break
        if console.is_terminal:
            console.print(_table(outcomes, f"profile {profile}, exercises {form}", console), soft_wrap=False)
        for outcome in outcomes:
            if outcome.error:
                failure = f"{outcome.lesson.slug} failed:\n{outcome.error}\n"
                console.print(_text(failure, console, "red"), soft_wrap=True)
        index = write_pages(course, outcomes, profile, form)
    console.print(_text(f"Course page: {shown(index)}", console), soft_wrap=True)
    return all(outcome.status == "done" for outcome in outcomes)


class _Display:
    """What is seen while the lessons run; used as a context."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def begin(self, lesson: Lesson) -> Callable[[], None]:
        """A lesson begins; what is returned is called after each of its code cells."""
        return lambda: None

    def end(self, outcome: Outcome) -> None:
        """A lesson has ended."""


class _Bars(_Display):
    """Progress bars: one for all lessons and one for each that has begun."""

    def __init__(self, console: Console, cells: dict[str, int]) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console)
        self._cells = cells
        self._overall = self._bar = self._progress.add_task("lessons", total=len(cells))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, lesson: Lesson) -> Callable[[], None]:
        bar = self._bar = self._progress.add_task(lesson.slug, total=self._cells[lesson.id])
        return lambda: self._progress.advance(bar)

    def end(self, outcome: Outcome) -> None:
        if outcome.status == "done":
            self._progress.update(self._bar, completed=self._cells[outcome.lesson.id])
        self._progress.advance(self._overall)


class _Lines(_Display):
    """One plain line for each lesson, at once, so that a log shows where the run is."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def end(self, outcome: Outcome) -> None:
        time, memory = f"{outcome.seconds:.0f} of {outcome.budget} s", f"{outcome.memory:.0f} MB"
        facts = [outcome.status, time, memory, *_exercises(outcome), *_headline(outcome)]
        line = f"{outcome.lesson.slug}: {', '.join(facts)}"
        self._console.print(_text(line, self._console), soft_wrap=True)


def _table(outcomes: list[Outcome], title: str, console: Console) -> Table:
    """Fits 80 columns; the course page has the rest."""
    table = Table(title=title, box=SIMPLE_HEAD)
    for heading in ("lesson", "status", "exercises", "results"):
        table.add_column(heading, overflow="fold")
    table.add_column("s / budget", justify="right", no_wrap=True)
    for outcome in outcomes:
        late = outcome.seconds > outcome.budget
        table.add_row(
            _text(outcome.lesson.slug, console),
            _text(outcome.status, console),
            _text("\n".join(_exercises(outcome)), console),
            _text("\n".join(_headline(outcome)), console),
            _text(f"{outcome.seconds:.0f} / {outcome.budget}", console, "yellow" if late else ""),
            style="" if outcome.status == "done" else "red",
        )
    return table


def _exercises(outcome: Outcome) -> list[str]:
    """States of the exercises, and how many of the claims hold."""
    states = [f"{count} {state}" for state, count in outcome.exercises.items()]
    claims = [f"{sum(outcome.claims.values())}/{len(outcome.claims)} claims"] if outcome.claims else []
    return states + claims


def _headline(outcome: Outcome) -> list[str]:
    return [f"{name.replace('_', ' ')} {value}" for name, value in headline(outcome.results).items()]


def _text(text: str, console: Console, style: str = "") -> Text:
    """What lessons say is never read as rich's markup, and always in signs that the console has."""
    return Text(printable(text, console.encoding), style)
