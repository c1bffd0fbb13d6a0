"""``workshop serve`` as a process: it starts, stops without losing a request, comes back when killed."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.bundles import tfidf_bundle
from tests.served import BODY, Load, free_port, is_ready, served
from tests.serving import JSON, Client, add_version, exchange, point
from workshop_utils.production.service import supervising

posix = pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGTERM")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tfidf_bundle(tmp_path_factory.mktemp("service") / "reviews")


@pytest.mark.fault(24)
@posix
@pytest.mark.parametrize("turn", range(4))
def test_sigterm_under_load_loses_no_request(made, home, turn):
    with served(home, "--bundle", made) as process:
        loads = [Load(process.client) for _ in range(8)]
        for load in loads:
            load.start()
        while sum(len(load.statuses) for load in loads) < 50 * (turn + 1):
            time.sleep(0.01)
        process.process.send_signal(signal.SIGTERM)
        assert process.end() == 0
        for load in loads:
            load.join(30)
        assert [error for load in loads for error in load.lost] == []
        assert {status for load in loads for status in load.statuses} == {200}
        assert not process.errors, "nothing but JSON is logged"


@pytest.mark.fault(24)
@posix
def test_after_sigterm_the_service_is_not_ready_while_it_answers_what_it_has(made, home):
    """A request that is on its way holds the service up; it gets its answer."""
    with served(home, "--bundle", made) as process:
        kept = http.client.HTTPConnection(process.client.host, process.client.port, timeout=30)
        assert exchange(kept, "GET", "/readyz").status == 200
        half = process.client.connect()
        head = f"Host: h\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        half.sendall(f"POST /predict HTTP/1.1\r\n{head}".encode() + BODY[:5])
        process.process.send_signal(signal.SIGTERM)
        while (answer := exchange(kept, "GET", "/readyz")).status == 200:
            pass
        assert answer.status == 503 and "stopping" in answer.json["detail"]
        assert answer.headers["Connection"] == "close"
        half.sendall(BODY[5:])
        assert b" 200 OK" in half.recv(65536)
        half.close()
        kept.close()
        assert process.end() == 0


@pytest.mark.fault(24)
@posix
@pytest.mark.parametrize(
    ("name", "more"), [("SIGTERM", []), ("SIGINT", []), ("SIGTERM", ["--supervise"])], ids=str
)
def test_a_second_signal_ends_it_at_once(made, home, name, more):
    number = getattr(signal, name)
    with served(home, "--bundle", made, *more) as process:
        half = process.client.connect()
        half.sendall(b"POST /predict HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
        process.client.get("/livez")
        process.process.send_signal(number)
        while "Draining" not in str(process.logs) and process.process.poll() is None:
            time.sleep(0.01)
        process.process.send_signal(number)
        assert process.end() == 1
        half.close()


#: With what ``sys.argv`` says done to SIGHUP, whatever the tests themselves were started with.
WITH_SIGHUP = """
import signal, sys
signal.signal(signal.SIGHUP, getattr(signal, sys.argv.pop(1)))
sys.argv[0] = "workshop"
from workshop_utils.cli import main
main()
"""


@pytest.mark.fault(24)
@posix
@pytest.mark.parametrize("more", [[], ["--supervise"]], ids=["alone", "supervised"])
def test_a_terminal_that_is_closed_stops_the_service_as_sigterm_does(made, home, more):
    """A supervisor's service has a session of its own, and would go on for ever."""
    start = [sys.executable, "-u", "-c", WITH_SIGHUP, "SIG_DFL"]
    with served(home, "--bundle", made, *more, start=start) as process:
        assert process.client.predict("good").status == 200
        process.process.send_signal(signal.SIGHUP)
        assert process.end() == 0 and "Draining." in str(process.logs)
        assert not is_ready(process.client)


@posix
def test_with_nohup_a_closed_terminal_is_nobodys_business(made, home):
    start = [sys.executable, "-u", "-c", WITH_SIGHUP, "SIG_IGN"]
    with served(home, "--bundle", made, start=start) as process:
        process.process.send_signal(signal.SIGHUP)
        assert process.client.predict("good").status == 200
        process.process.terminate()
        assert process.end() == 0


