"""``workshop game-day``: twelve faults are caused, and each alarm must name its runbook."""

import json
import signal
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from workshop_utils.cli.console import console
from workshop_utils.cli.extras import NEEDED_TO_JUDGE, need

if TYPE_CHECKING:
    from workshop_utils.production.game_day import FaultResult

app = typer.Typer()

_LONGEST_CELL, _NARROWEST, _WIDEST = 150, 110, 170


@app.command()
def game_day(
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="This fault; may be given again.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all that was seen to this file.")
    ] = None,
) -> None:
    """Cause twelve faults one after the other, see each alarm name its runbook, and mend them.

    Processes are killed, a disk is full, a store is gone, labels are wrong, while somebody asks the service
    ten texts a second. Needs no running service and touches none: all happens in a folder of its own under
    WORKSHOP_HOME. Exit code 0 only if every fault was caused, named by its alarm, and mended.
    """
    need("workshop game-day", "train", NEEDED_TO_JUDGE)
    from workshop_utils.cli.outputs import make_output_folders, refuse_outputs
    from workshop_utils.cli.results import say
    from workshop_utils.files import atomic_write
    from workshop_utils.paths import home, model_folder, shown
    from workshop_utils.production.game_day import FAULTS, run_game_day

    names = [fault.name for fault in FAULTS]
    if unknown := [name for name in only or () if name not in names]:
        raise typer.BadParameter(f"{unknown[0]!r} is no fault; choose from {', '.join(names)}")
    faults = [fault for fault in FAULTS if not only or fault.name in only]
    if json_file is not None:
        refuse_outputs([json_file])
        make_output_folders([json_file])
    signal.signal(signal.SIGTERM, _leave)
    folder, results = home() / "game_day", []
    try:
        with closing(run_game_day(folder, model_folder("game_day"), faults)) as day:
            for result in day:
                results.append(result)
                say(f"{len(results)} of {len(faults)}  {result.name}: {_outcome(result)}", _style(result))
    except KeyboardInterrupt:
        console.print("Stopped. All that was started has ended.")
        raise typer.Exit(130) from None
    _show(results)
    if json_file is not None:
        atomic_write(json_file, json.dumps([each.to_dict() for each in results], indent=2) + "\n")
    passed = sum(each.passed for each in results)
    say(f"{passed} of {len(results)} faults were caused, named by the right page, and mended.")
    if passed < len(results):
        if folder.exists():
            say(f"What the others left is in {shown(folder)}.")
        raise typer.Exit(1)


def _leave(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def _outcome(result: "FaultResult") -> str:
    if result.passed:
        return f"named and mended, {result.seconds:.0f} s"
    return result.problem


def _style(result: "FaultResult") -> str:
    return "green" if result.passed else "yellow" if result.skipped else "red"


def _show(results: "list[FaultResult]") -> None:
    """The table: a line for each fault."""
    width = min(max(console.width, _NARROWEST), _WIDEST)
    table = Table(show_lines=True, header_style="bold", width=width)
    for name, share in (("fault", 2), ("how it was caused", 5), ("what was seen", 6), ("mended", 4)):
        table.add_column(name, ratio=share, overflow="fold")
    table.add_column("texts answered", ratio=3)
    for result in results:
        seen = [f"{alarm.where}: {_cut(alarm.sentence)}" for alarm in result.alarms[:1]]
        others = ", ".join(alarm.where for alarm in result.alarms[1:])
        more = [f"also in: {others}"] if others else []
        page = [f"→ {result.runbook.rpartition('/')[2]}"] if result.passed else []
        cells = (
            *(result.name, _first_letter(result.caused), "\n".join([*seen, *more, *page])),
            *(result.mended if result.passed else result.problem, _answers(result)),
        )
        table.add_row(*(escape(cell) for cell in cells), style=None if result.passed else _style(result))
    Console(width=width, highlight=False, file=console.file).print(table)


def _answers(result: "FaultResult") -> str:
    lines = [f"{result.answered:,} of {result.asked:,}"]
    return "\n".join(
        [*lines, *(f"{count} times {_cut(reason, 60)}" for reason, count in result.others.items())]
    )


def _first_letter(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _cut(text: str, most: int = _LONGEST_CELL) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
