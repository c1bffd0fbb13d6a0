"""What a bundle is worth on somebody's labelled table; needs no more than serving does."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workshop_utils.data.tables import read_labelled
from workshop_utils.data.tables.labels import count_rows
from workshop_utils.data.usable_texts import shortened, usable_texts
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.evaluation import (
    Evaluation,
    ResultRow,
    evaluate_constant,
    evaluate_probabilities,
)


class TableEvaluation(NamedTuple):
    """The majority class and the bundle as a table, the bundle's evaluation, and what was left out."""

    rows: list[ResultRow]
    evaluation: Evaluation
    notes: list[str]


def evaluate_table(
    bundle: Bundle, source: Path, text_column: str, label_column: str, seed: int = 0
) -> TableEvaluation:
    """Score the table's texts and compare with its labels; each row counts, repeated texts, too.

    A label that differs from one of the bundle's only in case, white space or Unicode form counts as that
    one. Rows with other labels are counted, named and left out.

    Args:
        bundle: the model.
        source: the table.
        text_column: name of the column with the texts.
        label_column: name of the column with the true labels.
        seed: of the bootstrap.

    Raises:
        WorkshopError: the table cannot be read, or has no label that the bundle knows.
    """
    table = usable_texts(read_labelled(source, text_column, label_column), bundle.labels, once=False)
    number = {label: code for code, label in enumerate(bundle.labels)}
    strangers = Counter(label for label in table.labels if label not in number)
    notes = list(table.notes)
    if strangers:
        label, count = strangers.most_common(1)[0]
        notes.append(
            f"{count_rows(strangers.total())} left out with labels that the model does not know "
            f"({len(strangers)} different, the most frequent: {shortened(label)}, {count_rows(count)})."
        )
    rows = [row for row, label in enumerate(table.labels) if label in number]
    if not rows:
        known = ", ".join(shortened(label) for label in bundle.labels[:5])
        raise WorkshopError(
            f"No label in the column {label_column!r} is one of the model's, such as {known}."
        )
    true = np.array([number[table.labels[row]] for row in rows], dtype=np.int64)
    texts = [table.texts[row] for row in rows]
    evaluation = evaluate_probabilities(bundle.labels, true, bundle.predict_proba(texts), texts, seed)
    most = int(np.bincount(true).argmax())
    majority = evaluate_constant("majority class", true, most, seed)
    bundled = ResultRow("this bundle", evaluation.accuracy, evaluation.macro_f1)
    return TableEvaluation([majority, bundled], evaluation, notes)
