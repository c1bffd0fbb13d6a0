"""One reader for people's tables: every row comes back as it was typed, or is told with line and reason."""

import bz2
import csv
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from datetime import datetime
from itertools import islice

import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workshop_utils.data import tables
from workshop_utils.data.tables import delimited, lines, merge_spellings, open_table, read_labelled
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT

PLAIN = b"text,label\nsoup,food\ntea,drink\n"
ROWS = [["soup", "food"], ["tea", "drink"]]


@pytest.fixture
def table(tmp_path):
    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


def rows_of(path, column=None):
    """Fields of the good rows, (line, reason) of the bad ones, and the notes."""
    with open_table(path, column) as reader:
        records = list(reader.records())
        notes = reader.notes
    good = [record.fields for record in records if not record.problem]
    return good, [(record.line, record.problem) for record in records if record.problem], notes


def refused(path, column=None):
    """The one sentence by which a file is refused."""
    with pytest.raises(WorkshopError) as error, open_table(path, column) as reader:
        list(reader.records())
    sentence = str(error.value)
    assert "\n" not in sentence and len(sentence) < 700 and sentence.endswith(".")
    return sentence


# --- layout ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_delimiter_line_ends_and_byte_order_mark_are_found(table, mark, end, bom):
    content = bom + end.join(["text" + mark + "label", f'"a{mark} b"{mark}food', f'"two\nlines"{mark}x', ""])
    assert rows_of(table(content)) == ([[f"a{mark} b", "food"], ["two\nlines", "x"]], [], [])


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"'])
def test_excels_first_line_names_the_delimiter(table, first):
    path = table(f"{first}\r\ntext;label\r\nSuppe, warm;Essen\r\n")
    with open_table(path, "text") as reader:
        assert [record[:2] for record in reader.records()] == [(3, ["Suppe, warm", "Essen"])]
    assert rows_of(table("sep=#\ntext#label\na,b;c#d\n"))[0] == [["a,b;c", "d"]]


def test_the_delimiter_is_that_by_which_the_header_has_the_column(table):
    path = table("a,b;text;label\n1,5;soup;food\n")
    assert rows_of(path, "text")[0] == [["1,5", "soup", "food"]]
    assert rows_of(table("id;note, long;text\n1;x;a, b, c, d\n"), "text")[0] == [["1", "x", "a, b, c, d"]]


def test_a_single_column_keeps_its_commas_where_no_row_fits_otherwise(table):
    assert rows_of(table("text\nHello, world\nGood, bye\n"), "text")[0] == [["Hello, world"], ["Good, bye"]]


def test_lines_and_columns_that_are_empty_are_passed_over(table):
    path = table("\n\r\ntext,label\n\nsoup,food\n\n\ntea,drink\n\n")
    with open_table(path) as reader:
        assert [(record.line, record.fields) for record in reader.records()] == [(5, ROWS[0]), (8, ROWS[1])]


def test_delimiters_at_the_ends_of_rows_shift_no_column(table):
    good, bad, notes = rows_of(table("id,text,label\n1,warm soup,food,\n2,cold tea,drink,\n"))
    assert good == [["1", "warm soup", "food"], ["2", "cold tea", "drink"]] and bad == []
    assert notes == ["Rows end with delimiters that the header lacks; they are left out."]
    good, bad, _ = rows_of(table("id,text,label\n1,warm soup,food,\n2,cold tea,drink\n3,bread,food\n"))
    assert bad == [(2, "4 fields instead of 3")] and len(good) == 2
    good, bad, _ = rows_of(table("id,text,label,,\n1,soup,food\n2,tea,drink,,\n"))
    assert good == [["1", "soup", "food", "", ""], ["2", "tea", "drink", "", ""]] and bad == []


def test_blanks_behind_delimiters_are_no_part_of_names_and_fields(table):
    path = table('id, text, label\n1, "soup, warm", food\n2, tea, drink\n')
    good, _, notes = rows_of(path, "text")
    assert good == [["1", "soup, warm", "food"], ["2", "tea", "drink"]]
    assert notes == ["Blanks behind delimiters are left out."]
    assert rows_of(table("id, text\n1, a\n2,b\n"))[0] == [["1", " a"], ["2", "b"]], "not everywhere"
    assert rows_of(table("text\n a\n"))[0] == [[" a"]]


def test_names_are_compared_in_one_unicode_form_and_must_be_there_once(table):
    with open_table(table("Gu\u0308te,x\ngut,1\n"), "G\u00fcte") as reader:
        assert reader.index("Gu\u0308te") == reader.index("G\u00fcte") == 0
    assert "has more than one column 'text'" in refused(table("text,text\na,b\n"), "text")
    good, _, _ = rows_of(table("text,id,id\na,1,2\n"), "text")
    assert good == [["a", "1", "2"]], "another name may stand there twice"
    assert "has no column 'question'; its columns are 'text', 'label'." in refused(table(PLAIN), "question")


