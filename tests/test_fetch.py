"""Downloads: complete and verified, or not there at all, whatever the server does."""

import dataclasses
import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save

from tests.server import WEB_PAGE, Behaviour, self_signed, serve
from tests.test_readers import POEMS, REVIEWS, dlk_zip, imdb_tar
from workshop_utils.data import load_digits, load_poems, load_products, load_reviews
from workshop_utils.data.download import download
from workshop_utils.data.fetch import SOURCES, fetch
from workshop_utils.errors import WorkshopError

BODY = bytes(range(256)) * 4000
SHA = hashlib.sha256(BODY).hexdigest()


def get(acts, target, body=BODY, sha256=SHA, versions=None):
    """The path or the error, and the requests that the server saw."""
    result, behaviour = watched_get(acts, target, body, sha256, versions)
    return result, behaviour.requests


def watched_get(acts, target, body=BODY, sha256=SHA, versions=None):
    behaviour = Behaviour({"file.bin": body}, acts, versions)
    with serve(behaviour) as address:
        try:
            return download(f"{address}/file.bin", target, sha256=sha256, pause=0), behaviour
        except WorkshopError as error:
            return error, behaviour


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
        ["truncated", "busy", "truncated", "ok"],
        ["packed"],
    ],
    ids=" then ".join,
)
@pytest.mark.parametrize("sha256", [SHA, None], ids=["known sum", "unknown sum"])
@pytest.mark.parametrize("versions", [{}, {"ETag": '"v1"'}], ids=["no version", "etag"])
def test_the_file_arrives_whole(tmp_path, acts, sha256, versions):
    target = tmp_path / "file.bin"
    path, _ = get(list(acts), target, sha256=sha256, versions=versions)
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
    ("acts", "message", "requests_made"),
    [
        (["refuse"], "answered 404", 1),
        (["busy"], "answered 503, 5 times", 5),
        (["hang_up"], "could not be reached or broke off, 5 times", 5),
        (["truncated"], "could not be reached or broke off, 5 times", 5),
        (["truncated", "busy", "truncated", "busy"], "answered 503, 5 times", 5),
        (["corrupted"], "sha256", 1),
        (["web_page"], "a web page came instead of the file, perhaps the sign-in page", 1),
    ],
)
def test_a_failure_is_one_sentence_with_the_address_and_leaves_no_file(
    tmp_path, acts, message, requests_made
):
    target = tmp_path / "file.bin"
    error, requests = get(acts, target)
    assert message in str(error) and "/file.bin" in str(error) and "\n" not in str(error)
    assert len(requests) == requests_made
    assert not target.exists()


def test_a_corrupted_file_is_thrown_away_so_that_the_next_try_starts_clean(tmp_path):
    target = tmp_path / "file.bin"
    get(["corrupted"], target)
    path, requests = get(["ok"], target)
    assert path == target and requests == [("/file.bin", None)]


def test_a_server_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(WorkshopError, match=r"could not be reached or broke off, 5 times\.$"):
        download("http://127.0.0.1:9/file.bin", tmp_path / "file.bin", pause=0)


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(tmp_path):
    begin = time.monotonic()
    _, requests = get(["wait", "ok"], tmp_path / "file.bin")
    assert len(requests) == 2 and 1 <= time.monotonic() - begin < 10


OTHER = bytes(reversed(BODY))


@pytest.mark.parametrize(
    ("noted", "acts"),
    [(None, ["ok"]), ('"v1"', ["ok"]), ('"v1"', ["heedless"]), ("Mon, 01 Jan 2024 00:00:00 GMT", ["ok"])],
)
def test_the_beginning_of_another_version_is_not_kept(tmp_path, noted, acts):
    target = tmp_path / "file.bin"
    (tmp_path / "file.bin.part").write_bytes(OTHER[:900_000])
    if noted:
        (tmp_path / "file.bin.part.etag").write_text(noted, encoding="utf-8")
    get(acts, target, sha256=None, versions={"ETag": '"v2"'})
    assert target.read_bytes() == BODY
    assert leftovers(target) == ["file.bin"]


