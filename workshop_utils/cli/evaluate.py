"""``workshop evaluate`` and ``predict``: what a bundle is worth on new data, and what it says of one text."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workshop_utils.cli.console import console
from workshop_utils.errors import WorkshopError

if TYPE_CHECKING:
    from workshop_utils.models.bundle import Explanation

app = typer.Typer()

#: So many labels and words are shown; of a text so many characters are read again for its words.
_LABELS, _WORDS, _CHARACTERS = 10, 10, 2_000_000


@app.command()
def evaluate(
    source: Annotated[Path, typer.Argument(metavar="LABELLED.CSV", help="A table with texts and labels.")],
    bundle: Annotated[Path, typer.Option(help="The folder of the model.")],
    text_column: Annotated[str, typer.Option(help="The column that holds the texts.")] = "text",
    label_column: Annotated[str, typer.Option(help="The column that holds the labels.")] = "label",
    page: Annotated[Path | None, typer.Option("--html", help="Also write a report to this file.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the intervals.")] = 0,
) -> None:
    """Accuracy and macro-F1 of a bundle on labelled texts that it has not seen."""
    from workshop_utils.cli.results import say, show_evaluation, show_rows
    from workshop_utils.files import atomic_write
    from workshop_utils.models.bundle import Bundle
    from workshop_utils.models.bundle.evaluate import evaluate_table
    from workshop_utils.models.evaluation import ResultPage, render_result_page
    from workshop_utils.paths import shown

    if page is not None:
        _refuse_page(page, source)
    model = Bundle.load(bundle)
    result = evaluate_table(model, source, text_column, label_column, seed)
    for note in result.notes:
        say(note)
    console.print()
    show_rows(result.rows)
    show_evaluation(result.evaluation)
    if page is not None:
        judged = f"Judged on {result.evaluation.texts:,} texts of {source.name}."
        facts = [("table", source.name), ("bundle", bundle.resolve().name), ("bundle sha256", model.sha256)]
        title = f"{bundle.resolve().name} on {source.name}"
        told = ResultPage(title, [], result.rows, result.evaluation, facts, result.notes, judged)
        try:
            atomic_write(page, render_result_page(told))
        except OSError as error:
            raise WorkshopError(f"{page} cannot be written: {error.strerror or error}.") from error
        say(f"\nReport: {shown(page)}")


def _refuse_page(page: Path, source: Path) -> None:
    """Before anything is read: may the report have this name?"""
    from workshop_utils.files import same_file

    if page.is_dir():
        raise WorkshopError(f"{page} is a folder; name a file for --html.")
    if same_file(page, source):
        raise WorkshopError(f"The report would replace the table {source}; give --html another name.")


@app.command()
def predict(
    text: Annotated[str, typer.Argument(help="The text; - reads it from standard input.")],
    bundle: Annotated[Path, typer.Option(help="The folder of the model.")],
) -> None:
    """One text: its label, the probabilities, and the words that mattered."""
    from workshop_utils.cli.results import say
    from workshop_utils.data.usable_texts import shortened
    from workshop_utils.models.bundle import Bundle

    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "replace")
    if not text.strip():
        raise WorkshopError("There is no text to classify; give one in quotes, or - for standard input.")
    model = Bundle.load(bundle)
    scores = model.score([text])
    shares = scores.probabilities[0]
    order = (-shares).argsort(kind="stable")[:_LABELS]
    for place, number in enumerate(order):
        console.print(f"{shares[number]:.3f} ", end="")
        say(shortened(model.labels[number], 200), style="bold" if place == 0 else None)
    if len(shares) > len(order):
        say(f"and {len(shares) - len(order)} other labels with less")
    if scores.truncated[0]:
        say("The text is longer than the model reads; a part of it was left out.")
    _show_words(model.explain(text, max(1, min(100, _CHARACTERS // len(text)))))


def _show_words(explanation: "Explanation") -> None:
    """The words whose absence changes the probability most."""
    from workshop_utils.cli.results import say
    from workshop_utils.data.usable_texts import shortened

    weighed = sorted(explanation.words, key=lambda word: -abs(word[1]))[:_WORDS]
    told = [(word, weight) for word, weight in weighed if abs(weight) >= 0.001]
    if told:
        say("\nWords that mattered (the probability that is lost without each of them):")
    for word, weight in told:
        say(f"  {weight:+.3f}  {shortened(word)[1:-1]}")
    if explanation.note:
        say(explanation.note)
