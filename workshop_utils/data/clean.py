"""Cleaning of labelled texts, developed in lesson 01.

All functions take and return ``str`` series or frames with columns ``label`` and ``text``.
"""

import difflib
import html
import logging
import unicodedata
from collections.abc import Mapping

import pandas as pd

from workshop_utils.data.tables import merge_spellings

_log = logging.getLogger(__name__)


def tidy_text(texts: pd.Series) -> pd.Series:
    """Resolve HTML entities, bring Unicode to form NFC, make every run of white space one space.

    Args:
        texts: ``str``; missing values stay missing.

    Returns:
        A series of the same length and index.
    """
    return texts.map(_tidy, na_action="ignore")


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", html.unescape(text)).split())


def label_spellings(labels: pd.Series, rare: float = 0.01) -> dict[str, str]:
    """Propose, for rare label spellings, the frequent label they are close to.

    Somebody must read the proposals before they are applied: "abnormal" is close to "normal". Close
    is a similarity of at least 0.8 by :func:`difflib.get_close_matches`, ignoring case and outer white space.

    Args:
        labels: one label for each row.
        rare: a label on fewer than this share of the rows is rare.

    Returns:
        The frequent label for each rare one that is close to it.

    >>> label_spellings(pd.Series(["Books"] * 200 + ["books ", "Boks", "Toys"]))
    {'books ': 'Books', 'Boks': 'Books'}
    """
    counts = labels.value_counts()
    frequent = {label.strip().casefold(): label for label in counts.index[counts >= rare * len(labels)]}
    mapping = {}
    for label in counts.index[counts < rare * len(labels)]:
        close = difflib.get_close_matches(label.strip().casefold(), frequent, n=1, cutoff=0.8)
        if close:
            mapping[label] = frequent[close[0]]
    return mapping


def clean(frame: pd.DataFrame, spellings: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One row per text, no missing values, no contradictory labels, labels spelled one way.

    Labels that differ only in case, white space or Unicode form are merged, and the log says which. Texts
    that stand under several labels are dropped altogether: nobody can say which one is right. Two texts
    count as the same when they agree after :func:`tidy_text` and in lower case.

    Args:
        frame: columns ``label`` and ``text``; others are kept.
        spellings: labels to replace, such as :func:`label_spellings` proposes, once somebody has read them.

    Returns:
        The rows that stay, in their order, numbered from 0; the labels and texts tidied.
    """
    frame = frame.dropna(subset=["label", "text"])
    labels, notes = merge_spellings(frame["label"].replace(dict(spellings or {})).tolist())
    for note in notes:
        _log.info(note)
    frame = frame.assign(label=labels, text=tidy_text(frame["text"]))
    frame = frame[frame["text"] != ""]
    key = frame["text"].str.casefold()
    contradictory = frame["label"].groupby(key).transform("nunique") > 1
    return frame[~contradictory & ~key.duplicated()].reset_index(drop=True)
