"""``workshop registry``: the versions of a deployment in MLflow."""

from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from workshop_utils.cli.console import console
from workshop_utils.cli.deployment import Folder
from workshop_utils.cli.extras import need

if TYPE_CHECKING:
    from workshop_utils.production.registry import RegisteredVersion

app = typer.Typer()

_SHOWN = 12  # digits of a sum


@app.command()
def registry(deployment: Folder = None) -> None:
    """Register the versions of a deployment in MLflow, and show them. Again, and nothing changes.

    The registry is mlflow.db under WORKSHOP_HOME, or the server that MLFLOW_TRACKING_URI names. Once it is
    there, promote, rollback and retrain keep it up to date. Exit code 3: nothing was promoted so far.
    """
    need("workshop registry", "train", ["mlflow"])
    from workshop_utils.paths import home
    from workshop_utils.production.registry import mirror_deployment, registered_name, registered_versions

    folder = deployment or home() / "deployment"
    mirror_deployment(folder)
    name = registered_name(folder)
    found = registered_versions(name)
    if not found:
        console.print(f"Nothing was promoted in {folder} so far.")
        raise typer.Exit(3)
    console.print(f"In MLflow: {name}")
    # drawn as wide as it is, so that a narrow console or a file breaks no name
    Console(markup=False, highlight=False, width=250, file=console.file).print(_table(found))


def _table(versions: "list[RegisteredVersion]") -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", "version", "aliases", "judged beside", "training data", "policy", "code"):
        table.add_column(column, no_wrap=True)
    for each in versions:
        sums = [each.lineage.get(name, "")[:_SHOWN] for name in ("training_data", "policy")]
        parent, code = (each.lineage.get(name, "") for name in ("parent", "code_revision"))
        table.add_row(str(each.number), each.version, ", ".join(each.aliases), parent, *sums, code)
    return table
