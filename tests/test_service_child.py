"""``ServiceProcess``: the service as a child of a notebook or a command, which never outlives it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from tests.bundles import tfidf_bundle
from tests.served import Load, is_ready
from tests.serving import Client
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT
from workshop_utils.production.service_process import ServiceProcess

#: A parent that starts a service, says where it is, and is then killed, or fails.
PARENT = """
import sys, time
from pathlib import Path
from workshop_utils.production.service_process import ServiceProcess
service = ServiceProcess(bundle=Path(sys.argv[1]), home=Path(sys.argv[2])).start()
print(service.url, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tfidf_bundle(tmp_path_factory.mktemp("service") / "reviews")


def test_it_answers_takes_labels_stops_without_a_lost_request_and_restarts_on_its_port(
    made, tmp_path, monkeypatch
):
    monkeypatch.setenv("WORKSHOP_DATABASE_URL", "sqlite:////nowhere/store.db")
    with ServiceProcess(bundle=made, home=tmp_path, options=["--store-texts"]) as service:
        client, first = Client(service.url), service.process.pid
        found = client.predict("schön 😴").json
        label = {"prediction_id": found["prediction_id"], "label": "positive"}
        assert client.post("/feedback", label).status == 403
        assert client.post("/feedback", label, {"Authorization": f"Bearer {service.token}"}).status == 200
        service.start()
        assert service.process.pid == first
        load = Load(client)
        load.start()
        while len(load.statuses) < 20:
            time.sleep(0.01)
    load.join(30)
    assert set(load.statuses) == {200} and not load.lost
    assert service.process.returncode == 0 and (tmp_path / "store.db").exists()
    assert '"Stopped."' in service.log.read_text(encoding="utf-8")
    service.stop()
    service.restart()
    child = service.process
    assert child.pid != first and client.predict("good").status == 200
    del service
    assert child.returncode == 0, "nobody holds it any more"


def test_when_its_parent_is_killed_it_stops_by_itself(made, tmp_path):
    command = [sys.executable, "-c", PARENT, str(made), str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        client = Client(parent.stdout.readline().strip())
        assert is_ready(client)
        parent.kill()
    end = time.monotonic() + 60
    with suppress(OSError):
        while time.monotonic() < end:
            client.connect().close()
    assert time.monotonic() < end
    lines = (tmp_path / "service.log").read_text(encoding="utf-8").splitlines()
    while json.loads(lines[-1])["message"] != "Stopped." and time.monotonic() < end:
        lines = (tmp_path / "service.log").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1])["message"] == "Stopped.", "it drained"


def test_a_service_that_ends_or_is_never_ready_is_one_sentence_and_no_process(made, tmp_path):
    with pytest.raises(WorkshopError, match=r"ended before it was ready: .*There is no model in .*none"):
        ServiceProcess(bundle=tmp_path / "none", home=tmp_path).start()
    empty = ServiceProcess(deployment=made, home=tmp_path, seconds=1)
    with pytest.raises(WorkshopError, match="not ready after 1 s: "):
        empty.start()
    assert empty.process.returncode == 0
    with pytest.raises(WorkshopError, match="a bundle, or a deployment"):
        ServiceProcess(home=tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that interrupts a wait")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a question that was cut off
def test_a_start_that_is_interrupted_leaves_no_process(made, tmp_path):
    (tmp_path / "empty").mkdir()
    starting = ServiceProcess(deployment=tmp_path / "empty", home=tmp_path)  # never ready

    def interrupt():
        while not starting.url:
            time.sleep(0.01)
        assert os.getpgid(starting.process.pid) != os.getpgid(0), "a terminal's Ctrl-C does not reach it"
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        starting.start()
    thread.join()
    assert starting.process.returncode == 0
