"""``workshop serve``: the API, and ``label``: its page for people."""

import os
import signal
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from workshop_utils.cli.console import console
from workshop_utils.cli.extras import need
from workshop_utils.errors import WorkshopError

if TYPE_CHECKING:
    from workshop_utils.production.service import PredictionLog
    from workshop_utils.production.service.tracing import RequestTracer

app = typer.Typer()

Storage = Literal["best-effort", "durable", "none"]


@app.command()
def serve(
    context: typer.Context,
    bundle: Annotated[Path | None, typer.Option(help="The folder of the model.")] = None,
    deployment: Annotated[
        Path | None, typer.Option(help="A deployment folder; the model follows its pointer.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 is everywhere.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    store_texts: Annotated[
        bool, typer.Option("--store-texts", help="Keep the texts themselves, for labelling.")
    ] = False,
    storage: Annotated[
        Storage, typer.Option(help="Predictions are kept beside the answer, before it, or not.")
    ] = "best-effort",
    keep_days: Annotated[
        float | None, typer.Option(min=0.01, help="Then unlabelled ones are deleted.")
    ] = None,
    open_to_all: Annotated[
        bool, typer.Option("--open", help="Let every machine classify without the token.")
    ] = False,
    trace_to: Annotated[
        str | None,
        typer.Option(
            envvar="OTEL_EXPORTER_OTLP_ENDPOINT", help="A collector of OpenTelemetry gets a trace a request."
        ),
    ] = None,
    supervised: Annotated[bool, typer.Option("--supervise", help="Start it anew when it dies.")] = False,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", hidden=True, help="Stop when the parent does.")
    ] = False,
) -> None:
    """Answer texts over HTTP with the probabilities of their classes. Ctrl-C stops it, nothing is lost.

    Without a model of your own, a quick one is trained on the bundled reviews. WORKSHOP_TOKEN is the token
    for labels, and beyond this machine for texts, too.
    """
    from workshop_utils.production.service.logs import log_json
    from workshop_utils.production.service.running import Service, stop_on_signals
    from workshop_utils.production.service.settings import ServiceSettings
    from workshop_utils.production.service.signals import stop_when_closed
    from workshop_utils.production.service.supervising import supervise

    if bundle and deployment:
        raise typer.BadParameter("name a bundle or a deployment, not both")
    if deployment and not deployment.is_dir():
        raise WorkshopError(f"There is no folder {deployment}; promote a bundle first.")
    if not bundle and not deployment:
        bundle = _quick_model()
    signal.signal(signal.SIGTERM, _leave)  # until the service runs and drains
    if until_stdin_closes:
        stop_when_closed()
    lines = log_json()
    try:
        if supervised:
            ours = ("--supervise", "--until-stdin-closes")  # the supervisor hands its signals on
            again = [argument for argument in sys.argv[1:] if argument not in ours]
            raise typer.Exit(supervise([sys.executable, "-m", "workshop_utils", *again]))
        settings = ServiceSettings(
            bundle=bundle,
            deployment=deployment,
            host=host,
            port=port,
            token=os.environ.get("WORKSHOP_TOKEN", "").strip() or None,
            open_to_all=open_to_all,
        )
        tracer = _tracer(trace_to, _was_typed(context, "trace_to")) if trace_to else None
        service = Service(settings, _prediction_log(storage, store_texts, keep_days), tracer)
        stop_on_signals(service)
        _tell(service.address, settings.predict_needs_token, settings.token)
        service.run()
    finally:
        if not lines.stop():
            os._exit(1 if sys.exc_info()[0] else 0)  # nobody reads our lines, and Python would wait for them


@app.command()
def label(
    address: Annotated[
        str, typer.Option(help="Where the service answers, as `workshop serve` told it.")
    ] = "http://127.0.0.1:8000",
    browser: Annotated[bool, typer.Option(help="Open it here, or only tell the address.")] = True,
) -> None:
    """Open the labelling page of a service that runs with --store-texts and WORKSHOP_TOKEN."""
    from workshop_utils.production.service.finding import labelling_page

    page = labelling_page(address)
    opened = browser and webbrowser.open(page)
    console.print(page if opened or not browser else f"No browser could be opened here; open {page} in one.")


def _leave(number: int, _: object) -> NoReturn:
    raise SystemExit(0)


def _tell(address: str, needs_token: bool, token: str | None) -> None:
    header = ' -H "Authorization: Bearer $WORKSHOP_TOKEN"' if needs_token else ""
    console.print(f"The service answers at {address}; its routes are at {address}/docs. Try it:\n")
    console.print(
        f"curl {address}/predict -H 'Content-Type: application/json'{header} "
        '-d \'{"text": ["I love this product!"]}\'\n'
    )
    if needs_token and not token:
        console.print(
            "WORKSHOP_TOKEN is not set, so nobody can classify from here on; set it, or say --open.",
            style="yellow",
        )


def _was_typed(context: typer.Context, parameter: str) -> bool:
    """Does the value stand in the command, and not in a variable of the environment?"""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def _tracer(collector: str, was_typed: bool) -> "RequestTracer | None":
    """A tracer for this collector. What the environment tells all programs is no reason not to serve."""
    modules = ["opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"]
    try:
        need("workshop serve --trace-to", "trace", modules)
        from workshop_utils.production.service.tracing import otlp_tracer

        return otlp_tracer(collector)
    except WorkshopError as error:
        if was_typed:
            raise
        console.print(f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but no traces are sent: {error}", style="yellow")
        return None


def _prediction_log(storage: Storage, store_texts: bool, keep_days: float | None) -> "PredictionLog | None":
    from workshop_utils.production.store import Recorder, Retention, StoreUnavailable, open_store

    if storage == "none":
        return None
    store = open_store()
    try:
        store.prepare()
    except StoreUnavailable as error:
        console.print(f"{error} Until that is mended, predictions are not kept.", style="yellow")
    retention = None if keep_days is None else Retention(days=keep_days)
    return Recorder(store, storage, store_texts, retention)


def _quick_model() -> Path:
    """A model of the bundled reviews, trained in a process of its own when there is none."""
    from workshop_utils.models.bundle.card import CARD
    from workshop_utils.paths import BUNDLED, model_folder

    folder = model_folder("quick_reviews")
    if not (folder / CARD).exists():
        console.print("There is no model yet: training a quick one on the bundled reviews.")
        train = ["train", str(BUNDLED / "reviews.csv"), "--model", "tfidf", "--bundle", str(folder)]
        columns = ["--text-column", "review", "--label-column", "sentiment"]
        if subprocess.run([sys.executable, "-m", "workshop_utils", *train, *columns]).returncode:
            raise WorkshopError("No model could be trained here; name one of yours with --bundle.")
    return folder
