"""What a search for hyperparameters needs: a time budget, a log of the Trainer, a picture; lesson 07."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from workshop_utils.models.tuning.trials import TrialLog, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

_T = TypeVar("_T")


def within(seconds: float, trials: Iterable[_T]) -> Iterator[_T]:
    """The trials, as long as one more that is as slow as the slowest so far would still end in time.

    The first one always runs, for without it nobody knows how long a trial takes.

    >>> list(within(60, ["a", "b"]))
    ['a', 'b']
    """
    start, slowest = time.perf_counter(), 0.0
    for trial in trials:
        began = time.perf_counter()
        if began - start + slowest > seconds:
            return
        yield trial
        slowest = max(slowest, time.perf_counter() - began)


def stop_after(seconds: float) -> "TrainerCallback":
    """A callback that ends training at the first update after so many seconds from now.

    The Trainer still evaluates once, so a trial that was cut has a score like any other.
    """
    from transformers import TrainerCallback

    end = time.perf_counter() + seconds

    class Deadline(TrainerCallback):
        def on_step_end(
            self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **_: Any
        ) -> None:
            if time.perf_counter() > end:
                control.should_training_stop = True

    return Deadline()


def log_to(log: TrialLog, params: Mapping[str, Value] | None = None) -> "TrainerCallback":
    """A callback that adds each training of a Trainer to the log, pruned ones included.

    Metrics lose the Trainer's ``eval_`` and are called ``val_accuracy``, ``val_loss`` and so on.

    Args:
        log: with an open search.
        params: what the trial tries; without it, what Optuna has suggested.
    """
    from transformers import TrainerCallback

    class Logger(TrainerCallback):
        start: float
        epochs: list[dict[str, float]]

        def on_train_begin(
            self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **_: Any
        ) -> None:
            self.start, self.epochs = time.perf_counter(), []

        def on_evaluate(
            self,
            args: "TrainingArguments",
            state: "TrainerState",
            control: "TrainerControl",
            metrics: dict[str, float] | None = None,
            **_: Any,
        ) -> None:
            kept = {name: value for name, value in (metrics or {}).items() if name.startswith("eval_")}
            dropped = ("runtime", "per_second")
            self.epochs.append(
                {f"val_{k.removeprefix('eval_')}": v for k, v in kept.items() if not k.endswith(dropped)}
            )

        def on_train_end(
            self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **_: Any
        ) -> None:
            whole = state.global_step >= state.max_steps
            log.add(
                params if params is not None else state.trial_params or {},
                self.epochs,
                time.perf_counter() - self.start,
                args.seed,
                "finished" if whole else "stopped",
            )

    return Logger()


def parallel_coordinates(
    table: pd.DataFrame,
    columns: Sequence[str],
    axis: "Axes",
    score: str = "score",
    logarithmic: Sequence[str] = ("learning_rate",),
    colours: str = "cividis",
) -> None:
    """One line per trial through its values, the score last; light is good, the best trial is drawn thick.

    Source: Inselberg, *The plane with parallel coordinates*, The Visual Computer 1, 1985.

    Args:
        table: one row per trial.
        columns: the parameters, from left to right; numbers.
        axis: where to draw.
        score: the column that says how good a trial was.
        logarithmic: the parameters with a logarithmic axis.
        colours: name of a colormap of matplotlib.
    """
    from matplotlib import colormaps

    names = [*columns, score]
    table = table.dropna(subset=names).sort_values(score, kind="stable")
    heights = np.column_stack([_heights(table[name], name in logarithmic) for name in names])
    places = np.arange(len(names))
    for line, shade in zip(heights, heights[:, -1], strict=True):
        axis.plot(places, line, color=colormaps[colours](shade), linewidth=1.5, alpha=0.8)
    if len(heights):
        axis.plot(places, heights[-1], color="C3", linewidth=4, label="best trial")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12))
    for place, name in enumerate(names):
        axis.axvline(place, color="black", linewidth=1)
        values = table[name].unique()
        shown = np.sort(values) if len(values) <= 4 else [table[name].min(), table[name].max()]
        for value in shown:
            height = _heights(pd.Series([*table[name], value]), name in logarithmic)[-1]
            axis.text(place + 0.03, height, f"{value:.3g}", va="center", fontsize="small")
    axis.set_xticks(places, [name.replace("_", " ") for name in names])
    axis.set(xlim=(-0.15, len(names) - 0.6), ylim=(-0.06, 1.06), yticks=[])
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)


def _heights(values: pd.Series, logarithmic: bool) -> np.ndarray:
    """The values between 0 (the smallest) and 1; 0.5 where all are the same."""
    numbers = np.log(values.to_numpy(float)) if logarithmic else values.to_numpy(float)
    if not len(numbers):
        return numbers
    width = numbers.max() - numbers.min()
    return (numbers - numbers.min()) / width if width > 0 else np.full(len(numbers), 0.5)
