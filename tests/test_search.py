"""Searches keep their time, forget no trial and show what they have tried (lesson 07)."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from workshop_utils.errors import WorkshopError
from workshop_utils.models.tuning import search
from workshop_utils.models.tuning.search import log_to, parallel_coordinates, stop_after, within
from workshop_utils.models.tuning.store import client, tracking_uri
from workshop_utils.models.tuning.trials import TrialLog

HOSTILE = ["grün 😴 हिन्दी", "", "x" * 400, 'quote\'s and "more"', "[0.5"]


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A home with blanks and umlauts in its path, and a maker of logs in it; the database is made once."""
    folder = tmp_path_factory.mktemp("ein Zuhause für Übungen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKSHOP_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield folder, TrialLog


@pytest.fixture
def log(logs, monkeypatch):
    monkeypatch.setenv("WORKSHOP_HOME", str(logs[0]))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return TrialLog("search tests")


class Clock:
    """A clock that only moves when told to."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(search, "time", SimpleNamespace(perf_counter=lambda: self.now))


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def trials_done(clock, budget, lasting):
    done = []
    for seconds in within(budget, lasting):
        clock.now += seconds
        done.append(seconds)
    return done


def test_a_budget_is_kept_when_trials_take_alike(clock):
    assert trials_done(clock, 10, [3] * 20) == [3, 3, 3]


def test_no_trial_starts_that_would_be_too_late_if_it_were_as_slow_as_the_slowest(clock):
    assert trials_done(clock, 10, [1, 5, 1, 1, 1]) == [1, 5]


def test_the_first_trial_always_runs(clock):
    assert trials_done(clock, 0, [50, 1]) == [50]


def test_a_short_list_ends_before_its_budget(clock):
    assert trials_done(clock, 1000, [1, 2]) == [1, 2]


def test_an_endless_stream_of_trials_is_read_only_as_far_as_there_is_time(clock):
    assert len(trials_done(clock, 10, iter(lambda: 2, None))) == 5


def test_trials_come_back_in_order_with_their_numbers_and_the_last_epoch_as_score(log):
    with log.search("grid"):
        for rate, scores in [(1e-3, [0.5, 0.7]), (np.float64(3e-4), [0.6, 0.65])]:
            epochs = [{"val_accuracy": score, "val_loss": 1 - score} for score in scores]
            log.add({"learning_rate": rate, "batch_size": 8}, epochs, seconds=2.5, seed=3)
    with log.search("random"):
        log.add({"learning_rate": 0.01, "batch_size": 16}, [{"val_accuracy": 0.4}], 1.0, 0, "stopped")
    table = log.table()
    assert table["search"].tolist() == ["grid", "grid", "random"]
    assert table["trial"].tolist() == [1, 2, 1]
    assert table["learning_rate"].tolist() == [1e-3, 3e-4, 0.01]
    assert table["batch_size"].tolist() == [8, 8, 16]
    assert table["score"].tolist() == [0.7, 0.65, 0.4]
    assert table["epochs_run"].tolist() == [2, 2, 1]
    assert table["state"].tolist() == ["finished", "finished", "stopped"]
    assert table["seed"].tolist() == [3, 3, 0]


def test_more_than_nine_trials_are_counted_and_not_sorted_as_text(log):
    with log.search("many"):
        for number in range(12):
            log.add({"number": number}, [{"val_accuracy": 0.5}], 0.1, 0)
    assert log.table()["number"].tolist() == list(range(12))


def test_a_log_shows_its_own_trials_and_not_those_of_yesterday(log):
    with log.search("yesterday"):
        log.add({}, [{"val_accuracy": 0.5}], 0.1, 0)
    assert TrialLog("search tests").table().empty


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_as_values_survive(log, text):
    with log.search(f"hostile {text[:20]}"):
        log.add({"note": text or "empty"}, [{"val_accuracy": 0.5}], 0.1, 0)
    assert log.table()["note"].tolist() == [text or "empty"]


def test_a_trial_without_an_epoch_has_no_score(log):
    with log.search("cut"):
        log.add({}, [], 0.1, 0, "stopped")
    assert np.isnan(log.table()["score"].iloc[0])


def test_a_trial_needs_an_open_search(log):
    with pytest.raises(RuntimeError, match="Open a search first"):
        log.add({}, [], 0.1, 0)


def test_parents_and_children_are_nested_and_a_failed_search_is_marked(log):
    with pytest.raises(KeyError), log.search("broken"):
        log.add({}, [{"val_accuracy": 0.5}], 0.1, 0)
        raise KeyError
    runs = client().search_runs([log.experiment_id], max_results=1000)
    parent = next(run for run in runs if run.info.run_name == "broken")
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert parent.info.status == "FAILED" and len(children) == 1
    history = client().get_metric_history(children[0].info.run_id, "val_accuracy")
    assert [(point.step, point.value) for point in history] == [(1, 0.5)]


def test_the_store_lies_in_the_home_whatever_its_path_holds(logs, log):
    assert (logs[0] / "mlflow.db").is_file()
    assert tracking_uri().startswith("sqlite:///") and "für Übungen" in tracking_uri()


def test_a_server_is_used_when_one_is_named(monkeypatch, home):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert tracking_uri() == "http://localhost:5000"


@pytest.mark.parametrize("sign", "?#%")
def test_a_home_that_no_address_can_name_is_refused_in_words(sign, monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("WORKSHOP_HOME", str(tmp_path / f"a{sign}b"))
    with pytest.raises(WorkshopError, match="choose another folder"):
        tracking_uri()


@pytest.fixture
def trainer(log, tmp_path):
    """Makes a Trainer of a model with one weight per class, on 12 rows; it takes milliseconds."""
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments

    class Tiny(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.answer = torch.nn.Linear(1, 2)

        def forward(self, x, labels=None):
            logits = self.answer(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    def collate(rows):
        return {name: torch.tensor([row[name] for row in rows]) for name in ("x", "labels")}

    rows = [{"x": [float(i % 2)], "labels": i % 2} for i in range(12)]

    def make(callbacks, epochs=3):
        settings = TrainingArguments(
            str(tmp_path),
            num_train_epochs=epochs,
            learning_rate=0.5,
            per_device_train_batch_size=4,
            eval_strategy="epoch",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            dataloader_pin_memory=False,
            seed=5,
        )
        made = Trainer(
            model_init=Tiny,
            args=settings,
            data_collator=collate,
            train_dataset=rows,
            eval_dataset=rows,
            compute_metrics=lambda a: {"accuracy": float((a.predictions.argmax(1) == a.label_ids).mean())},
            callbacks=callbacks,
        )
        made.remove_callback(PrinterCallback)
        return made

    return make


def test_a_trainer_writes_its_own_trial(log, trainer):
    with log.search("by hand"):
        trainer([log_to(log, {"learning_rate": 0.5})]).train()
    row = log.table().iloc[0]
    assert (row["learning_rate"], row["seed"], row["epochs_run"]) == (0.5, 5, 3)
    assert row["state"] == "finished" and row["score"] == 1.0 and row["seconds"] > 0


def test_training_stops_at_the_deadline_and_still_has_a_score(log, trainer):
    with log.search("late"):
        trainer([log_to(log, {}), stop_after(0)], epochs=50).train()
    row = log.table().iloc[0]
    assert (row["state"], row["epochs_run"]) == ("stopped", 1) and 0 <= row["score"] <= 1


def test_a_deadline_far_away_changes_nothing(log, trainer):
    with log.search("early"):
        trainer([log_to(log, {}), stop_after(3600)]).train()
    assert log.table()["epochs_run"].tolist() == [3]


def test_optunas_trials_are_logged_with_what_it_suggested_also_the_pruned_ones(log, trainer):
    import optuna

    class PruneTheSecond(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            return trial.number == 1

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with log.search("Optuna"):
        trainer([log_to(log)]).hyperparameter_search(
            lambda trial: {"learning_rate": trial.suggest_float("learning_rate", 0.1, 1.0)},
            compute_objective=lambda metrics: metrics["eval_accuracy"],
            n_trials=3,
            direction="maximize",
            backend="optuna",
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=PruneTheSecond(),
        )
    table = log.table()
    assert table["state"].tolist() == ["finished", "stopped", "finished"]
    assert table["epochs_run"].tolist() == [3, 1, 3]
    assert table["learning_rate"].between(0.1, 1.0).all() and table["learning_rate"].nunique() == 3


@pytest.fixture
def axis():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, drawn = plt.subplots()
    yield drawn
    plt.close(figure)


def lines(axis):
    return [line for line in axis.lines if len(line.get_xdata()) == 3]


TABLE = pd.DataFrame({"learning_rate": [1e-4, 1e-2, 1e-3], "epochs": [1, 3, 2], "score": [0.5, 0.6, 0.9]})


def test_the_middle_of_a_log_axis_is_the_geometric_mean(axis):
    parallel_coordinates(TABLE, ["learning_rate", "epochs"], axis)
    best = lines(axis)[-1]
    assert best.get_ydata()[0] == pytest.approx(0.5) and best.get_ydata()[-1] == pytest.approx(1)


def test_each_trial_has_a_line_and_the_best_one_a_thick_one_more(axis):
    parallel_coordinates(TABLE, ["learning_rate", "epochs"], axis)
    assert len(lines(axis)) == len(TABLE) + 1
    assert [label.get_text() for label in axis.get_xticklabels()] == ["learning rate", "epochs", "score"]


def test_values_that_are_all_the_same_and_trials_without_a_score_do_no_harm(axis):
    table = TABLE.assign(epochs=2, score=[0.5, np.nan, 0.5])
    parallel_coordinates(table, ["learning_rate", "epochs"], axis)
    assert len(lines(axis)) == 3 and all(np.isfinite(line.get_ydata()).all() for line in lines(axis))


def test_an_empty_table_draws_only_the_axes(axis):
    parallel_coordinates(TABLE.iloc[:0], ["learning_rate", "epochs"], axis)
    assert lines(axis) == []
