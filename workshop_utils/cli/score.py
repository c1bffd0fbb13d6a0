"""``workshop score``: a table of any size, scored with a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from workshop_utils.cli.console import console, errors

app = typer.Typer()


@app.command()
def score(
    source: Annotated[
        Path, typer.Argument(metavar="IN.CSV", help="A table: CSV, packed or not; - is standard input.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT.CSV", help="Appears when it is complete; - is standard output.")
    ],
    bundle: Annotated[Path, typer.Option(help="The folder of the model.")],
    text_column: Annotated[str, typer.Option(help="The column that holds the texts.")] = "text",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that is there.")] = False,
) -> None:
    """Score a table of any size with a bundle. Stopped? The same command goes on from there.

    OUT.CSV has the columns of IN.CSV, the label and the class probabilities. Rows that cannot be scored
    stand with line number and reason in OUT.CSV.bad.csv; where no row can be scored, the exit code is 1.
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from workshop_utils.models.bundle import Bundle, score_file

    told = errors if str(target) == "-" else console
    model = Bundle.load(bundle)
    rate = TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} rows/s")
    columns = (TextColumn("scoring"), BarColumn(), TaskProgressColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=told, transient=True) as bars:
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
            kept = (
                ""
                if "-" in (str(source), str(target))
                else " Nothing is lost: the same command goes on from here."
            )
            told.print(f"Stopped.{kept}")
            raise typer.Exit(130) from None
    for note in report.notes:
        told.print(note, style="yellow")
    if report.nothing_to_do:
        told.print(f"{target} is there already; --overwrite scores anew.")
        raise typer.Exit(3)
    summary = (
        f"{'standard output' if told is errors else target}: {report.rows:,} rows in {report.seconds:.1f} s"
    )
    if report.resumed:
        summary += f", after {report.resumed:,} rows of an earlier run"
    told.print(summary)
    if report.bad:
        where = "" if told is errors else f"; they are in {target}.bad.csv with line and reason"
        told.print(f"{report.bad:,} rows could not be scored{where}.", style="yellow")
        if not report.rows + report.resumed:
            raise typer.Exit(1)
