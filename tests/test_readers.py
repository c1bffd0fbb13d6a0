"""The original formats, in small files laid out exactly like the published ones."""

import bz2
import gzip
import io
import itertools
import json
import lzma
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


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty; download it again"),
        (b"not an archive", "should have the columns review and sentiment, and has not an archive"),
        (b"\x1f\x8b\x08 broken", r"is damaged \(.+\); download it again"),
        (b"PK\x05\x06" + bytes(18), "holds no film reviews, .*; it holds no files"),
        (
            b"Rar!\x1a\x07\x00rest",
            "cannot be read here, because it is a RAR archive: unpack it, and give the",
        ),
        (b"PAR1\x15\x04", "cannot be read here, because it is a Parquet file: take the file that"),
    ],
)
def test_what_is_no_archive_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "aclImdb_v1.tar.gz"
    path.write_bytes(content)
    with pytest.raises(WorkshopError, match=rf"^aclImdb_v1\.tar\.gz {sentence}"):
        readers.read_imdb(path)


@pytest.mark.parametrize("kept", [9, 40, 300, 900])
def test_a_truncated_archive_is_one_sentence(tmp_path, kept):
    path = imdb_tar(
        tmp_path / "aclImdb_v1.tar.gz", {f"train/pos/{n}_8.txt": str(n) * 4000 for n in range(50)}
    )
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WorkshopError, match=r"aclImdb_v1\.tar\.gz is damaged \(.+\); download it again\.$"):
        readers.read_imdb(path)


def test_a_review_that_is_not_utf_8_is_one_sentence(tmp_path):
    folder = tmp_path / "aclImdb" / "train" / "pos"
    folder.mkdir(parents=True)
    (folder / "0_9.txt").write_bytes("schön".encode("latin-1"))
    with pytest.raises(
        WorkshopError, match=r"^aclImdb/train/pos/0_9\.txt is not UTF-8 .* as it was published"
    ):
        readers.read_imdb(tmp_path / "aclImdb")


IMDB_CSV = b"review,sentiment\ngood,positive\nbad,negative\n"
PRODUCTS = 'Household,"Steel box, 2 pcs"\nBooks,Süß\n'.encode()


