"""May this table be learned from? And a smaller one of the same mixture."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from workshop_utils.data.usable_texts import shortened
from workshop_utils.errors import WorkshopError
from workshop_utils.models.tokenization import well_formed

#: Each label needs so many different texts, and a table may have so many labels.
MIN_TEXTS, MAX_LABELS = 10, 200


def refuse_labels(labels: Sequence[str], column: str) -> None:
    """Do nothing if there are 2 to 200 labels with at least ten texts each, which can be written down.

    Args:
        labels: one for each text.
        column: their column, for the message.

    Raises:
        WorkshopError: one sentence that names the label, its count and what to do.
    """
    counts = Counter(labels)
    if broken := [label for label in counts if well_formed(label) != label]:
        raise WorkshopError(
            f"The label {shortened(broken[0])} holds half a sign, which UTF-8 cannot write; "
            "mend it in the table."
        )
    if len(counts) == 1:
        [label] = counts
        raise WorkshopError(
            f"All {len(labels):,} texts have the label {shortened(label)}; "
            f"a classifier needs two labels or more in the column {column!r}."
        )
    if len(counts) > MAX_LABELS:
        raise WorkshopError(
            f"The column {column!r} has {len(counts):,} different labels, and at most {MAX_LABELS} can be "
            "learned; choose the column that holds the labels, or merge labels."
        )
    label, count = min(counts.items(), key=lambda pair: (pair[1], pair[0]))
    if count < MIN_TEXTS:
        few = sum(number < MIN_TEXTS for number in counts.values())
        more = "1 other label has" if few == 2 else f"{few - 1} other labels have"
        others = f" ({more} too few, too)" if few > 1 else ""
        texts = "1 text" if count == 1 else f"{count} different texts"
        raise WorkshopError(
            f"The label {shortened(label)} has {texts}, and each label needs {MIN_TEXTS}{others}; "
            "add texts, merge it with another label, or leave its rows out of the table."
        )


def sample_rows(labels: Sequence[str], rows: int, seed: int) -> list[int]:
    """Places of about ``rows`` random texts in their order, the mixture of the labels kept.

    Each label keeps ten texts, where it has as many.
    """
    names = np.asarray(labels, dtype=object)
    rng = np.random.default_rng(seed)
    drawn = []
    for label in sorted(set(labels)):
        places = np.flatnonzero(names == label)
        count = min(len(places), max(MIN_TEXTS, round(rows * len(places) / len(names))))
        drawn.append(rng.choice(places, count, replace=False))
    return np.sort(np.concatenate(drawn)).tolist()
