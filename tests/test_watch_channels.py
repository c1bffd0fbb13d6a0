"""How a watch tells people, and the commands that it runs: nothing hangs, nothing is left behind."""

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.watched import receiving
from workshop_utils.errors import WorkshopError
from workshop_utils.production.watch import MailChannel, NotTold, WebhookChannel, run_command, split_command

posix = pytest.mark.skipif(os.name == "nt", reason="Windows ends a group in another way")


def webhook(receiver, pauses=(0.0, 0.0)):
    return WebhookChannel(receiver.address, threading.Event(), pauses)


def test_a_webhook_gets_the_summary_and_the_text():
    with receiving() as receiver:
        webhook(receiver).send("Grüße 👍🏽\n", {"verdict": "mild"})
    assert receiver.messages == [{"verdict": "mild", "text": "Grüße 👍🏽\n"}]


@pytest.mark.parametrize("statuses", [(503, 200), (500, 429, 200)])
def test_a_busy_webhook_is_asked_again(statuses):
    with receiving(*statuses) as receiver:
        webhook(receiver).send("text", {})
    assert len(receiver.messages) == len(statuses)


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (401, 1), (302, 1), (307, 1), (503, 3)])
def test_a_webhook_that_refuses_is_told_without_its_address(status, tries):
    with receiving(status) as receiver, pytest.raises(NotTold) as error:
        webhook(receiver).send("text", {})
    assert str(error.value) == f"The webhook at 127.0.0.1 answers {status}."
    assert receiver.paths == ["/hooks/a-secret"] * tries, "a redirected POST would lose its message"


def test_a_webhook_that_is_gone_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/secret"
    with pytest.raises(NotTold, match=r"at 127\.0\.0\.1 does not answer \(ConnectionRefusedError\)"):
        WebhookChannel(address, threading.Event(), (0.0,)).send("text", {})


def test_a_webhook_that_hangs_is_not_waited_for_when_the_watch_ends():
    with receiving("hang") as receiver:
        stop, reasons = threading.Event(), []

        def send():
            with pytest.raises(NotTold) as error:
                WebhookChannel(receiver.address, stop).send("text", {})
            reasons.append(str(error.value))

        thread = threading.Thread(target=send)
        thread.start()
        assert receiver.arrived.wait(30)
        stop.set()
        thread.join(8)  # less than a webhook may take
        assert reasons == ["The webhook at 127.0.0.1 was not waited for."]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "example.org",
        "ftp://example.org",
        "file:///etc/passwd",
        "http://",
        "http://user:word@example.org",
        "http://example.org/a b",
        "http://example.org/\n",
        "http://exämple.org/",
        "http://example.org:99999/",
        "http://[::1",
        "\ud800",
    ],
)
def test_what_is_no_address_is_one_sentence(address):
    with pytest.raises(WorkshopError, match="The webhook is no address") as error:
        WebhookChannel(address, threading.Event())
    assert "\n" not in str(error.value) and "example" not in str(error.value)


def test_two_receivers_have_names_of_their_own_which_show_nothing():
    names = {WebhookChannel(f"https://example.org/{n}", threading.Event()).name for n in "ab"}
    names |= {MailChannel(["mail", n], threading.Event()).name for n in "ab"}
    assert len(names) == 4 and not any("example" in name for name in names)


def python(code):
    return [sys.executable, "-S", "-E", "-c", code]


def test_a_mail_command_reads_the_text_in_utf_8(tmp_path):
    copy = f"import sys; open({str(tmp_path / 'mail')!r}, 'wb').write(sys.stdin.buffer.read())"
    MailChannel(python(copy), threading.Event()).send("Grüße 👍🏽\n\ud800", {})
    assert (tmp_path / "mail").read_bytes() == "Grüße 👍🏽\n?".encode()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit('no such user')", "no such user"),
        ("raise SystemExit(75)", "It ended with exit code 75 and no word."),
    ],
)
def test_a_mail_command_that_fails_is_told(code, said):
    with pytest.raises(NotTold) as error:
        MailChannel(python(code), threading.Event()).send("x" * 1_000_000, {})
    assert str(error.value) == f"The mail command failed. {said}"


def test_a_mail_command_that_is_gone_is_told():
    with pytest.raises(NotTold, match="cannot be run"):
        MailChannel(["/no/such/program"], threading.Event()).send("text", {})


def test_a_mail_command_is_typed_as_in_a_shell():
    program = sys.executable
    typed = f'"{program}" -c "print(1)" you@example.org'
    expected = typed if os.name == "nt" else [program, "-c", "print(1)", "you@example.org"]
    assert split_command(typed) == expected


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("mail 'x", "no closing quotation"),
        ("no-such-mail you", "no program"),
    ],
)
def test_a_mail_command_that_cannot_be_is_one_sentence(typed, said):
    with pytest.raises(WorkshopError, match=said) as error:
        split_command(typed)
    assert "\n" not in str(error.value)


def test_a_command_that_writes_more_than_a_pipe_holds_comes_to_its_end():
    end = run_command(python("print('x' * 1_000_000 + 'last')"), threading.Event())
    assert end.code == 0 and end.output.strip().endswith("last") and len(end.output) <= 20_000


def test_colours_are_switched_off_whatever_the_surroundings_say(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    code = "import os; print('FORCE_COLOR' in os.environ, os.environ['NO_COLOR'])"
    assert run_command(python(code), threading.Event()).output.split() == ["False", "1"]


def test_a_command_whose_time_is_over_is_ended():
    end = run_command(python("import time; time.sleep(600)"), threading.Event(), seconds=0.1)
    assert end.code is None and end.reason == "It took too long and was ended."


@posix
@pytest.mark.parametrize("deaf", [False, True])
def test_a_stop_ends_the_command_and_what_it_has_started(tmp_path, deaf, monkeypatch):
    monkeypatch.setattr("workshop_utils.production.watch.commands._GRACE_SECONDS", 0.5)
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" if deaf else ""
    inner = f"{ignore}import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)"
    outer = (
        f"{ignore}import subprocess, sys, time\n"
        f"command = [sys.executable, '-S', '-E', '-c', {inner!r}]\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)\n"
        f"open({str(tmp_path / 'draft')!r}, 'w').write(child.stdout.readline())\n"
        f"import os; os.rename({str(tmp_path / 'draft')!r}, {str(tmp_path / 'pid')!r})\n"
        "time.sleep(600)"
    )
    stop, ends = threading.Event(), []
    thread = threading.Thread(target=lambda: ends.append(run_command(python(outer), stop)))
    thread.start()
    while not (tmp_path / "pid").exists():
        assert thread.is_alive()
        thread.join(0.02)
    pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
    stop.set()
    thread.join(30)
    assert [end.code for end in ends] == [None]
    while is_running(pid):  # killed, and gone when init has seen it
        thread.join(0.02)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return state.rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc").exists()
