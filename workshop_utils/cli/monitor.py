"""``workshop monitor``: is the deployed model still right, are its inputs what they were, and what to do."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workshop_utils.cli.console import console
from workshop_utils.errors import WorkshopError

if TYPE_CHECKING:
    from workshop_utils.production.monitoring import MonitoringReport

app = typer.Typer()

#: Exit codes of the verdicts.
_CODES = {"quiet": 0, "insufficient data": 3, "mild": 10, "harmful": 11}
_STYLES = {"quiet": "green", "insufficient data": "yellow", "mild": "yellow", "harmful": "bold red"}
_NOTES, _WORDS = 3, 6
#: So many alarms have a line of their own; the others share one.
_LINES = 4


@app.command()
def monitor(
    deployment: Annotated[
        Path | None, typer.Option(help="The deployment folder; by default deployment under WORKSHOP_HOME.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="The folder of the model, where there is no deployment.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="What is promised and tolerated; a TOML file.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report to this file; - is the console.")
    ] = None,
    page: Annotated[Path | None, typer.Option("--html", help="Write a page with plots to this file.")] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE.CSV", help="Look at this table in place of the store.")
    ] = None,
    text_column: Annotated[str, typer.Option(help="The column of the table that holds the texts.")] = "text",
    truth_column: Annotated[str | None, typer.Option(help="Its column of true labels.")] = None,
    answer_column: Annotated[
        str | None, typer.Option(help="Its column of the model's labels; without it the model is asked.")
    ] = None,
    time_column: Annotated[str | None, typer.Option(help="Its column of times.")] = None,
    latency_column: Annotated[
        str | None, typer.Option(help="Its column of milliseconds a text took.")
    ] = None,
) -> None:
    """Has the model become wrong too often, have its inputs changed, and what is to be done?

    Looks at the predictions and labels in the store, WORKSHOP_DATABASE_URL or store.db under WORKSHOP_HOME,
    and goes on where it stopped. Exit code 0: quiet; 3: insufficient data; 10: mild, inputs or answers have
    changed; 11: harmful, wrong more often than is tolerated; 1: an error.
    """
    from workshop_utils.cli.outputs import refuse_outputs
    from workshop_utils.files import atomic_write
    from workshop_utils.production.monitoring import (
        TableColumns,
        default_state,
        monitor_store,
        monitor_table,
        open_monitored_model,
        render_monitoring_page,
    )
    from workshop_utils.production.policy import read_policy
    from workshop_utils.production.store import open_store

    columns = TableColumns(text_column, truth_column, answer_column, time_column, latency_column)
    if table is None and columns != TableColumns():
        raise typer.BadParameter("columns are those of a table; name one with --table")
    refuse_outputs([path for path in (json_file, page) if path is not None and str(path) != "-"], table)
    promised = read_policy(policy)
    folder = _model_folder(deployment, bundle)
    if table is None:
        store = open_store()
        store.prepare()
        state = default_state(open_monitored_model(folder).version)
        report = monitor_store(store, folder, promised, state)
        store.close()
    else:
        report = monitor_table(table, folder, promised, columns)
    told = json.dumps(report.to_dict(), indent=2, allow_nan=False)
    if json_file is not None and str(json_file) != "-":
        atomic_write(json_file, told + "\n")
    if page is not None:
        atomic_write(page, render_monitoring_page(report))
    if str(json_file) == "-":
        console.print(told)
    else:
        _tell(report, page)
    raise typer.Exit(_CODES[report.verdict])


def _model_folder(deployment: Path | None, bundle: Path | None) -> Path:
    """The bundle that is looked at.

    Raises:
        WorkshopError: nothing is deployed there.
    """
    from workshop_utils.paths import home
    from workshop_utils.production.deployment import pointed_version, version_folder

    if bundle is not None:
        if deployment is not None:
            raise typer.BadParameter("name a bundle or a deployment, not both")
        return bundle
    folder = deployment or home() / "deployment"
    champion = pointed_version(folder) if folder.is_dir() else None
    if champion is None:
        raise WorkshopError(
            f"There is no champion in {folder}; promote a bundle first, or name one with --bundle."
        )
    return version_folder(folder, champion)


def _tell(report: "MonitoringReport", page: Path | None) -> None:
    """At most ten lines: the verdict, why, the numbers, the alarms, what to do."""
    from workshop_utils.cli.results import say
    from workshop_utils.production.monitoring import NO_VERDICT, what_to_do

    say(f"{report.verdict}: {report.reason}", style=_STYLES[report.verdict])
    say(_numbers(report))
    alarms = []
    for alarm in report.alarms:
        beside = dict.fromkeys(NO_VERDICT, f" {alarm.sentence}")  # the verdict's reason has the others
        also = (beside | {"inputs": _new_words(report)}).get(alarm.name, "")
        alarms.append(f"Alarm: {alarm.name}.{also} Read {alarm.runbook}.")
    for line in [*alarms[:_LINES], *filter(None, [" ".join(alarms[_LINES:])])]:
        say(line, style="yellow")
    say(f"What to do: {what_to_do(report)}")
    if report.notes:
        more = f" And {len(report.notes) - _NOTES} more notes." if len(report.notes) > _NOTES else ""
        say(" ".join(report.notes[:_NOTES]) + more)
    if page is not None:
        from workshop_utils.paths import shown

        say(f"Report: {shown(page)}")


def _new_words(report: "MonitoringReport") -> str:
    """The first words by which new texts are told, where these have changed."""
    from workshop_utils.data.usable_texts import shortened
    from workshop_utils.production.monitoring.drift_report import CLASSIFIER

    found = report.inputs
    if found is None or (CLASSIFIER, "changed") not in [(each.name, each.verdict) for each in found.findings]:
        return ""
    words = found.words.new[:_WORDS]
    return f" New texts are told by {', '.join(map(shortened, words))}." if words else ""


def _numbers(report: "MonitoringReport") -> str:
    told = (
        f"Model {report.model_version}: {report.predictions:,} predictions and {report.labels:,} true labels"
    )
    performance = report.performance
    if performance.accuracy is None or performance.macro_f1 is None:
        return f"{told}."
    shares = [
        f"{name} {100 * found.value:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"
        for name, found in (("accuracy", performance.accuracy), ("macro-F1", performance.macro_f1))
        if found.value == found.value
    ]
    return f"{told}; over all of them {', '.join(shares)}."
