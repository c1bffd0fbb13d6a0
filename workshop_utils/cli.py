"""The command ``workshop``. Exit codes: 0 done, 1 error, 2 wrong use, 3 nothing to do, 4 the gate refused."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from workshop_utils.data import WorkshopError

app = typer.Typer(
    help="From Keras to Production: check, fetch, build and run the course.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
console = Console()


def main() -> None:
    """Run the command; a :class:`WorkshopError` becomes one sentence and exit code 1."""
    try:
        app(prog_name="workshop")
    except WorkshopError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from None


@app.command()
def preflight(port: Annotated[int, typer.Option(help="Port for JupyterLab.")] = 8888) -> None:
    """Is this machine ready? One line per check; every red line says the fix."""
    from workshop_utils.course.preflight import preflight as checks

    red = 0
    for line in checks(port):
        mark, style = ("✓", "green") if line.ok else ("✗", "red")
        console.print(
            f"{mark} {line.name:<9} {line.found}", style=style, markup=False, highlight=False, soft_wrap=True
        )
        if not line.ok:
            red += 1
            console.print(f"  → {line.fix}", markup=False, highlight=False, soft_wrap=True)
    if red:
        console.print(
            f"{red} of the checks are red; mend them in this order and run `workshop preflight` again."
        )
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
    from workshop_utils.data.paths import shown

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
                    progress=lambda done, total, bar=bar: bars.update(bar, completed=done, total=total),
                )
                console.print(f"{name}: ready at {shown(path)}", markup=False, soft_wrap=True)
            except WorkshopError as error:
                failed = True
                console.print(f"{name}: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command()
def build(
    check: Annotated[
        bool, typer.Option("--check", help="Only compare; exit code 1 when something is stale.")
    ] = False,
    form: Annotated[
        Literal["open", "solved"], typer.Option(help="Exercises open, or with solutions.")
    ] = "open",
) -> None:
    """Make notebooks from lessons/: open into notebooks/, solved into build/solved/."""
    from workshop_utils.course.builder import build_all, keep_changed
    from workshop_utils.course.syllabus import load_course
    from workshop_utils.data.paths import shown

    texts = build_all(load_course(), form)
    stale = [
        path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if check:
        for path in stale:
            console.print(f"{shown(path)} is stale; run `make notebooks`.", style="red", markup=False)
        raise typer.Exit(1 if stale else 0)
    for path in stale:
        if kept := keep_changed(path):
            console.print(f"{shown(path)} had been run; your copy is {shown(kept)}", markup=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], encoding="utf-8")
    console.print(f"{len(texts)} notebooks, {len(stale)} written anew.")


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


@app.command()
def score(
    source: Annotated[Path, typer.Argument(metavar="IN.CSV", help="A CSV file, plain or gzip.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.CSV", help="Appears when it is complete.")],
    bundle: Annotated[Path, typer.Option(help="The folder of the model.")],
    text_column: Annotated[str, typer.Option(help="The column that holds the texts.")] = "text",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that is there.")] = False,
) -> None:
    """Score a table of any size with a bundle. Stopped? The same command goes on from there.

    OUT.CSV has the columns of IN.CSV, the label and the class probabilities. Rows that cannot be scored
    stand with line number and reason in OUT.CSV.bad.csv.
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from workshop_utils.models.bundle import Bundle
    from workshop_utils.models.score import score_file

    model = Bundle.load(bundle)
    rate = TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} rows/s")
    columns = (TextColumn("scoring"), BarColumn(), TaskProgressColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("scoring", total=None, rows=0, rate=0.0)
        first: list[int] = []

        def show(done: int, total: int, rows: int) -> None:
            if not first:  # rows of an earlier run count for nothing
                first.append(rows)
            rate = (rows - first[0]) / (bars.tasks[0].elapsed or 1)
            bars.update(bar, completed=done, total=total, rows=rows, rate=rate)

        try:
            report = score_file(source, target, model, text_column, overwrite, show)
        except KeyboardInterrupt:
            console.print("Stopped. Nothing is lost: the same command goes on from here.", soft_wrap=True)
            raise typer.Exit(130) from None
    if report.nothing_to_do:
        console.print(f"{target} is there already; --overwrite scores anew.", markup=False, soft_wrap=True)
        raise typer.Exit(3)
    said = f"{target}: {report.rows:,} rows in {report.seconds:.1f} s"
    if report.resumed:
        said += f", after {report.resumed:,} rows of an earlier run"
    console.print(said, markup=False, highlight=False, soft_wrap=True)
    if report.bad:
        console.print(
            f"{report.bad:,} rows could not be scored; they are in {target}.bad.csv with line and reason.",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