@pytest.mark.parametrize(("name", "asked"), [("text", "Text"), (" text ", "text"), ("te\u0301xt", "text")])
def test_a_column_of_nearly_the_name_is_proposed(table, name, asked):
    assert refused(table(f"{name},label\na,b\n"), asked).endswith(f"; perhaps {name!r} is meant.")


def test_of_three_thousand_columns_some_are_named(table):
    wide = ",".join(f"column_{n}" for n in range(3000))
    path = table(f"{wide}\n{','.join('1' * 3000)}\n")
    assert len(rows_of(path, "column_2999")[0][0]) == 3000
    assert "'column_9' and 2,990 more." in refused(path, "text")
    assert len(refused(table(f"{'x' * 5000},{'y' * 5000}\n1,2\n"), "text")) < 200


# --- rows that do not fit --------------------------------------------------------------------------------


def test_rows_with_too_few_or_too_many_fields_stand_with_line_and_reason(table):
    good, bad, _ = rows_of(table('id,text\n1,a\n2\n"3\n",b\n4,b,c\n5,d\n'))
    assert good == [["1", "a"], ["3\n", "b"], ["5", "d"]]
    assert bad == [(3, "1 fields instead of 2"), (6, "3 fields instead of 2")]


def test_two_stray_quotes_swallow_no_row(table):
    rows = [f"{n},soup {n}" for n in range(1, 41)]
    rows[9], rows[19] = '10,"5 inch pan', '20,"7 inch pan'
    good, bad, _ = rows_of(table("id,text\n" + "\n".join(rows) + "\n"))
    assert [line for line, _ in bad] == [11, 21] and all("quote" in reason for _, reason in bad)
    assert [row[0] for row in good] == [str(n) for n in range(1, 41) if n not in (10, 20)]


def test_two_stray_quotes_in_a_small_table_swallow_no_row(table):
    path = table('id,text\n1,"5 inch pan\n2,soup\n3,tea\n4,"7 inch pan\n5,milk\n')
    with open_table(path) as reader:
        records = list(reader.records())
    assert [record.fields for record in records if not record.problem] == [["2", "soup"], ["3", "tea"]]
    assert [record.raw for record in records if record.problem] == ['1,"5 inch pan', '4,"7 inch pan\n5,milk']


def test_a_broken_quote_takes_all_lines_along_that_may_belong_to_its_field(table):
    path = table('text,label\n"He said "no" and\nleft, then\ncame, back",x\nsoup,food\n')
    with open_table(path) as reader:
        bad, good = list(reader.records())
    assert bad.raw.startswith('"He said') and bad.raw.endswith('back",x') and bad.line == 2
    assert good.fields == ["soup", "food"]
    path = table('text,label\n"Dear all,\nthanks, you are 5 "feet tall\nbye, all",x\nsoup,food\n')
    assert [["soup", "food"]] == [row for row in rows_of(path)[0] if row[1] == "food"] == rows_of(path)[0]


def test_between_two_rows_with_odd_quotes_all_rows_stay(table):
    rows = [f"{n},soup {n}" for n in range(40)]
    rows[5], rows[30] = '5,"5 inch pan', '30,the "best" pan'
    good, bad, _ = rows_of(table("id,text\n" + "\n".join(rows) + "\n"))
    assert [line for line, _ in bad] == [7, 32] and len(good) == 38
    assert ["30", 'the "best" pan'] in rows_of(table('id,text\n1,a\n30,the "best" pan\n'))[0]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_one_quote_too_many_or_too_few_anywhere_changes_no_other_row_in_silence(scratch, quoting):
    rows = [
        [str(n), text, "ab"[n % 2]]
        for n, text in enumerate(["soup, warm", "tea", "Dear all,\nbye, x", 'a "b" c'] * 3)
    ]
    rows[4][1] = "two\nlines, and\nthree, of them"
    whole = written(rows, quoting=quoting, lineterminator="\n")
    original = {tuple(field.replace('"', "") for field in row) for row in rows}
    places = range(whole.index("\n") + 1, len(whole))
    broken = [whole[:at] + '"' + whole[at:] for at in places]
    broken += [whole[:at] + whole[at + 1 :] for at in places if whole[at] == '"']
    for content in broken:
        scratch.write_text(content, encoding="utf-8", newline="")
        good, bad, notes = rows_of(scratch, "text")
        assert {tuple(field.replace('"', "") for field in row) for row in good} <= original or bad or notes
        assert len(good) >= 9, content


