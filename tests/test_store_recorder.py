"""Predictions on their way into the store: never in front of an answer, and never lost in silence."""

import logging
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from tests.predicted import prediction
from workshop_utils.files import locked
from workshop_utils.paths import ROOT
from workshop_utils.production.store import (
    Feedback,
    Recorder,
    Retention,
    StoreUnavailable,
    UnknownPrediction,
    open_store,
)
from workshop_utils.production.store import database as database_module
from workshop_utils.production.store.tables import predictions

LONG = 60.0  # seconds that nothing here takes, unless something is broken


def names(store):
    """The ids of all stored predictions, in the order of their numbers."""
    with store.reading() as connection:
        return list(connection.scalars(select(predictions.c.prediction_id).order_by(predictions.c.number)))


def until(state):
    """Wait for a state."""
    end = time.monotonic() + LONG
    while not state():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def impatient(monkeypatch):
    """Nobody waits long for a lock."""
    monkeypatch.setattr(database_module, "PATIENCE", 0.1)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def sqlite_store(file):
    opened = open_store(f"sqlite:///{file}")
    yield opened
    opened.close()


@contextmanager
def locked_by_another_program(file):
    """Somebody else holds the write lock of the database."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.mark.parametrize("mode", ["best-effort", "durable"])
def test_what_is_recorded_is_stored_in_order(store, mode):
    recorder = Recorder(store, mode)
    given = [prediction() for _ in range(30)]
    for start in range(0, 30, 3):
        recorder.record(given[start : start + 3])
    assert recorder.close(LONG) == 0
    assert names(store) == [each.prediction_id for each in given]
    assert (recorder.written, recorder.dropped, recorder.waiting) == (30, 0, 0)


def test_best_effort_is_committed_soon_without_anybody_asking(store):
    recorder = Recorder(store)
    recorder.record([prediction()])
    until(lambda: recorder.written == 1)
    assert len(names(store)) == 1
    recorder.close(LONG)


def test_durable_is_committed_when_record_returns(store, store_url):
    recorder = Recorder(store, "durable")
    other = open_store(store_url)
    for i in range(1, 6):
        recorder.record([prediction()])
        assert len(names(other)) == i
    recorder.close(LONG)
    other.close()


def test_durable_requests_of_many_threads_share_their_commits(store, monkeypatch):
    commits = Counter()
    writing = type(store).writing

    def counted(self):
        commits["all"] += 1
        return writing(self)

    monkeypatch.setattr(type(store), "writing", counted)
    recorder = Recorder(store, "durable")
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: recorder.record([prediction()]), range(320)))
    assert recorder.written == 320
    assert commits["all"] < 160
    recorder.close(LONG)


def test_texts_are_kept_only_where_it_is_said(store):
    for keep in (False, True):
        recorder = Recorder(store, store_texts=keep)
        recorder.record([prediction(f"{keep} \ud800\0")])
        recorder.close(LONG)
    with store.reading() as connection:
        assert connection.scalars(select(predictions.c.text)).all() == [None, "True \ud800\0"]


def test_no_prediction_is_no_work(store):
    for mode in ("best-effort", "durable"):
        recorder = Recorder(store, mode)
        recorder.record([])
        assert recorder.flush() and recorder.close() == 0


def test_a_label_finds_its_prediction_even_if_it_still_waits(store, monkeypatch):
    monkeypatch.setattr("workshop_utils.production.store.recorder._GATHER", LONG)
    recorder = Recorder(store)
    given = prediction()
    recorder.record([given])
    assert recorder.waiting == 1
    assert recorder.add_feedback(Feedback(given.prediction_id, "neg", "anna")) == "new"
    with pytest.raises(UnknownPrediction):
        recorder.add_feedback(Feedback("nobody", "neg", "anna"))
    recorder.close(LONG)


# a database that does not answer


def test_a_locked_database_slows_no_answer_and_what_finds_no_place_is_counted(
    sqlite_store, file, impatient, caplog
):
    sqlite_store.prepare()
    recorder = Recorder(sqlite_store, max_waiting=100)
    with locked_by_another_program(file), caplog.at_level(logging.WARNING):
        given = [prediction() for _ in range(2000)]
        for each in given:
            recorder.record([each])  # returns while the database is locked
        assert (recorder.waiting, recorder.dropped, recorder.written) == (100, 1900, 0)
        until(lambda: "does not answer now: (sqlite3" in caplog.text or "is locked" in caplog.text)
    assert recorder.flush(LONG)
    assert recorder.close(LONG) == 1900
    assert names(sqlite_store) == [each.prediction_id for each in given[:100]]
    assert caplog.text.count("does not answer now") == 1, "an outage is told once"
    assert "The store answers again; 1900 predictions were dropped so far." in caplog.text


def test_a_request_finds_place_as_a_whole_or_not_at_all(sqlite_store, file, impatient):
    sqlite_store.prepare()
    recorder = Recorder(sqlite_store, max_waiting=10)
    with locked_by_another_program(file):
        recorder.record([prediction() for _ in range(8)])
        recorder.record([prediction() for _ in range(3)])
        assert (recorder.waiting, recorder.dropped) == (8, 3)
    recorder.close(LONG)


def test_waiting_texts_take_bounded_memory(sqlite_store, file, impatient):
    sqlite_store.prepare()
    recorder = Recorder(sqlite_store, store_texts=True, max_waiting_chars=2_500_000)
    without = Recorder(sqlite_store, store_texts=False, max_waiting_chars=2_500_000)
    with locked_by_another_program(file):
        for each in (recorder, without):
            each.record([prediction("x" * 1_000_000)])
            each.record([prediction("x" * 1_000_000)])
            each.record([prediction("x" * 1_000_000)])
        assert (recorder.waiting, recorder.dropped) == (2, 1)
        assert (without.waiting, without.dropped) == (3, 0)
    recorder.close(LONG)
    without.close(LONG)


def test_durable_says_that_a_locked_database_did_not_take_it(sqlite_store, file, impatient):
    sqlite_store.prepare()
    recorder = Recorder(sqlite_store, "durable")
    with locked_by_another_program(file), pytest.raises(StoreUnavailable, match="locked"):
        recorder.record([prediction()])
    given = prediction()
    recorder.record([given])
    assert names(sqlite_store) == [given.prediction_id]
    assert recorder.close(LONG) == 0


def test_a_label_is_never_taken_without_being_stored(sqlite_store, file, impatient):
    recorder = Recorder(sqlite_store)
    given = prediction()
    recorder.record([given])
    assert recorder.flush(LONG)
    with locked_by_another_program(file), pytest.raises(StoreUnavailable, match="locked"):
        recorder.add_feedback(Feedback(given.prediction_id, "neg", "anna"))
    assert recorder.add_feedback(Feedback(given.prediction_id, "neg", "anna")) == "new"
    recorder.close(LONG)


def test_a_database_that_hangs_holds_only_a_few_of_those_who_label(sqlite_store, monkeypatch):
    from workshop_utils.production.store import recorder as recorder_module

    monkeypatch.setattr(recorder_module, "PATIENCE", 0.1)
    at_work, go_on = threading.Semaphore(0), threading.Event()

    def hang(store, feedback):
        at_work.release()
        assert go_on.wait(LONG)
        return "new"

    monkeypatch.setattr(recorder_module, "add_label", hang)
    recorder = Recorder(sqlite_store)
    given = Feedback("a", "neg", "anna")
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(recorder.add_feedback, given) for _ in range(4)]
        for _ in waiting:
            assert at_work.acquire(timeout=LONG)
        with pytest.raises(StoreUnavailable, match="Too many labels wait"):
            recorder.add_feedback(given)
        go_on.set()
        assert [each.result() for each in waiting] == ["new"] * 4
    assert recorder.add_feedback(given) == "new"
    recorder.close()


def test_tables_that_vanish_under_a_service_fail_no_answer(postgres, caplog):
    store = open_store(postgres.create("emptied"))
    recorder = Recorder(store)
    recorder.record([prediction()])
    assert recorder.flush(LONG)
    postgres.sql("DROP SCHEMA public CASCADE", "emptied")
    recorder.record([prediction()])
    until(lambda: "refuses: relation" in caplog.text)
    with pytest.raises(StoreUnavailable):
        recorder.add_feedback(Feedback("a", "neg", "anna"))
    assert recorder.close(0.3) == 1
    store.close()


def test_closing_does_not_wait_for_ever_and_tells_what_is_lost(sqlite_store, file, impatient):
    sqlite_store.prepare()
    recorder = Recorder(sqlite_store)
    with locked_by_another_program(file):
        recorder.record([prediction() for _ in range(7)])
        assert recorder.close(timeout=0.5) == 7
    recorder.record([prediction()])
    assert recorder.dropped >= 1, "after the end nothing is taken"
    assert names(sqlite_store) == []


def test_durable_refuses_after_the_end(sqlite_store):
    recorder = Recorder(sqlite_store, "durable")
    recorder.close()
    with pytest.raises(StoreUnavailable):
        recorder.record([prediction()])


def test_a_store_that_another_program_is_making_is_waited_for(sqlite_store, file, impatient, caplog):
    recorder = Recorder(sqlite_store)
    with locked(file.with_name(".store.db.lock"), "taken"):
        recorder.record([prediction()])
        until(lambda: "Another program is making store.db" in caplog.text)
    assert recorder.flush(LONG) and recorder.close(LONG) == 0
    assert len(names(sqlite_store)) == 1


def test_a_deleted_file_is_noticed_and_made_anew(sqlite_store, file, caplog):
    recorder = Recorder(sqlite_store)
    recorder.record([prediction()])
    assert recorder.flush(LONG)
    for part in file.parent.glob("store.db*"):
        part.unlink()
    later = prediction()
    recorder.record([later])
    assert recorder.flush(LONG)
    assert "was moved away or replaced" in caplog.text
    recorder.close(LONG)
    again = open_store(f"sqlite:///{file}")
    assert names(again) == [later.prediction_id]
    again.close()


def test_a_damaged_file_stops_nobody_and_is_made_anew_when_it_is_put_aside(sqlite_store, file, caplog):
    file.write_bytes(b"no database" * 1000)
    recorder = Recorder(sqlite_store)
    recorder.record([prediction()])
    until(lambda: "file is not a database. Rename it" in caplog.text)
    file.rename(file.with_name("aside"))
    assert recorder.flush(LONG)
    assert len(names(sqlite_store)) == 1
    recorder.close(LONG)


def test_postgresql_may_die_and_come_back_without_a_loss(postgres):
    store = open_store(postgres.create("comes_back"))
    best, durable = Recorder(store), Recorder(store, "durable")
    given = [prediction() for _ in range(4)]
    best.record([given[0]])
    assert best.flush(LONG)
    durable.record([given[1]])
    postgres.stop("immediate")
    try:
        best.record([given[2]])
        with pytest.raises(StoreUnavailable, match="does not answer now"):
            durable.record([prediction()])
        with pytest.raises(StoreUnavailable):
            durable.add_feedback(Feedback(given[0].prediction_id, "neg", "anna"))
    finally:
        postgres.start()
    assert best.flush(LONG)
    durable.record([given[3]])
    assert best.add_feedback(Feedback(given[2].prediction_id, "neg", "anna")) == "new"
    assert (best.close(LONG), durable.close(LONG)) == (0, 0)
    assert names(store) == [each.prediction_id for each in given]
    store.close()


def test_a_service_starts_while_its_database_is_away(postgres):
    store = open_store(postgres.create("late"))
    postgres.stop("fast")
    try:
        recorder = Recorder(store)
        recorder.record([prediction()])
    finally:
        postgres.start()
    assert recorder.flush(LONG) and recorder.close(LONG) == 0
    assert len(names(store)) == 1
    store.close()


# values that the database refuses


@pytest.mark.parametrize("changes", [{"labels": ("pos", "neg")}, {"label": object()}])
def test_a_prediction_that_cannot_be_stored_takes_no_other_with_it(store, changes, caplog, monkeypatch):
    monkeypatch.setattr("workshop_utils.production.store.recorder._GATHER", LONG)
    recorder = Recorder(store, store_texts=True)
    given = [prediction() for _ in range(3)]
    recorder.record([given[0]])
    recorder.record([given[1], prediction("a secret", **changes)])
    recorder.record([given[2]])
    assert recorder.close(LONG) == 2
    assert names(store) == [given[0].prediction_id, given[2].prediction_id]
    assert "2 predictions cannot be stored: " in caplog.text
    assert "secret" not in caplog.text, "no text in any log"


def test_what_makes_no_sense_is_dropped_or_in_durable_mode_an_error(store, caplog):
    nonsense = [prediction(probabilities=(1.0,))]
    recorder = Recorder(store)
    recorder.record(nonsense)
    assert recorder.close(LONG) == 1
    assert "1 predictions cannot be stored: 1 probabilities of 2 labels" in caplog.text
    recorder = Recorder(store, "durable")
    with pytest.raises(ValueError, match="1 probabilities of 2 labels"):
        recorder.record(nonsense)
    recorder.close(LONG)


# retention


def test_what_is_too_old_goes_by_itself(store):
    recorder = Recorder(store, retention=Retention(rows=5))
    given = [prediction() for _ in range(30)]
    recorder.record(given)
    until(lambda: len(names(store)) == 5)
    recorder.close(LONG)
    assert names(store) == [each.prediction_id for each in given[-5:]]


# killed


CHILD = """
import sys, threading
from tests.predicted import prediction
from workshop_utils.production.store import *
store = open_store(sys.argv[1])
recorder = Recorder(store, sys.argv[2])

