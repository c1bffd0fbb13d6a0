"""Scoring a table: nothing lost, nothing half written, the same bytes however often it was stopped."""

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.bundles import reviews, tfidf_bundle, tfidf_of
from workshop_utils.cli import app
from workshop_utils.data.tables import delimited, open_table
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import score as module
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.bundle.score import score_file
from workshop_utils.paths import ROOT

GOOD = b'id,text\n1,"A fine film, truly"\n2,"She said ""no"".\nThen left."\n3,\xc3\xa4 \xf0\x9f\x98\xb4\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tfidf_bundle(tmp_path_factory.mktemp("bundle") / "reviews")


@pytest.fixture(scope="module")
def bundle(folder):
    return Bundle.load(folder)


@pytest.fixture
def table(tmp_path):
    def write(content, name="in.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def scored(source, bundle, column="text", delimiter=",", **options):
    target = source.parent / "out.csv"
    report = score_file(source, target, bundle, column, **options)
    rows = list(csv.DictReader(io.StringIO(target.read_bytes().decode()), delimiter=delimiter))
    bad = source.parent / "out.csv.bad.csv"
    csv.field_size_limit(1 << 24)
    bad_text = bad.read_bytes().decode("utf-8", "surrogateescape") if bad.exists() else ""
    return report, rows, list(csv.DictReader(io.StringIO(bad_text, newline="")))


def many(path, rows):
    texts = reviews()[0]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows([number, texts[number % len(texts)][:200]] for number in range(rows))
        file.write("short\r\n9,\r\n")
    return path


def test_the_output_has_the_input_columns_label_and_probabilities_in_order(table, bundle):
    report, rows, bad = scored(table(GOOD), bundle)
    assert list(rows[0]) == ["id", "text", "label", "probability_negative", "probability_positive"]
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [row["text"] for row in rows] == ["A fine film, truly", 'She said "no".\nThen left.', "ä 😴"]
    assert [row["label"] for row in rows] == bundle.predict([row["text"] for row in rows])
    for row, shares in zip(rows, bundle.predict_proba([row["text"] for row in rows]), strict=True):
        assert float(row["probability_positive"]) == pytest.approx(shares[1], abs=1e-6)
    assert bad == [] and report.rows == 3 and report.bad == 0
    assert sorted(path.name for path in (table(GOOD)).parent.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_found_in_the_header_and_kept(table, bundle, delimiter):
    source = table(f"id{delimiter}text\n1{delimiter}good, very good\n".encode())
    _, rows, bad = scored(source, bundle, delimiter=delimiter)
    assert rows[0]["text"] == "good, very good" and bad == []


@pytest.mark.parametrize(
    "pack", [lambda raw: b"\xef\xbb\xbf" + raw, gzip.compress, lambda raw: raw.replace(b"\n", b"\r\n")]
)
def test_bom_gzip_and_windows_line_ends_change_nothing(table, bundle, pack):
    _, rows, bad = scored(table(pack(GOOD)), bundle)
    _, plain, _ = scored(table(GOOD), bundle, overwrite=True)
    assert [row["label"] for row in rows] == [row["label"] for row in plain] and bad == []
    assert rows[0] == plain[0]


def test_bad_rows_stand_whole_with_line_and_reason_in_the_side_file(table, bundle):
    content = (
        b"id,text\n1,good\n2\n\n3,\n4,a,b\n5,caf\xe9 bad bytes\n"
        b'6,"two\nlines"\n7,"broken\nbytes \xff"\n8,  \n9,last \xc3\xa4\xc3\xb6\n'
    )
    report, rows, bad = scored(table(content), bundle)
    assert [row["id"] for row in rows] == ["1", "6", "9"]
    assert [(row["line"], row["reason"]) for row in bad] == [
        ("3", "1 fields instead of 2"),
        ("5", "no text"),
        ("6", "3 fields instead of 2"),
        ("7", "bytes that are not UTF-8"),
        ("10", "bytes that are not UTF-8"),
        ("12", "no text"),
    ]
    assert bad[3]["record"].encode("utf-8", "surrogateescape") == b"5,caf\xe9 bad bytes"
    assert bad[4]["record"].encode("utf-8", "surrogateescape") == b'7,"broken\nbytes \xff"'
    assert (report.rows, report.bad) == (3, 6)


def test_a_quote_that_is_never_closed_swallows_no_row_silently(table, bundle):
    _, rows, bad = scored(table(b'id,text\n1,good\n2,"never closed\n3,fine\n4,fine\n'), bundle)
    assert [row["id"] for row in rows] == ["1"], "the others may belong to the text"
    assert bad == [
        {"line": "3", "reason": "a quote is never closed", "record": '2,"never closed\n3,fine\n4,fine'}
    ]


def test_a_field_without_end_is_reported_and_the_rows_behind_it_are_scored(table, bundle, monkeypatch):
    monkeypatch.setattr(delimited, "FIELD_LIMIT", 1000)
    content = b'id,text\n1,"open\n' + b"2,fine words\n" * 200
    _, rows, bad = scored(table(content), bundle)
    assert bad == [{"line": "2", "reason": "a quote is never closed", "record": '1,"open'}]
    assert len(rows) == 200


def test_columns_that_have_the_names_already_stay(table, bundle):
    _, rows, _ = scored(table(b"text,label\ngood,yes\n"), bundle)
    assert rows[0]["label"] == "yes" and rows[0]["predicted_label"] in bundle.labels


def test_a_header_alone_gives_a_header_alone(table, bundle):
    report, rows, _ = scored(table(b"id,text\n"), bundle)
    assert rows == [] and report.rows == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"id,review\n1,x\n", "has no column 'text'; its columns are 'id', 'review'"),
        (b"text,text\n1,x\n", "more than one column"),
        ("id,текст,text\n1,хорошо,x\n".encode("cp1251"), "is not UTF-8"),
        (gzip.compress(b"id,text\n" + b"1,good\n" * 9999)[:-20], "is damaged after"),
    ],
)
def test_what_is_no_table_is_one_sentence(table, bundle, content, said):
    source = table(content)
    with pytest.raises(WorkshopError, match=said) as error:
        score_file(source, source.parent / "out.csv", bundle, "text")
    assert "\n" not in str(error.value)
    assert not (source.parent / "out.csv").exists()


