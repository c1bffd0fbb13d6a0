"""A table of texts as a stream for the monitors: answers that are missing are asked from the bundle."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from workshop_utils.data.tables import TableReader, merge_spellings, open_table
from workshop_utils.data.tables.labels import count_rows
from workshop_utils.data.usable_texts import shortened
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.store import LabelledPrediction, ScoredText

_BATCH = 256
#: Where a table does not say when a text came; one moment for all of them, so no time passes.
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
#: So many spellings are told.
_SHOWN = 5


@dataclass(frozen=True)
class TableColumns:
    """Names of columns; None where a table has none.

    Attributes:
        text: the texts. truth: their true labels; an empty field is none.
        label: the model's answers. Their probabilities are in columns ``probability_<class>``, as
            ``workshop score`` writes them. What is missing of an answer is asked from the bundle.
        time: when a text was scored, in ISO 8601; without a zone it is UTC. latency: in milliseconds.
    """

    text: str = "text"
    truth: str | None = None
    label: str | None = None
    time: str | None = None
    latency: str | None = None


class TableRow(NamedTuple):
    """A text with its answer and, where it is known, its true label."""

    text: ScoredText
    label: LabelledPrediction | None


class _Answer(NamedTuple):
    """A label, or None; a probability for each class, or none at all."""

    label: str | None
    probabilities: tuple[float, ...]


class MonitoredTable:
    """Reads a table row by row, in memory that does not grow.

    Args:
        path: the table.
        bundle: whose answers are monitored.
        columns: their names.

    Attributes:
        notes: sentences on what was found; complete when all rows have been read.

    Raises:
        WorkshopError: a column is named for two purposes.
    """

    def __init__(self, path: Path, bundle: Bundle, columns: TableColumns) -> None:
        names = Counter(name for name in astuple(columns) if name is not None)
        if twice := [name for name, count in names.items() if count > 1]:
            raise WorkshopError(f"The column {twice[0]!r} is named for two purposes; name it for one.")
        self._path, self._bundle, self._columns = path, bundle, columns
        self._left_out = self._untimed = 0
        self._read_as: dict[str, str] = {}
        self.notes: list[str] = []

    def rows(self) -> Iterator[TableRow]:
        """All rows that have a text, numbered from 1.

        Raises:
            WorkshopError: no such table or column, or it turns out to be damaged.
        """
        with open_table(self._path, self._columns.text) as reader:
            names = self._columns
            truth, label, time_of, latency_of = (
                None if name is None else reader.index(name)
                for name in (names.truth, names.label, names.time, names.latency)
            )
            shares = self._probability_places(reader)
            number, time = 0, _NO_TIME
            rows = self._usable(reader, reader.index(names.text))
            while batch := list(islice(rows, _BATCH)):
                answers = [self._answer(fields, label, shares) for _, fields in batch]
                scored = self._scored([text for text, _ in batch], answers)
                for (text, fields), (answer, truncated) in zip(batch, scored, strict=True):
                    number += 1
                    time = self._time(_field(fields, time_of)) or time
                    latency = _float(_field(fields, latency_of))
                    said = answer.label or ""
                    seen = ScoredText(number, said, answer.probabilities, text, truncated, latency, time)
                    true = self._spelled(_field(fields, truth))
                    yield TableRow(seen, self._labelled(seen, true) if true else None)
            self.notes = [*reader.notes, *self._told()]

    def _usable(self, reader: TableReader, text: int) -> Iterator[tuple[str, list[str]]]:
        for record in reader.records():
            if record.problem or not record.fields[text].strip():
                self._left_out += 1
            else:
                yield record.fields[text], record.fields

    def _probability_places(self, reader: TableReader) -> list[int]:
        """Where the probability of each class stands; empty where one is missing."""
        names = [f"probability_{label}" for label in self._bundle.labels]
        return [reader.index(name) for name in names] if set(names) <= set(reader.columns) else []

    def _answer(self, fields: Sequence[str], label: int | None, shares: Sequence[int]) -> _Answer:
        told = [_float(fields[place]) for place in shares]
        probabilities = tuple(share for share in told if share is not None)
        name = self._spelled(_field(fields, label)) or None
        if len(probabilities) < len(told) or not told:
            return _Answer(name, ())
        if name is None and not any(map(math.isnan, probabilities)):
            name = self._bundle.labels[max(range(len(probabilities)), key=probabilities.__getitem__)]
        return _Answer(name, probabilities)

    def _scored(self, texts: list[str], answers: list[_Answer]) -> Iterator[tuple[_Answer, bool]]:
        """Answers without a gap, and which of the texts the model read only a part of."""
        rows = [row for row, each in enumerate(answers) if each.label is None or not each.probabilities]
        asked = dict(zip(rows, self._bundle.predict_proba([texts[row] for row in rows]), strict=True))
        for row, (answer, truncated) in enumerate(zip(answers, self._bundle.truncates(texts), strict=True)):
            if row in asked:
                label = self._bundle.labels[int(asked[row].argmax())]
                shares = tuple(map(float, asked[row]))
                answer = _Answer(answer.label or label, answer.probabilities or shares)
            yield answer, bool(truncated)

    def _spelled(self, label: str) -> str:
        """The label, or the model's that differs from it only in case, white space or Unicode form."""
        if not label.strip():
            return ""
        if label in self._bundle.labels:
            return label
        (merged,), _ = merge_spellings([label], self._bundle.labels)
        if merged is not None and merged != label and len(self._read_as) <= _SHOWN:
            self._read_as[label] = merged
        return merged or label

    def _time(self, told: str) -> datetime | None:
        if not told.strip():
            return None
        try:
            time = datetime.fromisoformat(told.strip())
        except ValueError:
            self._untimed += 1
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)

    def _labelled(self, text: ScoredText, truth: str) -> LabelledPrediction:
        return LabelledPrediction(
            number=text.number,
            prediction_number=text.number,
            prediction_id="",
            model_version="",
            labels=tuple(self._bundle.labels),
            truth=truth,
            label=text.label,
            probabilities=text.probabilities,
            truncated=text.truncated,
            text=None,
            time=text.time,
            labelled_at=text.time,
            labelled_by=self._path.name,
            draw=None,
            part=None,
            drawing_probability=None,
            shadow_version=None,
            shadow_label=None,
        )

    def _told(self) -> Iterator[str]:
        if self._left_out:
            yield f"{count_rows(self._left_out)} without a text, or that do not fit, left out."
        if self._untimed:
            yield f"{count_rows(self._untimed)} with a time that cannot be read; write 2026-03-01T12:00."
        for label, kept in list(self._read_as.items())[:_SHOWN]:
            yield f"The label {shortened(label)} is read as {shortened(kept)}."
        if len(self._read_as) > _SHOWN:
            yield "More labels of this kind are read as the model's."


def _field(fields: Sequence[str], place: int | None) -> str:
    return "" if place is None else fields[place]


def _float(told: str) -> float | None:
    """The number, which may be NaN or infinite; None where there is none."""
    try:
        return float(told)
    except ValueError:
        return None