@pytest.mark.parametrize(
    ("versions", "condition"),
    [
        ({"ETag": '"v1"'}, '"v1"'),
        ({"ETag": '"v1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, '"v1"'),
        (
            {"ETag": 'W/"v1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"},
            "Mon, 01 Jan 2024 00:00:00 GMT",
        ),
    ],
)
def test_the_rest_is_asked_for_only_of_the_version_that_was_begun(tmp_path, versions, condition):
    target = tmp_path / "file.bin"
    error, first = watched_get(["truncated"], target, sha256=None, versions=versions)
    assert isinstance(error, WorkshopError)
    arrived = (tmp_path / "file.bin.part").stat().st_size
    assert 0 < arrived < len(BODY) and set(first.conditions[1:]) == {condition}
    path, second = watched_get(["ok"], target, sha256=None, versions=versions)
    assert second.requests == [("/file.bin", f"bytes={arrived}-")] and second.conditions == [condition]
    assert path.read_bytes() == BODY and leftovers(target) == ["file.bin"]


def test_without_a_version_and_without_a_sum_nothing_is_resumed(tmp_path):
    _, requests = get(["truncated", "ok"], tmp_path / "file.bin", sha256=None)
    assert [ranges for _, ranges in requests] == [None, None]


def test_a_sign_in_page_does_not_cost_what_has_arrived(tmp_path):
    target = tmp_path / "file.bin"
    get(["truncated"], target)
    before = (tmp_path / "file.bin.part").read_bytes()
    error, _ = get(["web_page"], target)
    assert "web page" in str(error) and (tmp_path / "file.bin.part").read_bytes() == before
    get(["ok"], target)
    assert target.read_bytes() == BODY


def test_a_certificate_that_is_not_trusted_is_named_at_once(tmp_path):
    behaviour = Behaviour({"file.bin": BODY}, ["ok"])
    certificate = self_signed(tmp_path / "cert.pem")
    with serve(behaviour, certificate) as address, pytest.raises(WorkshopError) as error:
        download(f"{address}/file.bin", tmp_path / "file.bin", pause=60)
    assert "certificate is not trusted" in str(error.value) and "REQUESTS_CA_BUNDLE" in str(error.value)
    assert behaviour.requests == []


def test_what_the_message_advises_for_such_a_certificate_helps(tmp_path, monkeypatch):
    certificate = self_signed(tmp_path / "cert.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serve(Behaviour({"file.bin": BODY}, ["ok"]), certificate) as address:
        assert download(f"{address}/file.bin", tmp_path / "file.bin", pause=0).read_bytes() == BODY


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
        weights = save({"weight": np.zeros(2, np.float32)})
        files[name] = (
            weights if name.endswith("safetensors") else json.dumps({"model_type": "distilbert"}).encode()
        )
    changes = {
        "reviews": {"rows": 4, "labels": {"positive": 2, "negative": 2}, "sha256": {}},
        "products": {"rows": 4, "labels": dict.fromkeys(SOURCES["products"].labels, 1)},
        "poems": {"rows": 2, "labels": {"Goethe, Johann Wolfgang": 1, "Tucholsky, Kurt": 1}},
        "digits": {"rows": 12, "sha256": {}, "content": ""},
        "encoder": {"sha256": {}},
    }
    return {name: dataclasses.replace(SOURCES[name], **change) for name, change in changes.items()}, files


@pytest.mark.parametrize("name", SOURCES)
def test_each_source_is_fetched_prepared_and_loaded(tmp_path, data_dir, name):
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
    with serve(Behaviour(files, ["corrupted"])) as address, pytest.raises(WorkshopError) as error:
        fetch(sources["products"], mirror=address, pause=0)
    assert "the file's sha256 is" in str(error.value)
    assert "If its publishers have changed it, delete its line in" in str(error.value)
    assert "SHA256SUMS" in str(error.value)


def test_what_fails_its_check_is_thrown_away_and_its_sum_is_not_recorded(tmp_path, data_dir):
    sources, files = small_sources(tmp_path)
    behaviour = Behaviour(files | {"ecommerceDataset.csv": b"Please,pay\n"}, ["ok"])
    with serve(behaviour) as address:
        with pytest.raises(WorkshopError, match="not the published ones"):
            fetch(sources["products"], mirror=address, pause=0)
        assert [path.name for path in (data_dir / "downloads").iterdir()] == []
        behaviour.files = files
        fetch(sources["products"], mirror=address, pause=0)
        fetch(sources["products"], mirror=address, pause=0)
    assert len(behaviour.requests) == 2, "the second call downloads, the third has no need"


def test_the_sign_in_page_of_a_network_is_not_taken_for_the_file(tmp_path, data_dir):
    sources, files = small_sources(tmp_path)
    for name in ("products", "digits", "poems", "encoder"):
        with serve(Behaviour(files, ["web_page"])) as address, pytest.raises(WorkshopError, match="web page"):
            fetch(sources[name], mirror=address, pause=0)
        with serve(Behaviour(files, ["ok"])) as address:
            fetch(sources[name], mirror=address, pause=0)


@pytest.mark.parametrize("name", SOURCES)
def test_such_a_page_saved_by_hand_is_refused_in_one_sentence(tmp_path, data_dir, name):
    page = tmp_path / "download"
    page.mkdir() if name == "encoder" else page.write_bytes(WEB_PAGE)
    for file in SOURCES["encoder"].files if name == "encoder" else ():
        (page / file.split("/")[-1]).write_bytes(WEB_PAGE)
    with pytest.raises(WorkshopError, match=r"is damaged" if name == "encoder" else "download is a web page"):
        fetch(SOURCES[name], file=page)


def test_two_fetches_of_one_corpus_do_not_disturb_each_other(tmp_path, data_dir):
    sources, files = small_sources(tmp_path)
    behaviour = Behaviour(files, ["hold"])
    with serve(behaviour) as address:
        first = threading.Thread(target=fetch, args=(sources["products"],), kwargs={"mirror": address})
        first.start()
        assert behaviour.arrived.wait(30)
        with pytest.raises(WorkshopError, match=r"^Another fetch of products is running in .+; wait until"):
            fetch(sources["products"], mirror=address, pause=0)
        behaviour.acts = ["ok"]
        fetch(sources["digits"], mirror=address, pause=0)
        behaviour.go.set()
        first.join()
    assert len(load_products("full")) == 4


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


def test_images_of_another_set_in_the_same_form_are_refused(tmp_path, data_dir):
    sources, _ = small_sources(tmp_path)
    digits = dataclasses.replace(sources["digits"], content=SOURCES["digits"].content)
    with pytest.raises(WorkshopError, match=r"^m\.npz holds other images than MNIST"):
        fetch(digits, file=tmp_path / "m.npz")


def test_a_file_that_cannot_be_read_is_named_and_not_the_disk(tmp_path, data_dir, monkeypatch):
    page = tmp_path / "secret.csv"
    page.write_text("x", encoding="utf-8")

    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(WorkshopError, match=r"secret\.csv cannot be read \(Permission denied\)\.$"):
        fetch(SOURCES["products"], file=page)


def test_the_hubs_cache_folder_is_an_encoder(tmp_path, data_dir):
    sources, files = small_sources(tmp_path)
    commit = tmp_path / "models--distilbert--distilbert-base-uncased" / "snapshots" / "0123"
    commit.mkdir(parents=True)
    for name in sources["encoder"].files:
        (commit / Path(name).name).write_bytes(files[name])
    assert len(list(fetch(sources["encoder"], file=commit.parents[1]).iterdir())) == 4
    with pytest.raises(WorkshopError, match=r"config\.json is a file; --file takes the folder that holds"):
        fetch(sources["encoder"], file=commit / "config.json")


def test_an_encoder_of_another_kind_is_refused(tmp_path, data_dir):
    folder = tmp_path / "bert"
    folder.mkdir()
    _, files = small_sources(tmp_path)
    write_encoder(folder, files)
    (folder / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(WorkshopError, match="describes bert, not a distilbert"):
        fetch(SOURCES["encoder"], file=folder)
    assert not (data_dir / "distilbert-base-uncased").exists()


def write_encoder(folder, files):
    for name in SOURCES["encoder"].files:
        (folder / name.split("/")[-1]).write_bytes(files[name])


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:5b1\nsize 267954768\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.safetensors", LFS, "is a pointer of Git LFS, not the file itself; run `git lfs pull`"),
        ("tokenizer.json", LFS, "is a pointer of Git LFS, not the file itself; run `git lfs pull`"),
        ("model.safetensors", b"", r"model.safetensors is damaged \("),
        ("model.safetensors", save({"w": np.zeros(9, np.float32)})[:-1], r"model.safetensors is damaged \("),
        ("tokenizer.json", b'{"model_type"', r"tokenizer.json is damaged \("),
        ("config.json", b"[]", "describes no model, not a distilbert"),
        ("tokenizer_config.json", None, "lacks tokenizer_config.json"),
    ],
)
def test_an_encoder_with_a_file_that_is_none_is_refused_and_the_old_one_stays(
    tmp_path, data_dir, name, content, message
):
    _, files = small_sources(tmp_path)
    folder = tmp_path / "encoder"
    folder.mkdir()
    write_encoder(folder, files)
    prepared = fetch(SOURCES["encoder"], file=folder)
    before = {path.name: path.read_bytes() for path in prepared.iterdir()}
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(WorkshopError, match=message) as error:
        fetch(SOURCES["encoder"], file=folder)
    assert "\n" not in str(error.value)
    assert {path.name: path.read_bytes() for path in prepared.iterdir()} == before


@pytest.fixture
def hub(tmp_path, data_dir, monkeypatch):
    """A Hub on this machine that holds a tiny encoder; gives (corpus, behaviour, prepared folder)."""
    sources, files = small_sources(tmp_path)
    corpus = sources["encoder"]
    sums = {name: hashlib.sha256(files[name]).hexdigest() for name in corpus.files}
    corpus = dataclasses.replace(corpus, sha256=sums)
    served = {url.removeprefix("https://huggingface.co/"): files[name] for name, url in corpus.files.items()}
    behaviour = Behaviour(served, ["ok"])
    with serve(behaviour) as address:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        yield corpus, behaviour, data_dir / "distilbert-base-uncased"


def test_the_encoder_comes_from_the_hub_by_its_commit(hub):
    corpus, behaviour, folder = hub
    seen = []
    assert fetch(corpus, progress=lambda done, total: seen.append((done, total))) == folder
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]
    )
    asked = [path for path, _ in behaviour.requests if "/resolve/" in path]
    assert sorted(asked) == sorted(
        f"/{corpus.repository}/resolve/{corpus.revision}/{path.name}" for path in folder.iterdir()
    )
    size = (folder / "model.safetensors").stat().st_size
    assert (size, size) in seen
    behaviour.acts = ["refuse"]
    assert fetch(corpus) == folder, "what is there as it should be is not fetched again"


def test_an_encoder_that_is_not_the_published_one_is_refused_and_the_next_try_starts_clean(hub):
    corpus, behaviour, folder = hub
    behaviour.acts = ["corrupted"]
    with pytest.raises(
        WorkshopError, match=r"sha256 is .+ Download it by hand and run `workshop fetch encoder"
    ):
        fetch(corpus)
    assert not folder.exists()
    behaviour.acts = ["ok"]
    assert fetch(corpus).is_dir()


def test_a_hub_that_fails_is_one_sentence_with_address_and_cause(hub, tmp_path, monkeypatch):
    corpus, behaviour, folder = hub
    behaviour.acts = ["refuse"]
    with pytest.raises(
        WorkshopError, match=r"/config.json could not be downloaded: the server answered 404\."
    ):
        fetch(corpus)
    behaviour.acts = ["web_page"]
    with pytest.raises(
        WorkshopError, match=r"not the Hub, perhaps the sign-in page .+; or check HF_ENDPOINT\."
    ):
        fetch(corpus)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WorkshopError, match="HF_HUB_OFFLINE is set; unset it"):
        fetch(corpus)
    assert not folder.exists()


