"""A fine-tuned DistilBERT with all that is needed to read a text; saved and loaded. Used from lesson 06.

The folder holds ``model.safetensors``, ``config.json``, the tokenizer with the names of its special tokens
(``tokenizer.json``, ``tokenizer_config.json``) and the card ``bundle.json``;
:func:`~workshop_utils.models.export.distilbert.export_distilbert` makes of it a bundle that can be served.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.card import FORMAT, describe, read_card, read_file, write_folder
from workshop_utils.models.divergence import refuse_not_finite
from workshop_utils.models.tokenization import TextEncoder, Truncation, as_texts
from workshop_utils.models.transformer.pretrained import load_encoder, load_tokenizer
from workshop_utils.models.transformer.trainer import own_forward

if TYPE_CHECKING:
    import torch
    from transformers import DistilBertForSequenceClassification, PreTrainedTokenizerFast


class Classifier(NamedTuple):
    """A model with all that is needed to read a text; it answers on whatever device the model is.

    Attributes:
        model: a DistilBERT with a classification layer.
        tokenizer: its tokenizer.
        max_length: tokens per text at most, special ones included.
        truncation: which part of a longer text stays.
    """

    model: "DistilBertForSequenceClassification"
    tokenizer: "PreTrainedTokenizerFast"
    max_length: int = 128
    truncation: Truncation = "head_tail"

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the model's outputs."""
        return [self.model.config.id2label[number] for number in range(self.model.config.num_labels)]

    def numbers(self, labels: Iterable[object]) -> np.ndarray:
        """The labels as class numbers, int64 of shape (n,). A number is a label by its digits: 0 is ``"0"``.

        Raises:
            WorkshopError: a label that the model does not know.
        """
        known = {name: number for number, name in enumerate(self.labels)}
        listed = as_labels(labels)
        for label in listed:
            if str(label) not in known:
                names = ", ".join(map(repr, known))
                raise WorkshopError(f"The model knows no label {label!r}, only {names}.")
        return np.array([known[str(label)] for label in listed], dtype=np.int64)

    def rows(self, texts: Iterable[str]) -> list[list[int]]:
        """Ids of each text with ``[CLS]`` and ``[SEP]``, without padding."""
        return self.text_encoder().rows(as_texts(texts))

    def text_encoder(self) -> TextEncoder:
        """Turns texts into ids as this classifier reads them."""
        return TextEncoder(self.tokenizer.backend_tokenizer, self.max_length, self.truncation)

    def predict_proba(self, texts: Iterable[str], batch_size: int = 32) -> np.ndarray:
        """Class probabilities in the order of the texts, float32 of shape (n, classes).

        Args:
            texts: a list, an array or a column of a table.
            batch_size: texts computed at once.

        Raises:
            WorkshopError: the answers are no numbers, because the training has diverged.
        """
        import torch

        rows = self.rows(texts)
        probabilities = np.empty((len(rows), len(self.labels)), dtype=np.float32)
        order = np.argsort([len(row) for row in rows], kind="stable")
        forward = own_forward(self.model.eval())
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                padded = self.tokenizer.pad({"input_ids": [rows[i] for i in chosen]}, return_tensors="pt")
                logits = forward(**padded.to(self.model.device)).logits.float()
                probabilities[chosen] = torch.softmax(logits, dim=-1).cpu().numpy()
        refuse_not_finite([probabilities], "used")
        return probabilities

    def predict(self, texts: Iterable[str]) -> np.ndarray:
        """The most probable label of each text, shape (n,), str."""
        return np.array(self.labels)[self.predict_proba(texts).argmax(axis=1)]


def as_labels(labels: Iterable[object]) -> list[object]:
    """The labels as a list of Python's own values: from a list, an array or a column of a table.

    Raises:
        TypeError: a single label, a whole table, or something without an order.
    """
    if isinstance(labels, str | bytes):
        raise TypeError("This takes a list of labels; put a single label into one.")
    if isinstance(labels, Mapping | Set) or hasattr(labels, "columns"):
        raise TypeError(f"This takes a list of labels, not a {type(labels).__name__}; choose one column.")
    return [label.item() if isinstance(label, np.generic) else label for label in labels]


def new_classifier(
    labels: Iterable[object],
    name: str = "packaged",
    max_length: int = 128,
    truncation: Truncation = "head_tail",
    seed: int = 0,
) -> Classifier:
    """A pretrained encoder with an untrained classification layer.

    Args:
        labels: the classes, in the order of the outputs; numbers become words.
        name: of the encoder, as in :func:`~workshop_utils.models.transformer.pretrained.load_encoder`.
        max_length: tokens per text at most, special ones included.
        truncation: which part of a longer text stays.
        seed: of the new layer's weights.

    Raises:
        WorkshopError: the encoder cannot be loaded, there are not two different labels, or the encoder cannot
            read so many tokens.
    """
    names = [str(label) for label in as_labels(labels)]
    if len(set(names)) < max(2, len(names)):
        raise WorkshopError(f"A classifier needs two labels or more, each of them once, not {names}.")
    model, tokenizer = load_encoder(name, names, seed)
    longest = model.config.max_position_embeddings
    if not 3 <= max_length <= longest:
        raise WorkshopError(
            f"This encoder reads between 3 and {longest} tokens, so not max_length={max_length}."
        )
    return Classifier(model, tokenizer, max_length, truncation)


def save_classifier(
    folder: Path,
    classifier: Classifier,
    metrics: Mapping[str, float] | None = None,
    test_texts: Sequence[str] = (),
) -> Path:
    """Write the folder anew, whole or not at all, and return it.

    Args:
        folder: an empty or new folder, or one that holds a model of this course.
        classifier: what to save.
        metrics: results such as ``{"accuracy": 0.8}``.
        test_texts: the texts they were measured on; only their fingerprint is kept.

    Raises:
        WorkshopError: weights that are no numbers, or a folder that holds something else.
    """
    refuse_not_finite(_weights(classifier.model))

    def write(draft: Path) -> None:
        classifier.model.save_pretrained(draft)
        classifier.tokenizer.save_pretrained(draft)

    packages = ("torch", "transformers", "tokenizers", "numpy")
    card = describe(
        "distilbert",
        classifier.labels,
        classifier.max_length,
        metrics,
        test_texts,
        packages,
        truncation=classifier.truncation,
    )
    return write_folder(folder, card, write)


def load_classifier(folder: Path) -> Classifier:
    """The classifier that :func:`save_classifier` wrote, on the CPU.

    Raises:
        WorkshopError: nothing there, another format, or a file that does not fit its sha256.
    """
    card = read_card(folder)
    if card.kind != "distilbert" or "model.safetensors" not in card.sha256 or card.max_length is None:
        raise WorkshopError(f"{folder.name} holds no fine-tuned DistilBERT of this course ({FORMAT}).")
    for name in card.sha256:
        read_file(folder, card, name)
    from transformers import DistilBertForSequenceClassification

    model = DistilBertForSequenceClassification.from_pretrained(
        folder, local_files_only=True, use_safetensors=True
    )
    tokenizer = load_tokenizer(folder, model.config.max_position_embeddings)
    return Classifier(model.eval(), tokenizer, card.max_length, card.truncation)


def _weights(model: "torch.nn.Module") -> Iterable[np.ndarray]:
    return (weight.detach().float().cpu().numpy() for weight in model.parameters())
