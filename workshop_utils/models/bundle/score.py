"""Score a table of any size with a bundle: constant memory, order kept, resumed where it was stopped.

A run that is stopped, however hard, is continued by the same command; every text is scored alone, so the
result is the same to the byte. The output appears under its name when it is complete. Shown in lesson 11.
"""

import csv
import gzip
import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from workshop_utils.data.tables import Record, TableReader, open_table
from workshop_utils.errors import WorkshopError
from workshop_utils.files import same_file
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.bundle.checkpoint import JobState, ResumableOutput, beside

#: Texts are scored in batches that end after so many rows or characters.
BATCH_ROWS, BATCH_CHARACTERS = 512, 1 << 20
_OTHER_FORMATS = (".bz2", ".xz", ".zip", ".zst", ".parquet", ".xlsx", ".xls", ".json", ".jsonl")
_SHOWN_BAD = 3

#: Called with (bytes of the input so far, bytes in all, rows so far).
ScoreProgress = Callable[[int, int, int], None]


class ScoreReport(NamedTuple):
    """What came out.

    Attributes:
        rows: scored now. bad: could not be scored. resumed: scored by an earlier run. seconds: it took now.
        nothing_to_do: the output was there already.
        notes: sentences about the table, and about its first bad rows where there is no file for them.
    """

    rows: int = 0
    bad: int = 0
    resumed: int = 0
    seconds: float = 0.0
    nothing_to_do: bool = False
    notes: tuple[str, ...] = ()


