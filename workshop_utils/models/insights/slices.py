"""On which part of the texts is a model worse? Accuracy by slice, with honest intervals. Used in lesson 08.

Source of the intervals and of the correction: :mod:`~workshop_utils.models.metrics`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from workshop_utils.data.words import mentions_any
from workshop_utils.models.metrics import Interval, holm, newcombe, wilson
from workshop_utils.models.tokenization import well_formed

#: Columns of a slice table; ``low, high`` bound the accuracy, ``diff_low, diff_high`` the difference.
SLICE_COLUMNS = [
    *("slice", "value", "texts", "accuracy", "low", "high"),
    *("difference", "diff_low", "diff_high", "p"),
]


def slice_table(
    right: Sequence[bool], groups: Mapping[str, Sequence], minimum: int = 20, level: float = 0.95
) -> pd.DataFrame:
    """One row per slice name and value, with :data:`SLICE_COLUMNS`.

    ``difference`` is the slice's accuracy minus that of all other texts. ``p`` is the chance of a difference
    at least as large between parts that do not differ (Fisher's exact test), adjusted for the number of
    slices by :func:`holm` (both sides of a yes-or-no slice count, which is on the careful side). A slice of
    fewer than ``minimum`` texts is too small to judge: it keeps its row, but its interval is NaN, and so are
    ``diff_low, diff_high`` and ``p``. They are also NaN where the *other* texts are too few.

    **Beware of looking often.** Of 20 slices of a model that is equally good on all of them, on average one
    has a 95 % interval without zero, and with a chance of 1 - 0.95**20, about 64 %, at least one has. A
    single bad-looking row is a reason to look again on fresh texts; a small ``p`` is a finding.

    Args:
        right: whether each answer was right, shape (n,).
        groups: from the name of a slice to each text's value, shape (n,). A categorical keeps its order,
            other values are sorted; a missing value counts as ``missing``.
        minimum: texts of a slice that can be judged.
        level: of the intervals.

    Raises:
        ValueError: no texts, or a slice with more or fewer values than texts.
    """
    hits = np.asarray(right, dtype=bool)
    if hits.ndim != 1 or len(hits) == 0:
        raise ValueError(
            f"Slices need a list of right and wrong answers that is not empty, not {hits.shape}."
        )
    rows = []
    for name, given in groups.items():
        values = ["missing" if pd.isna(value) else value for value in given]
        if len(values) != len(hits):
            raise ValueError(f"The slice {name!r} has {len(values)} values for {len(hits)} texts.")
        places = {value: place for place, value in enumerate(_distinct(given, values))}
        codes = np.array([places[value] for value in values])
        for value, place in places.items():
            inside = codes == place
            shown = well_formed(value) if isinstance(value, str) else value
            rows.append([name, shown, *_measured(hits[inside], hits[~inside], minimum, level)])
    table = pd.DataFrame(rows, columns=SLICE_COLUMNS)
    return table.astype({"value": object}).assign(p=holm(table["p"]))


def length_bins(texts: Sequence[str], edges: Sequence[int] = (40, 100)) -> pd.Categorical:
    """Each text's number of words (between white space) as a label, shape (n,), in rising order.

    >>> list(length_bins(["", "good", "not good at all"], edges=(1, 3)))
    ['0 words', '1 word', 'over 3 words']

    Raises:
        ValueError: the edges do not rise from 1 or more.
    """
    edges = list(edges)
    if not edges or any(low >= high for low, high in zip([0, *edges], edges, strict=False)):
        raise ValueError(f"The edges of lengths must rise, beginning with 1 or more, unlike {edges}.")
    names = ["0 words"]
    for low, high in zip([1, *(edge + 1 for edge in edges)], edges, strict=False):
        names.append(f"{low}-{high} words" if low < high else f"{high} word{'s' * (high > 1)}")
    names.append(f"over {edges[-1]} word{'s' * (edges[-1] > 1)}")
    lengths = [len(text.split()) for text in texts]
    return pd.Categorical.from_codes(np.searchsorted([0, *edges], lengths), names, ordered=True)


def mentions(texts: Sequence[str], words: Sequence[str]) -> np.ndarray:
    """Which texts hold at least one of the words, whole and in any case, bool of shape (n,).

    >>> mentions(["The HERO dies", "heroes"], ["hero"]).tolist()
    [True, False]
    """
    return np.array(mentions_any(texts, words), dtype=bool)


def _distinct(given: Sequence, values: list) -> list:
    """The values that occur, each once, in the order of the table."""
    occurring = dict.fromkeys(values)
    if isinstance(getattr(given, "dtype", None), pd.CategoricalDtype):
        return [value for value in [*pd.Series(given).cat.categories, "missing"] if value in occurring]
    try:
        return sorted(occurring)
    except TypeError:
        return list(occurring)


def _measured(inside: np.ndarray, outside: np.ndarray, minimum: int, level: float) -> list:
    """What a row tells of a slice, from ``texts`` to ``p``."""
    hits, others = int(inside.sum()), int(outside.sum())
    here = Interval(hits / len(inside), np.nan, np.nan)
    if len(inside) >= minimum:
        here = wilson(hits, len(inside), level)
    if len(outside) == 0:
        return [len(inside), *here, np.nan, np.nan, np.nan, np.nan]
    if min(len(inside), len(outside)) < minimum:
        return [len(inside), *here, here.value - others / len(outside), np.nan, np.nan, np.nan]
    counts = [[hits, len(inside) - hits], [others, len(outside) - others]]
    difference = newcombe(here, wilson(others, len(outside), level))
    return [len(inside), *here, *difference, float(fisher_exact(counts).pvalue)]
