"""``workshop watch``: monitors on a schedule and tells people, where no orchestrator does it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workshop_utils.cli.console import console
from workshop_utils.errors import WorkshopError

if TYPE_CHECKING:
    from threading import Event

    from workshop_utils.production.watch import Channel, StopSignals, WatchedModel

app = typer.Typer()


@app.command()
def watch(
    every: Annotated[
        str, typer.Option(help="How often: 30s, 15m, 1h, 1d. What is missed is not made up.")
    ] = "1h",
    listen: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65535,
            help="Take alerts there, in the form of Alertmanager's webhook; 0 takes a free one.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 is everywhere.")] = "127.0.0.1",
    deployment: Annotated[
        Path | None, typer.Option(help="The deployment folder; by default deployment under WORKSHOP_HOME.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="What is promised, tolerated and done; a TOML file.")
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(envvar="WORKSHOP_WEBHOOK", help="An address that gets every change as JSON."),
    ] = None,
    mail_command: Annotated[
        str | None,
        typer.Option(
            envvar="WORKSHOP_MAIL_COMMAND",
            help="A command that gets every change on standard input; it runs without a shell.",
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One round, for cron and the like.")] = False,
) -> None:
    """Monitor the champion again and again, tell each change once, and retrain if the policy says so.

    Where the policy says approval = "shadow", it promotes a challenger as `promote --shadow` does, whatever
    the policy says of retraining.

    The log gets every round, as JSON. With --listen, POST /alerts begins a round at once; WORKSHOP_TOKEN is
    the token for it. Ctrl-C or SIGTERM ends the watch, exit code 0. With --once, exit code 1 says that the
    model could not be looked at.
    """
    from threading import Event

    from workshop_utils.files import locked
    from workshop_utils.paths import home
    from workshop_utils.production.policy import read_policy
    from workshop_utils.production.service.logs import log_json
    from workshop_utils.production.watch import StopSignals, WatchedModel

    stop = Event()
    seconds, channels = _checked(every, once, listen, webhook, mail_command, stop)
    read_policy(policy)
    folder = home() / "watch"
    model = WatchedModel(deployment=deployment or home() / "deployment", policy=policy, folder=folder)
    if not model.deployment.is_dir():
        raise WorkshopError(f"There is no deployment in {model.deployment}; promote a bundle first.")
    folder.mkdir(parents=True, exist_ok=True)
    busy = f"Another `workshop watch` uses {folder}; end it, or give this one a WORKSHOP_HOME of its own."
    with locked(folder / "lock", busy):
        signals, lines, code = StopSignals(), log_json(), 1
        try:
            code = _watch(signals, stop, model, channels, None if once else seconds, listen, host)
        finally:
            if not lines.stop():
                os._exit(code)  # nobody reads our lines, and Python would wait for them
    raise typer.Exit(code)


def _watch(
    signals: "StopSignals",
    stop: "Event",
    model: "WatchedModel",
    channels: "list[Channel]",
    every: float | None,
    listen: int | None,
    host: str,
) -> int:
    """Watch until a signal comes, or for one round where ``every`` is None; the exit code."""
    from workshop_utils.production.watch import (
        RunSchedule,
        Teller,
        WatchMemory,
        WatchRound,
        create_listener,
        run_until,
    )

    memory = WatchMemory(model.folder / "state.json")
    one_round = WatchRound(model, Teller(channels, memory, model.page), memory, stop)
    if every is None:
        looked: list[bool] = []
        run_until(signals, lambda: looked.append(one_round.run()), stop.set)
        return 0 if signals.heard or looked == [True] else 1
    schedule, server = RunSchedule(one_round.run, every, stop), None
    if listen is not None:
        server = create_listener(_token(), schedule.ask, host, listen)
        console.print(f"Alerts are taken at {server.address}/alerts.")
    console.print(f"{model.deployment} is watched. Ctrl-C ends it.")
    run_until(signals, schedule.run, schedule.stop, server)
    return 0


def _checked(
    every: str, once: bool, listen: int | None, webhook: str | None, mail_command: str | None, stop: "Event"
) -> "tuple[float, list[Channel]]":
    """The seconds between two rounds and whom to tell; a mistake is wrong use, exit code 2."""
    from workshop_utils.production.watch import MailChannel, WebhookChannel, parse_duration, split_command

    if once and listen is not None:
        raise typer.BadParameter("--once listens to nobody; leave --listen out")
    channels: list[Channel] = []
    try:
        seconds = parse_duration(every)
        if webhook:
            channels.append(WebhookChannel(webhook, stop))
        if mail_command:
            channels.append(MailChannel(split_command(mail_command), stop))
    except WorkshopError as error:
        raise typer.BadParameter(str(error)) from None
    return seconds, channels


def _token() -> str | None:
    token = os.environ.get("WORKSHOP_TOKEN", "").strip() or None
    if token is None:
        console.print("WORKSHOP_TOKEN is not set, so all alerts are refused; set it.", style="yellow")
    return token
