"""A bundle is written only when it answers as the model from which it was made."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.bundle.card import Card, write_folder
from workshop_utils.models.tokenization import with_settings

#: Texts on which every bundle is compared with its origin, beside those that the caller gives.
PROBES = [
    "",
    " ",
    "A film that stays with you.",
    "Ä ö ü ß, und ewig lockt das ΦΩΣ!",
    "😴👩‍💻 ❤️",
    "हिन्दी में किताब",
    "\ud800\0",
    "long text " * 600,
]


class ParityError(WorkshopError):
    """The exported model answers otherwise than the model it was made from."""


def write_bundle(
    folder: Path,
    card: Card,
    model: bytes,
    tokenizer: Tokenizer,
    reference: Callable[[Sequence[str]], np.ndarray],
    texts: Sequence[str] = (),
    tolerance: float = 1e-5,
) -> Path:
    """Write a bundle, whole or not at all, compared with its origin on ``texts`` and :data:`PROBES`.

    Args:
        folder: where the bundle goes.
        card: all but the checksums.
        model: the ONNX file.
        tokenizer: its own truncation and padding are left out.
        reference: probabilities of shape (n, classes) for n texts, from the model that was exported.
        texts: further texts to compare.
        tolerance: the largest difference of a probability that is allowed.

    Raises:
        ParityError: a probability differs by more than ``tolerance``.
    """
    probes = [*PROBES, *texts]

    def write(draft: Path) -> None:
        (draft / "model.onnx").write_bytes(model)
        with_settings(tokenizer, truncation=None, padding=None).save(str(draft / "tokenizer.json"))

    def check(draft: Path) -> None:
        difference = float(np.abs(Bundle.load(draft).predict_proba(probes) - reference(probes)).max())
        if not difference <= tolerance:
            raise ParityError(
                f"{folder.name} was not made: its answers differ by {difference:.1e} from the model's."
            )

    return write_folder(folder, card, write, check)
