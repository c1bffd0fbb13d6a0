"""How results look on the console."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from workshop_utils.cli.console import console
from workshop_utils.course.printable import printable
from workshop_utils.data.usable_texts import shortened
from workshop_utils.models.evaluation import Evaluation, ResultRow
from workshop_utils.models.metrics import Interval

#: A matrix with more columns does not fit on a console.
_MATRIX_CLASSES = 8
_TEXT = 160


def say(sentence: str, style: str | None = None) -> None:
    """A sentence, in signs that the console has."""
    console.print(printable(sentence, console.encoding), style=style)


def show_rows(rows: Sequence[ResultRow]) -> None:
    """The table of results."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("model", "accuracy", "95 % interval", "macro-F1", "95 % interval", "seconds"):
        table.add_column(name, justify="left" if name == "model" else "right", no_wrap=True)
    for row in rows:
        seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
        name = f"{row.model} (kept)" if row.chosen else row.model
        table.add_row(name, *_interval(row.accuracy), *_interval(row.macro_f1), seconds)
    _show(table)


def show_evaluation(evaluation: Evaluation) -> None:
    """Confusion matrix, or the most frequent mistakes of many labels; the worst errors."""
    labels = [shortened(label, 24) for label in evaluation.labels]
    if len(labels) <= _MATRIX_CLASSES:
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("true \\ predicted")
        for label in labels:
            table.add_column(Text(label), justify="right")
        for label, counts in zip(labels, evaluation.confusion.tolist(), strict=True):
            table.add_row(Text(label), *(f"{count:,}" for count in counts))
        console.print("\nConfusion matrix", style="bold")
        _show(table)
    elif confused := evaluation.confused():
        console.print("\nMost frequent mistakes (true, predicted, texts)", style="bold")
        for true, predicted, count in confused:
            say(f"  {shortened(true)} → {shortened(predicted)}: {count:,}")
    if evaluation.worst:
        console.print("\nWorst errors (true, predicted, probability)", style="bold")
    for error in evaluation.worst:
        true, predicted = shortened(error.true), shortened(error.predicted)
        say(f"  {true} → {predicted} {error.probability:.2f}: {shortened(error.text, _TEXT)}")


def _interval(interval: Interval) -> tuple[str, str]:
    return f"{interval.value:.3f}", f"{interval.low:.3f} to {interval.high:.3f}"


def _show(table: Table) -> None:
    """Drawn as wide as it is, so that a narrow console or a file breaks no number."""
    wide = Console(markup=False, highlight=False, width=250, file=console.file)
    wide.print(table)
