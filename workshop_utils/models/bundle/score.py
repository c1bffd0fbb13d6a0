"""Score a table of any size with a bundle: constant memory, order kept, resumed where it was stopped.

A run that is stopped, however hard, is continued by the same command; every text is scored alone, so the
result is the same to the byte. The output appears under its name when it is complete. Shown in lesson 11.
"""

import csv
import io
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from workshop_utils.data.csv_stream import CsvStream, Record
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.bundle.checkpoint import JobState, ResumableOutput

#: Texts are scored in batches that end after so many rows or characters.
BATCH_ROWS, BATCH_CHARACTERS = 512, 1 << 20

#: Called with (bytes of the input so far, bytes in all, rows so far).
ScoreProgress = Callable[[int, int, int], None]


class ScoreReport(NamedTuple):
    """Rows scored now, bad rows, rows scored by an earlier run, seconds; or that there was nothing to do."""

    rows: int = 0
    bad: int = 0
    resumed: int = 0
    seconds: float = 0.0
    nothing_to_do: bool = False


def score_file(
    source: Path,
    target: Path,
    bundle: Bundle,
    text_column: str,
    overwrite: bool = False,
    progress: ScoreProgress = lambda done, total, rows: None,
    checkpoint_seconds: float = 1.0,
) -> ScoreReport:
    """Write ``target``: the columns of ``source``, the label, and the probability of each class.

    Rows that cannot be scored (wrong number of fields, no text, bytes that are not UTF-8, broken quotes) are
    not in ``target`` but, whole and with line number and reason, in ``target`` + ``.bad.csv``.

    Args:
        source: CSV in UTF-8, plain or gzip.
        target: appears when it is complete.
        bundle: the model.
        text_column: the column to score.
        overwrite: replace a complete ``target``, and drop the partial result of another job.
        progress: called after each batch.
        checkpoint_seconds: how much work a stop may cost.

    Raises:
        WorkshopError: no such column, not a table, a partial result of another job, the disk is full.
    """
    began = time.monotonic()
    if source.resolve() == target.resolve():
        raise WorkshopError("Input and output are the same file; give the output another name.")
    if not target.parent.is_dir():
        raise WorkshopError(f"{target} cannot be written: there is no folder {target.parent}.")
    stream = CsvStream(source, text_column)
    try:
        with ResumableOutput(target, _fresh(stream, bundle, text_column), overwrite) as output:
            state = output.state
            if target.exists() and not overwrite and not state.output_bytes:
                return ScoreReport(nothing_to_do=True)
            resumed = state.rows
            if not state.finished:
                _run(stream, output, bundle, stream.columns.index(text_column), progress, checkpoint_seconds)
            output.finish()
        return ScoreReport(state.rows - resumed, state.bad, resumed, time.monotonic() - began)
    except OSError as error:
        raise WorkshopError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        stream.close()


def _fresh(stream: CsvStream, bundle: Bundle, column: str) -> JobState:
    stat = stream.path.stat()
    job: dict[str, str | int] = {
        "input": stream.path.name,
        "bytes": stat.st_size,
        "changed": stat.st_mtime_ns,
        "bundle": bundle.sha256,
        "column": column,
    }
    return JobState(job=job, offset=stream.offset, line=stream.line)


def _run(
    stream: CsvStream,
    partial: ResumableOutput,
    bundle: Bundle,
    text: int,
    progress: ScoreProgress,
    pause: float,
) -> None:
    """Score what is left, with a checkpoint every ``pause`` seconds."""
    state = partial.state
    output, bad = partial.open()
    with output, bad:
        if not state.output_bytes:
            output.write(_csv([_header(stream.columns, bundle.labels)], stream.delimiter))
            bad.write(_csv([["line", "reason", "record"]]))
        stream.seek(state.offset, state.line)
        last = time.monotonic()
        rows, characters = [], 0
        for record in stream.records():
            if not record.problem and record.fields[text].strip():
                rows.append(record.fields)
            else:
                state.bad += 1
                bad.write(_csv([_bad_row(record)]))
            characters += len(record.raw)
            if len(rows) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
                _write(rows, text, bundle, output, stream.delimiter)
                state.rows += len(rows)
                state.offset, state.line = stream.offset, stream.line
                rows, characters = [], 0
                if time.monotonic() - last >= pause:
                    partial.checkpoint(output, bad)
                    last = time.monotonic()
                progress(stream.position, stream.size, state.rows)
        _write(rows, text, bundle, output, stream.delimiter)
        state.rows += len(rows)
        state.finished = True
        partial.checkpoint(output, bad)
    progress(stream.size, stream.size, state.rows)


def _write(rows: list[list[str]], text: int, bundle: Bundle, output: BinaryIO, delimiter: str) -> None:
    scores = bundle.predict_proba([row[text] for row in rows])
    scored = (
        [*row, bundle.labels[shares.argmax()], *(f"{share:.6f}" for share in shares)]
        for row, shares in zip(rows, scores, strict=True)
    )
    output.write(_csv(scored, delimiter))


def _header(columns: list[str], labels: list[str]) -> list[str]:
    """The columns, then ``label`` and ``probability_…``; ``predicted_…`` where a column has that name."""
    added = ["label", *(f"probability_{label}" for label in labels)]
    return [*columns, *(f"predicted_{name}" if name in columns else name for name in added)]


def _bad_row(record: Record) -> list[str | int]:
    return [record.line, record.problem or "no text", record.raw]


def _csv(rows: Iterable[list], delimiter: str = ",") -> bytes:
    lines = io.StringIO()
    plain = csv.writer(lines, delimiter=delimiter, lineterminator="\n")
    # a field with a bare \r needs quotes, too, and Python's writer leaves them out where lines end in \n
    quoted = csv.writer(lines, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        (quoted if any("\r" in str(field) for field in row) else plain).writerow(row)
    return lines.getvalue().encode("utf-8", "surrogateescape")