def test_a_quote_behind_a_backslash_is_named(table):
    good, bad, _ = rows_of(table('text,label\n"she said \\"no\\"",a\nsoup,b\n"\\"yes\\"",c\n"a, b",d\n'))
    assert good == [["soup", "b"], ["a, b", "d"]]
    assert [line for line, _ in bad] == [2, 4] and all("behind a backslash" in reason for _, reason in bad)
    assert rows_of(table('text,label\n"C:\\",a\n'))[0] == [["C:\\", "a"]]


def test_a_quote_that_is_never_closed_gives_no_line_of_a_text_as_a_row(table):
    good, bad, _ = rows_of(table('text,label\nsoup,food\n"Dear all,\nthanks, bye\n'))
    assert good == [["soup", "food"]] and bad == [(3, "a quote is never closed")]


def test_behind_a_quote_that_is_never_closed_many_rows_are_still_rows(table):
    path = table('id,text\n1,"open\n' + "".join(f"{n},fine\n" for n in range(2, 500)))
    good, bad, _ = rows_of(path)
    assert bad == [(2, "a quote is never closed")] and len(good) == 498


def test_a_field_that_looks_like_rows_is_told(table):
    good, bad, notes = rows_of(table('id,text\n1,"5 inch pan\n2,soup\n3,tea 7"\n4,milk\n'))
    assert len(good) == 2 and bad == [] and "line 2 goes on over lines that look like rows" in notes[0]
    assert rows_of(table('id,text\n1,"roses, red\nviolets, blue\nsugar, sweet"\n2,x\n'))[2] == []


@pytest.mark.parametrize(("inside", "kept"), [("\r", "\r"), ("\n", "\n"), ("\r\n", "\r\n"), ("\0", "\0")])
def test_line_breaks_and_zeros_within_quotes_stay(table, inside, kept):
    assert rows_of(table(f'text,label\n"a{inside}b",x\n'))[0] == [[f"a{kept}b", "x"]]


def test_a_bare_carriage_return_outside_quotes_merges_no_rows(table):
    assert rows_of(table("id,text\n1,a\rb\n2,c\n"))[0] == [["1", "a\rb"], ["2", "c"]]
    assert rows_of(table("id,text\n1,a\r2,b\n3,c\n"))[1] == [(2, "3 fields instead of 2")]
    assert rows_of(table("text\na\rb\nc\n"))[1] == [(2, "a line break outside quotes")]


def test_zeros_are_told(table):
    good, _, notes = rows_of(table("text,label\na\0b,x\n"))
    assert good == [["a\0b", "x"]] and "zero characters" in notes[0]


def test_huge_fields_are_read_and_endless_ones_reported(table, monkeypatch):
    huge = "ü" * 3_000_000
    assert rows_of(table(f"text,label\n{huge},a\nb,c\n"))[0] == [[huge, "a"], ["b", "c"]]
    monkeypatch.setattr(delimited, "FIELD_LIMIT", 1000)
    assert rows_of(table(f"text,label\n{huge},a\nb,c\n"))[:2] == ([["b", "c"]], [(2, "a field is too long")])
    monkeypatch.setattr(lines, "LINE_LIMIT", 1_000_000)
    assert "line 2 has more than" in refused(table(f"text,label\n{huge},a\nb,c\n"))


def test_a_last_line_without_end_is_told(table):
    good, _, notes = rows_of(table("text,label\nsoup,food\ntea,dri"))
    assert good[-1] == ["tea", "dri"] and "last line has no line end" in notes[0]


# --- encodings -------------------------------------------------------------------------------------------

GERMAN = "text,label\nSüße Suppe – 5 €,Essen\nTee,Getränke\n"


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_other_encodings_are_read_and_named(table, codec):
    good, bad, notes = rows_of(table(GERMAN.encode(codec)))
    assert good == [["Süße Suppe – 5 €", "Essen"], ["Tee", "Getränke"]] and bad == []
    spoken = {"cp1252": "Windows-1252 (cp1252), for example 'Süße'"}.get(codec, codec.upper())
    assert len(notes) == 1 and spoken in notes[0]


