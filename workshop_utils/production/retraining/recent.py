"""The labels that people have given, as retraining uses them: from the store, in the order of their texts."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select

from workshop_utils.errors import WorkshopError
from workshop_utils.production.store import LabelledPrediction, Store, labelled
from workshop_utils.production.store.records import PERSON
from workshop_utils.production.store.tables import feedback


class RecentLabels(NamedTuple):
    """Labelled texts, the oldest text first.

    Attributes:
        earlier: labels that were there when the champion was judged. new: those that came later.
        without_text: labels whose text is not kept. last: number of the last label that was looked at.
    """

    earlier: list[LabelledPrediction]
    new: list[LabelledPrediction]
    without_text: int
    last: int


def read_recent_labels(
    store: Store, until: int, judged_until: int = 0, models: Sequence[str] = ()
) -> RecentLabels:
    """All labels that stand.

    Args:
        store: the store.
        until: only labels up to this number.
        judged_until: number of the last label that was there when the champion was judged.
        models: names of models, which can give no label.

    Raises:
        WorkshopError: a label was made by a model.
        StoreUnavailable: the database does not answer.
    """
    _refuse_labels_of_models(store, until)
    earlier: list[LabelledPrediction] = []
    new: list[LabelledPrediction] = []
    without_text, named = 0, set(models)
    for each in labelled(store, until=until):
        if each.labelled_by in named:
            raise WorkshopError(
                f"Label {each.number} was given by the model {each.labelled_by}; a model learns from labels "
                "of people only, so take it back."
            )
        if each.text is None or not each.text.strip():
            without_text += 1
        else:
            (earlier if each.number <= judged_until else new).append(each)
    for part in (earlier, new):
        part.sort(key=lambda each: each.prediction_number)
    return RecentLabels(earlier, new, without_text, until)


def _refuse_labels_of_models(store: Store, until: int) -> None:
    """The store takes none; somebody may have written to its tables."""
    f = feedback.c
    with store.reading() as connection:
        found = connection.execute(
            select(func.count(), func.min(f.number)).where(f.number <= until, f.source != PERSON)
        ).one()
    if found[0]:
        raise WorkshopError(
            f"{found[0]:,} labels in the store were not made by people, the first is label {found[1]}; a "
            "model learns from labels of people only, so take them back."
        )
