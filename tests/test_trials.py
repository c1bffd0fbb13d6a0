"""The log of trials: nothing changes on its way through MLflow, no accident spoils the store (lesson 07)."""

import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from workshop_utils.errors import WorkshopError
from workshop_utils.models.tuning import TrialLog, client, tracking_uri

EPOCH = [{"val_accuracy": 0.5}]


@pytest.fixture(scope="session")
def fresh_store(tmp_path_factory):
    """A store that holds nothing yet: made once, for that takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKSHOP_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        client()
    return folder / "mlflow.db"


@pytest.fixture
def store(home, fresh_store, monkeypatch):
    """A copy of it in a home of its own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home.mkdir()
    shutil.copy(fresh_store, home / "mlflow.db")
    return home / "mlflow.db"


@pytest.fixture
def log(store):
    return TrialLog("trials")


def run_together(code, count, environment):
    """Output of so many Python processes that begin their work at the same moment."""
    program = f"import sys, time\nfrom workshop_utils.models.tuning import TrialLog\n{code}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(time.time() + 5)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(count)
    ]
    return [process.communicate(timeout=120) for process in processes]


def test_two_programs_that_make_the_store_at_once_both_get_it(home):
    code = """
while time.time() < float(sys.argv[1]): time.sleep(0.001)
log = TrialLog("07_tune")
with log.search("grid"):
    log.add({"lr": 1}, [{"val_accuracy": 0.5}], 1.0, 0)
print(len(log.table()))
"""
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    found = run_together(code, 2, environment | {"WORKSHOP_HOME": str(home)})
    assert [out.strip() for out, _ in found] == ["1", "1"], [error[-500:] for _, error in found]
    assert sorted(path.name for path in home.iterdir()) == ["mlflow.db"], "no draft and no lock is left"


def test_a_store_whose_making_was_interrupted_is_made_anew(home, monkeypatch):
    from mlflow.store.db import utils

    def stop(engine):
        raise KeyboardInterrupt

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(utils, "_upgrade_db", stop)
        with pytest.raises(KeyboardInterrupt):
            TrialLog("first")
    assert not (home / "mlflow.db").exists(), "it gets its name when it is whole"
    assert TrialLog("second").table().empty


