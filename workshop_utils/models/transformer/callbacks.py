"""Callbacks for the Trainer of transformers."""

from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from transformers import TrainerCallback


def own_precision() -> "TrainerCallback":
    """After training the model answers in float32 again, as it will when it has been saved and loaded."""
    from transformers import TrainerCallback

    class OwnPrecision(TrainerCallback):
        def on_train_end(self, args, state, control, model=None, **_):
            vars(model).pop("forward", None)  # accelerate has laid one in bf16 over the model's own

    return OwnPrecision()


def progress_line() -> "TrainerCallback":
    """One line that vanishes at the end; ``TQDM_DISABLE=1`` keeps logs free of it."""
    from transformers import TrainerCallback

    class Line(TrainerCallback):
        def on_train_begin(self, args, state, control, **_):
            self.bar = tqdm(total=state.max_steps, desc="fine-tuning", unit="update", leave=False)

        def on_step_end(self, args, state, control, **_):
            self.bar.update(state.global_step - self.bar.n)

        def on_log(self, args, state, control, logs=None, **_):
            kept = {name: f"{logs[name]:.3f}" for name in ("loss", "eval_loss") if name in (logs or {})}
            self.bar.set_postfix(kept, refresh=False)

        def on_train_end(self, args, state, control, **_):
            self.bar.close()

    return Line()
