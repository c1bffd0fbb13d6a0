"""The command: honest exit codes, one sentence for every mistake."""

import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from tests.conftest import COURSE
from workshop_utils import cli
from workshop_utils.cli import app
from workshop_utils.course import preflight as course_preflight
from workshop_utils.course.preflight import Line
from workshop_utils.paths import ROOT


def workshop(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "workshop_utils", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
        timeout=120,
    )


def test_help_lists_the_commands():
    result = workshop("--help")
    assert result.returncode == 0
    commands = typer.main.get_command(app).commands
    assert {"preflight", "fetch", "build", "run", "score"} <= commands.keys()
    for command in commands:
        assert f" {command} " in result.stdout


def test_build_check_passes_on_what_is_committed():
    assert workshop("build", "--check").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "99"], 1, "There is no lesson '99'"),
        (["run", "01", "--set", "epoch=3"], 1, "has no parameter 'epoch'; it has csv"),
        (["run", "01", "--set", "seed"], 1, "--set needs name=value"),
        (["run", "00", "--set", "epochs=many"], 1, "must be a whole number, not 'many'"),
        (["run", "--profile", "fast"], 2, "fast"),
        (["fetch", "novels"], 2, "novels"),
        (["fetch", "reviews", "--file", "nowhere.tar.gz"], 1, "There is no file nowhere.tar.gz"),
        (["fetch", "reviews", "poems", "--file", "x"], 2, "exactly one name"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_mistake_is_told_and_not_a_traceback(arguments, code, message, tmp_path):
    result = workshop(*arguments, WORKSHOP_HOME=str(tmp_path), WORKSHOP_DATA_DIR=str(tmp_path), COLUMNS="300")
    output = " ".join((result.stdout + result.stderr).split())
    assert result.returncode == code
    assert message in output
    assert "Traceback" not in output


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    result = workshop("fetch", "poems", "--file", str(blocked), WORKSHOP_DATA_DIR=str(blocked / "inside"))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [["run", "01"], ["build", "--form", "solved"]])
def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path, arguments):
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    result = workshop(*arguments, WORKSHOP_HOME=str(blocked))
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1 and "cannot be written" in result.stderr
    assert "WORKSHOP_HOME" in result.stderr


def test_preflight_is_red_when_the_port_is_taken():
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        result = workshop("preflight", "--port", str(server.getsockname()[1]))
    assert result.returncode == 1
    assert "→ stop the program on port" in result.stdout


@pytest.mark.parametrize(("advice", "code"), [(True, 0), (False, 1)])
def test_a_yellow_line_advises_and_a_red_one_stops(monkeypatch, advice, code):
    lines = [Line("Disk", "much"), Line("Memory", "little", "close programs", advice)]
    monkeypatch.setattr(course_preflight, "preflight", lambda port: iter(lines))
    result = CliRunner().invoke(app, ["preflight"])
    assert result.exit_code == code
    symbol, last = ("!", "Ready.") if advice else ("✗", "Red: 1. Mend them")
    assert f"✓ Disk      much\n{symbol} Memory    little\n  → close programs\n{last}" in result.stdout


LACKING = [
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("console", LACKING, ids=lambda own: next(iter(own.values())))
def test_preflight_takes_other_signs_on_a_console_that_lacks_the_check_mark(console):
    result = workshop("preflight", "--port", "0", **console)
    assert "Traceback" not in result.stderr
    assert "+ Python" in result.stdout and "✓" not in result.stdout


def test_every_lesson_of_the_syllabus_can_be_named_three_ways():
    for lesson in COURSE.lessons:
        assert COURSE.lesson(lesson.id) == COURSE.lesson(lesson.name) == COURSE.lesson(lesson.slug)


def test_what_the_system_refuses_is_one_sentence(monkeypatch, capsys):
    def full(**_):
        raise OSError(28, "No space left on device", "scored.csv")

    monkeypatch.setattr(cli, "app", full)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    told = capsys.readouterr().err
    assert told.startswith("The command stopped: No space left on device (scored.csv). Read docs/runbooks/")
