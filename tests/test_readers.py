"""The original formats, in small files laid out exactly like the published ones."""

import io
import json
import tarfile
import zipfile

import numpy as np
import pytest

from workshop_utils.data import readers
from workshop_utils.errors import WorkshopError

REVIEWS = {
    "train/pos/0_9.txt": "Bright, brave, schön. 🎬<br /><br />Again!",
    "train/neg/0_3.txt": "Two hours I will not get back.",
    "train/unsup/0_0.txt": "Nobody labelled me.",
    "test/pos/1_10.txt": "नमस्ते, what a film.",
    "test/neg/7_1.txt": "",
    "imdb.vocab": "the\n",
}


def imdb_tar(path, files=REVIEWS):
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            content = text.encode("utf-8")
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def dlk_zip(path, poems):
    with zipfile.ZipFile(path, "w") as archive:
        for number, (author, title, stanzas) in enumerate(poems, start=1):
            poem = {
                f"stanza.{s}": {
                    f"line.{n}": {"text": line, "tokens": line.split(), "measure": "iambic.tri"}
                    for n, line in enumerate(lines, start=1)
                }
                for s, lines in enumerate(stanzas, start=1)
            }
            metadata = {"author": {"name": author, "birth": "N.A.", "death": "N.A."}, "title": title}
            content = {f"dta.poem.{number}": {"metadata": metadata, "poem": poem}}
            name = f"DLK-ef0b62054/DLK/meterized/json_DLK_v6/dta.poem.{number}.json"
            archive.writestr(name, json.dumps(content))
        archive.writestr("DLK-ef0b62054/README.md", "not a poem")
    return path


POEMS = [
    ("Goethe, Johann Wolfgang", "Übers Jahr", [["Süßer Ton,", "kühles Maß."], ["Noch ein Vers."]]),
    ("Mörike, Eduard", "Nicht gefragt", [["Ein anderer Dichter."]]),
    ("Tucholsky, Kurt", "N.A.", [["Na ja – so ist das."]]),
]


def check_imdb(frame):
    assert sorted(zip(frame["split"], frame["sentiment"], frame["rating"], strict=True)) == [
        ("test", "negative", 1),
        ("test", "positive", 10),
        ("train", "negative", 3),
        ("train", "positive", 9),
    ]
    assert "नमस्ते, what a film." in set(frame["review"])


def test_imdb_archive(tmp_path):
    check_imdb(readers.read_imdb(imdb_tar(tmp_path / "aclImdb_v1.tar.gz")))


def test_imdb_folder_tree(tmp_path):
    with tarfile.open(imdb_tar(tmp_path / "a.tar.gz")) as archive:
        archive.extractall(tmp_path, filter="data")
    check_imdb(readers.read_imdb(tmp_path / "aclImdb"))


def test_imdb_csv_is_split_without_leaks(tmp_path):
    path = tmp_path / "IMDB Dataset.csv"
    rows = [f'"Film {n}, ""quoted"" ü",{"positive" if n % 2 else "negative"}' for n in range(20)]
    path.write_text("review,sentiment\n" + "\n".join([*rows, rows[0]]) + "\n", encoding="utf-8")
    frame = readers.read_imdb(path)
    assert len(frame) == 21
    assert frame.groupby("review")["split"].nunique().max() == 1
    halves = frame.drop_duplicates("review").groupby(["sentiment", "split"]).size()
    assert set(halves) == {5}


def test_imdb_csv_with_other_columns_is_refused(tmp_path):
    path = tmp_path / "IMDB Dataset.csv"
    path.write_text("text,label\na,b\n", encoding="utf-8")
    with pytest.raises(WorkshopError, match="review and sentiment"):
        readers.read_imdb(path)


def test_ecommerce_csv_has_no_header(tmp_path):
    path = tmp_path / "ecommerceDataset.csv"
    path.write_text('Household,"Steel box, 2 pcs"\nBooks,\nElectronics,"मोबाइल ""Pro"""\n', encoding="utf-8")
    frame = readers.read_ecommerce(path)
    assert list(frame.columns) == ["category", "description"]
    assert frame["category"].tolist() == ["Household", "Books", "Electronics"]
    assert frame["description"].isna().tolist() == [False, True, False]
    assert frame["description"].iloc[2] == 'मोबाइल "Pro"'


def test_lyrik_korpus_keeps_the_three_poets_and_their_stanzas(tmp_path):
    frame = readers.read_dlk(dlk_zip(tmp_path / "dlk.zip", POEMS))
    assert frame["author"].tolist() == ["Goethe, Johann Wolfgang", "Tucholsky, Kurt"]
    assert frame["text"].iloc[0] == "Süßer Ton,\nkühles Maß.\n\nNoch ein Vers."


def test_mnist_needs_its_four_arrays(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=np.zeros((3, 28, 28), np.uint8))
    with pytest.raises(WorkshopError, match="x_test, y_test, y_train missing"):
        readers.read_mnist(path)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08 broken"])
def test_a_broken_archive_is_one_sentence(tmp_path, content):
    path = tmp_path / "aclImdb_v1.tar.gz"
    path.write_bytes(content)
    with pytest.raises(WorkshopError, match="cannot be read as an archive"):
        readers.read_imdb(path)


def test_a_truncated_archive_is_one_sentence(tmp_path):
    path = imdb_tar(
        tmp_path / "aclImdb_v1.tar.gz", {f"train/pos/{n}_8.txt": str(n) * 4000 for n in range(50)}
    )
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(WorkshopError, match="cannot be read as an archive"):
        readers.read_imdb(path)