@pytest.mark.parametrize("text", ["текст,метка\nсуп,еда\n", "文本,标签\n汤很好喝,食物\n"])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf16_without_latin_letters_is_known(table, text, codec):
    assert rows_of(table(text.encode(codec)))[0] == [text.splitlines()[1].split(",")]


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("текст,метка\nОчень хороший фильм,хорошо\nплохой суп,плохо\n", "cp1251"),
        ("text,label\nZażółć gęślą jaźń,dobry\nŁódź jest piękna,zły\n", "cp1250"),
        ("text,label\n今日はとても良い天気です,良い\n映画はつまらない,悪い\n", "cp932"),
        ("text,label\n今天天气很好我们去公园,好\n这部电影太无聊了,坏\n", "gb18030"),
        ("text,label\nSüße Suppe und Käse,Essen\nTee und Kräuter,Getränke\n", "mac_roman"),
        ("metin,etiket\nBugün hava çok güzel şimdi ığdır,iyi\nYağmur yağıyor,kötü\n", "cp1254"),
    ],
)
def test_an_encoding_that_cannot_be_told_is_refused_and_never_guessed(table, text, codec):
    assert "is not UTF-8" in refused(table(text.encode(codec)))


@pytest.mark.parametrize(
    "text",
    [
        "text,label\nplain words,Käse\nmore of them,Gemüse\n",
        "text,label\nIt’s a “good” film,pos\nprice £5,neg\n",
        "texte,classe\nUn très bon café à l'hôtel,positif\nÇa ne marche pas où j'étais,négatif\n",
        "texto,clase\n¿Dónde está el niño?,pregunta\nmañana será otro día,frase\n",
        "testo,classe\nLa zuppa era fredda perché è così,male\nPiù buono,bene\n",
        "text,etikett\nSoppan var kall på kvällen,dålig\nÄrlig åsikt,bra\n",
        "TEXT,LABEL\nSÜSSE GRÖSSE ÄPFEL,KÄSE\nMÜLLER,GEMÜSE\n",
    ],
)
def test_western_european_tables_in_cp1252_are_read(table, text):
    good, _, notes = rows_of(table(text.encode("cp1252")))
    assert good == list(csv.reader(text.splitlines()[1:])) and "Windows-1252" in notes[0]


def test_the_first_letter_beyond_ascii_may_come_late(table):
    content = b"text,label\n" + b"plain,a\n" * 200_000 + "Käse,b\n".encode("cp1252")
    good, bad, notes = rows_of(table(content))
    assert good[-1] == ["Käse", "b"] and bad == [] and "'Käse'" in notes[0]


def test_bytes_that_are_not_utf8_among_many_that_are_make_a_bad_row(table):
    content = "text,label\nKäse,a\nGemüse,b\nbroken ".encode() + b"\xe9\xff,c\nlast,d\n"
    good, bad, _ = rows_of(table(content))
    assert good == [["Käse", "a"], ["Gemüse", "b"], ["last", "d"]]
    assert bad == [(4, "bytes that are not UTF-8")]


def test_texts_that_were_saved_in_a_wrong_encoding_are_told(table):
    said = (
        "Some characters look as if they had been saved in a wrong encoding, such as 'KÃ¶ln'; "
        "they stay as they are."
    )
    twice = "text\nKöln\n".encode().decode("cp1252").encode()
    assert rows_of(table(twice)) == ([["KÃ¶ln"]], [], [said])
    mixed = "text\nGrüße aus Bern\nschöne Grüße\n".encode("cp1252") + "Köln\n".encode()
    assert rows_of(table(mixed))[2][-1] == said
    for meant in ("NÃO", "CAFÉ…", "Ã», Â©", "“MANHÃ”", "Ã"):
        assert rows_of(table(f"text\n{meant}\n"))[2] == [], "these are no accidents"


def test_half_a_character_of_utf16_makes_a_bad_row(table):
    content = "text,label\nsoup,food\n😀,b\n".encode("utf-16")
    assert rows_of(table(content[:-1]))[1] == [(3, "bytes that are not UTF-16")]
    broken = content.replace("\ud83d".encode("utf-16-le", "surrogatepass"), b"x\0")
    assert rows_of(table(broken))[1] == [(3, "bytes that are not UTF-16")]


# --- packed, and other formats, whatever the name says ---------------------------------------------------