def test_a_hub_that_is_busy_is_asked_again(hub):
    corpus, behaviour, folder = hub
    behaviour.heads_busy = 2
    assert fetch(corpus) == folder and behaviour.heads_busy <= 0


def test_a_hub_whose_certificate_is_not_trusted_is_named_at_once(hub, tmp_path, monkeypatch):
    corpus, behaviour, _ = hub
    certificate = self_signed(tmp_path / "cert.pem")
    with serve(behaviour, certificate) as address:
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        begin = time.monotonic()
        with pytest.raises(WorkshopError, match=r"certificate is not trusted.+SSL_CERT_FILE"):
            fetch(corpus)
        assert time.monotonic() - begin < 5


def test_the_encoder_is_pinned_to_a_commit_and_to_checksums():
    corpus = SOURCES["encoder"]
    assert len(corpus.revision) == 40 and all(corpus.revision in url for url in corpus.files.values())
    assert corpus.sha256.keys() == corpus.files.keys()
    # The one file of which everybody can write the text down: its checksum is this text's.
    text = b'{"do_lower_case": true, "model_max_length": 512}'
    name = "distilbert-base-uncased/tokenizer_config.json"
    assert corpus.sha256[name] == hashlib.sha256(text).hexdigest()


def test_the_command_shows_one_line_for_each_failure(tmp_path, data_dir):
    command = [sys.executable, "-m", "workshop_utils", "fetch", "products", "--mirror"]
    with serve(Behaviour({"ecommerceDataset.csv": b""}, ["web_page"])) as address:
        result = subprocess.run(
            [*command, address],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=os.environ | {"COLUMNS": "500"},
        )
    assert result.returncode == 1 and result.stderr == ""
    assert "products: " in result.stdout and "a web page came instead of the file" in result.stdout


def test_a_missing_hand_downloaded_file_is_one_sentence(data_dir, tmp_path):
    with pytest.raises(WorkshopError, match="There is no file"):
        fetch(SOURCES["poems"], file=tmp_path / "nowhere.zip")