def record():
    given = prediction()
    recorder.record([given])
    print(given.prediction_id, flush=True)

for _ in range(20):
    record()
recorder.flush(60)
print("flushed", flush=True)
while True:
    record()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
@pytest.mark.parametrize("mode", ["best-effort", "durable"])
def test_kill_9_loses_nothing_in_durable_mode_and_the_newest_only_in_best_effort(store, store_url, mode):
    store.prepare()
    command = [sys.executable, "-c", CHILD, store_url, mode]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    told = [child.stdout.readline().strip() for _ in range(120)]
    child.send_signal(signal.SIGKILL)
    told += child.communicate()[0].split("\n")[:-1]
    flushed = told.index("flushed")
    told.remove("flushed")
    kept = names(store)
    if mode == "durable":
        assert set(told) <= set(kept), "whatever was answered is there"
    else:
        assert kept[:flushed] == told[:flushed]
        common = told[: len(kept)]
        assert kept[: len(common)] == common, "what is lost is the end, never something between"
    recorder = Recorder(store, "durable")
    recorder.record([prediction()])
    assert recorder.close(LONG) == 0
    assert len(names(store)) == len(kept) + 1, "the store is whole"


FORGETFUL = """
import sys
from tests.predicted import prediction
from workshop_utils.production.store import *
Recorder(open_store(sys.argv[1])).record([prediction(), prediction()])
"""


