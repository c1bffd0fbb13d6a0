"""The runner on small lessons made here: errors, dead kernels, interrupts, two runs at once."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO

import psutil
import pytest
from nbclient.exceptions import CellTimeoutError
from rich.console import Console

from tests.small_course import BAD, KILLED, SLOW, make, use
from workshop_utils.course import memory, report, runner
from workshop_utils.course.folders import course_dir
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT


@pytest.fixture
def course(tmp_path, home, monkeypatch):
    """A function that makes a course of GOOD and the lesson it is given."""

    def made(second):
        make(tmp_path, second)
        return use(tmp_path, monkeypatch)

    return made


def run(names=(), settings=()):
    """All done?, and what was printed."""
    out = StringIO()
    done = report.run_course(list(names), "smoke", "open", list(settings), Console(file=out))
    return done, out.getvalue()


@pytest.mark.slow
def test_a_failing_lesson_stops_neither_the_others_nor_the_report(course, home):
    course(BAD)
    done, printed = run(["01", "00"])
    assert not done
    assert "numbers[7]" in printed and "IndexError: list index out of range" in printed
    assert "00_good: done" in printed and "size 2" in printed
    index = (home / "course" / "index.html").read_text(encoding="utf-8")
    assert "failed" in index and "IndexError" in index
    assert "<li>word: süß</li>\n<li>size: 2</li>" in index, "in the order in which they were recorded"
    assert 'href="00_good.html"' in index and (home / "course" / "00_good.html").exists()
    page = (home / "course" / "01_bad.html").read_text(encoding="utf-8")
    assert "This lesson failed" in page and "numbers[7]" in page
    assert "http" not in index, "opens without a network"


@pytest.mark.slow
def test_a_killed_kernel_fails_its_lesson_and_no_other(course, home):
    course(KILLED)
    done, printed = run(["01", "00"])
    assert not done
    assert "01_bad: failed" in printed and "00_good: done" in printed
    assert "os.kill(os.getpid(), 9)" in printed, "the cell is shown"
    assert "killed in this cell, perhaps because memory ran out: it had taken up to" in printed
    assert "Traceback" not in printed
    index = (home / "course" / "index.html").read_text(encoding="utf-8")
    assert "perhaps because memory ran out" in index and "word: süß" in index
    assert "numbers = [1, 2]" in (home / "course" / "01_bad.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("command", [[sys.executable, "-c", "raise SystemExit(3)"], ["/no/such/python"]])
def test_a_kernel_that_does_not_start_fails_the_lessons_with_a_sentence(
    course, home, tmp_path, monkeypatch, command
):
    spec = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(
        json.dumps({"argv": command, "display_name": "x", "language": "python"}), encoding="utf-8"
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    course(BAD)
    stale = home / "course" / "00_good.ipynb"
    stale.parent.mkdir(parents=True)
    stale.write_text("of an earlier run", encoding="utf-8")
    done, printed = run()
    assert not done
    assert printed.count("Jupyter's kernel did not start") == 2 and "workshop preflight" in printed
    assert (home / "course" / "index.html").exists()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (CellTimeoutError("slow"), "gave no answer in time"),
        (OSError(errno.ENOSPC, "No space left on device"), "to its end (OSError: [Errno 28] No space left"),
        (ValueError("odd"), "to its end (ValueError: odd)"),
    ],
)
def test_whatever_else_stops_a_lesson_ends_up_in_its_outcome(course, monkeypatch, error, sentence):
    def execute(notebook, target, **_):
        for cell in notebook.cells:
            cell.metadata["papermill"] = {"start_time": "now"}
        runner.write_notebook(notebook, course_dir() / "00_good.ipynb")
        raise error

    monkeypatch.setattr(runner.papermill, "execute_notebook", execute)
    outcome = runner.run_lesson(course(BAD).lessons[0], "smoke")
    assert outcome.status == "failed" and sentence in outcome.error
    assert "record(" in outcome.error, "the last cell that was begun is shown"


@pytest.mark.slow
def test_a_lesson_that_ends_itself_before_its_end_has_failed(course):
    course(BAD.replace("numbers[7]", "raise SystemExit") + "\n    # %%\n    numbers[0]\n")
    done, printed = run(["01"])
    assert not done
    assert "01_bad: failed" in printed and "raise SystemExit" in printed
    assert "the cells after it have not run" in printed


@pytest.mark.slow
def test_what_a_person_can_mend_is_one_sentence_without_the_cell(course):
    refusal = "from workshop_utils.errors import WorkshopError; raise WorkshopError('There is one label.')"
    course(BAD.replace("numbers[7]", refusal))
    done, printed = run(["01"])
    assert not done
    assert "01_bad failed:\nThere is one label.\n" in printed
    assert "numbers" not in printed and "WorkshopError" not in printed


@pytest.mark.slow
def test_settings_reach_the_lesson_and_text_stays_as_it_was_typed(course):
    course(BAD)
    done, printed = run(["good"], ["size=7", "name=012"])
    assert done and "size 7" in printed and "word 012" in printed


def test_an_unknown_setting_is_refused_before_anything_runs(course, home):
    course(BAD)
    with pytest.raises(WorkshopError, match="no parameter 'sise'; it has size, name"):
        run(["00"], ["sise=3"])
    assert not (home / "course").exists()


def test_a_home_that_cannot_be_written_is_refused_in_one_sentence(course, home):
    course(BAD)
    home.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(WorkshopError, match=r"cannot be written .*WORKSHOP_HOME"):
        run(["00"])


@pytest.fixture
def slow_run(tmp_path, home, course):
    """``workshop run`` of GOOD and SLOW in another process, stopped in SLOW's second cell."""
    course(SLOW)
    script = (
        "import signal, pathlib, pytest\n"
        "from rich.console import Console\n"
        "from tests.small_course import use\n"
        "from workshop_utils.course.report import run_course\n"
        # a shell's background jobs ignore Ctrl-C
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"use(pathlib.Path({str(tmp_path)!r}), pytest.MonkeyPatch())\n"
        "raise SystemExit(not run_course([], 'smoke', 'open', [], Console()))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, env=os.environ.copy(), stdout=subprocess.PIPE, text=True
    )
    deadline = time.time() + 60
    while not (home / "course" / "01_bad.ipynb").exists() and time.time() < deadline:
        time.sleep(0.2)
    time.sleep(3)
    with process:
        yield process
        process.kill()


