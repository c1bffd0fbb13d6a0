"""The Trainer of transformers, which stops when it diverges and leaves the model as it found it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workshop_utils.errors import WorkshopError
from workshop_utils.models.divergence import diverged

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, Trainer

#: What accelerate lays over a model for bf16: a forward of its own, and where it keeps the model's.
_LAID_OVER = ("forward", "_original_forward")


def own_forward(model: "torch.nn.Module") -> Any:
    """The model's own forward, in the precision of its weights.

    A Trainer that trains in bf16 leaves another one on the model, also where it was interrupted. The model
    would then answer otherwise than after saving and loading.
    """
    return vars(model).get("_original_forward", model)


def careful_trainer(model: "PreTrainedModel", **settings: Any) -> "Trainer":
    """A Trainer of the model that raises an error when the loss is no number.

    However ``train()`` ends, by itself, by an error or by the stop button, the model is then on the device on
    which it was before, in float32, and the progress line is gone. The same holds for ``evaluate()`` and
    ``predict()``.

    Args:
        model: it stays where it is until training begins.
        settings: as for ``transformers.Trainer``.
    """
    from transformers import Trainer

    class CarefulTrainer(Trainer):
        def train(self, *args: Any, **kwargs: Any) -> Any:
            with _at_work(self, model, home):
                result = super().train(*args, **kwargs)
                _refuse_weights(self, model)
                return result

        def training_step(self, *args: Any, **kwargs: Any) -> "torch.Tensor":
            loss = super().training_step(*args, **kwargs)
            where = f"epoch {math.floor(self.state.epoch or 0) + 1}, update {self.state.global_step + 1}"
            _refuse_loss(self, float(loss), f"the loss was {{}} in {where}")
            return loss

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            metrics = super().evaluate(*args, **kwargs)
            epoch = math.ceil(self.state.epoch or 0)
            loss = metrics.get("eval_loss", 0.0) if self.is_in_train else 0.0
            _refuse_loss(self, loss, f"the validation loss was {{}} after epoch {epoch}")
            return metrics

        def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
            with _at_work(self, model, home):
                return super().evaluation_loop(*args, **kwargs)

    home = model.device
    trainer = CarefulTrainer(model=model, **settings)
    # DistilBERT's forward takes any keyword, so transformers believes that it divides the loss by the number
    # of accumulated batches itself; it does not
    trainer.model_accepts_loss_kwargs = False
    model.to(home)
    return trainer


@contextmanager
def _at_work(trainer: "Trainer", model: "PreTrainedModel", home: "torch.device") -> Iterator[None]:
    """The model on the Trainer's device, and back again whatever happens; within a training do nothing."""
    if trainer.is_in_train:
        yield
        return
    before = {name: vars(model)[name] for name in _LAID_OVER if name in vars(model)}
    try:
        model.to(trainer.args.device)
        yield
    finally:
        trainer.is_in_train = False
        for callback in trainer.callback_handler.callbacks:
            getattr(callback, "close_line", lambda: None)()
        for name in _LAID_OVER:
            vars(model).pop(name, None)
        vars(model).update(before)
        model.to(home)


def _refuse_loss(trainer: "Trainer", loss: float, sentence: str) -> None:
    if not math.isfinite(loss):
        raise _diverged(trainer, sentence.format(loss))


def _refuse_weights(trainer: "Trainer", model: "PreTrainedModel") -> None:
    import torch

    if not all(torch.isfinite(weight).all() for weight in model.parameters()):
        raise _diverged(trainer, "the last update has left weights that are no numbers")


def _diverged(trainer: "Trainer", what: str) -> WorkshopError:
    groups = [] if trainer.optimizer is None else trainer.optimizer.param_groups
    rates = {group.get("initial_lr", group["lr"]) for group in groups}
    return diverged(what, " and ".join(f"{rate:g}" for rate in sorted(rates)))
