"""``workshop promote``, ``rollback`` and ``history``: which model is served, and who decided that."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from workshop_utils.cli.console import console, errors
from workshop_utils.cli.extras import NEEDED_TO_JUDGE, need
from workshop_utils.cli.user import user_name
from workshop_utils.errors import WorkshopError

if TYPE_CHECKING:
    from workshop_utils.production.deployment import Lineage, PointerChange, PointerName, Promotion, Told

app = typer.Typer()

Folder = Annotated[
    Path | None,
    typer.Option("--deployment", help="The deployment folder; by default deployment under WORKSHOP_HOME."),
]
By = Annotated[str, typer.Option(help="Who decides; by default you.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence.")]

_NOW: "dict[PointerName, str]" = {
    "current": "{} is the champion",
    "challenger": "{} is the challenger",
    "waiting": "{} waits for `workshop promote --approve`",
}
_ACTIONS = {"shadow": "set challenger", "wait": "wait for approval"}
_NOTHING_TO_DO, _REFUSED = 3, 4
_FIGURES = 3  # so many fit on a line; --json tells all


@app.command()
def promote(
    bundle: Annotated[
        Path | None, typer.Argument(help="The folder of a bundle, or of a version of a deployment.")
    ] = None,
    deployment: Folder = None,
    approve: Annotated[bool, typer.Option("--approve", help="Say yes to the version that waits.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Say no to the version that waits.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Let the bundle wait for --approve.")] = False,
    challenger: Annotated[
        bool | None,
        typer.Option(
            "--challenger/--no-challenger",
            help="Let the bundle score in the champion's shadow; or take the challenger out of it.",
        ),
    ] = None,
    shadow: Annotated[
        bool,
        typer.Option("--shadow", help="Promote the challenger if labels of its disagreements say so."),
    ] = False,
    by: By = "",
    reason: Reason = "",
    training_data: Annotated[
        Path | None, typer.Option(help="For the manifest: what it learned from.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="For the manifest: the policy of its training. With --shadow: what evidence it asks for."
        ),
    ] = None,
    code_revision: Annotated[
        str | None, typer.Option(help="For the manifest: the code that trained.")
    ] = None,
    other_labels: Annotated[
        bool, typer.Option("--other-labels", help="Take it also with other labels than the champion's.")
    ] = False,
) -> None:
    """Make a bundle the champion: the model that `workshop serve --deployment` answers with.

    The bundle is copied as a version that never changes. Killed anywhere, the old champion or the new one is
    in its place; the same command again completes it. Exit code 3: all was so already, or with --shadow there
    is no challenger; 4: with --shadow, the evidence is not enough or the guard refuses, and why.
    """
    from workshop_utils.production.deployment import approve as say_yes
    from workshop_utils.production.deployment import clear_pointer
    from workshop_utils.production.deployment import promote as promote_bundle

    ways = [approve, reject, wait, challenger is not None, shadow]
    if sum(ways) > 1 or (bundle is None) != (approve or reject or challenger is False or shadow):
        raise typer.BadParameter(
            "name a bundle, alone or with --wait or --challenger; or say one of --approve, --reject, "
            "--shadow and --no-challenger without a bundle"
        )
    if shadow:
        _promote_by_evidence(_folder(deployment), policy, by, reason)
        return
    folder, told = _folder(deployment), _told(by, reason)
    done: Promotion | None
    if bundle is not None:
        pointer: PointerName = "waiting" if wait else "challenger" if challenger else "current"
        lineage = _lineage(training_data, policy, code_revision)
        done = promote_bundle(bundle, folder, told, pointer, lineage, other_labels)
        _mirror(folder)
        _tell(done)
    elif approve:
        done = say_yes(folder, told)
        _mirror(folder)
        _tell(done, "Nothing waits for approval.")
    elif reject:
        _tell_cleared(clear_pointer(folder, "waiting", told), "Nothing waits for approval.")
    else:
        done = clear_pointer(folder, "challenger", told)
        _mirror(folder)
        _tell_cleared(done, "There is no challenger.")


@app.command()
def rollback(
    deployment: Folder = None,
    champion: Annotated[
        str | None, typer.Option("--from", help="Only if this version is the champion; safe to run twice.")
    ] = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Go back to the champion before this one. Again, and it goes one further back.

    Exit code 1: there is none before it; 3: with --from, another version is the champion.
    """
    from workshop_utils.production.deployment import roll_back

    folder = _folder(deployment)
    done = roll_back(folder, _told(by, reason), champion)
    _mirror(folder)
    _tell(done, f"{champion} is not the champion.")