@pytest.mark.fault(24)
@posix
def test_sigterm_while_the_first_model_loads_ends_it(home, tmp_path):
    """A card that nobody has written yet keeps the loading waiting."""
    folder = tmp_path / "slow"
    folder.mkdir()
    os.mkfifo(folder / "bundle.json")
    command = [sys.executable, "-m", "workshop_utils", "serve", "--bundle", str(folder), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        writer = opened_by_a_reader(folder / "bundle.json", process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0 and process.stderr.read() == ""
        os.close(writer)


@pytest.mark.fault(24)
@posix
def test_sigterm_while_a_deployments_model_loads_ends_it(home, tmp_path):
    folder = tmp_path / "versions" / "v1"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "bundle.json")
    point(tmp_path, "v1")
    with served(home, "--deployment", tmp_path) as process:
        writer = opened_by_a_reader(folder / "bundle.json", process.process)
        answer = process.client.get("/readyz")
        assert answer.status == 503 and "loading" in answer.json["detail"]
        assert process.client.get("/livez").status == 200
        process.process.send_signal(signal.SIGTERM)
        assert process.end() == 0 and not process.errors
        os.close(writer)


def opened_by_a_reader(pipe, process):
    """The writing end of a named pipe, as soon as the process reads from it."""
    while process.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            time.sleep(0.01)
    raise AssertionError(f"it ended with {process.returncode}")


@pytest.mark.fault(25)
@posix
def test_killed_under_load_it_resets_what_was_under_way_and_is_ready_again_at_the_same_address(made, home):
    with served(home, "--bundle", made, "--supervise", "--port", free_port()) as process:
        half = process.client.connect()
        half.sendall(b"POST /predict HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n{")
        loads = [Load(process.client) for _ in range(4)]
        for load in loads:
            load.start()
        while min(len(load.statuses) for load in loads) < 20:
            time.sleep(0.01)
        (started,) = [line for line in process.logs if "pid" in line]
        os.kill(started["pid"], signal.SIGKILL)
        for load in loads:
            load.join(30)
            assert set(load.statuses) == {200}, "what was answered was answered well"
            (error,) = load.lost
            assert not isinstance(error, TimeoutError), "the client is told at once"
        with pytest.raises(ConnectionError):
            if not half.recv(1):
                raise ConnectionResetError
        half.close()
        while not is_ready(process.client):
            time.sleep(0.02)
        assert process.client.predict("good").status == 200
        assert [line["exit_code"] for line in process.logs if "exit_code" in line] == [-signal.SIGKILL]
        process.process.send_signal(signal.SIGTERM)
        assert process.end() == 0


@posix
def test_a_signal_while_the_supervisor_starts_the_service_ends_both(monkeypatch):
    """The signal comes when the process is there and its name is not yet known."""
    start, started = subprocess.Popen, []

    def start_and_stop(command, **options):
        started.append(start(command, **options))
        supervisor.stop(signal.SIGTERM, None)
        return started[-1]

    monkeypatch.setattr(supervising.subprocess, "Popen", start_and_stop)
    supervisor = supervising._Supervisor([sys.executable, "-c", "import time; time.sleep(60)"])
    assert supervisor.run() == 0 and started[0].returncode == -signal.SIGTERM


@posix
def test_a_signal_between_two_starts_ends_the_supervisor_at_once(monkeypatch):
    monkeypatch.setattr(supervising, "_FIRST_PAUSE", 1e9)
    supervisor = supervising._Supervisor([sys.executable, "-c", "import os; os._exit(7)"])
    found = []
    thread = threading.Thread(target=lambda: found.append(supervisor.run()))
    thread.start()
    while supervisor._child is None or supervisor._child.returncode is None:
        time.sleep(0.01)
    supervisor.stop(signal.SIGTERM, None)
    thread.join(30)
    assert found == [0]


@posix
def test_a_supervisor_does_not_repeat_what_cannot_work(tmp_path, home):
    with served(home, "--bundle", tmp_path / "none", "--supervise") as process:
        assert process.end() == 1
        assert len([line for line in process.logs if "pid" in line]) == 1


def test_the_printed_curl_line_works_when_it_is_pasted(made, home):
    with served(home, "--bundle", made) as process:
        line = next(line for line in process.told.splitlines() if line.startswith("curl"))
        told = subprocess.run(line, shell=True, capture_output=True, check=True)
        assert {"class_0_probability", "class_1_probability"} <= json.loads(told.stdout).keys()


def test_predictions_are_in_the_store_after_a_stop(made, home):
    with served(home, "--bundle", made, "--store-texts", WORKSHOP_TOKEN="secret") as process:
        found = process.client.predict("a good film").json
        label = {"prediction_id": found["prediction_id"], "label": "positive"}
        answer = process.client.post("/feedback", label, {"Authorization": "Bearer secret"})
        assert answer.json["result"] == "new"
        process.process.terminate()
        assert process.end() in (0, 1)
    assert (home / "store.db").exists()


@pytest.mark.fault(33)
def test_logs_are_json_with_request_ids_and_without_texts(made, home):
    with served(home, "--bundle", made) as process:
        process.client.post("/predict", {"text": "my secret\n{}"}, {"X-Request-ID": "abc-1"})
        process.client.post("/predict", {"texts\n": "my secret"})
        process.client.request("POST", "/nowhere/secret%0a%0dinjected")
        process.process.terminate()
        process.end()
        answered = [line for line in process.logs if line["message"] == "answered"]
        assert [line["status"] for line in answered] == [200, 422, 404]
        assert answered[0]["request_id"] == "abc-1" and answered[2]["route"] == "(none)"
        assert "secret" not in json.dumps(process.logs) and not process.errors


@posix
def test_a_pipe_that_nobody_reads_stops_neither_the_service_nor_its_end(made, home):
    command = [sys.executable, "-m", "workshop_utils", "serve", "--bundle", str(made), "--port", "0"]
    environment = os.environ | {"WORKSHOP_HOME": str(home)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        told = process.stdout.readline().decode()
        client = Client(re.search(r"http://\S+?:\d+", told)[0])
        kept = http.client.HTTPConnection(client.host, client.port, timeout=30)
        answers = [exchange(kept, "POST", "/predict", BODY, JSON).status for _ in range(1000)]
        kept.close()
        assert set(answers) == {200}, "a thousand log lines are more than a pipe holds"
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--bundle", "none"], 1, "There is no model in none"),
        (["--deployment", "none"], 1, "There is no folder none"),
        (["--bundle", "a", "--deployment", "b"], 2, "not both"),
        (["--bundle", "MADE", "--host", "no.such.host.invalid"], 1, "cannot listen on"),
    ],
    ids=str,
)
def test_what_cannot_be_served_is_one_sentence(made, home, arguments, code, sentence):
    arguments = [str(made) if each == "MADE" else each for each in arguments]
    command = [sys.executable, "-m", "workshop_utils", "serve", *arguments]
    told = subprocess.run(
        command, capture_output=True, encoding="utf-8", env=os.environ | {"WORKSHOP_HOME": str(home)}
    )
    assert told.returncode == code and sentence in told.stderr and "Traceback" not in told.stderr


def test_a_port_that_is_taken_is_one_sentence(made, home):
    with served(home, "--bundle", made) as process:
        command = ["serve", "--bundle", str(made), "--port", str(process.client.port), "--storage", "none"]
        told = subprocess.run(
            [sys.executable, "-m", "workshop_utils", *command], capture_output=True, encoding="utf-8"
        )
        assert told.returncode == 1 and "cannot listen" in told.stderr and "Traceback" not in told.stderr


def test_a_deployment_is_served_before_it_has_a_model(made, home, tmp_path):
    (tmp_path / "versions").mkdir()
    with served(home, "--deployment", tmp_path) as process:
        assert process.client.get("/livez").status == 200 and process.client.get("/readyz").status == 503
        add_version(tmp_path, "v1", made)
        point(tmp_path, "v1")
        while process.client.get("/readyz").status != 200:
            time.sleep(0.05)
        assert process.client.predict("good").json["model_version"] == "v1"


@pytest.mark.slow
def test_without_a_model_a_quick_one_is_trained_first(home):
    with served(home) as process:
        assert "training a quick one" in process.told
        assert process.client.predict("I love this product!").status == 200
