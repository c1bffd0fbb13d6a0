"""Fine-tune a DistilBERT on two cores: the Trainer of transformers with settings that cost no accuracy.

Developed in lesson 06; ``benchmarks/finetuning.py`` measures what each setting is worth. Texts are
tokenised once, batches hold texts of about the same length and are no wider than the longest of them.
"""

import math
import tempfile
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from workshop_utils.errors import WorkshopError
from workshop_utils.models.metrics import accuracy, macro_f1
from workshop_utils.models.tokenization import as_texts
from workshop_utils.models.transformer.callbacks import progress_line
from workshop_utils.models.transformer.classifier import Classifier, as_labels
from workshop_utils.models.transformer.trainer import careful_trainer
from workshop_utils.quiet import quiet

if TYPE_CHECKING:
    import torch
    from transformers import EvalPrediction, Trainer, TrainerCallback, TrainingArguments

#: Texts and their labels: lists, arrays or columns of a table.
Labelled = tuple[Iterable[str], Iterable[object]]


class Recipe(NamedTuple):
    """Settings of one fine-tuning.

    The encoder learns gently, the new classification layer fast: it starts from nothing, and while it knows
    nothing the encoder learns nothing from it (Howard and Ruder, *Universal language model fine-tuning for
    text classification*, ACL 2018, section 3.2). With 1e-4 for the encoder some seeds learn nothing from some
    hundreds of texts (Mosbach and others, *On the stability of fine-tuning BERT*, ICLR 2021, section 5).

    Attributes:
        epochs: how often every text is read.
        learning_rate: of the encoder.
        head_learning_rate: of the new classification layer.
        batch_size: texts per update.
        per_device_batch_size: texts computed at once; several of them make a batch.
        train_embeddings: also change the word vectors, half of all weights.
        group_by_length: batches hold texts of about the same length.
        attention_dropout: not the encoder's 0.1: drawing a random number for each pair of places takes time
            and memory, and without it PyTorch has a faster attention.
        bf16: half-precision arithmetic; None uses it where it is fast.
        weight_decay: as in AdamW.
        warmup_ratio: share of all updates in which the rates rise; then they fall linearly.
        seed: of the order of the texts and of dropout.
    """

    epochs: float = 2
    learning_rate: float = 5e-5
    head_learning_rate: float = 2e-3
    batch_size: int = 8
    per_device_batch_size: int = 8
    train_embeddings: bool = False
    group_by_length: bool = True
    attention_dropout: float = 0.0
    bf16: bool | None = None
    weight_decay: float = 0.01
    warmup_ratio: float = 0.1
    seed: int = 0


DEFAULT = Recipe()


def fine_tune(
    classifier: Classifier,
    texts: Iterable[str],
    labels: Iterable[object],
    recipe: Recipe = DEFAULT,
    validation: Labelled | None = None,
    patience: int | None = None,
    callbacks: "Sequence[TrainerCallback]" = (),
) -> pd.DataFrame:
    """Train the classifier in place and return one row per epoch.

    Columns: ``loss``, and with validation texts also ``val_loss, val_accuracy, val_macro_f1``. With
    validation texts the weights of the epoch with the lowest ``val_loss`` come back. The same seed gives the
    same model on the same machine. Training uses a GPU or Apple silicon where there is one; however it ends,
    the model is then where it was before, and in float32.

    Args:
        classifier: its model is changed.
        texts: what to learn from.
        labels: one for each text.
        recipe: how to train.
        validation: texts and labels that are not trained on.
        patience: stop after so many epochs without a lower ``val_loss``.
        callbacks: more callbacks for the Trainer.

    Raises:
        ValueError: patience without validation texts, or a batch that is no multiple of
            ``per_device_batch_size``.
        WorkshopError: no texts, not one label for each, a label that the classifier does not know, or a
            training that has diverged.
    """
    if patience is not None and validation is None:
        raise ValueError("Early stopping needs validation texts; pass validation=(texts, labels).")
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(classifier, (texts, labels), folder, recipe, validation, patience, callbacks)
        try:
            with quiet():
                trainer.train()
        finally:
            classifier.model.eval()
        return history(trainer)


