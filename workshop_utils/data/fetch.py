"""``workshop fetch``: the one place that goes to the network, for the five original downloads."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from workshop_utils.data import readers
from workshop_utils.data.download import DownloadProgress, download
from workshop_utils.data.hub import check_encoder, hub_download
from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_path, locked, read_sums, record_sum, replace_folder, sha256
from workshop_utils.paths import corpora_dir, shown


@dataclass(frozen=True)
class Corpus:
    """What can be fetched: its files, and how they become the prepared file or folder.

    Attributes:
        name: what ``workshop fetch`` calls it.
        prepared: name of the prepared file or folder in the folder of the corpora.
        files: address of each file, by its name in the folder of the downloads.
        prepare: checks what was downloaded and writes the prepared file; gets the downloaded file (the folder
            of them where there are several), the prepared path, and the corpus.
        sha256: published checksum of each file. A missing one is recorded when ``prepare`` has accepted the
            first download, and compared from then on.
        content: published checksum of the arrays, which several kinds of files hold.
        rows: rows that the prepared table must have.
        labels: how many of each label; with ``rows``, they stand in for a checksum where none is published.
        repository: repository of Hugging Face's Hub that holds the files, if one does.
        revision: the commit of that repository.
    """

    name: str
    prepared: str
    files: dict[str, str]
    prepare: Callable[[Path, Path, "Corpus"], None]
    sha256: dict[str, str] = field(default_factory=dict)
    content: str = ""
    rows: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    repository: str = ""
    revision: str = ""


def fetch(
    corpus: Corpus,
    *,
    file: Path | None = None,
    mirror: str | None = None,
    progress: DownloadProgress = lambda done, total: None,
    pause: float = 1.0,
) -> Path:
    """Download (or take ``file``), verify and prepare one corpus; return the prepared path.

    Args:
        corpus: one of :data:`SOURCES`.
        file: a file or folder downloaded by hand, used instead of the network.
        mirror: address of a folder that serves the same file names, used instead of the original.
        progress: called after each piece of a file.
        pause: factor of the pauses between attempts, in seconds.

    Raises:
        WorkshopError: says what failed, the address, and what to do by hand; or another fetch is running.
    """
    folder = corpora_dir()
    target, downloads = folder / corpus.prepared, folder / "downloads"
    busy = f"Another fetch of {corpus.name} is running in {shown(folder)}; wait until it has ended."
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        with locked(downloads / f".{corpus.name}.lock", busy):
            if file is None:
                _fetch_all(corpus, target, downloads, mirror, progress, pause)
            else:
                _take(corpus, file, target)
    except OSError as error:
        raise WorkshopError(
            f"{error.filename or shown(target)} cannot be used ({error.strerror or error}); "
            "free the disk or set WORKSHOP_DATA_DIR to a folder of yours."
        ) from error
    return target


def _take(corpus: Corpus, file: Path, target: Path) -> None:
    """Prepare what was downloaded by hand."""
    if not file.exists():
        raise WorkshopError(f"There is no file {file}; check the path behind --file.")
    try:
        corpus.prepare(file, target, corpus)
    except OSError as error:
        if error.filename is not None and file in [Path(error.filename), *Path(error.filename).parents]:
            raise WorkshopError(f"{error.filename} cannot be read ({error.strerror}).") from error
        raise


def _fetch_all(
    corpus: Corpus,
    target: Path,
    downloads: Path,
    mirror: str | None,
    progress: DownloadProgress,
    pause: float,
) -> None:
    """Download what is missing and prepare it; what is refused is thrown away, and its sum not recorded."""
    sums = downloads / "SHA256SUMS"
    for name in corpus.files:
        _get(corpus, name, mirror, sums, progress, pause)
    unknown = [name for name in corpus.files if name not in corpus.sha256]
    first = downloads / next(iter(corpus.files))
    try:
        corpus.prepare(first if len(corpus.files) == 1 else first.parent, target, corpus)
    except WorkshopError:
        for name in unknown:
            (downloads / name).unlink()
        raise
    if unknown:
        with locked(
            downloads / ".sums.lock", f"Another fetch is writing {shown(sums)}; try again.", seconds=60
        ):
            for name in unknown:
                record_sum(sums, name, sha256(downloads / name))


def _get(
    corpus: Corpus, name: str, mirror: str | None, sums: Path, progress: DownloadProgress, pause: float
) -> None:
    """Download one file, unless it is there as it should be."""
    path = sums.parent / name
    recorded = read_sums(sums).get(name)
    expected = corpus.sha256.get(name) or recorded
    if expected and path.exists() and sha256(path) == expected:
        return
    try:
        if corpus.repository and mirror is None:
            hub_download(
                corpus.repository, corpus.revision, path.name, path.parent, sha256=expected, progress=progress
            )
        else:
            url = corpus.files[name] if mirror is None else f"{mirror.rstrip('/')}/{name}"
            download(url, path, sha256=expected, progress=progress, pause=pause)
    except WorkshopError as error:
        advice = f"Download it by hand and run `workshop fetch {corpus.name} --file PATH`."
        if "sha256" in str(error) and name not in corpus.sha256:
            advice = (
                f"If its publishers have changed it, delete its line in {shown(sums)} and fetch it again."
            )
        raise WorkshopError(f"{error} {advice}") from error


def _prepare_table(
    read: Callable[[Path], pd.DataFrame], label_column: str
) -> Callable[[Path, Path, Corpus], None]:
    """Prepare what ``read`` makes of a download: its counts must be the published ones."""

    def prepare(path: Path, target: Path, corpus: Corpus) -> None:
        frame = read(path)
        counts = frame[label_column].value_counts().to_dict()
        if len(frame) != corpus.rows or counts != corpus.labels:
            raise WorkshopError(
                f"The {corpus.name} are not the published ones: {len(frame):,} rows with {counts}, "
                f"expected {corpus.rows:,} with {corpus.labels}; take the file from {_address(corpus)}."
            )
        with atomic_path(target) as draft:
            if target.suffix == ".parquet":
                frame.to_parquet(draft, index=False)
            else:
                packing = {"method": "gzip", "mtime": 0} if target.suffix == ".gz" else None
                frame.to_csv(draft, index=False, compression=packing)

    return prepare


def _prepare_digits(path: Path, target: Path, corpus: Corpus) -> None:
    arrays = readers.read_mnist(path)
    images = len(arrays["x_train"]) + len(arrays["x_test"])
    if images != corpus.rows or set(np.unique(arrays["y_train"])) != set(range(10)):
        raise WorkshopError(
            f"{path.name} is not MNIST: {images:,} images, expected {corpus.rows:,}; "
            f"take the file from {_address(corpus)}."
        )
    if corpus.content and _sha256_of_arrays(arrays) != corpus.content:
        raise WorkshopError(
            f"{path.name} holds other images than MNIST, perhaps those of a set of the same form; "
            f"take the file from {_address(corpus)}."
        )
    with atomic_path(target) as draft, draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _sha256_of_arrays(arrays: dict[str, np.ndarray]) -> str:
    whole = hashlib.sha256()
    for name in sorted(arrays):
        whole.update(arrays[name].tobytes())
    return whole.hexdigest()


def _prepare_encoder(path: Path, target: Path, corpus: Corpus) -> None:
    names = [Path(name).name for name in corpus.files]
    if not path.is_dir():
        raise WorkshopError(f"{path} is a file; --file takes the folder that holds {', '.join(names)}.")
    if not (path / "config.json").exists():  # the Hub's cache keeps them in snapshots/COMMIT
        path = next((config.parent for config in sorted(path.rglob("config.json"))), path)
    check_encoder(path, names)

    def write(folder: Path) -> None:
        for name in names:
            shutil.copyfile(path / name, folder / name)

    replace_folder(target, write)


def _address(corpus: Corpus) -> str:
    return next(iter(corpus.files.values()))


_ENCODER, _COMMIT = "distilbert/distilbert-base-uncased", "12040accade4e8a0f71eabdb258fecc2e7e948be"
_ENCODER_SUMS = {
    "config.json": "69c94b0222d5d1f4b0ad027ca7416cdafb98378cbbb8305d0bf47c9365c60c83",
    "tokenizer.json": "ce64fce797c24f68df90b40a3f74f579b336a493db14bd583fd520ea0d8c9a98",
    "tokenizer_config.json": "a025160ef0431f1a392f6f050c1310f4c5d9fb6f275932dbccba73c4d214bf10",
    "model.safetensors": "5e3f1108e3cb34ee048634875d8482665b65ac713291a7e32396fb18f6ff0063",
}

_CORPORA = [
    Corpus(
        "reviews",
        "reviews.parquet",
        {"aclImdb_v1.tar.gz": "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"},
        _prepare_table(readers.read_imdb, "sentiment"),
        sha256={"aclImdb_v1.tar.gz": "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"},
        rows=50_000,
        labels={"positive": 25_000, "negative": 25_000},
    ),
    Corpus(
        "products",
        "products.csv",
        {"ecommerceDataset.csv": "https://zenodo.org/records/3355823/files/ecommerceDataset.csv"},
        _prepare_table(readers.read_ecommerce, "category"),
        rows=50_425,
        labels={
            "Household": 19_313,
            "Books": 11_820,
            "Electronics": 10_621,
            "Clothing & Accessories": 8_671,
        },
    ),
    Corpus(
        "poems",
        "poems.csv.gz",
        {"DLK-ef0b62054.zip": "https://github.com/thomasnikolaushaider/DLK/archive/ef0b62054.zip"},
        _prepare_table(readers.read_dlk, "author"),
        rows=2_362,
        labels={
            "Goethe, Johann Wolfgang": 697,
            "Goethe, Johann Wolfgang von": 237,
            "Heine, Heinrich": 704,
            "Tucholsky, Kurt": 724,
        },
    ),
    Corpus(
        "digits",
        "mnist.npz",
        {"mnist.npz": "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"},
        _prepare_digits,
        sha256={"mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"},
        content="c868f4cc70f1ec2961bd3b26437ea3a5d0e93cba4d95b336c6d475dd9dabb021",
        rows=70_000,
    ),
    Corpus(
        "encoder",
        "distilbert-base-uncased",
        {
            f"distilbert-base-uncased/{name}": f"https://huggingface.co/{_ENCODER}/resolve/{_COMMIT}/{name}"
            for name in _ENCODER_SUMS
        },
        _prepare_encoder,
        sha256={f"distilbert-base-uncased/{name}": digest for name, digest in _ENCODER_SUMS.items()},
        repository=_ENCODER,
        revision=_COMMIT,
    ),
]

#: Everything that can be fetched, by its name.
SOURCES = {corpus.name: corpus for corpus in _CORPORA}
