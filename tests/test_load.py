"""Loaders: fixed columns, one line that says what was taken, one sentence when something is wrong."""

import gzip
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from workshop_utils.data import (
    load_digits,
    load_poems,
    load_products,
    load_reviews,
    read_table,
    schemas,
)
from workshop_utils.data.schemas import validate
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT


@pytest.mark.parametrize(
    ("loader", "columns"),
    [
        (load_products, ["category", "description"]),
        (load_reviews, ["review_id", "written_at", "channel", "review", "sentiment", "split"]),
        (load_poems, ["author", "title", "text"]),
    ],
)
def test_the_bundled_sample_has_the_documented_columns_and_says_what_it_is(loader, columns, caplog, capsys):
    caplog.set_level("INFO", "workshop_utils")
    frame = loader("sample")
    assert list(frame.columns) == columns
    (line,) = caplog.messages
    assert "bundled sample data/" in line and f"{len(frame):,} rows" in line
    assert capsys.readouterr() == ("", ""), "the package logs; it does not print"


def test_the_small_digits_are_split_the_same_way_each_time(caplog):
    caplog.set_level("INFO", "workshop_utils")
    first, second = load_digits("sample"), load_digits("sample")
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert first.x_train.shape == (1347, 8, 8) and first.x_test.shape == (450, 8, 8)
    assert first.x_train.dtype == np.uint8 and int(first.x_train.max()) == 16
    assert caplog.messages == ["digits: scikit-learn's 8x8 digits, 1,797 images"] * 2


def test_auto_takes_the_original_where_it_is(data_dir):
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


def test_a_damaged_or_missing_bundled_file_is_noticed(tmp_path, monkeypatch, data_dir):
    monkeypatch.setattr("workshop_utils.data.bundled.BUNDLED", tmp_path)
    with pytest.raises(WorkshopError, match=r"poems\.csv is missing; "):
        load_poems()
    (tmp_path / "poems.csv").write_text("author,title,text\n", encoding="utf-8")
    with pytest.raises(WorkshopError, match="checksum differs"):
        load_poems()


LOADS = "from workshop_utils.data import load_poems\nframe = load_poems('sample')\n"
CELL = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell({LOADS!r}, store_history=False).raise_error()
shell.run_cell("%%capture caught\\nframe = load_poems('sample')").raise_error()
shell.run_cell("assert str(caught).startswith('poems: bundled sample')").raise_error()
"""


@pytest.mark.parametrize(("code", "lines"), [(CELL, 1), (LOADS, 0)], ids=["in a notebook", "elsewhere"])
def test_what_was_loaded_is_seen_in_the_cell_and_nowhere_else(tmp_path, code, lines):
    environment = os.environ | {"IPYTHONDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        check=True,
    )
    seen = [
        line
        for line in result.stdout.splitlines()
        if line.startswith("poems: bundled sample data/poems.csv, ")
    ]
    assert len(seen) == len(result.stdout.splitlines()) == lines and "poems:" not in result.stderr


def test_the_command_shows_a_warning_of_the_package_as_one_line_on_the_error_stream(tmp_path):
    (tmp_path / "latin.csv").write_bytes("t,l\nGrüße,a\n".encode("latin-1"))
    code = (
        "import sys, workshop_utils.cli as cli\n"
        "from workshop_utils.data import read_table\n"
        f"cli.app = lambda **_: read_table({str(tmp_path / 'latin.csv')!r}, 't', 'l')\n"
        "cli.main()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (result.returncode, result.stdout) == (0, "")
    assert len(result.stderr.splitlines()) == 1 and "read as Windows-1252 (cp1252)" in result.stderr


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


def test_any_csv_becomes_label_and_text(tmp_path):
    path = tmp_path / "mine.csv"
    frame = pd.DataFrame({"id": range(len(HOSTILE)), "Text": HOSTILE, "Class": "01"})
    frame.to_csv(path, index=False, encoding="utf-8-sig")
    table = read_table(path, "Text", "Class")
    assert list(table.columns) == ["label", "text"]
    assert table["text"].tolist() == HOSTILE and set(table["label"]) == {"01"}


def test_only_an_empty_field_is_missing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("t,l\nNA,None\n,null\nn/a,\n", encoding="utf-8")
    table = read_table(path, "t", "l")
    assert table.isna().to_numpy().tolist() == [[False, False], [False, True], [True, False]]
    assert table["label"].tolist()[:2] == ["None", "null"] and table["text"].tolist()[::2] == ["NA", "n/a"]


def test_what_was_found_and_what_does_not_fit_is_told(tmp_path, caplog):
    path = tmp_path / "latin.csv"
    path.write_bytes("t;l\nplain;Käse\nfew\nmany;a;b\n".encode("latin-1"))
    table = read_table(path, "t", "l")
    assert table["label"].tolist() == ["Käse"]
    encoding, bad = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert "Windows-1252" in encoding and "'Käse'" in encoding
    assert "2 rows do not fit" in bad and "line 3: 1 fields instead of 2; line 4: 3 fields" in bad


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"t,l\n", "has no rows"),
        (b"a,b\n1,2\n", "has no column 't'; its columns are 'a', 'b'"),
        (None, "There is no file"),
    ],
)
def test_a_wrong_table_is_one_sentence(tmp_path, content, message):
    path = tmp_path / "t.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WorkshopError, match=message):
        read_table(path, "t", "l")
