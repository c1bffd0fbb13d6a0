"""Preflight: red and yellow lines each name their fix."""

import os
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from workshop_utils.course import packages, preflight
from workshop_utils.course.preflight import Line
from workshop_utils.data import bundled
from workshop_utils.models.transformer import pretrained

GB = 1e9


@pytest.fixture
def as_user(monkeypatch):
    """Neither root nor told anything by ``make lab``, whoever runs the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.delenv("LAB_OPTIONS", raising=False)


def test_this_environment_is_not_red(as_user, home):
    red = [line for line in preflight.preflight(port=0) if line.severity == "red"]
    assert red == []


def test_a_line_is_green_without_a_fix_yellow_with_advice_else_red():
    assert Line("x", "y").severity == "green" and Line("x", "y", advice=True).severity == "green"
    assert Line("x", "y", "z", advice=True).severity == "yellow" and Line("x", "y", "z", advice=True).ok
    assert Line("x", "y", "z").severity == "red" and not Line("x", "y", "z").ok


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_three_pythons_are_right(version):
    assert preflight.check_python(version).severity == "green"


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_another_python_is_red_and_the_right_ones_are_named(version):
    assert "install Python 3.11, 3.12 or 3.13, then" in preflight.check_python(version).fix


def test_the_right_pythons_are_those_of_the_package(tmp_path):
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nrequires-python = ">=3.12,<3.13"\n', encoding="utf-8")
    assert preflight.check_python((3, 12), project).ok
    assert "install Python 3.12, then" in preflight.check_python((3, 11), project).fix


@pytest.mark.parametrize(
    ("system", "machine", "release", "fix"),
    [
        ("linux", "x86_64", "", ""),
        ("linux", "aarch64", "", ""),
        ("win32", "AMD64", "", ""),
        ("darwin", "arm64", "14.0", ""),
        ("darwin", "arm64", "26.1", ""),
        ("darwin", "arm64", "13.6", "PyTorch needs macOS 14"),
        ("darwin", "x86_64", "15.1", "no longer built for Macs with an Intel processor"),
    ],
)
def test_macs_that_the_libraries_are_not_built_for_are_red(system, machine, release, fix):
    line = preflight.check_system(system, machine, release)
    assert line.severity == ("red" if fix else "green")
    assert fix in line.fix


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that makes distributions: name, version, what each requires."""
    monkeypatch.syspath_prepend(tmp_path)

    def made(name, version, *requires):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {line}" for line in requires)]
        (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]), encoding="utf-8")

    made("project", "1", "base-part", "course-part[more]>=1; extra == 'course'", "tests; extra == 'dev'")
    made("base_part", "1", "elsewhere; sys_platform == 'never'")
    made("Course.Part", "2.0+cpu", "deep-part; extra == 'more'", "left-out; extra == 'less'", "project")
    return made


def lock_of(tmp_path, *lines):
    path = tmp_path / "lock"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_what_the_extra_needs_through_others_must_be_installed(installed, tmp_path):
    assert packages.required("project", "course") == {"project", "base-part", "course-part", "deep-part"}
    line = preflight.check_packages(lock_of(tmp_path), "project", "course")
    assert line.severity == "red" and line.found == "deep-part missing" and "make" in line.fix
    installed("deep_part", "3")
    assert preflight.check_packages(lock_of(tmp_path), "project", "course").ok


def test_what_is_installed_must_have_the_version_of_the_lock(installed, tmp_path):
    installed("deep_part", "3")
    lock = lock_of(
        tmp_path, "base-part==2", "course-part==2.0", "deep-part==3", "numpy==1 ; sys_platform == 'never'"
    )
    line = preflight.check_packages(lock, "project", "course")
    assert line.severity == "red" and line.found == "base-part 1 (lock: 2)"


def test_the_locks_packages_for_developers_need_not_be_installed(installed, tmp_path):
    installed("deep_part", "3")
    lock = lock_of(tmp_path, "base-part==1", "course-part==2.0", "deep-part==3", "tests==7")
    line = preflight.check_packages(lock, "project", "course")
    assert line == Line("Packages", "3 as in lock")


def test_a_folder_behind_one_that_is_closed_to_us_is_on_the_disk_of_the_open_one(tmp_path, monkeypatch):
    def refuse(path):
        if path != tmp_path:
            raise PermissionError(13, "Permission denied", str(path))
        return SimpleNamespace(free=5e9)

    monkeypatch.setattr("workshop_utils.course.preflight.shutil.disk_usage", refuse)
    assert preflight.check_disk(tmp_path / "closed" / "home").found == "5.0 GB free"
    assert not preflight.check_disk(Path("/elsewhere")).ok


