"""What somebody asks for, and who hears how it goes."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

#: What to train: one kind beside TF-IDF, or the cheapest that is not worse.
ModelChoice = Literal["tfidf", "cnn", "distilbert", "best"]
#: What the bundle keeps of texts, for monitoring: their hashed words, numbers about them only, or nothing.
ReferenceChoice = Literal["hashed", "numbers", "none"]


class TrainRequest(NamedTuple):
    """What somebody asks for.

    Attributes:
        source: the table. bundle: the folder of the model.
        text_column: name of the column with the texts.
        label_column: name of the column with the labels.
        model: what to train.
        test: a table of the same columns that judges, in place of a held-out part.
        rows: at most about so many texts of the table.
        seed: of all random steps.
        minutes: that all may take.
        encoder: for DistilBERT: ``packaged``, a folder, or a name on the Hugging Face hub.
        reference: what the bundle keeps of texts that it was judged on, for monitoring.
    """

    source: Path
    bundle: Path
    text_column: str
    label_column: str
    model: ModelChoice = "best"
    test: Path | None = None
    rows: int | None = None
    seed: int = 0
    minutes: float | None = None
    encoder: str = "packaged"
    reference: ReferenceChoice = "hashed"


class TrainListener(NamedTuple):
    """Who hears how it goes: ``say`` takes sentences, ``progress`` a model's title and the share done."""

    say: Callable[[str], None]
    progress: Callable[[str, float], None]
