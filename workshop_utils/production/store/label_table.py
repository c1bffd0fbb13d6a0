"""True labels from somebody's table, such as a spreadsheet that people filled in weeks later."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workshop_utils.data.tables import TableReader, open_table
from workshop_utils.errors import WorkshopError
from workshop_utils.production.store.database import Store
from workshop_utils.production.store.feedback import add_many_labels
from workshop_utils.production.store.records import (
    PERSON,
    Feedback,
    FeedbackResult,
    LabelRefused,
    UnknownLabel,
    UnknownPrediction,
)

#: Refused rows that are told one by one.
_TOLD = 5


@dataclass
class LabelTableReport:
    """What the rows of a table did.

    Attributes:
        new, unchanged, changed: labels that were stored, known already, and stored as corrections.
        unknown_prediction, unknown_label: rows that the store could not place.
        refused: rows whose label nobody may give, such as a model's.
        unusable: rows without a label, or that do not fit the header.
        problems: line and reason of the first rows that were not taken.
        notes: how the table was understood.
    """

    new: int = 0
    unchanged: int = 0
    changed: int = 0
    unknown_prediction: int = 0
    unknown_label: int = 0
    refused: int = 0
    unusable: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def not_taken(self) -> int:
        """Rows that became no label."""
        return self.unknown_prediction + self.unknown_label + self.refused + self.unusable

    def tell(self, line: int, reason: str) -> None:
        """Keep the reason if this is one of the first rows that were not taken."""
        self.problems = sorted([*self.problems, (line, reason)])[:_TOLD]


def add_labels_of_table(store: Store, path: str | Path, labelled_by: str) -> LabelTableReport:
    """Store the true labels of a table with the columns ``prediction_id`` and ``label``.

    Columns ``labelled_by`` and ``source`` are used where there are any. The same table twice changes nothing,
    and a run that was stopped is completed by the next one. An empty label is no label.

    Args:
        store: the store.
        path: the table, in any form that :func:`~workshop_utils.data.tables.open_table` reads.
        labelled_by: who gave the labels, where the table does not say it.

    Raises:
        WorkshopError: no such file, no table, a column is missing.
        StoreUnavailable: the database does not answer; what was stored before stays.
    """
    report = LabelTableReport()
    with open_table(path, "prediction_id") as table:
        lines: deque[int] = deque()
        for result in add_many_labels(store, _rows(table, labelled_by, lines, report)):
            line = lines.popleft()
            _count(report, line, result)
        report.notes = list(table.notes)
    return report


def _rows(
    table: TableReader, default: str, lines: deque[int], report: LabelTableReport
) -> Iterator[Feedback]:
    """The usable rows; the line of each is appended to ``lines``."""
    name, label = table.index("prediction_id"), table.index("label")
    by = table.index("labelled_by") if "labelled_by" in table.columns else None
    source = table.index("source") if "source" in table.columns else None
    for record in table.records():
        fields = record.fields
        problem = record.problem or ("" if fields[label].strip() else "it has no label")
        if problem:
            report.unusable += 1
            report.tell(record.line, problem)
            continue
        lines.append(record.line)
        yield Feedback(
            prediction_id=fields[name].strip(),
            label=fields[label],
            labelled_by=(fields[by].strip() if by is not None else "") or default,
            source=(fields[source].strip() if source is not None else "") or PERSON,
        )


def _count(report: LabelTableReport, line: int, result: FeedbackResult | WorkshopError) -> None:
    match result:
        case "new":
            report.new += 1
        case "changed":
            report.changed += 1
        case UnknownPrediction():
            report.unknown_prediction += 1
        case UnknownLabel():
            report.unknown_label += 1
        case LabelRefused():
            report.refused += 1
        case _:
            report.unchanged += 1
    if isinstance(result, WorkshopError):
        report.tell(line, str(result))
