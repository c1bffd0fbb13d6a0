"""Every lesson runs: open and solved, alone, in any order, within its budget, with the network cut."""

import json
import os
import random
import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.conftest import COURSE
from workshop_utils.paths import ROOT

#: Open exercises quickly; with solutions as in class, where every claim must hold.
PROFILES = {"open": "smoke", "solved": "workshop"}

#: Budgets are for two idle cores. Here both forms run side by side, and with `make test` others beside them.
PATIENCE = 3


def can_cut_the_network():
    """May this process make a network namespace of its own?"""
    probe = ["unshare", "-rn", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(probe, capture_output=True).returncode == 0


def without_network(command):
    """The command in a network namespace with nothing but this machine in it."""
    return ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Both forms of all lessons, each in random order and without a network, side by side on two cores."""
    started = {form: start(form, tmp_path_factory.mktemp(form)) for form in ("open", "solved")}
    return {form: (form, home, finished(process)) for form, (home, process) in started.items()}


@pytest.fixture(params=["open", "solved"])
def run(request, runs):
    """One of the two runs: (form, home, process)."""
    return runs[request.param]


def start(form, home):
    """Begin to run all lessons; returns (home, process)."""
    lessons = [lesson.id for lesson in COURSE.lessons]
    random.shuffle(lessons)
    profile = PROFILES[form]
    command = [sys.executable, "-m", "workshop_utils", "run", *lessons, "--profile", profile, "--form", form]
    if can_cut_the_network():
        command = without_network(command)
    own = {"WORKSHOP_HOME": str(home), "WORKSHOP_DATA_DIR": str(home / "none"), "OMP_NUM_THREADS": "1"}
    log = (home / "log").open("w+", encoding="utf-8")
    return home, (subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stdout=log, stderr=log), log)


def finished(started):
    """Wait; the process as ``subprocess.run`` would give it, stdout and stderr in one."""
    process, log = started
    with log:
        process.wait()
        log.seek(0)
        return subprocess.CompletedProcess(process.args, process.returncode, log.read())


@pytest.mark.slow
def test_all_lessons_run_to_their_end(run):
    _, home, process = run
    assert process.returncode == 0, process.stdout[-5000:]
    for lesson in COURSE.lessons:
        assert (home / "course" / f"{lesson.slug}.html").exists()
        assert (
            json.loads((home / "results" / f"{lesson.slug}.json").read_text(encoding="utf-8"))["lesson"]
            == lesson.slug
        )


@pytest.mark.slow
def test_exercises_are_open_in_the_open_form_and_passed_in_the_solved_form(run):
    form, home, _ = run
    wanted = {"open": "open", "solved": "passed"}[form]
    for lesson in COURSE.lessons:
        states = [
            output["data"]["application/vnd.workshop.exercise+json"]["state"]
            for cell in nbformat.read(home / "course" / f"{lesson.slug}.ipynb", as_version=4).cells
            for output in cell.get("outputs", [])
            if "application/vnd.workshop.exercise+json" in output.get("data", {})
        ]
        assert 2 <= len(states) <= 4 and set(states) == {wanted}


@pytest.mark.slow
def test_lessons_keep_their_budget(run):
    form, home, _ = run
    for lesson in COURSE.lessons:
        notebook = nbformat.read(home / "course" / f"{lesson.slug}.ipynb", as_version=4)
        assert notebook.metadata.papermill.duration < PATIENCE * lesson.budget[PROFILES[form]]


@pytest.mark.slow
def test_every_figure_has_alternative_text_on_the_page(run):
    _, home, _ = run
    for lesson in COURSE.lessons:
        for cell in nbformat.read(home / "course" / f"{lesson.slug}.ipynb", as_version=4).cells:
            images = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
            assert not images or cell.metadata.get("alt"), cell.source


@pytest.mark.slow
def test_no_library_shouts_into_a_lesson(run):
    _, home, _ = run
    for lesson in COURSE.lessons:
        for cell in nbformat.read(home / "course" / f"{lesson.slug}.ipynb", as_version=4).cells:
            for output in cell.get("outputs", []):
                assert "warning" not in output.get("text", "").casefold(), output["text"]


@pytest.mark.slow
def test_pages_need_no_network(run):
    _, home, _ = run
    for page in (home / "course").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        for mark in ('src="http', "src='http", 'rel="stylesheet"', "@import"):
            assert mark not in text, f"{page.name} loads something"


@pytest.mark.slow
def test_the_network_was_really_cut():
    if not can_cut_the_network():
        pytest.skip("this machine lets no process cut its network (unshare -rn), so the lessons ran with it")
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=3)"
    result = subprocess.run(without_network([sys.executable, "-c", code]), capture_output=True, text=True)
    assert "Network is unreachable" in result.stderr
