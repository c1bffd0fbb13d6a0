"""``workshop watch`` as a process: watches a real deployment, hears alerts, ends when it is told to."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.bundles import tfidf_bundle
from tests.serving import BEARER, TOKEN, Client
from workshop_utils.cli import app
from workshop_utils.production.deployment import Told, promote

posix = pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGTERM")
FIRING = {"version": "4", "status": "firing", "alerts": [{"status": "firing"}]}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A deployment with a champion; nobody has asked it anything."""
    folder = tmp_path_factory.mktemp("watched")
    promote(tfidf_bundle(folder / "reviews"), folder / "deployment", Told("a test", "to see"))
    return folder / "deployment"


class WatchProcess:
    """A watch, what it told, and the JSON lines that it logged."""

    def __init__(self, home: Path, *arguments, **environment) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.out, self.log = home / "out.txt", home / "log.txt"
        variables = os.environ | {"WORKSHOP_HOME": str(home)} | environment
        with self.out.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "workshop_utils", "watch", *map(str, arguments)],
                stdout=out,
                stderr=log,
                env=variables,
            )

    def lines(self) -> list[dict]:
        """What it has logged so far; the last line may be half written."""
        whole = self.log.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole]

    def verdicts(self) -> list[str]:
        return [line["verdict"] for line in self.lines() if "verdict" in line]

    def told(self) -> str:
        return self.out.read_text(encoding="utf-8")

    def until(self, state):
        """Wait until a state is reached."""
        while not (found := state()):
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            time.sleep(0.02)
        return found


@contextmanager
def watching(home, *arguments, **environment):
    watch = WatchProcess(home, *arguments, **environment)
    try:
        yield watch
    finally:
        watch.process.kill()
        watch.process.wait()


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_cleanly(deployed, home, name):
    with watching(home, "--deployment", deployed, "--every", "1d") as watch:
        watch.until(watch.verdicts)
        watch.process.send_signal(getattr(signal, name))
        assert watch.process.wait(30) == 0
        assert watch.verdicts() == ["insufficient data"], watch.lines()
    assert (home / "watch" / "report.html").exists() and not (home / "watch" / "lock").exists()


@posix
def test_an_alert_begins_a_round_and_a_stop_during_it_ends_it(deployed, home):
    arguments = ["--deployment", deployed, "--every", "1d", "--listen", 0]
    with watching(home, *arguments, WORKSHOP_TOKEN=TOKEN) as watch:
        watch.until(watch.verdicts)
        address = watch.until(lambda: re.search(r"http://\S+(?=/alerts)", watch.told()))[0]
        client = Client(address)
        assert client.post("/alerts", FIRING).status == 403
        assert client.post("/alerts", FIRING, BEARER).status == 202
        watch.until(lambda: len(watch.verdicts()) == 2)
        assert client.post("/alerts", FIRING, BEARER).status == 202
        watch.process.send_signal(signal.SIGTERM)
        assert watch.process.wait(30) == 0
        assert {line["level"] for line in watch.lines()} == {"info"}


def test_a_second_watch_is_refused_in_one_sentence(deployed, home):
    with watching(home, "--deployment", deployed) as first:
        first.until(first.verdicts)
        second = subprocess.run(
            [sys.executable, "-m", "workshop_utils", "watch", "--once", "--deployment", str(deployed)],
            env=os.environ | {"WORKSHOP_HOME": str(home)},
            capture_output=True,
            text=True,
        )
        assert second.returncode == 1 and "Another `workshop watch` uses" in second.stderr
        assert len(second.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_one_sentence(deployed, home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        arguments = ["--deployment", deployed, "--listen", taken.getsockname()[1]]
        with watching(home, *arguments, WORKSHOP_TOKEN=TOKEN) as watch:
            assert watch.process.wait(60) == 1
            (sentence,) = watch.log.read_text(encoding="utf-8").splitlines()
            assert "cannot listen on 127.0.0.1" in sentence
    assert not (home / "watch" / "lock").exists()


def once(home, *arguments):
    with watching(home, "--once", *arguments) as watch:
        return watch.process.wait(60), watch.verdicts()


def test_one_round_from_cron_tells_each_change_once(deployed, home, tmp_path):
    program = tmp_path / "mail.py"
    program.write_text(
        "import sys\nwith open(sys.argv[1], 'ab') as box:\n    box.write(sys.stdin.buffer.read())\n",
        encoding="utf-8",
    )
    box = tmp_path / "box"
    command = f'"{sys.executable}" "{program}" "{box}"'
    arguments = ["--deployment", deployed, "--mail-command", command]
    for _ in range(2):
        assert once(home, *arguments) == (0, ["insufficient data"])
    (text,) = re.findall(r"Verdict: .+", box.read_text(encoding="utf-8"))
    assert text == "Verdict: insufficient data"
    (home / "store.db").write_bytes(b"no database any more" * 100)
    assert once(home, *arguments) == (1, ["failed"])
    assert "Verdict: failed (before: insufficient data)" in box.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--every", "often"], 2, "is no duration"),
        (["--once", "--listen", "0"], 2, "leave --listen out"),
        (["--listen", "70000"], 2, "65535"),
        (["--webhook", "example.org"], 2, "The webhook is no address"),
        (["--mail-command", "no-such-program you"], 2, "no program"),
        (["--deployment", "nowhere"], 1, "promote a bundle first"),
        (["--policy", "nowhere.toml"], 1, "The policy nowhere.toml cannot be read"),
    ],
    ids=str,
)
def test_a_mistake_is_told_before_anything_begins(home, arguments, code, said, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.delenv("WORKSHOP_WEBHOOK", raising=False)
    result = CliRunner().invoke(app, ["watch", *arguments])
    told = " ".join((result.output + str(result.exception or "")).split())
    assert result.exit_code == code and said in told
    assert not (home / "watch").exists()
