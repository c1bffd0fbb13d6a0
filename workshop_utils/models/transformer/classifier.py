"""A fine-tuned DistilBERT with all that is needed to read a text; saved and loaded. Used from lesson 06.

The folder holds ``model.safetensors``, ``config.json``, ``tokenizer.json`` and the card ``bundle.json``;
:func:`~workshop_utils.models.export.distilbert.export_distilbert` makes of it a bundle that can be served.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.card import FORMAT, describe, read_card, read_file, write_folder
from workshop_utils.models.tokenization import TextEncoder, Truncation, as_texts
from workshop_utils.models.transformer.pretrained import fast_tokenizer, load_encoder

if TYPE_CHECKING:
    from transformers import DistilBertForSequenceClassification, PreTrainedTokenizerFast


class Classifier(NamedTuple):
    """A model, its tokenizer, and how it reads: ``max_length`` tokens at most, which part of longer ones."""

    model: "DistilBertForSequenceClassification"
    tokenizer: "PreTrainedTokenizerFast"
    max_length: int = 128
    truncation: Truncation = "head_tail"

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the model's outputs."""
        return [self.model.config.id2label[number] for number in range(self.model.config.num_labels)]

    def numbers(self, labels: Sequence[str]) -> np.ndarray:
        """The labels as class numbers, int64 of shape (n,).

        Raises:
            WorkshopError: a label that the model does not know.
        """
        names = {name: number for number, name in enumerate(self.labels)}
        if unknown := set(labels) - names.keys():
            raise WorkshopError(f"The model knows no label {sorted(unknown)[0]!r}, only {', '.join(names)}.")
        return np.array([names[label] for label in labels], dtype=np.int64)

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text with ``[CLS]`` and ``[SEP]``, without padding."""
        return self.text_encoder().rows(as_texts(texts))

    def text_encoder(self) -> TextEncoder:
        """Turns texts into ids as this classifier reads them."""
        return TextEncoder(self.tokenizer.backend_tokenizer, self.max_length, self.truncation)

    def predict_proba(self, texts: Sequence[str], batch_size: int = 32) -> np.ndarray:
        """Class probabilities in the order of the texts, float32 of shape (n, classes)."""
        import torch

        rows = self.rows(texts)
        probabilities = np.empty((len(rows), len(self.labels)), dtype=np.float32)
        order = np.argsort([len(row) for row in rows], kind="stable")
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                padded = self.tokenizer.pad({"input_ids": [rows[i] for i in chosen]}, return_tensors="pt")
                logits = self.model(**padded.to(self.model.device)).logits.float()
                probabilities[chosen] = torch.softmax(logits, dim=-1).cpu().numpy()
        return probabilities

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """The most probable label of each text, shape (n,), str."""
        return np.array(self.labels)[self.predict_proba(texts).argmax(axis=1)]


def new_classifier(
    labels: Sequence[str],
    name: str = "packaged",
    max_length: int = 128,
    truncation: Truncation = "head_tail",
    seed: int = 0,
) -> Classifier:
    """A pretrained encoder with an untrained classification layer; arguments as in ``load_encoder``."""
    return Classifier(*load_encoder(name, labels, seed), max_length, truncation)


def save_classifier(
    folder: Path,
    classifier: Classifier,
    metrics: Mapping[str, float] | None = None,
    test_texts: Sequence[str] = (),
) -> Path:
    """Write the folder anew, whole or not at all, and return it; arguments as in ``save_network``."""

    def write(draft: Path) -> None:
        classifier.model.save_pretrained(draft)
        classifier.tokenizer.backend_tokenizer.save(str(draft / "tokenizer.json"))

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
    """The classifier that :func:`save_classifier` wrote.

    Raises:
        WorkshopError: nothing there, another format, or a file that does not fit its sha256.
    """
    card = read_card(folder)
    if card.kind != "distilbert" or "model.safetensors" not in card.sha256:
        raise WorkshopError(f"{folder.name} holds no fine-tuned DistilBERT of this course ({FORMAT}).")
    for name in card.sha256:
        read_file(folder, card, name)
    from transformers import DistilBertForSequenceClassification

    model = DistilBertForSequenceClassification.from_pretrained(folder, local_files_only=True)
    tokenizer = fast_tokenizer(folder / "tokenizer.json", model.config.max_position_embeddings)
    return Classifier(model.eval(), tokenizer, card.max_length, card.truncation)
