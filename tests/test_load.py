"""Loaders: fixed columns, one line that says what was taken, one sentence when something is wrong."""

import gzip

import numpy as np
import pandas as pd
import pytest

from workshop_utils.data import (
    load,
    load_digits,
    load_poems,
    load_products,
    load_reviews,
    read_table,
    schemas,
)
from workshop_utils.data.schemas import validate
from workshop_utils.errors import WorkshopError


@pytest.mark.parametrize(
    ("loader", "columns"),
    [
        (load_products, ["category", "description"]),
        (load_reviews, ["review_id", "written_at", "channel", "review", "sentiment", "split"]),
        (load_poems, ["author", "title", "text"]),
    ],
)
def test_the_bundled_sample_has_the_documented_columns(loader, columns, capsys):
    frame = loader("sample")
    assert list(frame.columns) == columns
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert "bundled sample data/" in line and f"{len(frame):,} rows" in line


def test_the_small_digits_are_split_the_same_way_each_time(capsys):
    first, second = load_digits("sample"), load_digits("sample")
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert first.x_train.shape == (1347, 8, 8) and first.x_test.shape == (450, 8, 8)
    assert first.x_train.dtype == np.uint8 and int(first.x_train.max()) == 16


def test_auto_takes_the_original_where_it_is(data_dir, capsys):
    assert len(load_products("auto")) > 100
    path = data_dir / "products.csv.gz"
    path.write_bytes(gzip.compress("category,description\nBooks,Ein Märchen\nBooks,\n".encode()))
    frame = load_products("auto")
    assert frame["description"].tolist()[0] == "Ein Märchen" and frame["description"].isna().tolist() == [
        False,
        True,
    ]
    assert len(load_products("sample")) > 100


@pytest.mark.parametrize("loader", [load_products, load_reviews, load_poems, load_digits])
def test_a_missing_original_says_how_to_get_it(data_dir, loader):
    with pytest.raises(WorkshopError, match="workshop fetch"):
        loader("full")


def test_an_unknown_source_is_refused():
    with pytest.raises(WorkshopError, match="'auto', 'sample' or 'full'"):
        load_poems("ful")


def test_a_damaged_bundled_file_is_noticed(tmp_path, monkeypatch, data_dir):
    from workshop_utils.data import checksums

    monkeypatch.setattr(load, "BUNDLED", tmp_path)
    (tmp_path / "poems.csv").write_text("author,title,text\n", encoding="utf-8")
    with pytest.raises(WorkshopError, match="checksum differs"):
        load_poems()
    assert checksums.read_sums(checksums.BUNDLED_SUMS)


def test_a_frame_of_another_form_is_refused_with_column_and_example():
    frame = pd.DataFrame({"author": ["A", " "], "title": ["", ""], "text": ["a", "b"]})
    with pytest.raises(WorkshopError, match="author: must not be blank"):
        validate(frame, schemas.POEMS, "poems.csv")
    with pytest.raises(WorkshopError, match="does not have the expected form"):
        validate(frame.drop(columns="text"), schemas.POEMS, "poems.csv")


HOSTILE = [
    "Grüße, Straße, ÄÖÜ ẞ",
    "👩‍👩‍👧‍👦 emoji 🇮🇳",
    "हिन्दी में लिखा",
    'quotes "inside", and\na line break',
    "x" * 200_000,
    "nul\u200bwidth \u202eright to left",
    "NA",
    "null",
]


def test_any_csv_becomes_label_and_text(tmp_path, capsys):
    path = tmp_path / "mine.csv"
    frame = pd.DataFrame({"id": range(len(HOSTILE)), "Text": HOSTILE, "Class": "k"})
    frame.to_csv(path, index=False, encoding="utf-8-sig")
    table = read_table(path, "Text", "Class")
    assert list(table.columns) == ["label", "text"]
    assert table["text"].iloc[:6].tolist() == HOSTILE[:6]


def test_bytes_that_are_not_utf8_are_counted_and_lose_no_row(tmp_path, capsys):
    path = tmp_path / "latin.csv"
    path.write_bytes("t,l\nGrüße,a\nplain,b\n".encode("latin-1"))
    table = read_table(path, "t", "l")
    assert len(table) == 2
    assert "1 texts hold bytes that are not UTF-8" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"a,b\n1,2\n", "has no column 't'; its columns are 'a', 'b'"),
        (None, "There is no file"),
    ],
)
def test_a_wrong_table_is_one_sentence(tmp_path, content, said):
    path = tmp_path / "t.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WorkshopError, match=said):
        read_table(path, "t", "l")
