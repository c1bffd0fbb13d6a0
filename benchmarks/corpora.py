"""The original corpora as tasks: which texts are for training and which for testing."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from workshop_utils.data import load_poems, load_reviews
from workshop_utils.data.split import hold_out


class Task(NamedTuple):
    """Texts and class numbers of both parts."""

    train: list[str]
    train_labels: np.ndarray
    test: list[str]
    test_labels: np.ndarray


def reviews() -> Task:
    """The official split without leaks and repetitions in training; line breaks of the web page go."""
    frame = load_reviews("full")
    frame["review"] = frame["review"].str.replace(r"<br\s*/?>", " ", regex=True)
    train, test = frame.query("split == 'train'"), frame.query("split == 'test'")
    train = train[~train["review"].isin(test["review"])].drop_duplicates("review")
    train = train.sample(frac=1, random_state=0)
    return as_task(train["review"], train["sentiment"], test["review"], test["sentiment"])


def poems() -> Task:
    """Three tenths of ten grouped, stratified folds are the test part."""
    frame = load_poems("full")
    held = hold_out(frame["text"], frame["author"], folds=10, held_folds=3)
    train, test = frame[~held], frame[held]
    return as_task(train["text"], train["author"], test["text"], test["author"])


def as_task(train: pd.Series, train_labels: pd.Series, test: pd.Series, test_labels: pd.Series) -> Task:
    """Texts as lists, labels as class numbers in alphabetical order."""
    names = np.unique(train_labels)
    numbers = [np.searchsorted(names, labels).astype("int32") for labels in (train_labels, test_labels)]
    return Task(list(train), numbers[0], list(test), numbers[1])
