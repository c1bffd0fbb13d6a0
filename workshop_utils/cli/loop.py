"""``workshop loop``: the whole loop on somebody's table, from the first model to a promoted challenger."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workshop_utils.cli.console import console
from workshop_utils.cli.extras import need
from workshop_utils.cli.progress import step_bars
from workshop_utils.cli.train import NEEDS
from workshop_utils.cli.user import user_name

if TYPE_CHECKING:
    from workshop_utils.production.loop import LoopPeriod, LoopReport

app = typer.Typer()

_STYLES = {"quiet": "green", "insufficient data": "yellow", "mild": "yellow", "harmful": "bold red"}


@app.command()
def loop(
    source: Annotated[
        Path, typer.Argument(metavar="TABLE", help="A table with texts, their labels and dates.")
    ],
    text_column: Annotated[str, typer.Option(help="The column that holds the texts.")],
    label_column: Annotated[str, typer.Option(help="The column that holds the labels.")],
    date_column: Annotated[str, typer.Option(help="The column that holds the dates.")],
    until: Annotated[
        str, typer.Option(metavar="DATE", help="Rows before this date teach the first model.")
    ] = "",
    train_share: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Without --until, so large a part of the oldest does.")
    ] = 0.5,
    date_format: Annotated[
        str, typer.Option(help="How dates are written where nobody can tell, such as %d/%m/%Y.")
    ] = "",
    policy: Annotated[Path | None, typer.Option(help="What is tolerated and enough; a TOML file.")] = None,
    model: Annotated[
        Literal["tfidf", "cnn", "distilbert", "best"], typer.Option(help="What the first model is.")
    ] = "tfidf",
    rows: Annotated[int | None, typer.Option(min=1, help="At most so many rows, drawn at random.")] = None,
    label_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="So many of the later rows get a true label.")
    ] = 0.3,
    label_days: Annotated[
        float, typer.Option(min=0.0, max=36_525.0, help="So many days after its text, in the table's time.")
    ] = 7.0,
    period: Annotated[
        Literal["auto", "year", "quarter", "month", "week", "day", "hour"],
        typer.Option(help="How often somebody looks; auto: the longest of which there are five."),
    ] = "auto",
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of all random steps.")] = 0,
    folder: Annotated[
        Path | None, typer.Option("--home", help="Where all of it lies; by default loop under WORKSHOP_HOME.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--html", help="The report; by default loop.html in that folder.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="The same for programs; by default loop.json there.")
    ] = None,
) -> None:
    """Train on the oldest rows of a table, serve, answer the others by HTTP, watch, retrain, and report.

    A service runs for as long as this takes; labels come late; after each period `monitor` looks and
    `retrain` acts; what passes the gate answers the rest. Nothing outside the folder is touched. A table on
    which nothing changes promotes nothing, and that is a result. Stopped, the same command begins anew and
    keeps the first model.
    """
    if not (math.isfinite(label_days) and math.isfinite(train_share) and math.isfinite(label_share)):
        raise typer.BadParameter("shares and days are numbers, such as 0.3 and 7")
    need("workshop loop", "train", NEEDS[model])
    from workshop_utils.cli.outputs import make_output_folders, refuse_outputs
    from workshop_utils.cli.results import say
    from workshop_utils.files import atomic_write
    from workshop_utils.paths import home, shown
    from workshop_utils.production.loop import (
        DatedColumns,
        LoopListener,
        LoopRequest,
        read_date,
        refuse_foreign,
        render_loop_page,
        run_loop,
    )
    from workshop_utils.production.policy import read_policy

    where = folder or home() / "loop"
    page, json_file = page or where / "loop.html", json_file or where / "loop.json"
    refuse_foreign(where)
    refuse_outputs([page, json_file], source)
    make_output_folders([page, json_file])
    request = LoopRequest(
        source,
        DatedColumns(text_column, label_column, date_column, date_format),
        where,
        read_policy(policy),
        read_date(until) if until else None,
        train_share,
        model,
        rows,
        seed,
        label_share,
        label_days,
        period,
        user_name("workshop loop"),
    )
    with step_bars() as progress:
        try:
            report = run_loop(request, LoopListener(say, progress, _tell_period))
        except KeyboardInterrupt:
            console.print("Stopped. The same command begins anew, and keeps the first model if it was made.")
            raise typer.Exit(130) from None
    atomic_write(page, render_loop_page(report))
    atomic_write(json_file, json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n")
    _tell(report)
    say(f"Report: {shown(page)}\nFor programs: {shown(json_file)}")


def _tell_period(period: "LoopPeriod") -> None:
    """A line for the period, one for what was done."""
    from workshop_utils.cli.results import say
    from workshop_utils.production.loop import percent

    beside = "" if period.accuracy == period.first else f" (never retrained {percent(period.first.value)})"
    alarms = f" [{', '.join(period.alarms)}]" if period.alarms else ""
    say(
        f"{period.name}: {period.rows:,} rows, right in {percent(period.accuracy.value)}{beside}; "
        f"{period.labels:,} labels came; {period.verdict}{alarms}",
        _STYLES[period.verdict],
    )
    if period.acted:
        say(f"  retrain: {period.retraining.told}", "green" if period.promoted else None)


def _tell(report: "LoopReport") -> None:
    """Three sentences, what it cost, and what to do."""
    from workshop_utils.cli.results import say

    console.print()
    for sentence in report.verdict():
        say(sentence, "bold")
    say(report.cost())
    for step in report.next_steps():
        say(f"Next: {step}")
