"""The command: honest exit codes, one sentence for every mistake."""

import subprocess
import sys

import pytest

from tests.conftest import COURSE
from workshop_utils.paths import ROOT


def workshop(*arguments, **environment):
    import os

    return subprocess.run(
        [sys.executable, "-m", "workshop_utils", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def test_help_lists_the_commands():
    told = workshop("--help")
    assert told.returncode == 0
    for command in ("preflight", "fetch", "build", "run"):
        assert command in told.stdout


def test_build_check_passes_on_what_is_committed():
    assert workshop("build", "--check").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "99"], 1, "There is no lesson '99'"),
        (["run", "01", "--set", "epoch=3"], 1, "has no parameter 'epoch'; it has csv"),
        (["run", "01", "--set", "seed"], 1, "--set needs name=value"),
        (["run", "00", "--set", "epochs=many"], 1, "must be of type int"),
        (["run", "--profile", "fast"], 2, "fast"),
        (["fetch", "novels"], 2, "novels"),
        (["fetch", "reviews", "--file", "nowhere.tar.gz"], 1, "There is no file nowhere.tar.gz"),
        (["fetch", "reviews", "poems", "--file", "x"], 2, "exactly one name"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_mistake_is_told_and_not_a_traceback(arguments, code, said, tmp_path):
    told = workshop(*arguments, WORKSHOP_HOME=str(tmp_path), WORKSHOP_DATA_DIR=str(tmp_path), COLUMNS="300")
    output = " ".join((told.stdout + told.stderr).split())
    assert told.returncode == code
    assert said in output
    assert "Traceback" not in output


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    told = workshop("fetch", "poems", "--file", str(blocked), WORKSHOP_DATA_DIR=str(blocked / "inside"))
    assert told.returncode == 1
    assert "Traceback" not in told.stderr


def test_preflight_is_red_when_the_port_is_taken():
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        told = workshop("preflight", "--port", str(server.getsockname()[1]))
    assert told.returncode == 1
    assert "→ stop the program on port" in told.stdout


def test_every_lesson_of_the_syllabus_can_be_named_three_ways():
    for lesson in COURSE.lessons:
        assert COURSE.lesson(lesson.id) == COURSE.lesson(lesson.name) == COURSE.lesson(lesson.slug)
