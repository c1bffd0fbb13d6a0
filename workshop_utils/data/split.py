"""Hold out a test part in which no text has a near-twin in training, developed in lesson 03."""

from itertools import islice

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from workshop_utils.data.duplicates import duplicate_groups


def hold_out(
    texts: pd.Series, labels: pd.Series, folds: int = 4, seed: int = 0, held_folds: int = 1
) -> np.ndarray:
    """True for the texts of the test part, shape (n,): ``held_folds`` of ``folds``, stratified by label.

    Near-duplicates (:func:`~workshop_utils.data.duplicates.duplicate_groups`) stay on one side. The same
    texts and seed give the same part, so models of different lessons can be compared.
    """
    folder = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    held = np.zeros(len(texts), dtype=bool)
    for _, rows in islice(folder.split(texts, labels, duplicate_groups(texts)), held_folds):
        held[rows] = True
    return held
