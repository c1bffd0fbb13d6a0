"""``workshop fetch``: the one place that goes to the network, for the five original downloads."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from workshop_utils.data import readers
from workshop_utils.data.download import Progress, download
from workshop_utils.errors import WorkshopError
from workshop_utils.files import read_sums, record_sum, sha256
from workshop_utils.paths import corpora_dir, shown


@dataclass(frozen=True)
class Source:
    """One download: its files (name → address), and how they become the prepared file.

    ``rows`` are the rows that the prepared table must have, ``labels`` how many of each label;
    they stand in for a checksum where none is published. A missing checksum is recorded on the
    first fetch and compared from then on.
    """

    name: str
    prepared: str
    files: dict[str, str]
    prepare: Callable[[Path, Path, "Source"], None]
    sha256: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    labels: dict[str, int] = field(default_factory=dict)


def fetch(
    source: Source,
    *,
    file: Path | None = None,
    mirror: str | None = None,
    progress: Progress = lambda done, total: None,
    pause: float = 1.0,
) -> Path:
    """Download (or take ``file``), verify and prepare one corpus; return the prepared path.

    Args:
        file: a file or folder downloaded by hand, used instead of the network.
        mirror: address of a folder that serves the same file names, tried instead of the original.
        pause: seconds before a second attempt.

    Raises:
        WorkshopError: says what failed, the address, and what to do by hand.
    """
    target = corpora_dir() / source.prepared
    downloads = corpora_dir() / "downloads"
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        if file is None:
            for name, url in source.files.items():
                url = f"{mirror.rstrip('/')}/{name}" if mirror else url
                _get(source, name, url, downloads / name, progress, pause)
            first = downloads / next(iter(source.files))
            file = first if len(source.files) == 1 else first.parent
        elif not file.exists():
            raise WorkshopError(f"There is no file {file}; check the path behind --file.")
        source.prepare(file, target, source)
    except OSError as error:
        raise WorkshopError(
            f"{error.filename or shown(target)} cannot be used ({error.strerror or error}); "
            "free the disk or set WORKSHOP_DATA_DIR to a folder of yours."
        ) from error
    return target


def _get(source: Source, name: str, url: str, path: Path, progress: Progress, pause: float) -> None:
    sums = path.parent / "SHA256SUMS"
    expected = source.sha256.get(name) or read_sums(sums).get(name)
    if not (path.exists() and expected == sha256(path)):
        try:
            download(url, path, sha256=expected, progress=progress, pause=pause)
        except WorkshopError as error:
            raise WorkshopError(
                f"{error} Download it by hand and run `workshop fetch {source.name} --file PATH`."
            ) from error
    if not expected:
        record_sum(sums, name, sha256(path))


def _write(target: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file or folder, which gets its name only when it is whole."""
    temporary = target.with_name(f".{os.getpid()}-{target.name}")
    try:
        write(temporary)
        temporary.replace(target)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


def _expect_counts(frame: pd.DataFrame, column: str, source: Source) -> None:
    counts = frame[column].value_counts().to_dict()
    if len(frame) != source.rows or counts != source.labels:
        raise WorkshopError(
            f"The {source.name} are not the published ones: {len(frame):,} rows with {counts}, "
            f"expected {source.rows:,} with {source.labels}."
        )


def _prepare_reviews(path: Path, target: Path, source: Source) -> None:
    frame = readers.read_imdb(path)
    _expect_counts(frame, "sentiment", source)
    _write(target, lambda file: frame.to_parquet(file, index=False))


def _prepare_poems(path: Path, target: Path, source: Source) -> None:
    frame = readers.read_dlk(path)
    _expect_counts(frame, "author", source)
    _write(target, lambda file: frame.to_csv(file, index=False, compression={"method": "gzip", "mtime": 0}))


def _prepare_products(path: Path, target: Path, source: Source) -> None:
    frame = readers.read_ecommerce(path)
    _expect_counts(frame, "category", source)
    _write(target, lambda file: frame.to_csv(file, index=False))


def _prepare_digits(path: Path, target: Path, source: Source) -> None:
    arrays = readers.read_mnist(path)
    images = len(arrays["x_train"]) + len(arrays["x_test"])
    if images != source.rows or set(np.unique(arrays["y_train"])) != set(range(10)):
        raise WorkshopError(f"{path.name} is not MNIST: {images:,} images, expected {source.rows:,}.")

    def write(file: Path) -> None:
        with file.open("wb") as handle:
            np.savez_compressed(handle, **arrays)

    _write(target, write)


def _prepare_encoder(path: Path, target: Path, source: Source) -> None:
    names = [Path(name).name for name in source.files]
    for name in names:
        if not (path / name).is_file():
            raise WorkshopError(f"{path} lacks {name}; the folder of a DistilBERT has {', '.join(names)}.")
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != "distilbert":
        raise WorkshopError(f"{path}/config.json describes a {config.get('model_type')}, not a distilbert.")

    def write(folder: Path) -> None:
        folder.mkdir()
        for name in names:
            shutil.copyfile(path / name, folder / name)
        shutil.rmtree(target, ignore_errors=True)

    _write(target, write)


_HUB = "https://huggingface.co/distilbert/distilbert-base-uncased/resolve/main"

SOURCES = {
    source.name: source
    for source in [
        Source(
            name="reviews",
            prepared="reviews.parquet",
            files={"aclImdb_v1.tar.gz": "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"},
            sha256={"aclImdb_v1.tar.gz": "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"},
            rows=50_000,
            labels={"positive": 25_000, "negative": 25_000},
            prepare=_prepare_reviews,
        ),
        Source(
            name="products",
            prepared="products.csv",
            files={"ecommerceDataset.csv": "https://zenodo.org/records/3355823/files/ecommerceDataset.csv"},
            rows=50_425,
            labels={
                "Household": 19_313,
                "Books": 11_820,
                "Electronics": 10_621,
                "Clothing & Accessories": 8_671,
            },
            prepare=_prepare_products,
        ),
        Source(
            name="poems",
            prepared="poems.csv.gz",
            files={"DLK-ef0b62054.zip": "https://github.com/thomasnikolaushaider/DLK/archive/ef0b62054.zip"},
            rows=2_362,
            labels={
                "Goethe, Johann Wolfgang": 697,
                "Goethe, Johann Wolfgang von": 237,
                "Heine, Heinrich": 704,
                "Tucholsky, Kurt": 724,
            },
            prepare=_prepare_poems,
        ),
        Source(
            name="digits",
            prepared="mnist.npz",
            files={"mnist.npz": "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"},
            sha256={"mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"},
            rows=70_000,
            prepare=_prepare_digits,
        ),
        Source(
            name="encoder",
            prepared="distilbert-base-uncased",
            files={
                f"distilbert-base-uncased/{name}": f"{_HUB}/{name}"
                for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
            },
            prepare=_prepare_encoder,
        ),
    ]
}