def mac_zip(path, files):
    """A zip as the Mac's Finder makes it: a folder entry, and for each file one with its attributes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/", b"")
        archive.writestr("folder/.DS_Store", b"\0\0\0\1Bud1")
        for name, content in files.items():
            archive.writestr(f"folder/{name}", content)
            archive.writestr(f"__MACOSX/folder/._{name}", b"\0\5\x16\7 attributes")
    return path


@pytest.mark.parametrize(
    "name", ["archive.zip", "x.CSV", "x.csv.gz", "x.csv.xz", "x.csv.bz2", "x", "folder", "t.tgz"]
)
@pytest.mark.parametrize(
    ("read", "csv"),
    [(readers.read_imdb, IMDB_CSV), (readers.read_ecommerce, PRODUCTS)],
    ids=["reviews", "products"],
)
def test_a_csv_is_taken_in_every_form_in_which_people_have_it(tmp_path, read, csv, name):
    path = tmp_path / name
    packers = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}
    if name == "folder":
        (path / "__MACOSX").mkdir(parents=True)
        (path / "__MACOSX" / "._IMDB Dataset.csv").write_bytes(b"\0\5")
        (path / "IMDB Dataset.csv").write_bytes(csv)
    elif name == "archive.zip":
        mac_zip(path, {"IMDB Dataset.csv": csv, "readme.txt": b"hello"})
    elif name == "t.tgz":
        with tarfile.open(path, "w:gz") as archive:
            member = tarfile.TarInfo("data/Some.CSV")
            member.size = len(csv)
            archive.addfile(member, io.BytesIO(csv))
    else:
        path.write_bytes(packers.get(path.suffix, bytes)(csv))
    frame = read(path)
    assert len(frame) == 2 and frame.iloc[0, 0] in ("good", "Household")


def test_two_tables_are_not_guessed_among(tmp_path):
    path = mac_zip(tmp_path / "archive.zip", {"a.csv": IMDB_CSV, "b.csv": IMDB_CSV})
    with pytest.raises(WorkshopError, match=r"archive\.zip holds 2 tables \(folder/a\.csv, folder/b\.csv\)"):
        readers.read_imdb(path)


@pytest.mark.parametrize("content", [PRODUCTS.decode().encode("latin-1"), b'a,"b\nc', b"\xff\xfea\0"])
def test_a_csv_that_is_none_is_one_sentence(tmp_path, content):
    path = tmp_path / "ecommerceDataset.csv"
    path.write_bytes(content)
    with pytest.raises(WorkshopError, match=r"^ecommerceDataset\.csv is no CSV table: "):
        readers.read_ecommerce(path)


def test_a_locked_zip_is_one_sentence(tmp_path):
    path = mac_zip(tmp_path / "archive.zip", {"IMDB Dataset.csv": IMDB_CSV})
    path.write_bytes(locked(path.read_bytes()))
    with pytest.raises(
        WorkshopError, match=r"^archive\.zip is locked by a password; unpack it, and give the"
    ):
        readers.read_imdb(path)


def locked(content):
    """The zip with the flag of encryption at each entry of its directory."""
    content = bytearray(content)
    place = content.find(b"PK\1\2")
    while place >= 0:
        content[place + 8] |= 1
        place = content.find(b"PK\1\2", place + 4)
    return bytes(content)


def test_a_dlk_zip_made_anew_on_a_mac_is_read(tmp_path):
    path = dlk_zip(tmp_path / "dlk.zip", POEMS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/DLK/meterized/json_DLK_v6/._dta.poem.1.json", b"\0\5\x16\7")
    assert len(readers.read_dlk(path)) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"dta.poem.1": {"poem": ', "JSONDecodeError"),
        (b'{"dta.poem.1": {"poem": {}}}', "KeyError: 'metadata'"),
        (b"[]", "AttributeError"),
        ('{"ä"'.encode("latin-1"), "not UTF-8"),
    ],
)
def test_a_poem_in_another_form_is_one_sentence(tmp_path, content, reason):
    path = tmp_path / "dlk.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("DLK/json_DLK_v6/1.json", content)
    with pytest.raises(WorkshopError, match=rf"^DLK/json_DLK_v6/1\.json is .*{reason}.*; take the"):
        readers.read_dlk(path)


ARRAYS = {
    "x_train": np.arange(3 * 784, dtype=np.uint8).reshape(3, 28, 28),
    "y_train": np.array([7, 0, 9], np.uint8),
    "x_test": np.ones((2, 28, 28), np.uint8),
    "y_test": np.array([1, 2], np.uint8),
}
IDX = {
    "train-images-idx3-ubyte": "x_train",
    "train-labels-idx1-ubyte": "y_train",
    "t10k-images-idx3-ubyte": "x_test",
    "t10k-labels-idx1-ubyte": "y_test",
}


def idx(array):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def npz(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


MNIST_FORMS = {
    "npz": {"mnist.npz": npz(ARRAYS)},
    "idx": {name: idx(ARRAYS[key]) for name, key in IDX.items()},
    "idx, packed": {f"{name}.gz": gzip.compress(idx(ARRAYS[key])) for name, key in IDX.items()},
    "idx, as on Windows": {name.replace("-idx", ".idx"): idx(ARRAYS[key]) for name, key in IDX.items()},
}


@pytest.mark.parametrize(
    ("form", "container"),
    [*itertools.product(MNIST_FORMS, ["folder", "zip"]), ("npz", "file")],
)
def test_mnist_is_taken_in_every_form_in_which_people_have_it(tmp_path, form, container):
    files = MNIST_FORMS[form]
    path = tmp_path / "mnist"
    if container == "zip":
        mac_zip(path, files)
    else:
        path.mkdir()
        for name, content in files.items():
            (path / name).write_bytes(content)
    arrays = readers.read_mnist(path / "mnist.npz" if container == "file" else path)
    assert all((arrays[name] == ARRAYS[name]).all() for name in ARRAYS) and len(arrays) == 4


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("mnist.npz", b"", "is empty"),
        ("mnist.npz", npz(ARRAYS)[:400], "is no MNIST file: it holds no NumPy arrays, is damaged"),
        (
            "mnist.npz",
            npz(ARRAYS | {"x_test": np.array([{}])}),
            "is no MNIST file: .*objects and not numbers",
        ),
        ("mnist.npz", npz(ARRAYS | {"x_test": np.zeros((2, 28, 28))}), "is no MNIST file: x_test is float64"),
        (
            "mnist.npz",
            npz(ARRAYS | {"x_test": np.zeros((5, 28, 28), np.uint8)}),
            "is no MNIST file: x_test is",
        ),
        ("mnist.npy", b"\x93NUMPY\1\0", "is no MNIST file"),
        (
            "mnist.pkl",
            b"\x80\4",
            "is a pickle, a program that may do anything when it is opened; take Keras'",
        ),
        ("mnist.pkl.gz", gzip.compress(b"\x80\4"), "is a pickle"),
        (
            "train-images-idx3-ubyte",
            idx(ARRAYS["x_train"])[:-1],
            "is no idx file of bytes, or is not complete",
        ),
        (
            "train-images-idx3-ubyte",
            idx(ARRAYS["x_train"]),
            "is no MNIST file: x_test, y_test, y_train missing",
        ),
        ("mnist_train.csv", b"label,1x1\n5,0\n", "is no MNIST file"),
    ],
)
def test_what_is_no_mnist_file_is_one_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WorkshopError, match=f"^{name} {sentence}.*\\.$") as error:
        readers.read_mnist(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_folder_without_mnist_says_what_it_holds(tmp_path):
    (tmp_path / "photo.png").write_bytes(b"\x89PNG")
    with pytest.raises(WorkshopError, match=r"holds no MNIST file; take .*; it holds .*photo\.png\."):
        readers.read_mnist(tmp_path)