def zipped(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("table.csv")
        info.size = len(PLAIN)
        archive.addfile(info, io.BytesIO(PLAIN))
    return packed.getvalue()


PACKED = {
    "gz": gzip.compress(PLAIN),
    "bz2": bz2.compress(PLAIN),
    "xz": lzma.compress(PLAIN),
    "zip": zipped(**{"table.csv": PLAIN}),
    "gz of gz": gzip.compress(gzip.compress(PLAIN)),
    "gz in zip": zipped(**{"table.csv.gz": gzip.compress(PLAIN)}),
    "zip of a Mac": zipped(**{"table.csv": PLAIN, "__MACOSX/._table.csv": b"\0\5", ".DS_Store": b"\0"}),
}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("name", ["table.csv", "table.dat", "table.gz"])
def test_packed_tables_are_read_whatever_their_name(table, kind, name):
    assert rows_of(table(PACKED[kind], name), "text") == (ROWS, [], [])


def test_of_a_zip_with_one_table_the_table_is_read_and_told(table):
    path = table(zipped(**{"README.txt": b"hello", "data/table.csv": PLAIN}))
    assert rows_of(path) == (ROWS, [], ["Of the files in table.csv, data/table.csv is read."])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(**{"train.csv": PLAIN, "test.csv": PLAIN}), r"2 tables (train.csv, test.csv): unpack it"),
        (zipped(), "zip archive with no file"),
        (zipped(**{"__MACOSX/._a": b"x"}), "zip archive with no file"),
        (zipped(**{"word/document.xml": b"<x/>"}), "a Word document"),
        (zipped(**{"content.xml": b"<x/>", "mimetype": b"x"}), "an OpenDocument file"),
        (zipped(**{"a.csv": b""}), "holds an empty file"),
        (tarred(), "a tar archive"),
        (b"%PDF-1.7\n%\xe2\xe3\n1 0 obj", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an old Excel file (.xls)"),
        (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page (HTML)"),
        (b"<html><body>Sign in</body></html>", "a web page (HTML)"),
        (b"<table border=1>\n<tr><th>text<th>label</table>", "a web page (HTML)"),
        ("<html>".encode("utf-16"), "a web page (HTML)"),
        (b'<?xml version="1.0"?><a/>', "an XML file"),
        (b'[{"text": "soup", "label": "food"}]', "a JSON array"),
        (b'{\n  "text": ["soup"],\n  "label": ["food"]\n}\n', "looks like JSON"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "a 7z archive"),
        (b"Rar!\x1a\x07\x00" + bytes(50), "a RAR archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(50), "packed with zstd"),
        (b"SQLite format 3\0" + bytes(50), "an SQLite database"),
        (b"\x80\x04\x95" + bytes(50), "a Python pickle"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a picture"),
        (b"ARROW1\0\0" + bytes(50), "an Arrow (Feather) file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n", "a Git LFS pointer"),
        (bytes(range(32)) * 20, "is no text file"),
        (bytes(5000), "is no text file"),
        (b"", "is empty"),
        (b"\n\n\r\n", "has no header line"),
        (b"\xef\xbb\xbf", "has no header line"),
        (b"sep=;\n", "has no header line"),
        (b'"text,label\nsoup,food\n', "has no header line"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_table_is_named_in_one_sentence(table, content, said):
    assert said in refused(table(content))


@pytest.mark.parametrize("name", ["ORC", "RDX", "PAR1", "BZh", "PK", "FEA1"])
def test_a_column_may_be_called_like_the_mark_of_a_format(table, name):
    assert rows_of(table(f"{name},text\n1,a\n"), name)[0] == [["1", "a"]]


def test_a_locked_zip_is_named(table):
    content = bytearray(PACKED["zip"])
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    assert "locked with a password" in refused(table(bytes(content)))


@pytest.mark.parametrize("kind", [kind for kind in PACKED if "zip" not in kind])
def test_a_packed_table_cut_off_anywhere_is_damaged(table, kind):
    for cut in range(8, len(PACKED[kind])):
        assert "damaged" in refused(table(PACKED[kind][:cut])), cut


def test_a_zip_cut_off_or_changed_anywhere_gives_the_rows_or_a_sentence(table):
    whole = zipped(**{"table.csv": PLAIN * 20})
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        for content in (whole[:place], bytes(changed)):
            try:
                assert rows_of(table(content), "text")[0][0] == ROWS[0]
            except WorkshopError as error:
                assert "\n" not in str(error)


def parquet(frame):
    packed = io.BytesIO()
    frame.to_parquet(packed, index=False)
    return packed.getvalue()


def excel(*rows, more=()):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name in more:
        book.create_sheet(name)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def test_parquet_is_read_under_any_name(table):
    frame = pd.DataFrame({"text": ["Süppe", None, "NA"], "label": [1, 2, 3], "share": [0.5, 1.0, None]})
    expected = [["Süppe", "1", "0.5"], ["", "2", "1.0"], ["NA", "3", ""]]
    frame["share"] = frame["share"].astype(object)
    assert rows_of(table(parquet(frame)), "text")[0] == expected
    assert rows_of(table(gzip.compress(parquet(frame))), "text")[0] == expected


def test_json_lines_are_read_with_numbers_as_typed(table):
    path = table(
        '{"text": "soup", "label": 1.0}\n\n{"label": true, "text": "ä\\n"}\n{"text": null, "label": "NA"}\n'
    )
    assert rows_of(path, "text")[0] == [["soup", "1.0"], ["ä\n", "true"], ["", "NA"]]
    path = table('{"text": "soup"}\n[1]\n{"text": "a\n{"text": "\\ud800"}\n{"text": "b", "new": 1}\n')
    good, bad, _ = rows_of(path)
    assert good == [["soup", ""], ["b", "1"]]
    assert (
        [line for line, _ in bad] == [2, 3, 4]
        and "not a JSON object" in bad[0][1]
        and "not JSON" in bad[1][1]
    )


def test_json_lines_may_be_utf16_and_nan_is_a_missing_number(table):
    path = table('{"text": "Süppe", "label": NaN}\n{"text": "NaN", "label": 1}\n'.encode("utf-16"))
    assert rows_of(path, "text") == ([["Süppe", ""], ["NaN", "1"]], [], ["The file is UTF-16."])


def test_nan_is_missing_in_parquet(table):
    content = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"], "label": [float("nan"), 1.0]}), content)
    assert rows_of(table(content.getvalue()))[0] == [["a", ""], ["b", "1.0"]]


def test_keys_that_come_late_are_told(table):
    path = table('{"text": "a"}\n' * 101 + '{"text": "b", "late": 1}\n')
    good, _, notes = rows_of(path)
    assert good[-1] == ["b"] and notes == ["Keys that the first hundred rows lack are left out."]


def test_the_first_sheet_of_an_excel_file_is_read(table):
    content = excel(["text", "label"], ["Süppe", 1], [None, "x"], [], ["=1+1", True], more=["other"])
    good, _, notes = rows_of(table(content), "text")
    assert good[:2] == [["Süppe", "1"], ["", "x"]] and good[2][1] == "true"
    assert notes == ["Of the sheets in table.csv, the first one, 'Sheet', is read."]
    assert rows_of(table(excel(["text"], ["a", "b"])))[1] == [(2, "2 fields instead of 1")]
    assert "has no header" in refused(table(excel()))


def test_a_day_in_excel_has_no_time(table):
    days = [datetime(2024, 1, 31), datetime(2024, 1, 31, 12)]
    good, _, _ = rows_of(table(excel(["text", "label"], *[["a", day] for day in days])))
    assert [label for _, label in good] == ["2024-01-31", "2024-01-31 12:00:00"]


@pytest.mark.parametrize("package", ["pyarrow", "openpyxl"])
def test_without_the_extra_package_the_way_out_is_said(table, package, monkeypatch):
    content = parquet(pd.DataFrame({"a": ["b"]})) if package == "pyarrow" else excel(["a"], ["b"])
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.parquet", None)
    sentence = refused(table(content))
    assert f"pip install {package}" in sentence and "save the table as CSV in UTF-8" in sentence


@pytest.mark.parametrize("kind", ["parquet", "xlsx"])
def test_a_damaged_binary_table_is_one_sentence(table, kind):
    frame = pd.DataFrame({"text": ["soup"] * 50, "label": ["a"] * 50})
    whole = parquet(frame) if kind == "parquet" else excel(["text", "label"], *[["soup", "a"]] * 50)
    for cut in range(6, len(whole), 97):
        assert refused(table(whole[:cut]))


# --- files and pipes -------------------------------------------------------------------------------------


def test_files_that_cannot_be_opened_are_one_sentence(tmp_path):
    assert "There is no file" in refused(tmp_path / "none.csv")
    assert "is a folder" in refused(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes have no path there")
def test_pipes_are_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(PACKED["zip"],))
    writer.start()
    assert rows_of(pipe, "text")[0] == ROWS
    writer.join()


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev")
def test_standard_input_is_read(name):
    code = (
        "import sys\nfrom workshop_utils.data.tables import open_table\n"
        "print([record.fields for record in open_table(sys.argv[1], 'text').records()])\n"
    )
    told = subprocess.run([sys.executable, "-c", code, name], input=PLAIN, cwd=ROOT, capture_output=True)
    assert told.stdout.decode().strip() == str(ROWS)


def test_reading_is_repeatable_and_can_go_on_anywhere(table):
    content = "id,text\n" + "".join(f'{n},"a\nb {n}"\n' if n % 7 else f"{n}\n" for n in range(30_000))
    path = table(content)
    with open_table(path) as reader:
        whole = list(reader.records())
        assert list(islice(reader.records(), 12_345, None)) == whole[12_345:]
        assert reader.position == reader.size == len(content)
    assert len(whole) == 30_000


# --- the limit of Python's csv module, which is one for the whole process --------------------------------

LONG = "ü" * 200_000  # longer than csv's own limit of 131,072


@pytest.fixture
def usual_limit():
    """Python's own limit, whatever other tests have left."""
    former = csv.field_size_limit(131_072)
    yield 131_072
    csv.field_size_limit(former)


@pytest.fixture
def long(table):
    return table(f"id,text\n1,{LONG}\n2,short\n")


def test_long_fields_are_read_and_the_limit_of_the_process_stays(long, usual_limit):
    with open_table(long, "text") as reader:
        assert csv.field_size_limit() == usual_limit
        fields = []
        for record in reader.records():
            fields.append(record.fields)
            assert csv.field_size_limit() == usual_limit
    assert fields == [["1", LONG], ["2", "short"]]


def test_many_readers_at_once_read_what_one_reads_and_leave_the_limit(long, usual_limit):
    seen = []

    def read():
        for _ in range(20):
            seen.append([fields[1] for fields in rows_of(long)[0]])

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [[LONG, "short"]] * 80
    assert csv.field_size_limit() == usual_limit


# --- any table, as programs write it ---------------------------------------------------------------------

SIGNS = st.sampled_from(
    [*",;\t|\"'\\ \n\r\0", "\r\n", '""', "NA", "null", "ä", "😀", "a", "1", "\u2028", "\x0b", "\x1c"]
)
TEXT = st.lists(SIGNS, max_size=8).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=8
)
LABEL = st.sampled_from(["01", "1.0", "true", "NA", "None", "nan", "Käse", "x y"])
TABLE = st.lists(st.tuples(TEXT, LABEL).map(list), min_size=1, max_size=6)


def written(rows, **dialect):
    text = io.StringIO(newline="")
    header = ["id", "text", "label"][-len(rows[0]) :]
    csv.writer(text, **dialect).writerows([header, *rows])
    return text.getvalue()


def by_python(rows):
    return written(rows).encode()


def by_pandas(rows):
    frame = pd.DataFrame(rows, columns=["text", "label"], dtype=object)
    return frame.to_csv(index=False).encode()


def by_excel(rows):
    """Semicolons, a byte order mark, Windows' line ends."""
    return written(rows, delimiter=";", lineterminator="\r\n").encode("utf-8-sig")


def by_libreoffice(rows):
    """With "quote all text cells", as it proposes."""
    return written(rows, quoting=csv.QUOTE_ALL, lineterminator="\n").encode()


WRITERS = [by_python, by_pandas, by_excel, by_libreoffice]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "table.csv"


@pytest.mark.parametrize("write", WRITERS)
@settings(deadline=None, max_examples=200)
@example([["\r", "01"], ["a\rb", "NA"]])
@example([["2,01\n3,01\n4", "01"]])
@example([["", "NA"], ["", "None"]])
@given(rows=TABLE)
def test_any_table_reads_back_equal(scratch, write, rows):
    scratch.write_bytes(write(rows))
    good, bad, _ = rows_of(scratch, "text")
    assert good == rows and bad == []


@pytest.mark.parametrize("write", WRITERS)
@settings(deadline=None, max_examples=60)
@example([["Dear all,\nthanks, bye\n", "01"], ["x", "NA"]], list(range(45)))
@given(rows=TABLE, cuts=st.lists(st.integers(0, 200), min_size=1, max_size=12))
def test_cut_off_anywhere_no_row_is_wrong_in_silence(scratch, write, rows, cuts):
    whole = write(rows)
    for cut in cuts:
        scratch.write_bytes(whole[: cut % len(whole)])
        try:
            good, _, notes = rows_of(scratch, "text")
        except WorkshopError as error:
            assert "\n" not in str(error)
            continue
        if any("no line end" in note for note in notes):
            good = good[:-1]
        assert good == rows[: len(good)]


@settings(deadline=None, max_examples=300)
@given(
    content=st.binary(max_size=200) | st.text(st.sampled_from('ab",\n\r;\0ä'), max_size=60).map(str.encode)
)
def test_any_bytes_give_rows_or_one_sentence(scratch, content):
    scratch.write_bytes(content)
    try:
        with open_table(scratch) as reader:
            for record in reader.records():
                assert record.problem or len(record.fields) == len(reader.columns)
    except WorkshopError as error:
        assert "\n" not in str(error)


# --- texts and labels ------------------------------------------------------------------------------------


def test_only_an_empty_field_is_missing_and_labels_stay_as_typed(table):
    words = ["NA", "None", "null", "nan", "n/a", "N/A", "01", "1.0", "true", " x "]
    content = "text,label\n" + "".join(f"{word},{word}\n" for word in words) + ",a\nb,\n"
    read = read_labelled(table(content), "text", "label")
    assert read.texts == [*words, None, "b"] and read.labels == [*words, "a", None]
    assert read.lines == list(range(2, 14)) and read.bad == [] and read.notes == []


def test_a_text_may_stand_in_any_column_and_bad_rows_are_kept_apart(table):
    read = read_labelled(table("label;id;text\nfood;1;soup\nbad;2\ndrink;3;tea\n"), "text", "label")
    assert (read.texts, read.labels, read.lines) == (["soup", "tea"], ["food", "drink"], [2, 4])
    assert read.bad == [(3, "2 fields instead of 3", "bad;2")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,label\n", "table.csv has no rows."),
        (
            "text,label\na\nb\n",
            "No row of table.csv can be used: 2 rows do not fit and cannot be used (line 2: 1 fields",
        ),
        ("text,class\na,b\n", "has no column 'label'; its columns are 'text', 'class'."),
    ],
)
def test_a_table_without_usable_rows_is_one_sentence(table, content, said):
    with pytest.raises(WorkshopError) as error:
        read_labelled(table(content), "text", "label")
    assert said in str(error.value)


def test_text_and_label_are_two_columns(table):
    with pytest.raises(WorkshopError, match="same column 'text'"):
        read_labelled(table(PLAIN), "text", "text")


def test_spellings_of_a_label_are_merged_and_told():
    labels = ["Käse", "KÄSE", "Ka\u0308se", " Käse", "Käse\u00a0", "Käse", None, "Brot"]
    merged, notes = merge_spellings(labels)
    assert merged == ["Käse"] * 6 + [None, "Brot"]
    assert len(notes) == 4 and notes[0] == "The label 'KÄSE' (1 row) is read as 'Käse'."


@pytest.mark.parametrize(
    "pair",
    [
        ("normal", "abnormal"),
        ("male", "female"),
        ("E11.8", "E11.9"),
        ("happy", "unhappy"),
        ("relevant", "irrelevant"),
        ("5 stars", "1 stars"),
        ("10000", "10001"),
        ("01", "1"),
        ("NA", "N/A"),
    ],
)
@pytest.mark.parametrize("rare", [3, 200])
def test_labels_that_are_merely_alike_are_never_merged(pair, rare):
    labels = [pair[0]] * 1000 + [pair[1]] * rare
    assert merge_spellings(labels) == (labels, [])


def test_typing_errors_are_proposed_and_kept():
    labels = ["Electronics"] * 500 + ["Electonics"] + ["Books"] * 300
    merged, notes = merge_spellings(labels)
    assert merged == labels
    assert (
        len(notes) == 1
        and "'Electonics' (1 row) may be a typing error of 'Electronics'; it is kept" in notes[0]
    )


def test_signs_that_nobody_sees_make_no_label_of_their_own():
    merged, notes = merge_spellings(["Käse", "Käse", "Käse\u200b", "\ufeffKäse", "Ka\u0308se"])
    assert merged == ["Käse"] * 5
    assert notes[0] == "The label 'Käse\\u200b' (1 row) is read as 'Käse'."
    assert notes[2].endswith("is read as 'Käse', its other Unicode form.")


@pytest.mark.parametrize("count", [3, 900])
@pytest.mark.parametrize("other", ["Gerat", "Ｇｅｒäｔ"])
def test_labels_that_differ_in_accents_alone_are_proposed_and_kept(count, other):
    labels = ["Gerät"] * 1000 + [other] * count
    merged, notes = merge_spellings(labels)
    assert merged == labels and len(notes) == 1
    assert f"The label {other!r} ({count} rows) differs from 'Gerät' in its accents" in notes[0]
    assert merge_spellings(["अच्छा", "अच्छी"])[1] == [], "the vowels of Hindi are no accents"


def test_merging_names_at_most_some_labels():
    notes = merge_spellings(
        [sign * 3 for sign in "abcdefghijklmnop"] * 2 + [s.upper() * 3 for s in "abcdefghijklmnop"]
    )[1]
    assert len(notes) == 11 and notes[-1] == "So it is with 6 more labels."


@settings(deadline=None)
@given(st.lists(st.none() | st.text(max_size=5), max_size=20))
def test_merging_keeps_the_number_of_labels_and_changes_nothing_the_second_time(labels):
    once, _ = merge_spellings(labels)
    assert len(once) == len(labels) and [label is None for label in once] == [
        label is None for label in labels
    ]
    assert merge_spellings(once)[0] == once


def test_the_room_names_what_is_public():
    assert all(hasattr(tables, name) for name in tables.__all__)
