"""``workshop feedback``: true labels that came later, from a table."""

from pathlib import Path
from typing import Annotated

import typer

from workshop_utils.cli.console import console
from workshop_utils.cli.user import user_name

app = typer.Typer()


@app.command()
def feedback(
    source: Annotated[
        Path, typer.Argument(metavar="LABELS.CSV", help="A table with the columns prediction_id and label.")
    ],
    by: Annotated[
        str, typer.Option(help="Who gave the labels, where no column labelled_by says it; by default you.")
    ] = "",
) -> None:
    """Store the true labels of earlier predictions. The same table twice changes nothing.

    The store is WORKSHOP_DATABASE_URL, or store.db under WORKSHOP_HOME. A later label corrects an earlier
    one, and both are kept. Only labels of people are taken: a column source with anything but person is
    refused. Exit code 1: no row could be used; 3: all of it was known already.
    """
    from workshop_utils.production.runbooks import LABELS_NOT_TAKEN
    from workshop_utils.production.store import add_labels_of_table, open_store

    store = open_store()
    store.prepare()
    report = add_labels_of_table(store, source, by or user_name("workshop feedback"))
    store.close()
    taken, known = report.new + report.changed, report.unchanged
    for note in report.notes:
        console.print(note, style="yellow")
    for line, reason in report.problems:
        console.print(f"line {line}: {reason}", style="yellow")
    numbers = {
        "new": report.new,
        "unchanged": report.unchanged,
        "changed": report.changed,
        "of unknown predictions": report.unknown_prediction,
        "unknown labels": report.unknown_label,
        "refused": report.refused,
        "rows without a usable label": report.unusable,
    }
    shown = [f"{number:,} {name}" for name, number in numbers.items() if number or name == "new"]
    console.print(f"{source.name}: {', '.join(shown)}.")
    if report.not_taken:
        console.print(f"{report.not_taken:,} rows were not taken. Read {LABELS_NOT_TAKEN}.", style="yellow")
    if not taken:
        raise typer.Exit(3 if known else 1)