@pytest.mark.slow
def test_interrupting_leaves_a_report_of_what_ran(home, slow_run):
    slow_run.send_signal(signal.SIGINT)
    printed, _ = slow_run.communicate(timeout=60)
    assert slow_run.returncode == 1
    assert "01_bad: interrupted" in printed and "size 2" in printed
    index = (home / "course" / "index.html").read_text(encoding="utf-8")
    assert "interrupted" in index and "<li>size: 2</li>" in index


@pytest.mark.slow
def test_a_second_run_in_the_same_home_is_refused_and_the_first_goes_on(home, slow_run):
    before = (home / "course" / "00_good.ipynb").read_bytes()
    with pytest.raises(WorkshopError, match="Another `workshop run` is writing"):
        run(["00"], ["size=7"])
    assert (home / "course" / "00_good.ipynb").read_bytes() == before
    assert slow_run.poll() is None


class Child:
    """A process that takes 5 MB, or cannot be looked at."""

    def __init__(self, error=None):
        self.error = error

    def memory_info(self):
        if self.error:
            raise self.error
        return type("Memory", (), {"rss": 5_000_000})


@pytest.mark.parametrize("error", [psutil.NoSuchProcess(1), psutil.ZombieProcess(1), psutil.AccessDenied(1)])
def test_memory_of_processes_that_cannot_be_looked_at_counts_nothing(monkeypatch, error):
    children = [Child(), Child(error), Child()]
    process = type("Process", (), {"children": lambda self, recursive: children})
    monkeypatch.setattr(memory.psutil, "Process", process)
    with memory.PeakMemory() as peak:
        deadline = time.time() + 10
        while not peak.peak_mb and time.time() < deadline:
            time.sleep(0.05)
    assert peak.peak_mb == 10


def test_memory_is_zero_where_processes_cannot_be_listed(monkeypatch):
    def refuse(self, recursive):
        raise psutil.AccessDenied(1)

    monkeypatch.setattr(memory.psutil, "Process", type("Process", (), {"children": refuse}))
    assert memory.children_mb() == 0
