"""Downloads: complete and verified, or not there at all, whatever the server does."""

import dataclasses
import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from tests.server import Behaviour, serve
from tests.test_readers import POEMS, REVIEWS, dlk_zip, imdb_tar
from workshop_utils.data import load_digits, load_poems, load_products, load_reviews
from workshop_utils.data.download import download
from workshop_utils.data.fetch import SOURCES, fetch
from workshop_utils.errors import WorkshopError

BODY = bytes(range(256)) * 4000
SHA = hashlib.sha256(BODY).hexdigest()


def get(acts, target, body=BODY, sha256=SHA):
    behaviour = Behaviour({"file.bin": body}, acts)
    with serve(behaviour) as address:
        try:
            return download(f"{address}/file.bin", target, sha256=sha256, pause=0), behaviour.requests
        except WorkshopError as error:
            return error, behaviour.requests


def leftovers(target):
    return sorted(path.name for path in target.parent.iterdir())


@pytest.mark.parametrize(
    "acts",
    [
        ["ok"],
        ["redirect"],
        ["truncated", "ok"],
        ["truncated", "truncated", "truncated", "ok"],
        ["truncated", "no_ranges"],
        ["busy", "hang_up", "ok"],
    ],
    ids=" then ".join,
)
def test_the_file_arrives_whole(tmp_path, acts):
    target = tmp_path / "file.bin"
    path, _ = get(list(acts), target)
    assert path == target
    assert target.read_bytes() == BODY
    assert leftovers(target) == ["file.bin"]


def test_a_broken_download_is_resumed_and_not_begun_anew(tmp_path):
    _, requests = get(["truncated", "ok"], tmp_path / "file.bin")
    first, second = [ranges for _, ranges in requests]
    assert first is None
    assert int(second.removeprefix("bytes=").removesuffix("-")) > 0.8 * len(BODY) / 2


def test_the_next_call_resumes_what_an_earlier_one_left(tmp_path):
    target = tmp_path / "file.bin"
    (tmp_path / "file.bin.part").write_bytes(BODY[:1000])
    _, requests = get(["ok"], target)
    assert requests == [("/file.bin", "bytes=1000-")]
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("rest", [BODY, BODY + b"more than the server has"])
def test_a_finished_or_foreign_part_is_handled(tmp_path, rest):
    target = tmp_path / "file.bin"
    (tmp_path / "file.bin.part").write_bytes(rest)
    get(["ok"], target)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize(
    ("acts", "said", "requests_made"),
    [
        (["refuse"], "answered 404", 1),
        (["busy"], "answered 503, 5 times", 5),
        (["hang_up"], "could not be reached or broke off, 5 times", 5),
        (["corrupted"], "sha256", 1),
    ],
)
def test_a_failure_is_one_sentence_with_the_address_and_leaves_no_file(tmp_path, acts, said, requests_made):
    target = tmp_path / "file.bin"
    error, requests = get(acts, target)
    assert said in str(error) and "/file.bin" in str(error)
    assert len(requests) == requests_made
    assert not target.exists()


def test_a_corrupted_file_is_thrown_away_so_that_the_next_try_starts_clean(tmp_path):
    target = tmp_path / "file.bin"
    get(["corrupted"], target)
    path, requests = get(["ok"], target)
    assert path == target and requests == [("/file.bin", None)]


def test_a_server_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(WorkshopError, match="could not be reached"):
        download("http://127.0.0.1:9/file.bin", tmp_path / "file.bin", pause=0)


def small_sources(folder):
    """The five sources with tiny files in the published layouts; returns (sources, files by name)."""
    products = "Household,Steel box\nBooks,A novel\nElectronics,Cable\nClothing & Accessories,Süße Mütze\n"
    arrays = {
        "x_train": np.zeros((10, 28, 28), np.uint8),
        "y_train": np.arange(10, dtype=np.uint8),
        "x_test": np.zeros((2, 28, 28), np.uint8),
        "y_test": np.zeros(2, np.uint8),
    }
    np.savez(folder / "m.npz", **arrays)
    files = {
        "aclImdb_v1.tar.gz": imdb_tar(folder / "a", REVIEWS | {"test/neg/7_1.txt": "no"}).read_bytes(),
        "ecommerceDataset.csv": products.encode("utf-8"),
        "DLK-ef0b62054.zip": dlk_zip(folder / "d", POEMS).read_bytes(),
        "mnist.npz": (folder / "m.npz").read_bytes(),
    }
    for name in SOURCES["encoder"].files:
        files[name] = json.dumps({"model_type": "distilbert"}).encode()
    changes = {
        "reviews": {"rows": 4, "labels": {"positive": 2, "negative": 2}, "sha256": {}},
        "products": {"rows": 4, "labels": dict.fromkeys(SOURCES["products"].labels, 1)},
        "poems": {"rows": 2, "labels": {"Goethe, Johann Wolfgang": 1, "Tucholsky, Kurt": 1}},
        "digits": {"rows": 12, "sha256": {}},
        "encoder": {},
    }
    return {name: dataclasses.replace(SOURCES[name], **change) for name, change in changes.items()}, files