def make_trainer(
    classifier: Classifier,
    training: Labelled,
    folder: str,
    recipe: Recipe = DEFAULT,
    validation: Labelled | None = None,
    patience: int | None = None,
    callbacks: "Sequence[TrainerCallback]" = (),
) -> "Trainer":
    """The Trainer that :func:`fine_tune` runs, ready to ``train()``.

    Args:
        classifier: its model will be changed.
        training: texts to learn from, and their labels.
        folder: where checkpoints go.
        recipe: how to train.
        validation: texts and labels that are not trained on.
        patience: stop after so many epochs without a lower ``val_loss``.
        callbacks: more callbacks for the Trainer.

    Raises:
        ValueError: a batch that is no multiple of ``per_device_batch_size``.
        WorkshopError: no texts, not one label for each, or a label that the classifier does not know.
    """
    from transformers import DataCollatorWithPadding, EarlyStoppingCallback, PrinterCallback

    learned = examples(classifier, *training)
    if not learned:
        raise WorkshopError("There are no texts to learn from; pass at least one.")
    watched = None if validation is None else examples(classifier, *validation)
    if watched == []:
        raise WorkshopError("There are no validation texts; pass some, or leave validation away.")
    settings = arguments(folder, recipe, validate=watched is not None)
    for layer in classifier.model.distilbert.transformer.layer:
        layer.attention.dropout.p = recipe.attention_dropout
    stop = [] if patience is None else [EarlyStoppingCallback(early_stopping_patience=patience)]
    trainer = careful_trainer(
        model=classifier.model,
        args=settings,
        train_dataset=learned,
        eval_dataset=watched,
        processing_class=classifier.tokenizer,
        data_collator=DataCollatorWithPadding(classifier.tokenizer),
        compute_metrics=_metrics,
        callbacks=[*callbacks, *stop, progress_line()],
        optimizers=(optimizer(classifier, recipe), None),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def arguments(folder: str, recipe: Recipe, validate: bool) -> "TrainingArguments":
    """The recipe in the words of transformers.

    Args:
        folder: where checkpoints go.
        recipe: how to train.
        validate: look at validation texts after each epoch, and keep the best state.

    Raises:
        ValueError: the batch is no multiple of ``per_device_batch_size``, or an amount is not above 0.
    """
    import torch
    from transformers import TrainingArguments

    amounts = (recipe.epochs, recipe.batch_size, recipe.per_device_batch_size, recipe.learning_rate)
    if not all(amount > 0 for amount in (*amounts, recipe.head_learning_rate)):
        raise ValueError("Epochs, batch sizes and learning rates are larger than 0.")
    if recipe.batch_size % recipe.per_device_batch_size:
        raise ValueError(f"A batch of {recipe.batch_size} is no multiple of {recipe.per_device_batch_size}.")
    return TrainingArguments(
        output_dir=folder,
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        per_device_train_batch_size=recipe.per_device_batch_size,
        gradient_accumulation_steps=recipe.batch_size // recipe.per_device_batch_size,
        per_device_eval_batch_size=32,
        weight_decay=recipe.weight_decay,
        warmup_steps=recipe.warmup_ratio,
        train_sampling_strategy="group_by_length" if recipe.group_by_length else "random",
        use_cpu=not torch.accelerator.is_available(),
        bf16=fast_bf16() if recipe.bf16 is None else recipe.bf16,
        eval_strategy="epoch" if validate else "no",
        save_strategy="epoch" if validate else "no",
        load_best_model_at_end=validate,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        save_only_model=True,
        save_total_limit=1,
        logging_strategy="epoch",
        logging_nan_inf_filter=False,  # it would show 0 for a loss of NaN
        dataloader_pin_memory=False,
        report_to="none",
        disable_tqdm=True,
        seed=recipe.seed,
    )


def optimizer(classifier: Classifier, recipe: Recipe) -> "torch.optim.AdamW":
    """AdamW with one learning rate for the encoder and one for the classification layer.

    ``fused`` goes over each weight once instead of once for each operation.
    """
    import torch

    words = classifier.model.distilbert.embeddings.word_embeddings
    words.weight.requires_grad_(recipe.train_embeddings)
    encoder = [weight for weight in classifier.model.distilbert.parameters() if weight.requires_grad]
    head = [*classifier.model.pre_classifier.parameters(), *classifier.model.classifier.parameters()]
    groups = [
        {"params": encoder, "lr": recipe.learning_rate},
        {"params": head, "lr": recipe.head_learning_rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, fused=True)


def examples(
    classifier: Classifier, texts: Iterable[str], labels: Iterable[object]
) -> list[dict[str, list[int] | int]]:
    """What the Trainer reads: for each text its ids, tokenised once, and its class number.

    Raises:
        WorkshopError: not one label for each text, or a label that the classifier does not know.
    """
    texts, labels = as_texts(texts), as_labels(labels)
    if len(texts) != len(labels):
        raise WorkshopError(f"There are {len(texts)} texts but {len(labels)} labels; each text needs one.")
    rows = zip(classifier.rows(texts), classifier.numbers(labels).tolist(), strict=True)
    return [{"input_ids": ids, "labels": number} for ids, number in rows]


def fast_bf16() -> bool:
    """Is there a GPU or a processor that multiplies bf16 in hardware (AMX or AVX-512 BF16)?"""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))


def history(trainer: "Trainer") -> pd.DataFrame:
    """The Trainer's log as a table, one row per epoch; a loss that was no number is NaN."""
    names = {"loss": "loss", "eval_loss": "val_loss"}
    names |= {f"eval_{metric}": f"val_{metric}" for metric in ("accuracy", "macro_f1")}
    rows: dict[float, dict[str, float]] = {}
    for entry in trainer.state.log_history:
        found = {new: entry[old] for old, new in names.items() if old in entry}
        if "loss" in found and not math.isfinite(entry.get("grad_norm") or 0.0):
            found["loss"] = math.nan  # the Trainer's filter leaves such losses out and shows a smaller mean
        if found:
            rows.setdefault(entry["epoch"], {}).update(found)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("epoch")


def _metrics(result: "EvalPrediction") -> dict[str, float]:
    true, predicted = np.asarray(result.label_ids), np.asarray(result.predictions).argmax(axis=1)
    return {"accuracy": accuracy(true, predicted), "macro_f1": macro_f1(true, predicted)}
