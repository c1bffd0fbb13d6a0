"""The game day: twelve faults are caused for real, and each alarm names the page that says what to do."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from threading import Thread

import psutil
import pytest
from typer.testing import CliRunner

from tests.predicted import prediction
from workshop_utils import cli
from workshop_utils.cli import app
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT
from workshop_utils.production import runbooks
from workshop_utils.production.game_day import FAULTS, SeenAlarm
from workshop_utils.production.game_day.asking import NoAnswer, ask_json
from workshop_utils.production.game_day.fault import FaultResult, _problem
from workshop_utils.production.game_day.prober import ProbeCount
from workshop_utils.production.game_day.service_faults import DatabaseGone, ServiceKilled
from workshop_utils.production.monitoring.doubts import LabelFlood, clock_alarms
from workshop_utils.production.store import Feedback, add_label, add_predictions, labelled, open_store
from workshop_utils.production.store.clocks import NEWEST

PAGES = ROOT / "docs" / "runbooks"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL_WELL = ProbeCount(20, 20, {})


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows cannot cause three of the twelve")
def test_twelve_of_twelve_faults_are_caused_named_by_the_right_page_and_mended(home, tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "workshop_utils", "game-day", "--json", str(report)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=os.environ | {"COLUMNS": "150"})
    told = {each["name"]: each for each in json.loads(report.read_text(encoding="utf-8"))}
    assert {name: each["problem"] for name, each in told.items() if each["problem"]} == {}, done.stdout
    assert done.returncode == 0 and len(told) == 12 and "12 of 12 faults" in done.stdout
    assert not (home / "game_day").exists() and not done.stderr
    assert not [each for each in psutil.process_iter(["cmdline"]) if str(home) in str(each.info["cmdline"])]
    for each in told.values():
        assert each["alarms"] and each["mended"] and each["answered"] >= 10
        for alarm in each["alarms"]:
            assert each["runbook"] in alarm["words"]
    served = {name for name, each in told.items() if each["answered"] == each["asked"]}
    assert told.keys() - served <= {"kill", "expired token"}, "only while the service starts anew"


def test_each_fault_has_a_name_and_its_pages_exist():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) == 12
    named = {page for fault in FAULTS for page in (fault.runbook, *fault.beside)}
    assert {page for page in named if not (PAGES / f"{page}.md").is_file()} == set()


def test_each_page_that_the_code_names_exists():
    pages = [value for name, value in vars(runbooks).items() if name.isupper()]
    assert len(pages) == len(set(pages)) > 5
    assert [page for page in pages if not (ROOT / page).is_file()] == []


@pytest.mark.parametrize(
    ("words", "probed", "problem"),
    [
        ("Read docs/runbooks/store-unavailable.md.", ALL_WELL, ""),
        ("Read docs/runbooks/disk-full.md.", ALL_WELL, "names disk-full, not store-unavailable"),
        ("The store does not answer.", ALL_WELL, "names no page"),
        (
            "docs/runbooks/store-unavailable.md, docs/runbooks/bad-bundle.md",
            ALL_WELL,
            "also names bad-bundle",
        ),
        ("docs/runbooks/store-unavailable.md", ProbeCount(20, 18, {"503: Later.": 2}), "2 texts were not"),
    ],
    ids=["right", "another page", "no page", "one page too many", "no answers"],
)
def test_a_fault_passes_only_if_the_right_page_is_named_and_the_service_goes_on(words, probed, problem):
    found = _problem(DatabaseGone(), [SeenAlarm("the log", words)], probed)
    assert (problem in found) if problem else not found
    assert "No alarm" in _problem(DatabaseGone(), [], ALL_WELL)
    seen = [SeenAlarm("log", "docs/runbooks/service-does-not-start.md")]
    gap = {"nobody listens": 2, "the connection ended (ConnectionResetError)": 1, "503: Later.": 1}
    assert not _problem(ServiceKilled(), seen, ProbeCount(20, 16, gap))
    found = _problem(ServiceKilled(), seen, ProbeCount(300, 101, gap | {"500: broken": 195}))
    assert found == "195 texts were not answered: 500: broken"


def test_an_answer_that_is_no_json_is_no_answer():
    def answer():
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=answer)
        thread.start()
        with pytest.raises(NoAnswer, match="no JSON"):
            ask_json(f"http://127.0.0.1:{listener.getsockname()[1]}", "/predict", seconds=30)
        thread.join()


def test_an_unknown_fault_is_told_with_those_that_there_are():
    result = CliRunner().invoke(app, ["game-day", "--only", "rain"])
    assert result.exit_code == 2 and "label flood" in " ".join(result.output.split())


def test_a_report_is_written_after_the_table_and_one_that_cannot_be_is_refused_before_all(
    home, tmp_path, monkeypatch
):
    begun = []

    def day(*_):
        begun.append(1)
        yield FaultResult(
            *("kill", "it was killed", "docs/runbooks/disk-full.md", (), "done", 9, 9, {}, "", False, 1.0)
        )

    monkeypatch.setattr("workshop_utils.production.game_day.run_game_day", day)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own
    wrong = [(tmp_path, "is a folder; name a file")]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        wrong.append((tmp_path / "pipe", "is no ordinary file"))
    for path, says in wrong:
        ended = CliRunner().invoke(app, ["game-day", "--only", "kill", "--json", str(path)])
        assert says in str(ended.exception) and not begun
    ended = CliRunner().invoke(app, ["game-day", "--only", "kill", "--json", str(tmp_path / "a" / "b.json")])
    assert ended.exit_code == 0 and "It was killed" in " ".join(ended.output.split()), ended.output
    assert json.loads((tmp_path / "a" / "b.json").read_text(encoding="utf-8"))[0]["passed"] is True

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("workshop_utils.files.atomic_write", full)
    ended = CliRunner().invoke(app, ["game-day", "--only", "kill", "--json", str(tmp_path / "b.json")])
    assert isinstance(ended.exception, OSError) and "It was killed" in " ".join(ended.output.split())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "model.onnx"), "Read docs/runbooks/disk-full.md."),
        (
            WorkshopError("Mend it.", runbook=runbooks.BAD_BUNDLE),
            "Mend it. Read docs/runbooks/bad-bundle.md.",
        ),
        (WorkshopError("Mend it."), "Mend it.\n"),
    ],
    ids=["full disk", "with a page", "without"],
)
def test_a_command_that_fails_names_the_page_behind_its_sentence(error, words, monkeypatch, capsys):
    def fail(**_):
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1 and told.endswith(f"{words.strip()}\n") and told.count("\n") == 1


# --- the two alarms about what monitoring is told


@pytest.fixture
def sqlite(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


def given_labels(store, count, by="a program"):
    """So many labels that stand, of texts that nobody had drawn."""
    records = [prediction(f"text {by} {number}", model_version="v1") for number in range(count)]
    add_predictions(store, records)
    for each in records:
        add_label(store, Feedback(each.prediction_id, "pos", by))
    return list(labelled(store, texts=False))


def flood_of(labels, most):
    flood = LabelFlood(most)
    for each in labels:
        flood.see(each)
    return flood.alarms


def test_many_labels_of_one_source_within_an_hour_are_a_flood(sqlite):
    labels = given_labels(sqlite, 12)
    (alarm,) = flood_of(labels, 12)
    assert alarm.name == "labels" and "a program gave 12 labels" in alarm.sentence
    assert alarm.runbook == "docs/runbooks/label-flood.md"
    assert flood_of(labels, 13) == flood_of(labels, 0) == ()


def test_labels_of_many_people_or_of_drawn_texts_or_of_a_long_time_are_no_flood(sqlite):
    from dataclasses import replace

    labels = given_labels(sqlite, 12)
    people = [replace(each, labelled_by=f"person {number}") for number, each in enumerate(labels)]
    drawn = [replace(each, part="random", drawing_probability=0.5) for each in labels]
    long = [replace(each, labelled_at=NOW + timedelta(hours=number)) for number, each in enumerate(labels)]
    assert flood_of(people, 12) == flood_of(drawn, 12) == flood_of(long, 12) == ()
    long[5:8] = [replace(each, labelled_at=NOW) for each in long[5:8]]
    assert len(flood_of(long, 3)) == 1, "three of them came at once"


def test_predictions_from_the_future_are_told_until_enough_have_come_with_the_right_time(sqlite):
    def add(count, time, version="v1"):
        add_predictions(sqlite, [prediction(time=time, model_version=version) for _ in range(count)])

    add(5, NOW)
    assert clock_alarms(sqlite, "v1", NOW) == ()
    add(3, NOW + timedelta(days=2, hours=5))
    (alarm,) = clock_alarms(sqlite, "v1", NOW)
    assert alarm.name == "clock" and alarm.runbook == "docs/runbooks/clock-jumped.md"
    assert "3 of the newest predictions come from the future, one by 2 days" in alarm.sentence
    assert clock_alarms(sqlite, "v2", NOW) == ()
    add(NEWEST, NOW)
    assert clock_alarms(sqlite, "v1", NOW) == ()