@pytest.mark.parametrize("name", SOURCES)
def test_each_source_is_fetched_prepared_and_loaded(tmp_path, data_dir, name, capsys):
    sources, files = small_sources(tmp_path)
    with serve(Behaviour(files, ["ok"])) as address:
        path = fetch(sources[name], mirror=address, pause=0)
    assert path.exists()
    loaded = {
        "reviews": lambda: len(load_reviews("full")),
        "products": lambda: len(load_products("full")),
        "poems": lambda: len(load_poems("full")),
        "digits": lambda: len(load_digits("full").x_train),
        "encoder": lambda: len(list(path.iterdir())),
    }[name]()
    assert loaded == {"reviews": 4, "products": 4, "poems": 2, "digits": 10, "encoder": 4}[name]
    assert not [file for file in data_dir.iterdir() if file.name.startswith(".")]


def test_an_unknown_checksum_is_recorded_and_then_held(tmp_path, data_dir):
    sources, files = small_sources(tmp_path)
    with serve(Behaviour(files, ["ok"])) as address:
        fetch(sources["products"], mirror=address, pause=0)
    recorded = (data_dir / "downloads" / "SHA256SUMS").read_text(encoding="utf-8")
    assert hashlib.sha256(files["ecommerceDataset.csv"]).hexdigest() in recorded
    (data_dir / "downloads" / "ecommerceDataset.csv").unlink()
    with serve(Behaviour(files, ["corrupted"])) as address, pytest.raises(WorkshopError, match="sha256"):
        fetch(sources["products"], mirror=address, pause=0)


def test_a_second_fetch_downloads_nothing(tmp_path, data_dir):
    sources, files = small_sources(tmp_path)
    behaviour = Behaviour(files, ["ok"])
    with serve(behaviour) as address:
        fetch(sources["products"], mirror=address, pause=0)
        fetch(sources["products"], mirror=address, pause=0)
    assert len(behaviour.requests) == 1


def test_a_file_with_other_counts_is_refused_and_the_old_table_stays(tmp_path, data_dir):
    sources, files = small_sources(tmp_path)
    with serve(Behaviour(files, ["ok"])) as address:
        path = fetch(sources["products"], mirror=address, pause=0)
    before = path.read_bytes()
    short = tmp_path / "short.csv"
    short.write_text("Household,Steel box\n", encoding="utf-8")
    with pytest.raises(WorkshopError, match="1 rows"):
        fetch(sources["products"], file=short)
    assert path.read_bytes() == before


def test_a_failure_says_what_to_do_by_hand(tmp_path, data_dir):
    with serve(Behaviour({}, ["refuse"])) as address, pytest.raises(WorkshopError) as error:
        fetch(SOURCES["reviews"], mirror=address, pause=0)
    assert "workshop fetch reviews --file PATH" in str(error.value)


def test_a_hand_downloaded_csv_is_accepted(tmp_path, data_dir):
    sources, _ = small_sources(tmp_path)
    path = tmp_path / "IMDB Dataset.csv"
    rows = {"review": ["a 😀", "b", "c", "d"], "sentiment": ["positive", "negative"] * 2}
    pd.DataFrame(rows).to_csv(path, index=False)
    fetch(sources["reviews"], file=path)
    assert len(load_reviews("full")) == 4


def test_an_encoder_of_another_kind_is_refused(tmp_path, data_dir):
    folder = tmp_path / "bert"
    folder.mkdir()
    for name in SOURCES["encoder"].files:
        (folder / name.split("/")[-1]).write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(WorkshopError, match="describes a bert"):
        fetch(SOURCES["encoder"], file=folder)
    assert not (data_dir / "distilbert-base-uncased").exists()


def test_a_missing_hand_downloaded_file_is_one_sentence(data_dir, tmp_path):
    with pytest.raises(WorkshopError, match="There is no file"):
        fetch(SOURCES["poems"], file=tmp_path / "nowhere.zip")