def test_without_the_program_git_nobody_is_told_to_run_it(monkeypatch, tmp_path):
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(bundled, "ROOT", tmp_path)
    monkeypatch.setattr(bundled.shutil, "which", lambda program: f"/usr/bin/{program}")
    assert "git checkout" in bundled.how_to_restore(tmp_path / "data" / "reviews.csv")
    monkeypatch.setattr(bundled.shutil, "which", lambda program: None)
    assert "archive" in bundled.how_to_restore(tmp_path / "data" / "reviews.csv")


def test_too_little_disk_is_red(tmp_path):
    line = preflight.check_disk(tmp_path / "not" / "yet", needed=1e9)
    assert line.severity == "red" and "free" in line.fix


@pytest.mark.parametrize(("free_gb", "severity"), [(3.9, "yellow"), (4.1, "green")])
def test_little_memory_is_a_warning_and_stops_nobody(monkeypatch, free_gb, severity):
    available = type("Memory", (), {"available": free_gb * GB})
    monkeypatch.setattr(preflight.psutil, "virtual_memory", lambda: available)
    line = preflight.check_memory()
    assert line.severity == severity and line.ok
    assert ("close programs" in line.fix) == (severity == "yellow")


def test_a_folder_that_cannot_be_written_is_red(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    line = preflight.check_folders(tmp_path, tmp_path / "file" / "home")
    assert line.severity == "red"
    assert "file/home cannot be written" in line.fix and "WORKSHOP_HOME" in line.fix
    assert preflight.check_folders(tmp_path / "new", tmp_path).ok


def test_root_is_red_until_jupyterlab_is_allowed_to_run_as_root(as_user, monkeypatch):
    assert preflight.check_user().severity == "green"
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    line = preflight.check_user()
    assert line.severity == "red" and "make lab LAB_OPTIONS=--allow-root" in line.fix
    monkeypatch.setenv("LAB_OPTIONS", "--no-browser --allow-root")
    assert preflight.check_user().severity == "green"


def test_where_there_is_no_root_nobody_is(monkeypatch):
    monkeypatch.delattr(os, "geteuid", raising=False)
    assert preflight.check_user().severity == "green"


def test_a_taken_port_is_red_and_names_another():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert f"PORT={port + 1}" in preflight.check_port(port).fix


@pytest.mark.parametrize("windows", [True, False])
def test_on_windows_the_port_is_asked_for_alone(monkeypatch, windows):
    """There, SO_REUSEADDR would share a port on which somebody listens."""
    monkeypatch.delattr(socket, "SO_EXCLUSIVEADDRUSE", raising=False)
    if windows:
        monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", -5, raising=False)
    options = []

    class Socket(socket.socket):
        def setsockopt(self, level, option, value):
            options.append(option)

    monkeypatch.setattr(socket, "socket", Socket)
    preflight.check_port(0)
    assert options == [-5 if windows else socket.SO_REUSEADDR]


def test_changed_data_is_red(monkeypatch):
    monkeypatch.setattr(preflight, "read_sums", lambda path: {"nowhere.csv": "0"})
    line = preflight.check_data()
    assert line.severity == "red" and "nowhere.csv is missing" in line.fix


@pytest.mark.parametrize(("has_git", "advice"), [(True, "git checkout data/SHA256SUMS"), (False, "archive")])
def test_missing_checksums_are_red_and_the_advice_fits_an_archive_too(monkeypatch, tmp_path, has_git, advice):
    if has_git:
        (tmp_path / ".git").mkdir()
    monkeypatch.setattr(bundled, "ROOT", tmp_path)
    monkeypatch.setattr(preflight, "read_sums", lambda path: {})
    line = preflight.check_data()
    assert line.severity == "red" and advice in line.fix
    assert ("git" in line.fix) == has_git


@pytest.mark.parametrize(("name", "value"), [("_PACKAGE", "no_such_encoder"), ("WEIGHTS_SHA256", "0" * 64)])
def test_a_missing_or_damaged_encoder_is_red(monkeypatch, name, value):
    monkeypatch.setattr(pretrained, name, value)
    assert "make clean-env" in preflight.check_packaged_encoder().fix
