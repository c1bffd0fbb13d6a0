"""``workshop preflight``, ``fetch``, ``build`` and ``run``: the course."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workshop_utils.cli.console import console
from workshop_utils.errors import WorkshopError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

app = typer.Typer()


@app.command()
def preflight(port: Annotated[int, typer.Option(help="Port for JupyterLab.")] = 8888) -> None:
    """Is this machine ready? One line per check; every red line says the fix, a yellow one gives advice."""
    from workshop_utils.course.preflight import preflight as checks
    from workshop_utils.course.printable import printable

    symbols = {"green": "✓", "yellow": "!", "red": "✗"}
    red = 0
    for line in checks(port):
        finding = f"{symbols[line.severity]} {line.name:<9} {line.found}"
        console.print(printable(finding, console.encoding), style=line.severity)
        if line.fix:
            console.print(printable(f"  → {line.fix}", console.encoding))
        red += line.severity == "red"
    if red:
        console.print(f"Red: {red}. Mend them in this order and run `workshop preflight` again.")
        raise typer.Exit(1)
    console.print("Ready.")


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="reviews, products, poems, digits, encoder; or all")],
    file: Annotated[Path | None, typer.Option(help="A file or folder downloaded by hand.")] = None,
    mirror: Annotated[
        str | None, typer.Option(help="Address of a folder that serves the same files.")
    ] = None,
) -> None:
    """Download the original corpora, the only step that needs a network. Safe to interrupt and repeat."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from workshop_utils.data.fetch import SOURCES
    from workshop_utils.data.fetch import fetch as fetch_source
    from workshop_utils.paths import shown

    wanted = list(SOURCES) if names == ["all"] else names
    if unknown := [name for name in wanted if name not in SOURCES]:
        raise typer.BadParameter(f"{unknown[0]!r} is unknown; choose from {', '.join(SOURCES)} or all")
    if file and len(wanted) != 1:
        raise typer.BadParameter("--file goes with exactly one name")
    failed = False
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        for name in wanted:
            bar = bars.add_task(name, total=None)
            try:
                path = fetch_source(
                    SOURCES[name],
                    file=file,
                    mirror=mirror,
                    progress=partial(_advance, bars, bar),
                )
                console.print(f"{name}: ready at {shown(path)}")
            except WorkshopError as error:
                failed = True
                console.print(f"{name}: {error}", style="red")
    if failed:
        raise typer.Exit(1)


def _advance(bars: "Progress", bar: "TaskID", done: int, total: int | None) -> None:
    bars.update(bar, completed=done, total=total)


@app.command()
def build(
    check: Annotated[
        bool, typer.Option("--check", help="Only compare; exit code 1 when something is stale.")
    ] = False,
    form: Annotated[
        Literal["open", "solved"], typer.Option(help="Exercises open, or with solutions.")
    ] = "open",
) -> None:
    """Make notebooks from lessons/: open into notebooks/, solved into build/solved/; and INSTRUCTORS.md."""
    from workshop_utils.course.builder import build_all, keep_changed
    from workshop_utils.course.folders import cannot_write
    from workshop_utils.course.instructors import instructors_guide
    from workshop_utils.course.syllabus import load_course
    from workshop_utils.files import atomic_write
    from workshop_utils.paths import ROOT, shown

    course = load_course()
    texts = build_all(course, form)
    if form == "open":
        texts[ROOT / "INSTRUCTORS.md"] = instructors_guide(course)
    stale = [
        path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if check:
        for path in stale:
            console.print(f"{shown(path)} is stale; run `make notebooks`.", style="red")
        raise typer.Exit(1 if stale else 0)
    for path in stale:
        if path.suffix == ".ipynb" and (kept := keep_changed(path)):
            console.print(f"{shown(path)} had been run; your copy is {shown(kept)}")
        try:
            atomic_write(path, texts[path])
        except OSError as error:
            raise cannot_write(path, error) from error
    console.print(f"{len(texts)} files, {len(stale)} written anew.")


@app.command()
def run(
    lessons: Annotated[
        list[str] | None, typer.Argument(help="Lessons by number or name; none means all.")
    ] = None,
    profile: Annotated[Literal["smoke", "workshop", "full"], typer.Option()] = "workshop",
    form: Annotated[
        Literal["open", "solved"], typer.Option(help="Exercises open, or with solutions.")
    ] = "open",
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE")] = None,
) -> None:
    """Run lessons and write the course page. A failing lesson stops neither the others nor the report."""
    from workshop_utils.course.report import run_course

    if not run_course(lessons or [], profile, form, settings or [], console):
        raise typer.Exit(1)