def stop_after(batches):
    calls = []

    def progress(done, total, rows):
        calls.append(rows)
        if len(calls) == batches:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("sign", ["\r", "\n", "\r\n", '"', ",", "a\rb\rc", "\r\r"])
def test_whatever_stands_in_a_field_comes_out_as_it_went_in(tmp_path, bundle, sign):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    table = pd.DataFrame({"id": ["1", "2", "3"], "text": ["a fine film", f"one{sign}two", f"{sign}end"]})
    table.to_csv(source, index=False, quoting=csv.QUOTE_ALL, lineterminator="\n")
    assert score_file(source, target, bundle, "text").rows == 3
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == list(table["text"])
    assert score_file(target, tmp_path / "again.csv", bundle, "text").rows == 3


FIELD = st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.sampled_from(',;\t|"\r\n\0 a'))


@settings(deadline=None)
@given(rows=st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1, max_size=5), mark=st.sampled_from(",;\t|"))
def test_whatever_is_written_is_read_again_as_it_was(tmp_path_factory, rows, mark):
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(module._csv([("id", "text", "label"), *rows], mark))
    with open_table(path, "text") as reader:
        records = list(reader.records())
    assert [tuple(record.fields) for record in records] == rows
    assert not any(record.problem for record in records)


def test_a_stopped_run_is_continued_and_gives_the_same_bytes(tmp_path, bundle, monkeypatch):
    monkeypatch.setattr(module, "BATCH_ROWS", 50)
    source = many(tmp_path / "in.csv", 400)
    whole, target = tmp_path / "whole.csv", tmp_path / "out.csv"
    score_file(source, whole, bundle, "text")
    for batches in (3, 1, 2):
        with pytest.raises(KeyboardInterrupt):
            score_file(source, target, bundle, "text", progress=stop_after(batches), checkpoint_seconds=0)
        assert not target.exists()
    report = score_file(source, target, bundle, "text")
    assert report.resumed == 300 and report.rows == 100 and report.bad == 2
    assert target.read_bytes() == whole.read_bytes()
    assert (tmp_path / "out.csv.bad.csv").read_bytes() == (tmp_path / "whole.csv.bad.csv").read_bytes()
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("step", ["replace", "unlink"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_run_stopped_between_its_last_steps_is_finished(tmp_path, bundle, monkeypatch, step, count):
    source = many(tmp_path / "in.csv", 20)
    target = tmp_path / "out.csv"
    score_file(source, tmp_path / "whole.csv", bundle, "text")
    real, calls = getattr(Path, step), []

    def die(path, *arguments, **options):
        if not path.name.startswith(".") and path.suffix != ".lock":  # neither a draft nor the lock
            calls.append(path)
            if len(calls) == count:
                raise KeyboardInterrupt
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, step, die)
    if step == "unlink" and count == 2:
        score_file(source, target, bundle, "text")
    else:
        with pytest.raises(KeyboardInterrupt):
            score_file(source, target, bundle, "text")
    monkeypatch.undo()
    score_file(source, target, bundle, "text")
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert (tmp_path / "out.csv.bad.csv").read_bytes() == (tmp_path / "whole.csv.bad.csv").read_bytes()
    assert len(list(tmp_path.iterdir())) == 5


def test_kill_9_at_any_point_leaves_no_trace_in_the_result(tmp_path, folder, bundle):
    source = many(tmp_path / "in.csv", 4000)
    whole, target = tmp_path / "whole.csv", tmp_path / "out.csv"
    score_file(source, whole, bundle, "text")
    code = (
        "import sys, pathlib\nfrom workshop_utils.models.bundle import score\n"
        "from workshop_utils.models.bundle import Bundle\nscore.BATCH_ROWS = 64\n"
        f"score.score_file(*map(pathlib.Path, sys.argv[1:3]), Bundle.load({str(folder)!r}), 'text', "
        "checkpoint_seconds=0)\n"
    )
    command = [sys.executable, "-c", code, str(source), str(target)]
    state, killed, before = tmp_path / "out.csv.state.json", 0, 0
    while killed < 3:
        child = subprocess.Popen(command, cwd=ROOT)
        while child.poll() is None:
            rows = json.loads(state.read_text(encoding="utf-8"))["rows"] if state.exists() else 0
            if rows >= before + 640:
                time.sleep(0.007 * killed)  # somewhere in a batch
                child.send_signal(signal.SIGKILL)
                before = rows
                killed += child.wait() == -signal.SIGKILL
        assert not target.exists()
    subprocess.run(command, cwd=ROOT, check=True)
    assert target.read_bytes() == whole.read_bytes()
    assert (tmp_path / "out.csv.bad.csv").read_bytes() == (tmp_path / "whole.csv.bad.csv").read_bytes()
    assert not state.exists()


def test_the_beginning_of_another_job_is_never_mixed_in(tmp_path, bundle, monkeypatch):
    monkeypatch.setattr(module, "BATCH_ROWS", 50)
    source, target = many(tmp_path / "in.csv", 200), tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        score_file(source, target, bundle, "text", progress=stop_after(2), checkpoint_seconds=0)
    other = many(tmp_path / "other.csv", 150)
    with pytest.raises(WorkshopError, match="beginning of another job"):
        score_file(other, target, bundle, "text")
    assert score_file(other, target, bundle, "text", overwrite=True).rows == 150
    assert not (tmp_path / "out.csv.state.json").exists()


def test_two_runs_do_not_write_one_output(tmp_path, bundle):
    source, target = many(tmp_path / "in.csv", 600), tmp_path / "out.csv"

    def second(done, total, rows):
        if done < total:
            with pytest.raises(WorkshopError, match="Another run"):
                score_file(source, target, bundle, "text")

    assert score_file(source, target, bundle, "text", progress=second).rows == 600


def peak_memory(folder, source):
    """In kilobytes, of a process that scores; not ru_maxrss, which begins at the parent's."""
    code = (
        "import pathlib, sys\nfrom workshop_utils.models.bundle import Bundle\n"
        "from workshop_utils.models.bundle.score import score_file\nsource = pathlib.Path(sys.argv[1])\n"
        f"score_file(source, source.with_suffix('.out'), Bundle.load({str(folder)!r}), 'text')\n"
        "print(pathlib.Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])\n"
    )
    command = [sys.executable, "-c", code, str(source)]
    return int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells the peak under /proc on Linux only")
def test_memory_stays_flat(tmp_path, folder):
    small, large = (peak_memory(folder, many(tmp_path / f"{rows}.csv", rows)) for rows in (2_000, 20_000))
    assert 0 < small < 250_000 and large - small < 12_000


def test_an_output_named_gz_is_packed_and_can_be_resumed(tmp_path, bundle, monkeypatch):
    monkeypatch.setattr(module, "BATCH_ROWS", 50)
    source = many(tmp_path / "in.csv", 400)
    plain, whole, target = tmp_path / "plain.csv", tmp_path / "whole.csv.gz", tmp_path / "out.csv.gz"
    for path in (plain, whole):
        score_file(source, path, bundle, "text")
    with pytest.raises(KeyboardInterrupt):
        score_file(source, target, bundle, "text", progress=stop_after(3), checkpoint_seconds=0)
    assert score_file(source, target, bundle, "text").resumed == 150
    assert target.read_bytes() == whole.read_bytes()
    assert gzip.decompress(target.read_bytes()) == plain.read_bytes()
    pd.testing.assert_frame_equal(pd.read_csv(target), pd.read_csv(plain))
    assert score_file(target, tmp_path / "again.csv", bundle, "text").rows == 400


def test_scoring_an_output_again_gives_each_column_a_name_of_its_own(tmp_path, table, bundle):
    source = table(GOOD)
    for number in range(4):
        target = tmp_path / f"out{number}.csv"
        score_file(source, target, bundle, "text")
        source = target
    header = next(csv.reader(io.StringIO(source.read_text(encoding="utf-8"))))
    assert len(header) == len(set(header)) == 2 + 4 * 3
    assert header[2::3] == ["label", "predicted_label", "predicted_label_2", "predicted_label_3"]


def test_a_table_in_cp1252_is_scored_and_the_encoding_named(table, bundle):
    report, rows, bad = scored(table("id,text\n1,Käse – gut\n".encode("cp1252")), bundle)
    assert rows[0]["text"] == "Käse – gut" and bad == [] and "Windows-1252" in report.notes[0]


@pytest.mark.parametrize("sign", [",", "\n", "\r", '"', "😀", "x" * 300])
def test_many_classes_with_long_and_strange_names_come_out_whole(tmp_path, table, sign):
    labels = [f"class {number} {sign}" for number in range(5)]
    texts = [f"word{number} common" for number in range(5) for _ in range(12)]
    folder = tfidf_of(texts, [label for label in labels for _ in range(12)], tmp_path / "many")
    _, rows, _ = scored(table(b"id,text\n1,word3\n2,word1\n"), Bundle.load(folder))
    assert [row["label"] for row in rows] == [labels[3], labels[1]]
    assert list(rows[0])[3:] == [f"probability_{label}" for label in labels]
    assert sum(float(rows[0][f"probability_{label}"]) for label in labels) == pytest.approx(1, abs=1e-5)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev")
def test_what_is_no_plain_file_is_not_replaced(table, bundle):
    with pytest.raises(WorkshopError, match="no plain file; for standard output say -"):
        score_file(table(GOOD), Path("/dev/null"), bundle, "text")


def test_the_input_is_never_the_file_of_bad_rows(table, bundle):
    source = table(b"id,text\n1,good\n2\n", "out.csv.bad.csv")
    with pytest.raises(WorkshopError, match="the same file"):
        score_file(source, source.with_name("out.csv"), bundle, "text")
    assert source.read_bytes() == b"id,text\n1,good\n2\n"


def test_nothing_is_scored_where_the_output_cannot_be_written(table, bundle, monkeypatch):
    real = Path.open

    def read_only(path, mode="r", **options):
        if "a" in mode:
            raise PermissionError(13, "Permission denied")
        return real(path, mode, **options)

    monkeypatch.setattr(Path, "open", read_only)
    monkeypatch.setattr(Bundle, "predict_proba", lambda *_: pytest.fail("scored in vain"))
    with pytest.raises(WorkshopError, match=r"out\.csv cannot be written: Permission denied"):
        score_file(table(GOOD), table(GOOD).with_name("out.csv"), bundle, "text")


def command(*arguments):
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def test_the_command_scores_and_says_how_many_rows_were_bad(table, folder, monkeypatch):
    source = table(b"id,text\n1,good\n2,\n")
    monkeypatch.chdir(source.parent)
    told = command("in.csv", "out.csv", "--bundle", folder)
    assert told.exit_code == 0 and "out.csv: 1 rows in" in told.output
    assert "1 rows could not be scored; they are in out.csv.bad.csv" in told.output
    told = command("in.csv", "out.csv", "--bundle", folder)
    assert told.exit_code == 3 and "is there already" in told.output
    assert command("in.csv", "out.csv", "--bundle", folder, "--overwrite").exit_code == 0
    assert command("in.csv").exit_code == 2


@pytest.mark.parametrize(
    "content", [b"id,text\n1,a,b\n2,c,d\n", b"id,text\n1,\n2,  \n", b'id,text\n1,"open\n']
)
def test_where_no_row_can_be_scored_the_exit_code_is_1(table, folder, content):
    source = table(content)
    told = command(source, source.with_name("out.csv"), "--bundle", folder)
    assert told.exit_code == 1 and "rows could not be scored; they are in" in told.output
    assert source.with_name("out.csv.bad.csv").exists()


def piped(folder, *arguments, text=GOOD):
    line = [sys.executable, "-m", "workshop_utils", "score", "--bundle", str(folder), *map(str, arguments)]
    return subprocess.run(line, input=text, capture_output=True, cwd=ROOT)


def test_minus_is_standard_input_and_output(table, folder):
    source = table(GOOD)
    assert command(source, source.with_name("out.csv"), "--bundle", folder).exit_code == 0
    expected = source.with_name("out.csv").read_bytes()
    told = piped(folder, "-", "-")
    assert (told.returncode, told.stdout) == (0, expected) and b"standard output: 3 rows" in told.stderr
    assert piped(folder, "-", source.with_name("piped.csv")).returncode == 0
    assert source.with_name("piped.csv").read_bytes() == expected
    assert piped(folder, source, "-").stdout == expected
    told = piped(folder, "-", "-", text=b"id,text\n1,a,b\n")
    assert told.returncode == 1 and b"Line 2 could not be scored: 3 fields instead of 2." in told.stderr


def test_the_command_says_what_it_found_in_the_table(table, folder):
    source = table("id,text\n1,Käse\n".encode("cp1252"))
    assert "Windows-1252" in command(source, source.with_name("out.csv"), "--bundle", folder).output


def test_stopping_the_command_loses_nothing(table, folder, monkeypatch):
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    source = table(b"id,text\n" + b"1,a fine film\n" * 10)
    arguments = (source, source.with_name("out.csv"), "--bundle", folder)
    with monkeypatch.context() as patch:
        stopped = stop_after(2)
        patch.setattr(
            "workshop_utils.models.bundle.score_file", lambda *given: score_file(*given[:5], stopped, 0)
        )
        told = command(*arguments)
    assert told.exit_code == 130 and "the same command goes on from here" in told.output
    told = command(*arguments)
    assert told.exit_code == 0 and "6 rows" in told.output and "after 4 rows of an earlier run" in told.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in.csv", "out.csv", "--text-column", "nothing"], "has no column 'nothing'"),
        (["missing.csv", "out.csv"], "There is no file missing.csv."),
        (["in.csv", "in.csv"], "Input and output are the same file"),
        (["in.csv", "nowhere/out.csv"], "nowhere/out.csv cannot be written: there is no folder nowhere."),
        (["in.csv", "."], "cannot be written: it is a folder"),
        (["in.csv", "out.parquet"], "the output is CSV; end its name in .csv or .csv.gz"),
        (["in.csv", "x" * 300 + ".csv"], "cannot be written: File name too long."),
        (["in.csv", "out.csv", "--bundle", "."], "There is no model in"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_1(table, folder, arguments, said):
    source = table(b"id,text\n1,good\n")
    line = [sys.executable, "-m", "workshop_utils", "score", "--bundle", str(folder), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(line, cwd=source.parent, capture_output=True, text=True, env=environment)
    assert told.returncode == 1 and said in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1
