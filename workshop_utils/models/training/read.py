"""Both tables of a training, read and checked, ready to be divided."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from workshop_utils.data.duplicates import duplicate_groups
from workshop_utils.data.tables import read_labelled
from workshop_utils.data.tables.labels import count_rows
from workshop_utils.data.usable_texts import LabelledTexts, shortened, usable_texts
from workshop_utils.errors import WorkshopError
from workshop_utils.models.training.parts import refuse_one_group, without_leaks
from workshop_utils.models.training.prepare import refuse_labels, sample_rows
from workshop_utils.models.training.request import TrainRequest


class TrainingData(NamedTuple):
    """Texts of the table, then those of the test table.

    Attributes:
        texts: n of them.
        codes: class number of each text, shape (n,).
        labels: names of the classes.
        groups: near-duplicates share a number, shape (n,).
        test: places of the texts of the test table.
        notes: sentences about what was found, merged and left out.
        table, test_table: the texts of all rows of either table, with their repeats.
    """

    texts: list[str]
    codes: np.ndarray
    labels: list[str]
    groups: np.ndarray
    test: np.ndarray
    notes: list[str]
    table: Sequence[str] = ()
    test_table: Sequence[str] = ()


def read_training_data(
    request: TrainRequest, say: Callable[[str], None] = lambda sentence: None
) -> TrainingData:
    """Read both tables; leave out what cannot be learned from, and say so.

    Args:
        request: names the tables.
        say: hears the notes before a table is refused: a label with one text may be a typing error.

    Raises:
        WorkshopError: a table cannot be read or learned from.
    """
    said: list[str] = []

    def tell(*sentences: str) -> None:
        for sentence in sentences:
            if sentence not in said:
                said.append(sentence)
                say(sentence)

    table = usable_texts(read_labelled(request.source, request.text_column, request.label_column))
    table, test = _with_test(request, table)
    tell(*table.notes, *test.notes)
    refuse_labels(table.labels, request.label_column)
    table = _drawn(request, table)
    names = sorted(set(table.labels))
    test = _known(request, test, names)
    tell(*table.notes, *test.notes)
    groups = duplicate_groups(table.texts)
    refuse_one_group(table.labels, groups)
    if twins := len(groups) - len(set(groups.tolist())):
        what = "is a near-duplicate of another" if twins == 1 else "are near-duplicates of others"
        tell(f"{count_rows(twins)} {what}; near-duplicates stay on one side.")
    code = {label: number for number, label in enumerate(names)}
    asked = np.arange(len(test.texts))
    return TrainingData(
        [*table.texts, *test.texts],
        np.array([code[label] for label in [*table.labels, *test.labels]], dtype=np.int64),
        names,
        np.concatenate([groups, groups.max() + 1 + asked]),
        len(table.texts) + asked,
        said,
        table.table,
        test.table,
    )


def _with_test(request: TrainRequest, table: LabelledTexts) -> tuple[LabelledTexts, LabelledTexts]:
    """The table without what stands in the test table, and the test table."""
    if request.test is None:
        return table, LabelledTexts([], [], [])
    read = read_labelled(request.test, request.text_column, request.label_column)
    test = usable_texts(read, sorted(set(table.labels)))
    test = test._replace(notes=[f"Test table: {note}" for note in test.notes])
    kept, leaks = without_leaks(table.texts, test.texts)
    if not leaks:
        return table, test
    if leaks == len(table.texts):
        raise WorkshopError(
            f"Every text of {request.source.name} stands in {request.test.name}, too, so nothing is left to "
            "learn from; leave --test away to have a part held out."
        )
    note = (
        f"{count_rows(leaks)} left out of training because the test table holds them, too, word for word or "
        "as a near-duplicate."
    )
    return _chosen(table, np.flatnonzero(kept).tolist(), note), test


def _drawn(request: TrainRequest, table: LabelledTexts) -> LabelledTexts:
    """As many as were asked for."""
    if request.rows is None or request.rows >= len(table.texts):
        return table
    drawn = sample_rows(table.labels, request.rows, request.seed)
    note = f"{len(drawn):,} of {len(table.texts):,} texts were drawn, the mixture of labels kept (--rows)."
    return _chosen(table, drawn, note)


def _known(request: TrainRequest, test: LabelledTexts, names: Sequence[str]) -> LabelledTexts:
    """The test texts whose label can be learned."""
    rows = [row for row, label in enumerate(test.labels) if label in set(names)]
    strangers = [label for label in test.labels if label not in set(names)]
    if not strangers:
        return test
    if not rows:
        raise WorkshopError(
            f"No label of {request.test} is one of {request.source.name}; "
            f"the first is {shortened(strangers[0])}."
        )
    note = (
        f"Test table: {count_rows(len(strangers))} left out whose label is not in the table, such as "
        f"{shortened(strangers[0])}."
    )
    return _chosen(test, rows, note)


def _chosen(table: LabelledTexts, rows: Sequence[int], note: str) -> LabelledTexts:
    texts, labels = [table.texts[row] for row in rows], [table.labels[row] for row in rows]
    return LabelledTexts(texts, labels, [*table.notes, note], table.table)
