"""Preflight: green here, and each red line names its fix."""

import socket

import pytest

from workshop_utils.course import preflight
from workshop_utils.course.preflight import Line
from workshop_utils.models.transformer import pretrained


def test_this_environment_is_green():
    red = [line for line in preflight.preflight(port=0) if not line.ok]
    assert red == []


def test_another_python_is_red():
    assert "3.11" in preflight.check_python((3, 12)).fix


def test_a_package_of_another_version_or_missing_is_red(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text(
        "numpy==1.0\nno-such-package==2.0\nwinonly==1 ; sys_platform == 'never'\n", encoding="utf-8"
    )
    line = preflight.check_packages(lock)
    assert "numpy" in line.found and "no-such-package missing" in line.found and "winonly" not in line.found
    assert "make" in line.fix


def test_too_little_disk_or_memory_is_red(tmp_path):
    assert "free" in preflight.check_disk(tmp_path / "not" / "yet", needed=1e9).fix
    assert "close programs" in preflight.check_memory(needed=1e9).fix


def test_a_taken_port_is_red_and_names_another():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert f"PORT={port + 1}" in preflight.check_port(port).fix


def test_changed_data_is_red(monkeypatch):
    monkeypatch.setattr(preflight, "read_sums", lambda path: {"nowhere.csv": "0"})
    assert "git checkout" in preflight.check_data().fix


def test_missing_checksums_are_red(monkeypatch):
    monkeypatch.setattr(preflight, "read_sums", lambda path: {})
    assert not preflight.check_data().ok


@pytest.mark.parametrize(("name", "value"), [("_PACKAGE", "no_such_encoder"), ("WEIGHTS_SHA256", "0" * 64)])
def test_a_missing_or_damaged_encoder_is_red(monkeypatch, name, value):
    monkeypatch.setattr(pretrained, name, value)
    assert "make clean-env" in preflight.check_encoder().fix


def test_a_line_without_a_fix_is_green():
    assert Line("x", "y").ok and not Line("x", "y", "z").ok