def test_a_program_that_ends_without_closing_loses_nothing(store, store_url):
    subprocess.run([sys.executable, "-c", FORGETFUL, store_url], cwd=ROOT, check=True, timeout=LONG)
    assert len(names(store)) == 2


def test_best_effort_loses_at_most_half_a_second():
    from workshop_utils.production.store.recorder import _GATHER

    assert _GATHER <= 0.25, "the other half is for the commit"


FULL = """
import logging.handlers, resource, sys, time
from pathlib import Path
from tests.predicted import prediction
from workshop_utils.production.store import *
folder = Path(sys.argv[1])
store = open_store(f"sqlite:///{folder / 'store.db'}")
durable, best = Recorder(store, "durable", store_texts=True), Recorder(store, store_texts=True)
first = prediction()
durable.record([first])
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))
else:
    (folder / "filler").write_bytes(b"x" * 100)
    with (folder / "filler").open("ab", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
big = [prediction("y" * 50_000) for _ in range(20)]
logged = logging.handlers.BufferingHandler(1000)
logging.getLogger("workshop_utils").addHandler(logged)
best.record(big)
while not logged.buffer:
    time.sleep(0.01)
assert best.waiting == 20 and best.dropped == 0
try:
    durable.record([prediction("y" * 1_000_000)])
except StoreUnavailable as error:
    print(error)
else:
    raise AssertionError("there was room")
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
else:
    (folder / "filler").unlink()
assert best.flush(60), "there is room again"
assert durable.add_feedback(Feedback(first.prediction_id, "neg", "anna")) == "new"
assert best.close(60) == durable.close(60) == 0
with store.reading() as connection:
    assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert connection.exec_driver_sql("SELECT count(*) FROM predictions").scalar() == 21
store.close()
"""


@contextmanager
def small_disk(folder):
    """A disk of 2 MB, where this user may mount one."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk; the limit on file sizes is tried everywhere")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.fault(28)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("how", ["limit", "disk"])
def test_a_full_disk_fails_no_answer_and_loses_nothing_when_there_is_room_again(tmp_path, how):
    folder = tmp_path / "disk"
    command = [sys.executable, "-c", FULL, str(folder), how]
    if how == "limit":
        folder.mkdir()
        told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=200)
    else:
        if sys.platform != "linux":
            pytest.skip("a small disk is mounted on Linux only")
        with small_disk(folder):
            told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=200)
    assert "does not answer now" in told.stdout and told.stdout.count("\n") == 1


def test_many_threads_record_and_label_at_once(store):
    recorder = Recorder(store)
    failures = []

    def work(name):
        try:
            for _ in range(10):
                given = prediction()
                recorder.record([given])
                assert recorder.add_feedback(Feedback(given.prediction_id, "neg", name)) == "new"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f"thread {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and recorder.close(LONG) == 0
    with store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(predictions)) == 80
