"""A model that is monitored, and streams of texts, answers and true labels for it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.bundles import tfidf_of
from tests.predicted import prediction
from workshop_utils.models.bundle import Bundle, make_reference
from workshop_utils.models.training.table import finish_bundle
from workshop_utils.production.store import Feedback, Store, add_many_labels, add_predictions

CLASSES = ("neg", "pos")
START = datetime(2026, 3, 1, tzinfo=UTC)
_FILM = ["film", "plot", "scene", "actor", "camera", "story", "music", "ending", "director", "role", "screen"]
_SHOP = ["dress", "sleeve", "fabric", "colour", "size", "zip", "pocket", "wool", "button", "collar", "seam"]
_COMMON = ["the", "a", "and", "of", "was", "very", "quite", "not", "so", "with", "for", "it", "this", "that"]
_MOOD = {"pos": ["good", "great", "fine", "lovely"], "neg": ["bad", "poor", "dull", "awful"]}


def written(rng: np.random.Generator, truth: str, subject: str = "film") -> str:
    """A text of 30 words; some of them are of its subject, and some tell, mostly rightly, what is true."""
    own = _FILM if subject == "film" else _SHOP
    words = []
    for kind, place in zip(rng.random(30), rng.random(30), strict=True):
        said = truth if rng.random() < 0.85 else CLASSES[truth == "neg"]
        source = own if kind < 0.3 else _MOOD[said] if kind < 0.45 else _COMMON
        words.append(source[int(place * len(source))])
    return " ".join(words)


def texts_and_truths(seed: int, count: int, subject: str = "film") -> tuple[list[str], list[str]]:
    """So many texts with their true labels."""
    rng = np.random.default_rng(seed)
    truths = [CLASSES[int(rng.random() < 0.5)] for _ in range(count)]
    return [written(rng, truth, subject) for truth in truths], truths


def monitored_bundle(folder: Path, metrics: bool = True, reference: bool = True) -> Path:
    """A bundle that says how often it is wrong and what its texts were like."""
    known, labels = texts_and_truths(1, 400)
    judged, truths = texts_and_truths(2, 400)
    draft = tfidf_of(known, labels, folder.with_name(f"{folder.name}-draft"))
    bundle = Bundle.load(draft)
    scores = bundle.score(judged)
    right = [
        bundle.labels[best] == truth
        for best, truth in zip(scores.probabilities.argmax(1), truths, strict=True)
    ]
    statistics = (
        make_reference(bundle.labels, judged, scores.probabilities, scores.truncated, known)
        if reference
        else None
    )
    return finish_bundle(
        draft, folder, {"accuracy": float(np.mean(right))} if metrics else {}, judged, statistics
    )


@dataclass
class Stream:
    """Texts that the model has answered, in a store."""

    store: Store
    model: Bundle
    version: str
    names: list[str]
    truths: list[str]

    def answer(self, seed: int, count: int, subject: str = "film", **changes: object) -> list[str]:
        """Store answers to so many new texts, one a second; return their ids."""
        texts, truths = texts_and_truths(seed, count, subject)
        records = []
        for number, (text, shares) in enumerate(zip(texts, self.model.predict_proba(texts), strict=True)):
            values = {
                "model_version": self.version,
                "labels": CLASSES,
                "label": CLASSES[int(shares.argmax())],
                "probabilities": tuple(map(float, shares)),
                "time": START + timedelta(seconds=len(self.names) + number),
                "infer_ms": 5.0,
            }
            records.append(prediction(text, **(values | changes)))
        add_predictions(self.store, records, store_texts=True)
        self.names += [record.prediction_id for record in records]
        self.truths += truths
        return [record.prediction_id for record in records]

    def label(self, names: list[str], flipped: float = 0.0, seed: int = 0, by: str = "anna") -> None:
        """Give the true labels of these, a share of them turned into the other class."""
        rng, truth = np.random.default_rng(seed), dict(zip(self.names, self.truths, strict=True))
        given = [
            Feedback(name, truth[name] if rng.random() >= flipped else CLASSES[truth[name] == "neg"], by)
            for name in names
        ]
        assert not [each for each in add_many_labels(self.store, given) if isinstance(each, Exception)]
