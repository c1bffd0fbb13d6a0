"""``workshop run``: all the lessons with a progress bar, then one table and the course page."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from workshop_utils.course.builder import Form, build_notebook
from workshop_utils.course.pages import write_pages
from workshop_utils.course.parameters import overrides, parse_settings
from workshop_utils.course.runner import Outcome, run_lesson
from workshop_utils.course.syllabus import Profile, load_course
from workshop_utils.paths import shown


def run_course(names: list[str], profile: Profile, form: Form, settings: list[str], console: Console) -> bool:
    """Run the named lessons (none means all); true when every one of them was done.

    Raises:
        WorkshopError: an unknown lesson or setting, before anything runs.
    """
    course = load_course()
    lessons = [course.lesson(name) for name in names] or course.lessons
    values = parse_settings(settings)
    cells = {}
    for lesson in lessons:
        notebook = build_notebook(lesson, form)
        overrides(lesson, notebook, profile, values)
        cells[lesson.id] = 1 + sum(cell.cell_type == "code" and bool(cell.source) for cell in notebook.cells)
    outcomes = [Outcome(lesson, lesson.budget[profile]) for lesson in lessons]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        overall = bars.add_task("lessons", total=len(lessons))
        for number, lesson in enumerate(lessons):
            bar = bars.add_task(lesson.slug, total=cells[lesson.id])
            outcomes[number] = run_lesson(
                lesson, profile, form, values, on_cell=lambda bar=bar: bars.advance(bar)
            )
            bars.advance(overall)
            if outcomes[number].status == "interrupted":
                break
            bars.update(bar, completed=cells[lesson.id])
    console.print(_table(outcomes, profile, form))
    for outcome in outcomes:
        if outcome.error:
            console.print(
                f"{outcome.lesson.slug} failed in this cell:\n{outcome.error}\n", style="red", markup=False
            )
    index = write_pages(course, outcomes, profile, form)
    console.print(f"Course page: {shown(index)}", markup=False, soft_wrap=True)
    return all(outcome.status == "done" for outcome in outcomes)


def _table(outcomes: list[Outcome], profile: Profile, form: Form) -> Table:
    table = Table(title=f"profile {profile}, exercises {form}")
    for heading in ("lesson", "state", "exercises", "results"):
        table.add_column(heading, overflow="fold")
    for heading in ("seconds", "budget", "peak MB"):
        table.add_column(heading, justify="right")
    for outcome in outcomes:
        late = outcome.seconds > outcome.budget
        table.add_row(
            outcome.lesson.slug,
            outcome.status,
            ", ".join(f"{count} {state}" for state, count in outcome.exercises.items()),
            "\n".join(f"{name} {value}" for name, value in outcome.results.items()),
            f"[yellow]{outcome.seconds:.0f}[/]" if late else f"{outcome.seconds:.0f}",
            str(outcome.budget),
            f"{outcome.memory:.0f}",
            style="" if outcome.status == "done" else "red",
        )
    return table
