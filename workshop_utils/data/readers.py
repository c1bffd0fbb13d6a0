"""Read the original corpora in the formats that their authors publish, into the prepared format.

Every reader takes the path of the published file (or the unpacked folder) and returns a frame
or arrays; nothing is unpacked to disk.
"""

import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workshop_utils.errors import WorkshopError

_IMDB_FILE = re.compile(r"(train|test)/(pos|neg)/\d+_(\d+)\.txt$")
_DLK_FILE = re.compile(r"json_DLK_v6/[^/]+\.json$")
_DLK_AUTHORS = ("Goethe", "Heine, Heinrich", "Tucholsky")
_SENTIMENT = {"pos": "positive", "neg": "negative"}


def read_imdb(path: Path) -> pd.DataFrame:
    """Large Movie Review Dataset: ``aclImdb_v1.tar.gz``, its unpacked folder, or "IMDB Dataset.csv".

    Args:
        path: the archive, the folder or the CSV file.

    Returns:
        Columns ``review, sentiment, split, rating``. The CSV has neither split nor rating: half of each class
        becomes ``train`` (seed 0), and repeated texts stay on one side.

    Raises:
        WorkshopError: it cannot be read as one of these.
    """
    if path.suffix == ".csv":
        return _read_imdb_csv(path)
    rows = []
    for name, content in _members(path, _IMDB_FILE):
        if found := _IMDB_FILE.search(name):
            split, label, rating = found.groups()
            rows.append((content.decode("utf-8"), _SENTIMENT[label], split, int(rating)))
    return pd.DataFrame(rows, columns=["review", "sentiment", "split", "rating"])


def _read_imdb_csv(path: Path) -> pd.DataFrame:
    frame = _read_csv(path)
    if list(frame.columns) != ["review", "sentiment"]:
        raise WorkshopError(
            f"{path.name} should have the columns review and sentiment, not {list(frame.columns)}."
        )
    texts = frame.drop_duplicates("review").sample(frac=1, random_state=0)
    rank = texts.groupby("sentiment").cumcount()
    size = texts.groupby("sentiment")["review"].transform("size")
    train = set(texts.loc[rank < size / 2, "review"])
    split = np.where(frame["review"].isin(train), "train", "test")
    return frame.assign(split=split, rating=pd.NA)


def read_ecommerce(path: Path) -> pd.DataFrame:
    """E-commerce Text Classification: a CSV without header.

    Args:
        path: ``ecommerceDataset.csv``.

    Returns:
        Columns ``category, description``; an empty description is missing.

    Raises:
        WorkshopError: it is no CSV table.
    """
    return _read_csv(path, header=None, names=["category", "description"])


def _read_csv(path: Path, **options: Any) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], **options)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise WorkshopError(f"{path.name} is no CSV table: {error}.") from error


def read_dlk(path: Path) -> pd.DataFrame:
    """Deutscher Lyrik-Korpus v6: the repository's zip archive or folder, one JSON file per poem.

    Args:
        path: the archive or the folder.

    Returns:
        Columns ``id, author, title, text``, only the poems of Goethe, Heine and Tucholsky; stanzas are
        separated by an empty line.

    Raises:
        WorkshopError: it cannot be read as an archive.
    """
    rows = []
    for _, content in _members(path, _DLK_FILE):
        for poem_id, poem in json.loads(content).items():
            author = poem["metadata"]["author"]["name"]
            if author.startswith(_DLK_AUTHORS):
                stanzas = (
                    "\n".join(line["text"] for line in stanza.values()) for stanza in poem["poem"].values()
                )
                rows.append((poem_id, author, poem["metadata"]["title"], "\n\n".join(stanzas)))
    return pd.DataFrame(rows, columns=["id", "author", "title", "text"]).sort_values("id", ignore_index=True)


def read_mnist(path: Path) -> dict[str, np.ndarray]:
    """MNIST as Keras distributes it: arrays ``x_train, y_train, x_test, y_test``.

    Args:
        path: ``mnist.npz``.

    Returns:
        The arrays by name: images ``uint8`` of shape (n, 28, 28), digits ``uint8`` of shape (n,).

    Raises:
        WorkshopError: it is no file of NumPy arrays, or an array is missing.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile):
        loaded = None
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        raise WorkshopError(f"{path.name} is no MNIST file: it holds no NumPy arrays; take Keras' mnist.npz.")
    with loaded as arrays:
        missing = {"x_train", "y_train", "x_test", "y_test"} - set(arrays.files)
        if missing:
            raise WorkshopError(
                f"{path.name} is no MNIST file: {', '.join(sorted(missing))} missing; take Keras' mnist.npz."
            )
        return {name: arrays[name] for name in sorted(arrays.files)}


def _members(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of the wanted files in a folder, a zip or a tar archive, sorted where possible."""
    try:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if wanted.search(file.as_posix()):
                    yield file.as_posix(), file.read_bytes()
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in sorted(filter(wanted.search, archive.namelist())):
                    yield name, archive.read(name)
        else:
            with tarfile.open(path) as archive:
                for member in archive:
                    content = archive.extractfile(member) if wanted.search(member.name) else None
                    if content is not None:
                        yield member.name, content.read()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise WorkshopError(f"{path.name} cannot be read as an archive: {error}.") from error
