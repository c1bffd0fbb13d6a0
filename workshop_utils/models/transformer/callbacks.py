"""Callbacks for the Trainer of transformers."""

from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


def progress_line() -> "TrainerCallback":
    """One line that vanishes at the end; ``TQDM_DISABLE=1`` keeps logs free of it."""
    from transformers import TrainerCallback

    class Line(TrainerCallback):
        bar: tqdm | None = None

        def on_train_begin(
            self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **_: Any
        ) -> None:
            self.close_line()
            self.bar = tqdm(total=state.max_steps, desc="fine-tuning", unit="update", leave=False)

        def on_step_end(
            self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **_: Any
        ) -> None:
            if self.bar is not None:
                self.bar.update(state.global_step - self.bar.n)

        def on_log(
            self,
            args: "TrainingArguments",
            state: "TrainerState",
            control: "TrainerControl",
            logs: dict[str, float] | None = None,
            **_: Any,
        ) -> None:
            logs = logs or {}
            shown = {name: f"{logs[name]:.3f}" for name in ("loss", "eval_loss") if name in logs}
            if self.bar is not None:
                self.bar.set_postfix(shown, refresh=False)

        def on_train_end(
            self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **_: Any
        ) -> None:
            self.close_line()

        def close_line(self) -> None:
            """Take the line away; a careful Trainer does so when the training was stopped, too."""
            if self.bar is not None:
                self.bar.close()
            self.bar = None

    return Line()
