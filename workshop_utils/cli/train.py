"""``workshop train``: from somebody's table of texts and labels to a bundle and a report."""

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from workshop_utils.cli.console import console
from workshop_utils.cli.extras import need
from workshop_utils.cli.progress import step_bars
from workshop_utils.errors import WorkshopError

app = typer.Typer()

#: What each kind of model needs beside the base.
_COUNTING = ["sklearn", "scipy", "pandas", "onnx", "threadpoolctl", "regex"]
NEEDS = {
    "tfidf": _COUNTING,
    "cnn": [*_COUNTING, "keras", "tensorflow", "torch"],
    "distilbert": [*_COUNTING, "torch", "transformers", "accelerate"],
    "best": [*_COUNTING, "keras", "tensorflow", "torch", "transformers", "accelerate"],
}


@app.command()
def train(
    source: Annotated[Path, typer.Argument(metavar="IN.CSV", help="A table with texts and their labels.")],
    text_column: Annotated[str, typer.Option(help="The column that holds the texts.")],
    label_column: Annotated[str, typer.Option(help="The column that holds the labels.")],
    bundle: Annotated[Path, typer.Option(help="The folder of the model; its report is beside it.")],
    model: Annotated[
        Literal["tfidf", "cnn", "distilbert", "best"],
        typer.Option(help="best keeps the cheapest that is not worse."),
    ] = "best",
    test: Annotated[
        Path | None, typer.Option(help="A table that judges, in place of a held-out part.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Learn from at most about so many texts.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of all random steps.")] = 0,
    minutes: Annotated[float | None, typer.Option(min=0, help="How long all may take.")] = None,
    encoder: Annotated[
        str, typer.Option(help="For DistilBERT: packaged, a folder, or a name on the Hugging Face hub.")
    ] = "packaged",
    reference: Annotated[
        Literal["hashed", "numbers", "none"],
        typer.Option(help="What the bundle keeps of the texts, for monitoring; numbers: no words."),
    ] = "hashed",
) -> None:
    """Train a classifier on your own table: a bundle to score and serve with, and a report.

    Before it starts it says how long it will take. Stopped, it leaves nothing behind.
    """
    if minutes is not None and not math.isfinite(minutes):
        raise typer.BadParameter("--minutes is a number, such as 20")
    need("workshop train", "train", NEEDS[model])
    from workshop_utils.cli.results import say, show_evaluation, show_rows
    from workshop_utils.models.training import TrainListener, TrainRequest, train_bundle
    from workshop_utils.paths import shown

    folder = Path(encoder).expanduser()
    request = TrainRequest(
        source,
        bundle,
        text_column,
        label_column,
        model,
        test,
        rows,
        seed,
        minutes,
        str(folder.resolve()) if folder.is_dir() else encoder,
        reference,
    )
    with step_bars() as progress:
        try:
            result = train_bundle(request, TrainListener(say, progress))
        except KeyboardInterrupt:
            console.print("Stopped. Nothing was written.")
            raise typer.Exit(130) from None
        except OSError as error:
            raise WorkshopError(
                f"The training ended without a result: {error.strerror or error}; is there room on the disk?"
            ) from error
    console.print()
    show_rows(result.rows)
    for sentence in result.choice.sentences:
        say(sentence)
    show_evaluation(result.evaluation)
    say(f"\nBundle: {shown(bundle)}\nReport: {shown(result.page)}")
