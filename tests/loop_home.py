"""A small loop to run the real commands on: a table, a champion, predictions, and true labels of people."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from workshop_utils.models.bundle import Bundle
from workshop_utils.models.export.tfidf import export_tfidf
from workshop_utils.production.deployment import Told, promote, version_folder
from workshop_utils.production.store import (
    Feedback,
    Prediction,
    add_many_labels,
    add_predictions,
    new_prediction_id,
    open_store,
)

LABELS = ("negative", "positive")
OPPOSITE = dict(zip(LABELS, reversed(LABELS), strict=True))
#: What tells the classes apart in the table, and what does later, when people speak in another way.
WORDS = {"then": (["awful", "broken"], ["lovely", "perfect"]), "now": (["mid", "cringe"], ["goated", "fire"])}
POLICY = """
[data]
table = "table.csv"
frozen_test = "test.csv"

[performance]
run_length = 500

[retraining]
fewest_labels = 50
weights = [3]

[gate]
fewest_recent = 30
resamples = 500
"""

#: ``fresh``: nothing has changed. ``drifted``: people speak in another way. ``contradicted``: so they do, and
#: the newest labels say the opposite of those before, so that nothing can be learned from them.
State = Literal["fresh", "drifted", "contradicted"]


def texts_of(when: str, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Texts of twelve words and their labels; two words tell the label, in nine texts of ten."""
    rng = np.random.default_rng(seed)
    syllables = ["ba", "do", "fi", "gu", "ke", "la", "mo", "ni", "pu", "ra", "so", "tü"]
    for _ in range(count):
        code = int(rng.integers(2))
        shown = code if rng.random() < 0.9 else 1 - code
        others = ["".join(rng.choice(syllables, 3)) for _ in range(10)]
        told = rng.choice(WORDS[when][shown], 2)
        yield " ".join(rng.permutation([*others, *told])), LABELS[code]


def write_champion(folder: Path) -> Path:
    """A folder with the table, the frozen test set, the policy, and the bundle of a model of that table."""
    folder.mkdir(parents=True)
    table, test = list(texts_of("then", 300, 0)), list(texts_of("then", 150, 1))
    for name, rows in (("table.csv", table), ("test.csv", test)):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    vectorizer = TfidfVectorizer()
    texts, labels = zip(*table, strict=True)
    classifier = LogisticRegression(C=10).fit(vectorizer.fit_transform(texts), labels)
    accuracy = classifier.score(
        vectorizer.transform([text for text, _ in test]), [label for _, label in test]
    )
    export_tfidf(vectorizer, classifier, folder / "bundle", metrics={"accuracy": float(accuracy)})
    return folder


def write_home(home: Path, champion: Path, state: State) -> str:
    """A ``WORKSHOP_HOME`` whose champion has answered texts, and people have labelled them; its version."""
    told = Told("a test", "the first one")
    version = promote(champion / "bundle", home / "deployment", told).version
    bundle = Bundle.load(version_folder(home / "deployment", version))
    rows = list(texts_of("then", 60, 2) if state == "fresh" else texts_of("now", 240, 3))
    answers = bundle.predict_proba([text for text, _ in rows])
    records = [
        Prediction(
            prediction_id=new_prediction_id(),
            model_version=version,
            labels=tuple(bundle.labels),
            text=text,
            label=bundle.labels[int(row.argmax())],
            probabilities=tuple(row.tolist()),
        )
        for (text, _), row in zip(rows, answers, strict=True)
    ]
    labels = [label for _, label in rows]
    if state == "contradicted":
        labels = [label if row < 120 else OPPOSITE[label] for row, label in enumerate(labels)]
    store = open_store(f"sqlite:///{(home / 'store.db').as_posix()}")
    store.prepare()
    add_predictions(store, records, store_texts=True)
    given = (Feedback(each.prediction_id, label, "anna") for each, label in zip(records, labels, strict=True))
    assert set(add_many_labels(store, given)) == {"new"}
    store.close()
    return version
