"""Load the course's data. No lesson downloads anything: these functions only open local files."""

import logging
import os
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa

from workshop_utils.data import schemas
from workshop_utils.data.bundled import bundled_file
from workshop_utils.data.tables import read_labelled
from workshop_utils.data.tables.labelled import told_bad
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import BUNDLED, ROOT, corpora_dir, shown

#: ``full``: the original corpus; ``sample``: what the course ships; ``auto``: the original where it is.
Source = Literal["auto", "sample", "full"]

_log = logging.getLogger(__name__)

#: Last month of the bundled reviews' reference part; what comes later may drift (see data/README.md).
LAST_REFERENCE_MONTH = "2026-02"

#: File names of the original corpora; the first one that is there is taken.
ORIGINALS = {
    "products": ("products.csv", "products.csv.gz"),
    "reviews": ("reviews.parquet",),
    "poems": ("poems.csv.gz",),
    "digits": ("mnist.npz",),
}

#: The three poets of the classic task, by the names that the original corpus gives them.
POETS = {"Goethe, Johann Wolfgang": "Goethe", "Heine, Heinrich": "Heine", "Tucholsky, Kurt": "Tucholsky"}


class Digits(NamedTuple):
    """Images of handwritten digits, split for training and testing.

    Attributes:
        x_train: whole numbers ``uint8`` of shape (n, height, width), 0 is empty paper.
        y_train: the digits 0 to 9, ``uint8`` of shape (n,).
        x_test: as ``x_train``, m images.
        y_test: as ``y_train``, m digits.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def load_products(source: Source = "auto") -> pd.DataFrame:
    """Product listings with columns ``category`` and ``description`` (first used in lesson 01).

    The defects of a real export are left in: missing, repeated and misspelt values.

    Args:
        source: which of the two corpora.

    Returns:
        One listing a row.

    Raises:
        WorkshopError: the corpus is not there, or is not what it should be.
    """
    path = _choose("products", source)
    frame = pd.read_csv(path, keep_default_na=False, na_values={"description": [""]}, dtype=str)
    return _checked(frame, schemas.PRODUCTS, "products", path)


def load_reviews(source: Source = "auto") -> pd.DataFrame:
    """Film reviews: ``review_id, written_at, channel, review, sentiment, split``.

    Args:
        source: which of the two corpora.

    Returns:
        One review a row. ``split`` is ``train`` or ``test`` in the original corpus, which has no dates, and
        ``reference`` or ``later`` (after February 2026) in the bundled sample.

    Raises:
        WorkshopError: the corpus is not there, or is not what it should be.
    """
    path = _choose("reviews", source)
    if path.suffix == ".parquet":
        original = pd.read_parquet(path)
        frame = original[["review", "sentiment", "split"]].assign(
            review_id=[f"imdb-{number:05d}" for number in range(len(original))],
            written_at=pd.NaT,
            channel="imdb",
        )
    else:
        frame = pd.read_csv(path, keep_default_na=False, dtype=str)
        month = frame["written_at"].str[:7]
        frame["split"] = np.where(month <= LAST_REFERENCE_MONTH, "reference", "later")
    frame = _checked(frame[list(schemas.REVIEWS.columns)], schemas.REVIEWS, "reviews", path)
    if shuffles_labels():
        frame["sentiment"] = np.random.default_rng(0).permutation(frame["sentiment"].to_numpy())
    return frame


def load_poems(source: Source = "auto") -> pd.DataFrame:
    """German poems with columns ``author, title, text`` (verses separated by line breaks).

    The original corpus holds Goethe, Heine and Tucholsky; the bundled sample holds three manners
    that learn from them.

    Args:
        source: which of the two corpora.

    Returns:
        One poem a row.

    Raises:
        WorkshopError: the corpus is not there, or is not what it should be.
    """
    path = _choose("poems", source)
    frame = pd.read_csv(path, keep_default_na=False, dtype=str)
    if path.suffix == ".gz":
        frame = frame[frame["author"].isin(POETS)].replace({"author": POETS, "title": {"N.A.": ""}})
    frame = frame[["author", "title", "text"]].reset_index(drop=True)
    return _checked(frame, schemas.POEMS, "poems", path)


def load_digits(source: Source = "auto") -> Digits:
    """Handwritten digits: MNIST (28x28, values to 255) or scikit-learn's small set (8x8, values to 16).

    The small set has no official split; a quarter is held out, stratified, with seed 0.

    Args:
        source: which of the two.

    Returns:
        The images and their digits.

    Raises:
        WorkshopError: MNIST is asked for and not there.
    """
    path = corpora_dir() / ORIGINALS["digits"][0]
    if source == "full" or (source == "auto" and path.exists()):
        if not path.exists():
            raise _missing("digits", path)
        with np.load(path, allow_pickle=False) as arrays:
            digits = Digits(*(arrays[name] for name in Digits._fields))
        origin = shown(path)
    else:
        digits = _small_digits()
        origin = "scikit-learn's 8x8 digits"
    _log.info("digits: %s, %s images", origin, f"{len(digits.x_train) + len(digits.x_test):,}")
    if shuffles_labels():
        rng = np.random.default_rng(0)
        digits = digits._replace(
            y_train=rng.permutation(digits.y_train), y_test=rng.permutation(digits.y_test)
        )
    return digits


def originals() -> list[str]:
    """Names of the original corpora that are there, which lessons take in place of the bundled ones."""
    return [
        name for name, files in ORIGINALS.items() if any((corpora_dir() / file).exists() for file in files)
    ]


def shuffles_labels() -> bool:
    """With ``WORKSHOP_SHUFFLE_LABELS=1`` every label goes to a random text or image.

    A control: nothing can be learned then, so what a lesson claims about learning must come out false.
    """
    return os.environ.get("WORKSHOP_SHUFFLE_LABELS") == "1"


def read_table(csv: str | Path, text_column: str, label_column: str) -> pd.DataFrame:
    """Anybody's table as columns ``label`` and ``text``, both ``str``, as they stand in the file.

    Only an empty field is missing: "NA" and "null" are words. What was found in the file is logged, and rows
    that do not fit are left out with a warning.

    Args:
        csv: the file, in any format that :func:`~workshop_utils.data.tables.open_table` reads; a relative
            path counts from the project's root.
        text_column: name of the column with the texts.
        label_column: name of the column with the labels.

    Returns:
        One row for each of the file that fits.

    Raises:
        WorkshopError: no such file, not a table, no row that fits, or a column is missing.
    """
    path = ROOT / Path(csv).expanduser()
    if not path.exists():
        raise WorkshopError(f"There is no file {csv}; check the parameter `csv`.")
    table = read_labelled(path, text_column, label_column)
    _log.info("table: %s, %s rows", csv, f"{len(table.texts):,}")
    for note in table.notes:
        _log.warning(note)
    if table.bad:
        _log.warning(told_bad(table.bad))
    return pd.DataFrame({"label": table.labels, "text": table.texts}, dtype="str")


def _choose(name: str, source: Source) -> Path:
    """The file to read: the original corpus where it is there (and wanted), else the bundled sample."""
    if source not in ("auto", "sample", "full"):
        raise WorkshopError(f"source={source!r} is unknown; use 'auto', 'sample' or 'full'.")
    found = [corpora_dir() / file for file in ORIGINALS[name] if (corpora_dir() / file).exists()]
    if source != "sample" and found:
        return found[0]
    if source == "full":
        raise _missing(name, corpora_dir() / ORIGINALS[name][0])
    return bundled_file(f"{name}.csv")


def _missing(name: str, path: Path) -> WorkshopError:
    return WorkshopError(
        f"The original corpus of {name} is not at {shown(path)}; "
        f"run `workshop fetch {name}` or use source='sample'."
    )


def _checked(frame: pd.DataFrame, schema: pa.DataFrameSchema, name: str, path: Path) -> pd.DataFrame:
    frame = schemas.validate(frame, schema, shown(path))
    kind = "bundled sample" if path.parent == BUNDLED else "original corpus"
    _log.info("%s: %s %s, %s rows", name, kind, shown(path), f"{len(frame):,}")
    return frame


def _small_digits() -> Digits:
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    bunch = datasets.load_digits()
    images, labels = bunch.images.astype(np.uint8), bunch.target.astype(np.uint8)
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=0.25, stratify=labels, random_state=0
    )
    return Digits(x_train, y_train, x_test, y_test)