class _Batch(NamedTuple):
    """Rows to score, records that cannot be scored."""

    rows: list[list[str]]
    bad: list[Record]


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

    The output is CSV in UTF-8 with the delimiter of the input, packed where its name ends in ``.gz``. Rows
    that cannot be scored (wrong number of fields, no text, bytes that cannot be decoded, broken quotes) are
    not in ``target`` but, whole and with line number and reason, in ``target`` + ``.bad.csv``.

    Args:
        source: a table that :func:`~workshop_utils.data.tables.open_table` reads; ``-`` is standard input.
        target: appears when it is complete; ``-`` is standard output, which cannot be resumed.
        bundle: the model.
        text_column: the column to score.
        overwrite: replace a complete ``target``, and drop the partial result of another job.
        progress: called after each batch.
        checkpoint_seconds: how much work a stop may cost.

    Raises:
        WorkshopError: no such column, not a table, the output cannot be written, a partial result of another
            job lies there.
    """
    began = time.monotonic()
    try:
        if str(target) != "-":
            _refuse_target(source, target)
        with open_table(source, text_column) as reader:
            text = reader.index(text_column)
            if str(target) == "-":
                report = _to_stdout(reader, bundle, text, progress)
            else:
                fresh = JobState(job=_job(source, reader, bundle, text_column))
                report = _to_file(
                    reader, target, fresh, bundle, text, overwrite, progress, checkpoint_seconds
                )
            notes = (*reader.notes, *report.notes)
        return report._replace(seconds=time.monotonic() - began, notes=notes)
    except OSError as error:
        name = "Standard output" if str(target) == "-" else target
        raise WorkshopError(f"{name} cannot be written: {error.strerror or error}.") from error


def _refuse_target(source: Path, target: Path) -> None:
    """Before anything is scored: can this file become the output?"""
    if target.suffix.lower() in _OTHER_FORMATS:
        raise WorkshopError(
            f"{target} cannot be written: the output is CSV; end its name in .csv or .csv.gz."
        )
    if not target.parent.is_dir():
        raise WorkshopError(f"{target} cannot be written: there is no folder {target.parent}.")
    if target.is_dir():
        raise WorkshopError(f"{target} cannot be written: it is a folder; name a file.")
    if target.exists() and not target.is_file():
        raise WorkshopError(f"{target} cannot be written: it is no plain file; for standard output say -.")
    for path in (target, beside(target, ".bad.csv")):
        if str(source) != "-" and same_file(source, path):
            raise WorkshopError(f"Input and output are the same file, {path}; give the output another name.")


def _job(source: Path, reader: TableReader, bundle: Bundle, column: str) -> dict[str, str | int]:
    """All that the result depends on. A pipe is never the same again, so its job cannot be continued."""
    lasting = str(source) != "-" and source.is_file()
    return {
        "input": reader.source.name,
        "bytes": reader.size,
        "changed": source.stat().st_mtime_ns if lasting else time.time_ns(),
        "bundle": bundle.sha256,
        "column": column,
    }


def _to_file(
    reader: TableReader,
    target: Path,
    fresh: JobState,
    bundle: Bundle,
    text: int,
    overwrite: bool,
    progress: ScoreProgress,
    pause: float,
) -> ScoreReport:
    with ResumableOutput(target, fresh, overwrite) as output:
        state = output.state
        if target.exists() and not overwrite and not state.output_bytes:
            return ScoreReport(nothing_to_do=True)
        resumed = state.rows
        if not state.finished:
            _run(reader, output, bundle, text, progress, pause)
        output.finish()
    return ScoreReport(state.rows - resumed, state.bad, resumed)


def _run(
    reader: TableReader,
    partial: ResumableOutput,
    bundle: Bundle,
    text: int,
    progress: ScoreProgress,
    pause: float,
) -> None:
    """Score what is left, with a checkpoint every ``pause`` seconds."""
    state = partial.state
    pack = _packed if partial.target.suffix.lower() == ".gz" else bytes
    output, bad = partial.open()
    with output, bad:
        if not state.output_bytes:
            output.write(pack(_csv([_header(reader.columns, bundle.labels)], reader.delimiter)))
            bad.write(_csv([["line", "reason", "record"]]))
        last = time.monotonic()
        rest = islice(reader.records(), state.rows + state.bad, None)
        for batch in _batches(rest, text):
            if batch.rows:
                output.write(pack(_csv(_scored(batch.rows, text, bundle), reader.delimiter)))
            bad.write(_csv(map(_bad_row, batch.bad)))
            state.rows += len(batch.rows)
            state.bad += len(batch.bad)
            if time.monotonic() - last >= pause:
                partial.checkpoint(output, bad)
                last = time.monotonic()
            progress(reader.position, reader.size, state.rows)
        state.finished = True
        partial.checkpoint(output, bad)
    progress(reader.size, reader.size, state.rows)


def _to_stdout(reader: TableReader, bundle: Bundle, text: int, progress: ScoreProgress) -> ScoreReport:
    rows, bad = 0, 0
    first: list[str] = []
    output = sys.stdout.buffer
    output.write(_csv([_header(reader.columns, bundle.labels)], reader.delimiter))
    for batch in _batches(reader.records(), text):
        output.write(_csv(_scored(batch.rows, text, bundle), reader.delimiter))
        rows += len(batch.rows)
        bad += len(batch.bad)
        told = [
            f"Line {line:,} could not be scored: {reason}." for line, reason, _ in map(_bad_row, batch.bad)
        ]
        first += told[: _SHOWN_BAD - len(first)]
        progress(reader.position, reader.size, rows)
    output.flush()
    return ScoreReport(rows, bad, notes=tuple(first))


def _batches(records: Iterable[Record], text: int) -> Iterator[_Batch]:
    """The records in batches; a job is continued at the beginning of one."""
    batch, characters = _Batch([], []), 0
    for record in records:
        if not record.problem and record.fields[text].strip():
            batch.rows.append(record.fields)
        else:
            batch.bad.append(record)
        characters += len(record.raw)
        if len(batch.rows) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = _Batch([], []), 0
    yield batch


def _scored(rows: list[list[str]], text: int, bundle: Bundle) -> Iterator[list[str]]:
    scores = bundle.predict_proba([row[text] for row in rows])
    for row, shares in zip(rows, scores, strict=True):
        yield [*row, bundle.labels[shares.argmax()], *(f"{share:.6f}" for share in shares)]


def _header(columns: list[str], labels: list[str]) -> list[str]:
    """The columns, then ``label`` and ``probability_…``; where a column has that name, ``predicted_…``."""
    names = list(columns)
    for name in ["label", *(f"probability_{label}" for label in labels)]:
        number = 0
        while name in names:
            number += 1
            name = f"predicted_{name}" if number == 1 else f"{name.removesuffix(f'_{number - 1}')}_{number}"
        names.append(name)
    return names


def _bad_row(record: Record) -> tuple[int, str, str]:
    return record.line, record.problem or "no text", record.raw


def _csv(rows: Iterable[Iterable], delimiter: str = ",") -> bytes:
    lines = io.StringIO()
    plain = csv.writer(lines, delimiter=delimiter, lineterminator="\n")
    # a field with a bare \r needs quotes, too, and Python's writer leaves them out where lines end in \n
    quoted = csv.writer(lines, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        (quoted if any("\r" in str(field) for field in row) else plain).writerow(row)
    try:
        return lines.getvalue().encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character in a bad row of UTF-16
        return lines.getvalue().encode("utf-8", "backslashreplace")


def _packed(part: bytes) -> bytes:
    """A gzip file of its own; one behind the other they are one gzip file, which can be resumed."""
    return gzip.compress(part, compresslevel=6, mtime=0)
