"""Read the original corpora in the formats that their authors publish, into the prepared format.

Every reader takes the path of the published file (or the unpacked folder) and returns a frame
or arrays; nothing is unpacked to disk.
"""

import io
import json
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workshop_utils.data.containers import members
from workshop_utils.errors import WorkshopError

_IMDB_FILE = re.compile(r"(train|test)/(pos|neg)/\d+_(\d+)\.txt$", re.IGNORECASE)
_CSV = r"\.csv(\.gz)?$"
_DLK_FILE = r"json_DLK_v6/[^/]+\.json$"
_DLK_AUTHORS = ("Goethe", "Heine, Heinrich", "Tucholsky")
_SENTIMENT = {"pos": "positive", "neg": "negative"}
_IDX_FILE = re.compile(r"(train|t10k)-(images|labels)[-.]idx[13]-ubyte(\.gz)?$", re.IGNORECASE)
_IDX_NAMES = {
    ("train", "images"): "x_train",
    ("train", "labels"): "y_train",
    ("t10k", "images"): "x_test",
    ("t10k", "labels"): "y_test",
}
_MNIST_FORMS = "take Keras' mnist.npz, or a folder of the four idx files"


def read_imdb(path: Path) -> pd.DataFrame:
    """Large Movie Review Dataset: ``aclImdb_v1.tar.gz``, its unpacked folder, or Kaggle's "IMDB Dataset.csv".

    Args:
        path: the archive, the folder or the CSV file, which may be packed.

    Returns:
        Columns ``review, sentiment, split, rating``. The CSV has neither split nor rating: half of each class
        becomes ``train`` (seed 0), and repeated texts stay on one side.

    Raises:
        WorkshopError: it cannot be read as one of these.
    """
    rows, tables = [], []
    wanted = f"{_IMDB_FILE.pattern}|{_CSV}"
    for name, content in members(
        path, wanted, "film reviews, neither as aclImdb's folders nor as a CSV table"
    ):
        if found := _IMDB_FILE.search(name):
            split, label, rating = found.groups()
            text = _text(content, name)
            rows.append((text, _SENTIMENT[label.lower()], split.lower(), int(rating)))
        else:
            tables.append((name, content))
    if rows:
        return pd.DataFrame(rows, columns=["review", "sentiment", "split", "rating"])
    return _imdb_from_csv(_csv_table(*_only(tables, path)), tables[0][0])


