"""A log of trials in MLflow: one parent run per search, one child run per trial; lesson 07.

By default the store is SQLite, ``mlflow.db`` under ``WORKSHOP_HOME``; ``MLFLOW_TRACKING_URI`` names a server.
Nothing is sent anywhere else.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import pandas as pd

from workshop_utils.errors import WorkshopError
from workshop_utils.paths import home

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: ``stopped`` is a trial that a pruner, early stopping or a deadline ended before its last epoch.
State = Literal["finished", "stopped"]


def tracking_uri() -> str:
    """Address of the MLflow store: ``MLFLOW_TRACKING_URI``, or the course's own SQLite file.

    Raises:
        WorkshopError: the path of ``WORKSHOP_HOME`` holds a sign that has a meaning of its own in an address.
    """
    if server := os.environ.get("MLFLOW_TRACKING_URI"):
        return server
    path = (home() / "mlflow.db").as_posix()
    if found := set(path) & set("?#%"):
        raise WorkshopError(
            f"WORKSHOP_HOME holds {min(found)!r}, which MLflow cannot open; choose another folder."
        )
    home().mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{path}"


def client() -> "MlflowClient":
    """MLflow's client for :func:`tracking_uri`, quiet and without telemetry."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    logging.getLogger("alembic").setLevel(logging.ERROR)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri())


class TrialLog:
    """Writes trials into one experiment and reads back those that it has written.

    >>> log = TrialLog("07_tune")  # doctest: +SKIP
    >>> with log.search("grid"):  # doctest: +SKIP
    ...     log.add({"learning_rate": 1e-3}, [{"val_accuracy": 0.7}], seconds=2.5, seed=0)
    """

    def __init__(self, experiment: str):
        self._client = client()
        found = self._client.get_experiment_by_name(experiment)
        files = (home() / "mlruns").as_uri()
        self.experiment_id = (
            found.experiment_id if found else self._client.create_experiment(experiment, files)
        )
        self._searches: dict[str, str] = {}
        self._parent: str | None = None
        self._added = 0

    @contextmanager
    def search(self, name: str) -> Iterator[None]:
        """The parent run of all trials that are added inside; it fails when the search fails."""
        run = self._client.create_run(self.experiment_id, run_name=name)
        self._parent, self._added = run.info.run_id, 0
        self._searches[self._parent] = name
        status = "FAILED"
        try:
            yield
            status = "FINISHED"
        finally:
            self._client.set_terminated(run.info.run_id, status)
            self._parent = None

    def add(
        self,
        params: Mapping[str, float | int | str],
        epochs: Sequence[Mapping[str, float]],
        seconds: float,
        seed: int,
        state: State = "finished",
        score: str = "val_accuracy",
    ) -> None:
        """One trial: its parameters, its metrics after each epoch, and the last ``score`` as its score.

        Raises:
            RuntimeError: no search is open.
        """
        from mlflow.entities import Metric, Param

        if self._parent is None:
            raise RuntimeError("Open a search first: `with log.search(name):`.")
        run = self._client.create_run(self.experiment_id, tags={"mlflow.parentRunId": self._parent})
        now = int(time.time() * 1000)
        metrics = [
            Metric(name, float(value), now, step)
            for step, row in enumerate(epochs, start=1)
            for name, value in row.items()
        ]
        last = epochs[-1][score] if epochs else float("nan")
        metrics += [Metric("score", float(last), now, 0), Metric("seconds", float(seconds), now, 0)]
        metrics += [Metric("epochs_run", len(epochs), now, 0)]
        self._added += 1
        written = {**params, "seed": seed, "trial": self._added}
        self._client.log_batch(run.info.run_id, metrics, [Param(k, str(v)) for k, v in written.items()])
        self._client.set_tag(run.info.run_id, "state", state)
        self._client.set_terminated(run.info.run_id)

    def table(self) -> pd.DataFrame:
        """The trials of this log in the order they ended, one row each.

        Columns ``search, trial`` (counted from 1 in each search), the parameters and ``seed`` as numbers
        where they are numbers, ``score, seconds, epochs_run, state``.
        """
        rows = []
        for parent, name in self._searches.items():
            for run in self._client.search_runs(
                [self.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'", max_results=10_000
            ):
                params = {key: _number(value) for key, value in sorted(run.data.params.items())}
                known = {key: run.data.metrics[key] for key in ("score", "seconds", "epochs_run")}
                rows.append({"search": name, **params, **known, "state": run.data.tags["state"]})
        table = pd.DataFrame(rows)
        if table.empty:
            return table
        started = {name: number for number, name in enumerate(self._searches.values())}
        order = [table["search"].map(started), table["trial"]]
        table = table.iloc[sorted(range(len(table)), key=lambda i: (order[0][i], order[1][i]))]
        first = ["search", "trial"]
        return table[[*first, *table.columns.drop(first)]].reset_index(drop=True)


def _number(text: str) -> float | int | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
