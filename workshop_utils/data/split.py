"""Parts of a table: a test part without near-twins in training (lesson 02), a smaller one (lesson 06)."""

from itertools import islice

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from workshop_utils.data.duplicates import duplicate_groups


def hold_out(
    texts: pd.Series, labels: pd.Series, folds: int = 4, seed: int = 0, held_folds: int = 1
) -> np.ndarray:
    """Hold out a test part, stratified by label.

    Near-duplicates (:func:`~workshop_utils.data.duplicates.duplicate_groups`) stay on one side. The same
    texts and seed give the same part, so models of different lessons can be compared.

    Args:
        texts: ``str``, n of them.
        labels: the label of each text.
        folds: into how many parts the texts are divided.
        seed: of the division.
        held_folds: how many of the parts are the test part.

    Returns:
        True for the texts of the test part, shape (n,).
    """
    folder = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    held = np.zeros(len(texts), dtype=bool)
    for _, rows in islice(folder.split(texts, labels, duplicate_groups(texts)), held_folds):
        held[rows] = True
    return held


def at_most(rows: int, frame: pd.DataFrame, seed: int = 0, least: int = 2) -> pd.DataFrame:
    """About ``rows`` random rows in random order, the mixture of ``label`` kept; all where there are no more.

    Args:
        rows: how many are wanted.
        frame: has a column ``label``.
        seed: of the drawing and the order.
        least: every label keeps so many rows, if it has them.

    Returns:
        The rows drawn, numbered from 0.
    """
    share = min(1, rows / len(frame))
    drawn = []
    for _, part in frame.groupby("label"):
        count = min(len(part), max(least, round(share * len(part))))
        drawn.append(part.sample(count, random_state=seed))
    return pd.concat(drawn).sample(frac=1, random_state=seed).reset_index(drop=True)