def _imdb_from_csv(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    if list(frame.columns) != ["review", "sentiment"]:
        columns = ", ".join(map(str, frame.columns[:5]))
        raise WorkshopError(f"{name} should have the columns review and sentiment, and has {columns[:200]}.")
    texts = frame.drop_duplicates("review").sample(frac=1, random_state=0)
    rank = texts.groupby("sentiment").cumcount()
    size = texts.groupby("sentiment")["review"].transform("size")
    train = set(texts.loc[rank < size / 2, "review"])
    split = np.where(frame["review"].isin(train), "train", "test")
    return frame.assign(split=split, rating=pd.NA)


def read_ecommerce(path: Path) -> pd.DataFrame:
    """E-commerce Text Classification: a CSV without header.

    Args:
        path: ``ecommerceDataset.csv``, alone, packed or in an archive or folder.

    Returns:
        Columns ``category, description``; an empty description is missing.

    Raises:
        WorkshopError: it is no CSV table.
    """
    name, content = _only(list(members(path, _CSV, "CSV table")), path)
    return _csv_table(name, content, header=None, names=["category", "description"])


def _only(tables: list[tuple[str, bytes]], path: Path) -> tuple[str, bytes]:
    if len(tables) > 1:
        names = ", ".join(name for name, _ in tables[:3])
        raise WorkshopError(
            f"{path.name} holds {len(tables)} tables ({names}); give the path of one of them."
        )
    return tables[0]


def _csv_table(name: str, content: bytes, **options: Any) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.BytesIO(content),
            dtype=str,
            keep_default_na=False,
            na_values=[""],
            encoding="utf-8-sig",
            **options,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise WorkshopError(f"{name} is no CSV table: {error}.") from error


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WorkshopError(
            f"{name} is not UTF-8 ({error.reason} at byte {error.start:,}), so somebody has changed it; "
            "take the file as it was published."
        ) from error


def read_dlk(path: Path) -> pd.DataFrame:
    """Deutscher Lyrik-Korpus v6: the repository's zip archive or folder, one JSON file per poem.

    Args:
        path: the archive or the folder.

    Returns:
        Columns ``id, author, title, text``, only the poems of Goethe, Heine and Tucholsky; stanzas are
        separated by an empty line.

    Raises:
        WorkshopError: it cannot be read as such an archive.
    """
    rows = []
    for name, content in members(
        path, _DLK_FILE, "poems of the Deutscher Lyrik-Korpus v6 (json_DLK_v6/*.json)"
    ):
        text = _text(content, name)
        try:
            for poem_id, poem in json.loads(text).items():
                author = poem["metadata"]["author"]["name"]
                if author.startswith(_DLK_AUTHORS):
                    stanzas = (
                        "\n".join(line["text"] for line in stanza.values())
                        for stanza in poem["poem"].values()
                    )
                    rows.append((poem_id, author, poem["metadata"]["title"], "\n\n".join(stanzas)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WorkshopError(
                f"{name} is no poem as the Deutscher Lyrik-Korpus v6 has them ({type(error).__name__}: "
                f"{error}); take the repository's zip archive of that version."
            ) from error
    return pd.DataFrame(rows, columns=["id", "author", "title", "text"]).sort_values("id", ignore_index=True)


def read_mnist(path: Path) -> dict[str, np.ndarray]:
    """MNIST as Keras distributes it, or in the four idx files of its authors.

    Args:
        path: ``mnist.npz``, or a folder or archive that holds it or the four idx files.

    Returns:
        The arrays ``x_train, y_train, x_test, y_test`` by name: images ``uint8`` of shape (n, 28, 28), digits
        ``uint8`` of shape (n,).

    Raises:
        WorkshopError: it holds no such arrays; or it is a pickle, which is never opened.
    """
    if re.search(r"\.pkl(\.gz)?$|\.pickle$", path.name, re.IGNORECASE):
        raise WorkshopError(
            f"{path.name} is a pickle, a program that may do anything when it is opened; {_MNIST_FORMS}."
        )
    if _is_npz(path):
        arrays = _from_npz(path, path.name)
    else:
        arrays = {}
        for name, content in members(path, rf"\.npz$|{_IDX_FILE.pattern}", f"MNIST file; {_MNIST_FORMS}"):
            if found := _IDX_FILE.search(name):
                part, kind = found.group(1).lower(), found.group(2).lower()
                arrays[_IDX_NAMES[part, kind]] = _from_idx(content, name)
            else:
                arrays |= _from_npz(io.BytesIO(content), name)
    if missing := set(_IDX_NAMES.values()) - set(arrays):
        raise WorkshopError(
            f"{path.name} is no MNIST file: {', '.join(sorted(missing))} missing; {_MNIST_FORMS}."
        )
    for name in _IDX_NAMES.values():
        images = name.startswith("x")
        array, digits = arrays[name], arrays[f"y{name[1:]}"]
        if array.dtype != np.uint8 or array.ndim != (3 if images else 1) or len(array) != len(digits):
            raise WorkshopError(
                f"{path.name} is no MNIST file: {name} is {array.dtype} of shape {array.shape}; "
                f"{_MNIST_FORMS}."
            )
    return {name: arrays[name] for name in sorted(_IDX_NAMES.values())}


def _is_npz(path: Path) -> bool:
    """Is it a zip file of arrays?"""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith(".npy") for name in archive.namelist())


def _from_npz(file: Path | io.BytesIO, name: str) -> dict[str, np.ndarray]:
    """The arrays of a file of NumPy arrays, none of which is a pickle."""
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            with loaded as arrays:
                return {key: arrays[key] for key in arrays.files}
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _no_arrays(name) from error
    raise _no_arrays(name)


def _no_arrays(name: str) -> WorkshopError:
    return WorkshopError(
        f"{name} is no MNIST file: it holds no NumPy arrays, is damaged, or holds objects and not numbers; "
        f"{_MNIST_FORMS}."
    )


def _from_idx(content: bytes, name: str) -> np.ndarray:
    """An array in the idx format of MNIST's authors: two zeros, type, number of sizes, sizes, data."""
    if content[:3] == b"\x00\x00\x08" and len(content) >= 4 + 4 * content[3]:
        shape = struct.unpack(f">{content[3]}I", content[4 : 4 + 4 * content[3]])
        data = np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])
        if data.size == np.prod(shape, dtype=object):
            return data.reshape(shape)
    raise WorkshopError(f"{name} is no idx file of bytes, or is not complete; {_MNIST_FORMS}.")
