"""What surrounds the service fails it: no memory, no room on the disk, a fork, no network, no home."""

import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.bundles import reviews, tfidf_bundle
from tests.served import free_port, is_ready, served
from tests.serving import BEARER, Client, running
from workshop_utils.models.bundle import Bundle
from workshop_utils.paths import ROOT
from workshop_utils.production.runbooks import DISK_FULL
from workshop_utils.production.service import scoring
from workshop_utils.production.store import Recorder, open_store

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
posix = pytest.mark.skipif(os.name == "nt", reason="Windows knows no fork")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tfidf_bundle(tmp_path_factory.mktemp("service") / "reviews")


def until(state, seconds=60.0):
    """Wait for a state."""
    end = time.monotonic() + seconds
    while not state():
        assert time.monotonic() < end
        time.sleep(0.02)


# --- memory


class Panic(BaseException):
    """As Rust's panics arrive in Python."""


class NoMemory:
    """Stands in the place of a model that finds no memory, and says so in a library's own words."""

    def __init__(self, error):
        self.error = error

    def score_timed(self, text):
        raise self.error


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
        RuntimeError("[ONNXRuntimeError] : 1 : FAIL : Failed to allocate memory for requested buffer"),
        Panic("Onig: Regex search error: fail to memory allocation"),
    ],
    ids=lambda error: f"{type(error).__name__} {str(error)[-20:]}",
)
def test_without_memory_a_request_is_503_and_the_service_stays_ready(made, error):
    with running(made) as (client, service):
        model = service.slot.model
        good, model.bundle = model.bundle, NoMemory(error)
        for _ in range(6):
            answer = client.predict("a text too many")
            assert answer.status == 503 and "memory" in answer.json["detail"]
            assert int(answer.headers["Retry-After"]) >= 1
            assert client.get("/readyz").status == 200, "large requests are no reason to send all others away"
        model.bundle = good
        assert client.predict("good").status == 200


@pytest.mark.fault(26)
def test_where_not_even_the_log_finds_memory_the_client_is_told_and_no_thread_is_lost(made, monkeypatch):
    def no_memory(*_):
        raise MemoryError

    with running(made, runs=1) as (client, service):
        monkeypatch.setattr(scoring._log, "error", no_memory)
        model = service.slot.model
        good, model.bundle = model.bundle, NoMemory(MemoryError())
        assert client.predict("a text too many").status == 503
        model.bundle = good
        assert client.predict("good").status == 200


def test_a_model_that_fails_for_another_reason_is_not_taken_for_one_without_memory(made):
    with running(made) as (client, service):
        service.slot.model.bundle = NoMemory(RuntimeError("no such operator"))
        assert [client.predict("good").status for _ in range(5)] == [500] * 5
        assert client.get("/readyz").status == 503


@pytest.mark.fault(26)
@linux
def test_a_batch_that_meets_the_limit_of_memory_costs_itself_and_at_most_a_restart(made, home, monkeypatch):
    """Rust ends a process that it finds no memory for; the supervisor starts it anew."""
    import resource

    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")  # or glibc has 64 MB in reserve for each thread
    with served(home, "--bundle", made, "--supervise", "--port", free_port()) as process:
        client = process.client
        assert client.predict("good").status == 200
        (started,) = [line["pid"] for line in process.logs if "pid" in line]
        used = re.search(r"VmSize:\s+(\d+) kB", Path(f"/proc/{started}/status").read_text("ascii"))[1]
        limit = (int(used) << 10) + (1 << 20)
        resource.prlimit(started, resource.RLIMIT_AS, (limit, limit))
        large = {"text": ["x" * 100_000, "good " * 160_000, "e\u0301" * 5_000]}
        try:
            status = client.post("/predict/batch", large).status
        except ConnectionError:
            until(lambda: "died" in str(process.logs))
        else:
            assert status == 503, "no answer says that the model has failed"
        until(lambda: is_ready(client))
        assert client.predict("good").status == 200


# --- room on the disk


def no_room(connection, _record):
    """SQLite says of a file that may not grow what it says of a full disk."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")


@pytest.fixture
def full(tmp_path):
    """A store on a full disk, and what makes room."""
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    store.prepare()
    event.listen(store._engine, "connect", no_room)
    store._engine.dispose()

    def make_room():
        event.remove(store._engine, "connect", no_room)
        store._engine.dispose()

    yield store, make_room
    store.close()


@pytest.mark.fault(28)
def test_on_a_full_disk_texts_are_answered_and_what_is_not_kept_is_counted(made, full, caplog):
    store, make_room = full
    recorder = Recorder(store, store_texts=True, max_waiting=40)
    texts = reviews()[0]
    with running(made, recorder) as (client, _):
        answers = [client.post("/predict/batch", {"text": texts[:30]})]
        until(lambda: "full" in caplog.text)
        assert caplog.records[-1].runbook == DISK_FULL
        waits = {"prediction_id": answers[0].json["predictions"][0]["prediction_id"], "label": "positive"}
        recorder.flush = partial(recorder.flush, 0.1)
        label = client.post("/feedback", waits, BEARER)
        assert (label.status, label.json["runbook"]) == (503, DISK_FULL), "it is not unknown, it waits"
        answers += [client.post("/predict/batch", {"text": texts[:64]}) for _ in range(3)]
        answers += [client.predict(text) for text in texts[:20]]
        assert {answer.status for answer in answers} == {200}
        told = re.search(r"(?m)^workshop_dropped_records_total (\S+)", client.get("/metrics").body.decode())
        assert float(told[1]) == recorder.dropped == 3 * 64 + 20 - 10, "40 find a place"
        assert client.get("/readyz").status == 200
        make_room()
        until(lambda: recorder.waiting == 0)
        assert recorder.written == 40, "what waited is kept when there is room again"


@pytest.mark.fault(28)
def test_on_a_full_disk_durable_answers_503_until_there_is_room(made, full):
    store, make_room = full
    long = "long " * 2000
    with running(made, Recorder(store, "durable", store_texts=True)) as (client, _):
        answer = client.predict(long)
        assert answer.status == 503 and answer.headers["Retry-After"] and "store" in answer.json["detail"]
        assert client.get("/readyz").status == 200
        make_room()
        assert client.predict(long).status == 200


@pytest.mark.fault(28)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_log_that_finds_no_room_stops_nobody(made, home):
    command = [sys.executable, "-m", "workshop_utils", "serve", "--bundle", str(made), "--port", "0"]
    environment = os.environ | {"WORKSHOP_HOME": str(home)}
    with (
        Path("/dev/full").open("wb") as no_log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=no_log, env=environment) as process,
    ):
        told = process.stdout.readline().decode()
        client = Client(re.search(r"http://\S+?:\d+", told)[0])
        assert {client.predict(str(number)).status for number in range(20)} == {200}
        process.terminate()
        assert process.wait(30) == 0


# --- forks


FORKED = """
import os, sys
from pathlib import Path
from workshop_utils.errors import WorkshopError
from workshop_utils.production.service import Service, ServiceSettings
from workshop_utils.production.service import scoring
from workshop_utils.production.store import Recorder, open_store

