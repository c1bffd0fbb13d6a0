"""The command ``workshop``. Exit codes: 0 done, 1 error, 2 wrong use, 3 nothing to do, 4 the gate refused."""

import io
import logging
import sys

import typer

from workshop_utils.cli import (
    course,
    deployment,
    evaluate,
    feedback,
    game_day,
    loop,
    monitor,
    production,
    registry,
    retrain,
    score,
    train,
    watch,
)
from workshop_utils.cli.console import errors
from workshop_utils.errors import WorkshopError
from workshop_utils.files import NO_ROOM
from workshop_utils.production.runbooks import DISK_FULL

app = typer.Typer(
    help="From Keras to Production: check, fetch, build and run the course.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
for room in (
    *(course, train, evaluate, score, production, feedback),
    *(deployment, registry, retrain, monitor, watch, game_day, loop),
):
    app.add_typer(room.app)


def main() -> None:
    """Run the command; a :class:`WorkshopError` or an ``OSError`` becomes one sentence and exit code 1."""
    logging.basicConfig(format="%(message)s")
    for stream in (sys.stdout, sys.stderr):  # a console that lacks a sign of a text shows a question mark
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="workshop")
    except WorkshopError as error:
        errors.print(error.told, style="red")
        raise SystemExit(1) from None
    except OSError as error:  # a full disk, a folder that is gone
        logging.getLogger(__name__).debug("the system refused", exc_info=True)
        where = f" ({error.filename})" if error.filename else ""
        read = f" Read {DISK_FULL}." if error.errno in NO_ROOM else ""
        errors.print(f"The command stopped: {error.strerror or error}{where}.{read}", style="red")
        raise SystemExit(1) from None
