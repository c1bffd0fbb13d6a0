"""Somebody's own table, in the form that the lessons work on; or one sentence about what it lacks."""

import logging
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from workshop_utils.data.clean import clean
from workshop_utils.data.duplicates import duplicate_groups
from workshop_utils.data.load import read_table
from workshop_utils.data.words import WORD
from workshop_utils.errors import WorkshopError

_log = logging.getLogger(__name__)

#: Rows with a text and a label, below which there is nothing to explore.
LEAST_ROWS = 10
#: Words that must stand in two texts at least, below which counting words learns nothing.
LEAST_WORDS = 5


def own_table(csv: str | Path, text_column: str, label_column: str) -> pd.DataFrame:
    """A table to explore, as it is: missing, repeated and contradictory texts stay in.

    Args:
        csv: the file, as for :func:`~workshop_utils.data.load.read_table`.
        text_column: name of the column with the texts.
        label_column: name of the column with the labels.

    Returns:
        Columns ``label`` and ``text``, one row for each of the file.

    Raises:
        WorkshopError: the file cannot be read, has too few texts, or fewer than two labels that are frequent.
    """
    if text_column == label_column:
        raise WorkshopError(f"text_column and label_column are both {text_column!r}; name two columns.")
    table = read_table(csv, text_column, label_column)
    present = table[table["label"].notna() & (table["text"].str.strip().fillna("") != "")]
    if len(present) < LEAST_ROWS:
        raise WorkshopError(
            f"{csv} has {len(present)} rows with a text and a label, and a lesson needs {LEAST_ROWS}; "
            "check the parameters `text_column` and `label_column`."
        )
    _at_least_two_labels(csv, present["label"].value_counts(), min(LEAST_ROWS, 0.01 * len(table)))
    return table


def own_training_table(
    csv: str | Path,
    text_column: str,
    label_column: str,
    per_label: int = 20,
    rows: int = 4000,
    most_labels: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """A table to learn from: cleaned as in lesson 01, small enough for a lesson, each label often enough.

    What is left out is said. Near-duplicates (:func:`~workshop_utils.data.duplicates.duplicate_groups`) count
    as one text.

    Args:
        csv: the file, as for :func:`~workshop_utils.data.load.read_table`.
        text_column: name of the column with the texts.
        label_column: name of the column with the labels.
        per_label: a label with fewer different texts is left out.
        rows: about so many random rows are taken of a larger table, the mixture of labels kept; but at least
            ``per_label`` of each label.
        most_labels: of more labels, the most frequent are taken.
        seed: of the drawing.

    Returns:
        Columns ``label`` and ``text``, numbered from 0.

    Raises:
        WorkshopError: as for :func:`own_table`; or fewer than two labels have enough different texts, or the
            texts share too few words.
    """
    whole = clean(own_table(csv, text_column, label_column))
    if whole.empty:
        raise WorkshopError(f"No text of {csv} is left after cleaning: each stands under several labels.")
    counts = whole["label"].value_counts()
    _at_least_two_labels(csv, counts, per_label, "after cleaning ")
    enough = counts[counts >= per_label]
    if len(enough) < len(counts):
        _log.info("labels with fewer than %s texts are left out: %s", per_label, _few(counts[len(enough) :]))
    taken = enough.head(most_labels)
    if len(taken) < len(enough):
        _log.info("of %s labels, the %s most frequent are taken", f"{len(enough):,}", len(taken))
    table = _drawn(whole[whole["label"].isin(taken.index)], rows, per_label, seed)
    different = pd.Series(duplicate_groups(table["text"])).groupby(table["label"]).nunique()
    different = different.sort_values(ascending=False, kind="stable")
    _at_least_two_labels(csv, different, per_label, "after cleaning and counting near-duplicates once ")
    if (rare := different[different < per_label]).size:
        _log.info("labels of near-duplicates are left out: %s", _few(rare))
        table = table[~table["label"].isin(rare.index)]
    _share_words(csv, table["text"])
    if len(table) < len(whole):
        _log.info("%s of %s cleaned rows are taken", f"{len(table):,}", f"{len(whole):,}")
    return table.reset_index(drop=True)


def _at_least_two_labels(csv: str | Path, counts: pd.Series, least: float, when: str = "") -> None:
    """Refuse a table with fewer than two labels that have ``least`` texts; counts fall."""
    if (counts >= least).sum() >= 2:
        return
    if len(counts) == 1:
        raise WorkshopError(
            f"{csv} has only one label, {_shown(counts.index[0])}, and a classifier needs two or more; "
            "check the parameter `label_column`."
        )
    raise WorkshopError(
        f"{csv} has too few texts for each label: {when}the most frequent labels are {_few(counts)}, and two "
        f"labels or more must have {least:.0f}; add labelled texts, or check the parameter `label_column`."
    )


def _drawn(table: pd.DataFrame, rows: int, least: int, seed: int) -> pd.DataFrame:
    """About ``rows`` random rows in their order, the mixture of labels kept, ``least`` of each label."""
    share = min(1, rows / len(table))
    parts = [
        part.sample(max(least, round(share * len(part))), random_state=seed)
        for _, part in table.groupby("label")
    ]
    return pd.concat(parts).sort_index().reset_index(drop=True)


def _share_words(csv: str | Path, texts: Iterable[str]) -> None:
    """Refuse texts that have hardly a word in common."""
    counts: Counter[str] = Counter()
    shared = 0
    for text in texts:
        new = set(re.findall(WORD, text.casefold()))
        shared += sum(counts[word] == 1 for word in new)
        counts.update(new)
        if shared >= LEAST_WORDS:
            return
    raise WorkshopError(
        f"The texts of {csv} share too few words: {shared} words stand in two texts or more, and "
        f"{LEAST_WORDS} are needed; check the parameter `text_column`."
    )


def _few(counts: pd.Series, most: int = 3) -> str:
    named = [f"{_shown(label)} ({count:,})" for label, count in counts.head(most).items()]
    return ", ".join(named) + (f" and {len(counts) - most:,} more" if len(counts) > most else "")


def _shown(label: object, most: int = 40) -> str:
    text = " ".join(str(label).split())
    return repr(text if len(text) <= most else f"{text[: most - 1]}…")
