"""A log of trials in MLflow: one parent run per search, one child run per trial; lesson 07."""

import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar
from uuid import uuid4

import numpy as np
import pandas as pd

from workshop_utils.errors import WorkshopError
from workshop_utils.models.tuning.store import client, tracking_uri
from workshop_utils.paths import home

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["TrialLog", "TrialState", "Value", "client", "tracking_uri"]

#: ``stopped`` is a trial that a pruner, early stopping or a deadline ended before its last epoch.
TrialState = Literal["finished", "stopped"]

#: What a trial may vary: numbers, words, yes or no, nothing.
Value = float | int | str | bool | None

#: Columns of the table before and behind the parameters; no parameter and no metric may be called so.
FIRST_COLUMNS, LAST_COLUMNS = ["search", "trial"], ["seed", "score", "seconds", "epochs_run", "state"]

_T = TypeVar("_T")

_READ: dict[str, Callable[[str], Value]] = {
    "int": int,
    "float": float,
    "bool": "True".__eq__,
    "NoneType": lambda _: None,
}

_log = logging.getLogger(__name__)


class _Search(NamedTuple):
    run_id: str
    trials: "count[int]"


class TrialLog:
    """Writes trials into one experiment and reads back those that it has written.

    An experiment that was deleted on MLflow's page is restored.

    >>> log = TrialLog("07_tune")  # doctest: +SKIP
    >>> with log.search("grid"):  # doctest: +SKIP
    ...     log.add({"learning_rate": 1e-3}, [{"val_accuracy": 0.7}], seconds=2.5, seed=0)
    """

    def __init__(self, experiment: str) -> None:
        """Open the experiment, or make it.

        Args:
            experiment: its name.
        """
        self._client = client()
        self.experiment_id = _experiment(self._client, experiment)
        self._id = uuid4().hex
        self._order = count()
        self._names: dict[str, str] = {}
        self._search: _Search | None = None
        self._writers: dict[int, ThreadPoolExecutor] = {}
        self._writer.submit(int).result()  # so that its thread is there

    @property
    def _writer(self) -> ThreadPoolExecutor:
        """The writing thread of this process; a forked child has none of its parent's."""
        process = os.getpid()
        if process not in self._writers:
            self._writers[process] = ThreadPoolExecutor(1, "trials")
        return self._writers[process]

    @contextmanager
    def search(self, name: str) -> Iterator[None]:
        """The parent run of all trials that are added inside; it fails when the search fails."""
        run_id = self._to_its_end(lambda: self._start(run_name=name))
        self._names[run_id] = name
        outer, self._search = self._search, _Search(run_id, count(1))
        status = "FAILED"
        try:
            yield
            status = "FINISHED"
        finally:
            self._search = outer
            self._to_its_end(lambda: self._end(run_id, status))

    def add(
        self,
        params: Mapping[str, Value],
        epochs: Sequence[Mapping[str, float]],
        seconds: float,
        seed: int,
        state: TrialState = "finished",
        score: str = "val_accuracy",
    ) -> None:
        """Write one trial, whole, also where the search is stopped in the middle of it.

        Args:
            params: what was tried.
            epochs: the metrics after each epoch.
            seconds: how long it took.
            seed: of the trial.
            state: whether it came to its last epoch.
            score: the metric whose last value is the trial's score; NaN where there was no epoch.

        Raises:
            RuntimeError: no search is open.
            WorkshopError: a parameter or metric with the name of a column, no metric called ``score``, a
                very long value, or something that MLflow refuses.
        """
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.exceptions import MlflowException

        if self._search is None:
            raise RuntimeError("Open a search first: `with log.search(name):`.")
        _refuse_names(params, epochs, score)
        now = int(time.time() * 1000)
        metrics = [
            Metric(name, float(value), now, step)
            for step, row in enumerate(epochs, start=1)
            for name, value in row.items()
        ]
        last = float(epochs[-1][score]) if epochs else math.nan
        own = {"score": last, "seconds": float(seconds), "epochs_run": len(epochs)}
        metrics += [Metric(name, value, now, 0) for name, value in own.items()]
        values = {name: _plain(value) for name, value in params.items()}
        if long := [name for name, value in values.items() if len(str(value)) > _LONGEST_VALUE]:
            raise WorkshopError(
                f"The value of {long[0]!r} has more than {_LONGEST_VALUE} characters, and MLflow would cut "
                "it; log a short name of it."
            )
        written = {**values, "seed": int(seed), "trial": next(self._search.trials)}
        tags = {"state": state, "workshop.log": self._id, "workshop.search": self._search.run_id}
        tags["workshop.order"] = str(next(self._order))
        tags["workshop.types"] = json.dumps({name: type(value).__name__ for name, value in values.items()})
        parent = self._search.run_id

        def write() -> None:
            run_id = self._start(tags={"mlflow.parentRunId": parent})
            status = "FAILED"
            try:
                self._client.log_batch(
                    run_id,
                    metrics,
                    [Param(name, str(value)) for name, value in written.items()],
                    [RunTag(name, value) for name, value in tags.items()],
                )
                status = "FINISHED"
            finally:
                self._end(run_id, status)

        try:
            self._to_its_end(write)
        except MlflowException as error:
            raise WorkshopError(f"MLflow does not take this trial: {str(error).splitlines()[0]}") from error

    def table(self) -> pd.DataFrame:
        """The trials of this log in the order they ended, one row each.

        Trials that are not whole, because the program or the server was killed, are left out.

        Columns ``search, trial`` (counted from 1 in each search), the parameters as what they were, then
        ``seed, score, seconds, epochs_run, state``. A parameter that a trial does not have is NaN.
        """
        self._restore()
        found = self._client.search_runs(
            [self.experiment_id],
            f"tags.`workshop.log` = '{self._id}' and attributes.status = 'FINISHED'",
            max_results=10_000,
        )
        rows = [self._row(run) for run in sorted(found, key=lambda run: int(run.data.tags["workshop.order"]))]
        params = sorted({name for row in rows for name in row} - {*FIRST_COLUMNS, *LAST_COLUMNS})
        columns = [*FIRST_COLUMNS, *params, *LAST_COLUMNS]
        return pd.DataFrame({name: _column([row.get(name, _ABSENT) for row in rows]) for name in columns})

    def _row(self, run: "Run") -> dict[str, Value]:
        types = json.loads(run.data.tags["workshop.types"])
        params = {
            name: _READ.get(types.get(name, "int"), str)(value) for name, value in run.data.params.items()
        }
        metrics = {
            name: _finite_or_not(run.data.metrics[name]) for name in ("score", "seconds", "epochs_run")
        }
        name = self._names[run.data.tags["workshop.search"]]
        return {"search": name, **params, **metrics, "state": run.data.tags["state"]}

    def _start(self, **settings: Any) -> str:
        self._restore()
        return self._client.create_run(self.experiment_id, **settings).info.run_id

    def _end(self, run_id: str, status: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._restore()
            self._client.set_terminated(run_id, status)
        except MlflowException as error:  # deleted on MLflow's page in the meantime
            _log.warning("The run %s could not be ended: %s", run_id, str(error).splitlines()[0])

    def _to_its_end(self, write: Callable[[], _T]) -> _T:
        """What ``write`` returns; a stop (Ctrl-C), which meets the main thread only, waits for its end.

        Half a transaction would lock the store, and half a trial would stand in it.
        """
        try:
            return self._writer.submit(write).result()
        except BaseException:
            wait([self._writer.submit(int)], _LONGEST_WRITE)  # its turn comes when all before it has ended
            raise

    def _restore(self) -> None:
        if self._client.get_experiment(self.experiment_id).lifecycle_stage == "deleted":
            self._client.restore_experiment(self.experiment_id)


#: Characters of a parameter's value, set by MLflow.
_LONGEST_VALUE = 6000

#: Seconds; a server that does not answer must not hold up whoever wants to stop.
_LONGEST_WRITE = 10

#: Stands for a parameter that a trial does not have.
_ABSENT = object()


def _experiment(mlflow_client: "MlflowClient", name: str) -> str:
    """Id of the experiment, which is made or restored if need be."""
    from mlflow.exceptions import MlflowException

    found = mlflow_client.get_experiment_by_name(name)
    if found is None:
        try:
            return mlflow_client.create_experiment(name, (home() / "mlruns").as_uri())
        except MlflowException:  # another program was faster
            found = mlflow_client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        mlflow_client.restore_experiment(found.experiment_id)
    return found.experiment_id


def _refuse_names(params: Mapping[str, Value], epochs: Sequence[Mapping[str, float]], score: str) -> None:
    columns = [*FIRST_COLUMNS, *LAST_COLUMNS]
    if taken := [name for name in params if name in columns]:
        raise WorkshopError(
            f"A parameter cannot be called {taken[0]!r}, for the table of trials has a column of that name; "
            "choose another name."
        )
    if taken := [name for row in epochs for name in row if name in columns and name != score]:
        raise WorkshopError(
            f"A metric cannot be called {taken[0]!r}, for the table of trials has a column of that name; "
            "choose another name."
        )
    if epochs and score not in epochs[-1]:
        raise WorkshopError(
            f"The last epoch has no metric {score!r} to take as the score, only "
            f"{', '.join(epochs[-1]) or 'none'}; name one of them with score=."
        )


def _plain(value: Any) -> Value:
    """Python's own value instead of NumPy's; what is neither number, word nor nothing becomes a word."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if type(value) in (int, float, bool, str, type(None)) else str(value)


def _finite_or_not(value: float) -> float:
    """MLflow writes infinity as the largest number."""
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value


def _column(values: list[Any]) -> pd.Series:
    """Numbers as numbers; where pandas would change a value (None, a mix of kinds) the values as they are."""
    kinds = {type(value) for value in values if value is not _ABSENT}
    known = [np.nan if value is _ABSENT else value for value in values]
    if kinds <= {int, float} or (len(kinds) == 1 and kinds != {type(None)} and _ABSENT not in values):
        return pd.Series(known)
    return pd.Series(known, dtype=object)
