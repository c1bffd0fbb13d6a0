"""The runner on small lessons made here: errors, interrupts and reports."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from workshop_utils.course import builder, report
from workshop_utils.course.syllabus import load_course
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT

GOOD = """
    # %% [markdown]
    # # 00 · Good

    # %% tags=["parameters"]
    size = 2
    name = "süß"

    # %%
    from workshop_utils.course.results import record
    record("00_good", size=size, word=name)
    """
BAD = """
    # %% [markdown]
    # # 01 · Bad

    # %% tags=["parameters"]
    seed = 0

    # %%
    numbers = [1, 2]
    numbers[7]
    """
SLOW = BAD.replace("01 · Bad", "01 · Slow").replace("numbers[7]", "import time; time.sleep(60)")


@pytest.fixture
def course(tmp_path, home, monkeypatch):
    """A course of two lessons; returns a function that runs it and gives (all done?, what was printed)."""

    def make(second):
        (tmp_path / "lessons").mkdir(exist_ok=True)
        titles = {"00_good": ("Good", GOOD), "01_bad": (second.split("· ")[1].split("\n")[0], second)}
        toml = ['title = "T"', 'subtitle = "S"']
        for slug, (title, source) in titles.items():
            (tmp_path / "lessons" / f"{slug}.py").write_text(
                textwrap.dedent(source).lstrip(), encoding="utf-8"
            )
            toml += ["[[lessons]]", f'id = "{slug[:2]}"', f'name = "{slug[3:]}"', f'title = "{title}"']
            toml += ["teach = 1", "practise = 0", "budget = { smoke = 60, workshop = 60, full = 60 }"]
        toml += ["[[blocks]]", 'name = "B"', 'lessons = ["00", "01"]', "breaks = 0", "minutes = 2"]
        (tmp_path / "course.toml").write_text("\n".join(toml), encoding="utf-8")
        small = load_course(tmp_path / "course.toml", tmp_path / "lessons")
        monkeypatch.setattr(report, "load_course", lambda: small)
        monkeypatch.setattr(
            builder, "lesson_source", lambda lesson: tmp_path / "lessons" / f"{lesson.slug}.py"
        )
        return small

    return make


def run(names=(), settings=()):
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    done = report.run_course(list(names), "smoke", "open", list(settings), Console(file=out, width=200))
    return done, out.getvalue()


@pytest.mark.slow
def test_a_failing_lesson_stops_neither_the_others_nor_the_report(course, home):
    course(BAD)
    done, printed = run(["01", "00"])
    assert not done
    assert "numbers[7]" in printed and "IndexError: list index out of range" in printed
    assert "size 2" in printed
    index = (home / "course" / "index.html").read_text(encoding="utf-8")
    assert "failed" in index and "IndexError" in index and "word: süß" in index
    assert 'href="00_good.html"' in index and (home / "course" / "00_good.html").exists()
    page = (home / "course" / "01_bad.html").read_text(encoding="utf-8")
    assert "This lesson failed" in page and "numbers[7]" in page
    assert "http" not in index, "opens without a network"


@pytest.mark.slow
def test_settings_reach_the_lesson_and_text_stays_text(course):
    course(BAD)
    done, printed = run(["good"], ["size=7", "name=12"])
    assert done and "size 7" in printed and "word 12" in printed


def test_an_unknown_setting_is_refused_before_anything_runs(course, home):
    course(BAD)
    with pytest.raises(WorkshopError, match="no parameter 'sise'; it has size, name"):
        run(["00"], ["sise=3"])
    assert not (home / "course").exists()


@pytest.mark.slow
def test_interrupting_leaves_a_report_of_what_ran(tmp_path, home, course):
    course(SLOW)
    script = textwrap.dedent(
        f"""
        import signal
        from pathlib import Path
        from rich.console import Console
        from workshop_utils.course import builder, report
        from workshop_utils.course.syllabus import load_course
        base = Path({str(tmp_path)!r})
        report.load_course = lambda: load_course(base / "course.toml", base / "lessons")
        load_course = report.load_course()
        report.load_course = lambda: load_course
        builder.lesson_source = lambda lesson: base / "lessons" / f"{{lesson.slug}}.py"
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore Ctrl-C
        raise SystemExit(not report.run_course([], "smoke", "open", [], Console(width=200)))
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, env=os.environ.copy(), stdout=subprocess.PIPE, text=True
    )
    deadline = time.time() + 60
    while not (home / "course" / "01_bad.ipynb").exists() and time.time() < deadline:
        time.sleep(0.2)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "interrupted" in printed and "size 2" in printed
    index = (home / "course" / "index.html").read_text(encoding="utf-8")
    assert "interrupted" in index and "size: 2" in index