@app.command()
def history(
    deployment: Folder = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Who changed what is served, when and why, and the figures behind it; the oldest first."""
    from workshop_utils.production.deployment import DAMAGED, live_pointers, read_history

    folder = _folder(deployment)
    if not folder.is_dir():
        raise WorkshopError(f"There is no deployment in {folder}; promote a bundle first.")
    found, live = read_history(folder), live_pointers(folder)
    unfinished = found.unfinished(live)
    for line in found.damaged:
        errors.print(f"Line {line} of history.jsonl is damaged; the others stand.", style="yellow")
    if as_json:
        rows = [
            json.loads(change.model_dump_json()) | {"finished": change.number not in unfinished}
            for change in found.changes
        ]
        console.print(json.dumps(rows, indent=2))
        return
    if found.changes:
        _show(found.changes, unfinished)
    for pointer, version in live.items():
        if version == DAMAGED:
            errors.print(f"The pointer {pointer} is damaged; promote a bundle again.", style="yellow")
        elif version is not None:
            console.print(_NOW[pointer].format(version) + ".")


def _promote_by_evidence(folder: Path, policy: Path | None, by: str, why: str) -> None:
    """Ask people's labels of the disagreements; the exit code says what came of it."""
    need("workshop promote --shadow", "train", NEEDED_TO_JUDGE)
    from workshop_utils.cli.results import say
    from workshop_utils.production.policy import read_policy
    from workshop_utils.production.retraining import promote_by_evidence
    from workshop_utils.production.store import open_store

    rules, store = read_policy(policy), open_store()
    store.prepare()
    try:
        done = promote_by_evidence(store, folder, rules, by or user_name("workshop"), why)
    finally:
        store.close()
    for check in done.verdict.checks if done.verdict else ():
        say(f"  {'pass' if check.passed else 'FAIL'}  {check.sentence}", None if check.passed else "red")
    if done.outcome == "promoted":
        _mirror(folder)
        now = f"{done.challenger} is the champion; before it was {done.champion} (decision {done.decision})."
        say(f"{now} {done.reason}")
        return
    if done.outcome == "nothing":
        say(done.reason)
        raise typer.Exit(_NOTHING_TO_DO)
    say(f"Refused; {done.champion} stays the champion (decision {done.decision}). {done.reason}")
    raise typer.Exit(_REFUSED)


def _folder(deployment: Path | None) -> Path:
    from workshop_utils.paths import home

    return deployment or home() / "deployment"


def _mirror(folder: Path) -> None:
    """Where there is a registry, its aliases follow; without it, or when it is down, the pointers stand."""
    from workshop_utils.production.registry import mirror_deployment, registry_exists

    if registry_exists():
        try:
            mirror_deployment(folder)
        except WorkshopError as error:
            errors.print(str(error), style="yellow")


def _told(by: str, reason: str) -> "Told":
    from workshop_utils.production.deployment import Told

    return Told(by or user_name("workshop"), reason)


def _lineage(training_data: Path | None, policy: Path | None, code_revision: str | None) -> "Lineage | None":
    from pydantic import ValidationError

    from workshop_utils.files import sha256
    from workshop_utils.production.deployment import Lineage

    if training_data is None and policy is None and code_revision is None:
        return None
    sums = [None if file is None else sha256(file) for file in (training_data, policy)]
    try:
        return Lineage(training_data=sums[0], policy=sums[1], code_revision=code_revision)
    except ValidationError:
        raise typer.BadParameter("a code revision is letters, digits and . _ + / - only") from None


def _tell(done: "Promotion | None", otherwise: str = "") -> None:
    """Say what came of it; exit code 3 where nothing did."""
    if done is None:
        console.print(otherwise)
        raise typer.Exit(_NOTHING_TO_DO)
    sentence = _NOW[done.pointer].format(done.version)
    if not done.changed:
        console.print(f"Nothing to do: {sentence} already.")
        raise typer.Exit(_NOTHING_TO_DO)
    before = f"; before it was {done.previous}" if done.previous not in (None, done.version) else ""
    console.print(f"{sentence}{before}.")


def _tell_cleared(done: "Promotion | None", otherwise: str) -> None:
    if done is None:
        _tell(done, otherwise)
    else:
        console.print(f"{done.version} is the {done.pointer} version no longer.")


def _show(changes: "tuple[PointerChange, ...]", unfinished: set[int]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", "time (UTC)", "what", "version", "before", "by", "why", "figures"):
        table.add_column(name, no_wrap=True)
    for change in changes:
        table.add_row(*_row(change, change.number in unfinished))
    # drawn as wide as it is, so that a narrow console or a file breaks no name
    Console(markup=False, highlight=False, width=250, file=console.file).print(table)


def _row(change: "PointerChange", unfinished: bool) -> list[str]:
    from workshop_utils.data.usable_texts import shortened

    what = _ACTIONS.get(change.action, change.action)
    if change.action == "clear":
        what = f"clear {change.pointer}"
    figures = [f"{shortened(name, 20)[1:-1]} {value:.3f}" for name, value in change.figures.items()]
    return [
        str(change.number),
        f"{change.time:%Y-%m-%d %H:%M:%S}",
        f"{what} (killed)" if unfinished else what,
        change.version or "",
        change.previous or "",
        shortened(change.by, 30)[1:-1],
        shortened(change.reason, 80)[1:-1],
        ", ".join(figures[:_FIGURES] + ["…"] * (len(figures) > _FIGURES)),
    ]
