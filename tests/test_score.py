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
from typer.testing import CliRunner

from tests.bundles import reviews, tfidf_bundle
from workshop_utils.cli import app
from workshop_utils.data import csv_stream
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
    rows = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8")), delimiter=delimiter))
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
        b'6,"two\nlines"\n7,"broken\nbytes \xff"\n8,  \n9,last\n'
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
    assert [row["id"] for row in rows] == ["1"]
    assert bad == [
        {"line": "3", "reason": "a quote is never closed", "record": '2,"never closed\n3,fine\n4,fine'}
    ]


def test_a_field_without_end_is_cut_off_and_reported(table, bundle, monkeypatch):
    monkeypatch.setattr(csv_stream, "FIELD_LIMIT", 1000)
    content = b'id,text\n1,"open\n' + b"2,fine words\n" * 200
    _, rows, bad = scored(table(content), bundle)
    assert bad[0]["reason"] == "a quote is never closed" and bad[0]["line"] == "2"
    assert bad[0]["record"].count("fine") + len(rows) == 200


def test_columns_that_have_the_names_already_stay(table, bundle):
    _, rows, _ = scored(table(b"text,label\ngood,yes\n"), bundle)
    assert rows[0]["label"] == "yes" and rows[0]["predicted_label"] in bundle.labels


def test_a_header_alone_gives_a_header_alone(table, bundle):
    report, rows, _ = scored(table(b"id,text\n"), bundle)
    assert rows == [] and report.rows == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no header line"),
        (b"id,review\n1,x\n", "has no column 'text'; its columns are 'id', 'review'"),
        (b"text,text\n1,x\n", "more than one column"),
        ("id,text\n1,x\n".encode("utf-16"), "is UTF-16"),
        (b"id,text,\xff\n1,x,y\n", "is not UTF-8"),
        (gzip.compress(b"id,text\n" + b"1,good\n" * 9999)[:-20], "is damaged after line"),
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
        (["missing.csv", "out.csv"], "missing.csv cannot be read: No such file or directory."),
        (["in.csv", "in.csv"], "Input and output are the same file"),
        (["in.csv", "nowhere/out.csv"], "nowhere/out.csv cannot be written: there is no folder nowhere."),
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