def answer():
    return client.post("/predict/batch", json={"text": ["good", "bad", "a wonderful evening"]}).json

made, file = sys.argv[1:]
recorder = Recorder(open_store("sqlite:///" + file), "durable")
service = Service(ServiceSettings(bundle=Path(made), port=0), recorder)
client = service.app.test_client()
expected = [each["class_0_probability"] for each in answer()["predictions"]]
child = os.fork()
assert [each["class_0_probability"] for each in answer()["predictions"]] == expected
if child:
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    print("both answered")
else:
    try:
        service.run()
    except WorkshopError as error:
        os._exit(0 if "before a fork" in str(error) else 2)
    os._exit(3)
"""


@pytest.mark.fault(31)
@posix
def test_a_service_that_is_forked_after_it_has_answered_answers_or_refuses_and_never_hangs(made, tmp_path):
    """As a server does that loads the app first and forks its workers then (``gunicorn --preload``)."""
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, str(made), str(tmp_path / "store.db")],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "both answered\n", "")


def scores_of(folder, texts):
    return Bundle.load(folder).predict_proba(texts).tolist()


@pytest.mark.fault(31)
def test_a_spawned_process_gives_the_same_scores(made, monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    texts = reviews()[0][:50]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        assert processes.submit(scores_of, made, texts).result(120) == scores_of(made, texts)


# --- no network, no home, nothing to write on


#: Every look into the network is told and refused; with ``hook`` nothing may be written either.
ISOLATED = """
import os, sys

def refuse(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect"):
        host = arguments[1][0] if event == "socket.connect" else arguments[0]
        if host not in (None, "127.0.0.1"):
            print("network:", event, host, file=sys.stderr)
            raise OSError("there is no network")
    if how == "hook" and (
        event in ("os.mkdir", "os.rename", "os.remove", "sqlite3.connect")
        or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            and not str(arguments[0]).startswith(os.devnull))
    ):
        raise OSError(30, "Read-only file system")

how = sys.argv.pop(1)
sys.addaudithook(refuse)
sys.argv[0] = "workshop"
from workshop_utils.cli import main
main()
"""

#: A file system on which this process may write nowhere.
MOUNT = ["unshare", "--mount", "--map-root-user", "sh", "-c", 'mount -o remount,ro,bind / && exec "$@"', "sh"]


def may_mount(folder):
    command = [*MOUNT, "sh", "-c", 'test ! -w "$1"', "sh", str(folder)]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True).returncode == 0


def isolated(home, made, how, **environment):
    start = [sys.executable, "-u", "-c", ISOLATED, how]
    start = [*MOUNT, *start] if how == "mount" else start
    nowhere = {"HF_HUB_OFFLINE": "1", "CI": None, "XDG_CACHE_HOME": None} | environment
    return served(home, "--bundle", made, start=start, **nowhere)


@pytest.mark.fault(32)
@posix
@pytest.mark.parametrize("how", ["hook", "mount"])
def test_without_network_home_or_a_place_to_write_texts_are_answered(made, tmp_path, how):
    if how == "mount" and not may_mount(tmp_path):
        pytest.skip("this user may not make a file system read-only; the hook is tried everywhere")
    with isolated(tmp_path / "home", made, how, HOME=str(tmp_path / "nobody")) as process:
        assert "predictions are not kept" in process.told.replace("\n", " ")
        answers = [process.client.predict(text) for text in reviews()[0][:20]]
        assert {answer.status for answer in answers} == {200}
        assert process.client.get("/readyz").status == 200
        process.process.kill()
        process.end()
        assert not process.errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault(32)
def test_nothing_is_reported_to_anybody_and_nothing_written_into_the_users_home(made, home, tmp_path):
    """ONNX Runtime reports to its maker unless it is told not to, and keeps what it has not sent at home."""
    users = tmp_path / "user"
    users.mkdir()
    folders = {"HOME": str(users), "USERPROFILE": str(users), "LOCALAPPDATA": str(users)}
    with isolated(home, made, "no", **folders, ORT_DISABLE_TELEMETRY=None) as process:
        assert process.client.predict("good").status == 200
        process.process.terminate()
        process.end()
        assert not process.errors
    assert list(users.rglob("*")) == []