def spoil(store, *statements):
    with sqlite3.connect(store) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "how",
    [
        lambda store: store.write_bytes(b"no database " * 100),
        lambda store: store.write_bytes(store.read_bytes()[: store.stat().st_size // 2]),
        lambda store: spoil(store, "update alembic_version set version_num = 'ffffffffffff'"),
        lambda store: spoil(
            store, "drop table tags", "update alembic_version set version_num = 'a8c4a736bde6'"
        ),
        lambda store: (store.unlink(), store.mkdir()),
    ],
    ids=["no database", "cut", "of a newer MLflow", "half made", "a folder"],
)
def test_a_store_that_cannot_be_opened_is_named_and_stays(store, how, request):
    how(store)
    before = store.read_bytes() if store.is_file() else None
    with pytest.raises(WorkshopError, match=r"mlflow\.db, cannot be opened: .* Rename it") as error:
        TrialLog("trials")
    assert "\n" not in str(error.value)
    assert store.exists()
    if "half made" not in request.node.name:  # MLflow tries to complete that one
        assert before is None or store.read_bytes() == before


def test_a_good_store_keeps_its_trials_when_it_is_opened_again(log, store):
    with log.search("grid"):
        log.add({"lr": 1}, EPOCH, 1.0, 0)
    again = client()
    assert len(again.search_runs([log.experiment_id])) == 2, "the search and its trial"


def test_a_file_named_by_address_is_looked_after_too(home, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{(tmp_path / 'mine.db').as_posix()}")
    assert tracking_uri().endswith("mine.db") and TrialLog("trials").table().empty
    assert (tmp_path / "mine.db").is_file() and not home.exists()


def deleted(log):
    client().delete_experiment(log.experiment_id)


def test_a_deleted_experiment_is_restored_when_its_log_is_opened(log):
    deleted(log)
    again = TrialLog("trials")
    with again.search("grid"):
        again.add({"lr": 1}, EPOCH, 1.0, 0)
    assert again.experiment_id == log.experiment_id and len(again.table()) == 1


def test_an_experiment_may_be_deleted_while_its_log_is_open(log):
    deleted(log)
    with log.search("before"):
        log.add({"lr": 1}, EPOCH, 1.0, 0)
    with log.search("inside"):
        deleted(log)
        log.add({"lr": 2}, EPOCH, 1.0, 0)
        deleted(log)
    deleted(log)
    assert log.table()["lr"].tolist() == [1, 2]


def test_a_trial_that_was_deleted_on_the_page_is_not_in_the_table(log):
    with log.search("grid"):
        for rate in (1, 2):
            log.add({"lr": rate}, EPOCH, 1.0, 0)
    runs = client().search_runs([log.experiment_id], "params.lr = '1'")
    client().delete_run(runs[0].info.run_id)
    assert log.table()["lr"].tolist() == [2]


def test_a_trial_that_is_not_whole_is_left_out(log, monkeypatch):
    from mlflow import MlflowClient

    with log.search("grid"):
        log.add({"lr": 1}, EPOCH, 1.0, 0)
        for part in ("log_batch", "set_terminated"):
            with monkeypatch.context() as patch:  # as if the program had been killed there
                patch.setattr(MlflowClient, part, broken)
                with pytest.raises(SystemError):
                    log.add({"lr": 2}, EPOCH, 1.0, 0)
        log.add({"lr": 3}, EPOCH, 1.0, 0)
    assert log.table()["lr"].tolist() == [1, 3]


def broken(*arguments, **more):
    raise SystemError


def test_a_run_that_somebody_else_began_under_the_search_is_left_out(log):
    with log.search("grid"):
        log.add({"lr": 1}, EPOCH, 1.0, 0)
        search = client().search_runs([log.experiment_id], "attributes.run_name = 'grid'")[0]
        client().create_run(log.experiment_id, tags={"mlflow.parentRunId": search.info.run_id})
    assert len(log.table()) == 1


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no timer signal")
def test_a_search_can_be_stopped_at_any_moment(log):
    def stop(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    written = 0
    try:
        for milliseconds in range(10, 130, 10):
            signal.setitimer(signal.ITIMER_REAL, milliseconds / 1000)
            with pytest.raises(KeyboardInterrupt), log.search("grid"):
                while True:
                    log.add({"number": written}, EPOCH, 1.0, 0)
                    written += 1
            table = log.table()
            assert len(table) - written in (0, 1), "the trial in hand is written whole"
            written = len(table)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert written > 0 and table[["score", "state"]].notna().all(axis=None)


WORDS = [
    "3_5_7",
    "1_000",
    "nan",
    "infinity",
    "-inf",
    "1e3",
    "007",
    " 5 ",
    "True",
    "None",
    "１２",
    "grün 😴",
    "0x1",
]


@pytest.mark.parametrize("word", WORDS)
def test_words_stay_words(log, word):
    with log.search("grid"):
        log.add({"word": word}, EPOCH, 1.0, 0)
    assert log.table()["word"].tolist() == [word]


@pytest.mark.parametrize(
    "value",
    [
        0,
        1,
        -7,
        2**70,
        0.1,
        1e-300,
        1.0,
        True,
        False,
        None,
        math.inf,
        -math.inf,
        np.float64(3e-4),
        np.int32(5),
    ],
)
def test_numbers_truth_and_nothing_come_back_as_what_they_were(log, value):
    with log.search("grid"):
        log.add({"value": value}, EPOCH, 1.0, 0)
    plain = value.item() if isinstance(value, np.generic) else value
    found = log.table()["value"].tolist()
    assert found == [plain] and type(found[0]) is type(plain)


def test_mixed_values_of_one_parameter_stay_what_they_are(log):
    mixed = {"mixed": [1, "1", None, True], "depth": [3, None, 5, None], "rate": [1, 0.5, 2, 0.1]}
    with log.search("grid"):
        for row in pd.DataFrame(mixed, dtype=object).to_dict("records"):
            log.add(row, EPOCH, 1.0, 0)
        log.add({"extra": 1}, EPOCH, 1.0, 0)
    table = log.table()
    assert table["mixed"].tolist()[:4] == mixed["mixed"] and table["mixed"].tolist()[3] is True
    assert table["depth"].tolist()[:4] == mixed["depth"]
    assert table["rate"].tolist()[:4] == mixed["rate"] and table["rate"].dtype == float
    assert table.isna().loc[4, ["mixed", "depth", "rate"]].all() and table["extra"].tolist()[4] == 1


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_comes_back(log, score):
    with log.search("grid"):
        log.add({}, [{"val_accuracy": score}], 1.0, 0)
    np.testing.assert_equal(log.table()["score"].tolist(), [score])


def test_searches_of_one_name_stay_apart_and_in_order(log):
    for rate in (0.1, 0.2):  # the same cell run twice
        with log.search("grid"):
            for seed in (0, 1):
                log.add({"lr": rate}, EPOCH, 1.0, seed)
    table = log.table()
    assert table["search"].tolist() == ["grid"] * 4
    assert table["trial"].tolist() == [1, 2, 1, 2]
    assert table["lr"].tolist() == [0.1, 0.1, 0.2, 0.2] and table["seed"].tolist() == [0, 1, 0, 1]


def test_a_search_within_a_search_gives_the_outer_one_back(log):
    with log.search("outer"):
        log.add({"n": 1}, EPOCH, 1.0, 0)
        with log.search("inner"):
            log.add({"n": 2}, EPOCH, 1.0, 0)
        log.add({"n": 3}, EPOCH, 1.0, 0)
    table = log.table()
    assert table[["search", "trial", "n"]].to_numpy().tolist() == [
        ["outer", 1, 1],
        ["inner", 1, 2],
        ["outer", 2, 3],
    ]


@pytest.mark.parametrize("name", ["search", "trial", "seed", "score", "seconds", "epochs_run", "state"])
def test_a_name_that_the_table_needs_is_refused(log, name):
    with log.search("grid"):
        with pytest.raises(WorkshopError, match=f"parameter cannot be called '{name}'.*another name"):
            log.add({name: 1}, EPOCH, 1.0, 0)
        with pytest.raises(WorkshopError, match=f"metric cannot be called '{name}'.*another name"):
            log.add({}, [{"val_accuracy": 0.5, name: 1.0}], 1.0, 0)
    assert log.table().empty and len(client().search_runs([log.experiment_id])) == 1, "the search alone"


def test_a_metric_called_score_may_be_the_score(log):
    with log.search("grid"):
        log.add({}, [{"score": 0.5}, {"score": 0.25}], 1.0, 0, score="score")
    assert log.table()["score"].tolist() == [0.25]


def test_a_trial_without_its_score_says_what_there_is(log):
    with log.search("grid"), pytest.raises(WorkshopError, match=r"no metric 'val_accuracy'.* only val_loss"):
        log.add({}, [{"val_loss": 0.5}], 1.0, 0)


@pytest.mark.parametrize("params", [{"how?": 1}, {"text": "x" * 10_000}])
def test_what_mlflow_refuses_is_one_sentence_and_no_trial(log, params):
    with log.search("grid"), pytest.raises(WorkshopError, match="MLflow") as error:
        log.add(params, EPOCH, 1.0, 0)
    assert "\n" not in str(error.value) and log.table().empty


def test_an_empty_table_has_its_columns(log):
    table = log.table()
    assert table.empty and {"search", "trial", "seed", "score", "seconds", "epochs_run", "state"} == set(
        table
    )


def test_the_columns_stand_in_the_order_of_reading(log):
    with log.search("grid"):
        log.add({"b": 1, "a": 2}, EPOCH, 1.0, 0)
    assert list(log.table()) == [
        "search",
        "trial",
        "a",
        "b",
        "seed",
        "score",
        "seconds",
        "epochs_run",
        "state",
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system starts no process by fork")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_child_writes_trials(home):
    log = TrialLog("fork")
    with log.search("grid"):
        log.add({"lr": 1}, [{"val_accuracy": 0.5}], 1.0, 0)
        child = os.fork()
        if child == 0:
            log._writer.submit(int).result(20)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
