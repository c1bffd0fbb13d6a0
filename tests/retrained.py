"""Small worlds for the tests of retraining: reviews, and a new community with words of its own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from tests.bundles import tfidf_of
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.deployment import Told, pointed_version, promote
from workshop_utils.production.policy import Policy
from workshop_utils.production.retraining import RetrainRequest, RetrainTools, train_here
from workshop_utils.production.store import (
    Feedback,
    Prediction,
    Store,
    add_many_labels,
    add_predictions,
    new_prediction_id,
)

LABELS = ["negative", "positive"]
GOOD = ["lovely", "warm", "clever", "moving", "funny", "superb", "gentle", "brave"]
BAD = ["boring", "cold", "stupid", "endless", "loud", "dull", "cruel", "cheap"]
#: A new community has words of its own, which nobody has taught the model.
OWN_GOOD = ["peng", "lit", "fire", "dench", "bussin", "clean"]
OWN_BAD = ["mid", "dead", "peak", "moist", "airy", "wasteman"]
FILLING = [
    "the",
    "film",
    "was",
    "with",
    "story",
    "actors",
    "music",
    "scene",
    "ending",
    "first",
    "second",
    "night",
]


def review(chance: np.random.Generator, label: str, turned: bool = False) -> str:
    """Twelve words; three of them tell the label, mostly the right one."""
    words = list(chance.choice(FILLING, 9))
    for _ in range(3):
        right = chance.random() < 0.85
        good = (label == "positive") == right
        good_words, bad_words = (OWN_GOOD, OWN_BAD) if turned else (GOOD, BAD)
        words.append(str(chance.choice(good_words if good else bad_words)))
    chance.shuffle(words)
    return " ".join(words)


def reviews(
    seed: int, count: int, turned: float = 0.0, positive: float = 0.5, start: int = 0
) -> tuple[list[str], list[str]]:
    """Texts and labels; the share ``turned`` comes from the new community. No text occurs twice."""
    chance = np.random.default_rng(seed)
    labels = ["positive" if chance.random() < positive else "negative" for _ in range(count)]
    texts = [
        f"{review(chance, label, chance.random() < turned)} n{seed}x{start + number}"
        for number, label in enumerate(labels)
    ]
    return texts, labels


def write_table(path: Path, texts: Sequence[str], labels: Sequence[str]) -> Path:
    """A table with the columns text and label."""
    lines = [f'"{text}",{label}' for text, label in zip(texts, labels, strict=True)]
    path.write_text("\n".join(["text,label", *lines, ""]), encoding="utf-8")
    return path


def policy(folder: Path, **changes: dict) -> Policy:
    """Small numbers of everything; ``data`` names the tables of the folder."""
    told = {
        "data": {"table": str(folder / "table.csv"), "frozen_test": str(folder / "frozen.csv")},
        "retraining": {"fewest_labels": 40, "again_after_labels": 10, "weights": [1, 5]},
        "gate": {"fewest_recent": 20, "resamples": 500},
    }
    return Policy.model_validate(
        {part: told.get(part, {}) | changes.get(part, {}) for part in {*told, *changes}}
    )


class World(NamedTuple):
    """A deployed model of reviews, its tables and a store."""

    folder: Path
    deployment: Path
    store: Store

    @property
    def champion(self) -> str:
        return pointed_version(self.deployment) or ""

    def request(self, reason: str = "a test", seed: int = 0, **changes: dict) -> RetrainRequest:
        return RetrainRequest(self.deployment, policy(self.folder, **changes), reason, "Änne", seed)

    def predict(self, texts: Sequence[str], keep: bool = True) -> list[str]:
        """Let the champion answer, as the service does; the names of the predictions."""
        bundle = Bundle.load(self.deployment / "versions" / self.champion)
        begin = datetime.now(UTC) - timedelta(days=1)
        names = [new_prediction_id() for _ in texts]
        add_predictions(
            self.store,
            [
                Prediction(
                    name,
                    self.champion,
                    tuple(bundle.labels),
                    text,
                    bundle.labels[int(row.argmax())],
                    tuple(map(float, row)),
                    time=begin,
                )
                for name, text, row in zip(names, texts, bundle.predict_proba(texts), strict=True)
            ],
            keep,
        )
        return names

    def label(self, texts: Sequence[str], labels: Sequence[str], by: str = "anna") -> None:
        """People say what is true of these texts."""
        given = zip(self.predict(texts), labels, strict=True)
        results = list(add_many_labels(self.store, [Feedback(name, label, by) for name, label in given]))
        assert all(result == "new" for result in results), results


def make_world(folder: Path, store: Store, seed: int = 0, positive: float = 0.5, texts: int = 300) -> World:
    """A model that has learned the table, is deployed, and has answered nothing yet."""
    folder.mkdir(parents=True, exist_ok=True)
    table = reviews(10 * seed + 1, texts, positive=positive)
    write_table(folder / "table.csv", *table)
    write_table(folder / "frozen.csv", *reviews(10 * seed + 2, 150, positive=positive))
    deployment = folder / "deployment"
    promote(tfidf_of(*table, folder / "first"), deployment, Told("a test", "the first"))
    return World(folder, deployment, store)


def says(verdict: str = "harmful", labels_to_buy: int | None = None):
    """A monitor with one answer."""
    report = SimpleNamespace(verdict=verdict, reason=f"it is {verdict}.", labels_to_buy=labels_to_buy)
    return lambda *arguments, **options: report


def tools(verdict: str = "harmful", said: list[str] | None = None, **changes) -> RetrainTools:
    """Train in this process, monitor nothing."""
    told = {"trainer": train_here, "monitor": says(verdict), "say": (said if said is not None else []).append}
    return RetrainTools(**(told | changes))
