"""Real tables for the controls of retraining: a champion of each, and what then comes into the store.

Three tables: the bundled film reviews, reviews of clothing (88 % of them recommend) and Amazon's reviews of
goods. Of each there are texts as *usual*, texts whose inputs are *other*, and texts on which the champion of
the usual ones is wrong more often (*changed*). Texts are cut after :data:`WORDS` words, which saves time.
"""

import html
import shutil
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from workshop_utils.data import load_reviews
from workshop_utils.models.bundle import make_reference
from workshop_utils.models.export import export_tfidf
from workshop_utils.models.metrics import macro_f1
from workshop_utils.models.tokenization import well_formed
from workshop_utils.models.training.job import BUNDLE, Predictions, TrainingJob, write_predictions
from workshop_utils.models.training.learner import LearnerSettings
from workshop_utils.models.training.parts import Fit, Plan
from workshop_utils.models.training.table import finish_bundle
from workshop_utils.paths import corpora_dir
from workshop_utils.production.deployment import Told, promote

LABELS = ["negative", "positive"]
WORDS = 60
#: What a champion learns from, and the frozen test set.
TABLE_TEXTS, FROZEN_TEXTS = 300, 600
#: Champions of a table; the seeds share them, and each seed has a stream of its own.
CHAMPIONS = 8


class Labelled(NamedTuple):
    """Texts and their labels, of the same length."""

    texts: list[str]
    labels: list[str]

    def at(self, places: np.ndarray) -> "Labelled":
        """Those at these places."""
        return Labelled([self.texts[place] for place in places], [self.labels[place] for place in places])

    def and_(self, other: "Labelled") -> "Labelled":
        """These, and then the others."""
        return Labelled([*self.texts, *other.texts], [*self.labels, *other.labels])


class RealTable(NamedTuple):
    """A corpus in parts; see above.

    Attributes:
        before: what the champion of :attr:`changed` texts has learned from; None: the usual ones.
        few: so many texts it has learned from.
    """

    usual: Labelled
    other: Labelled
    changed: Labelled
    before: Labelled | None = None
    few: int = TABLE_TEXTS


@cache
def reviews() -> RealTable:
    """Bundled film reviews: usual to February and in April, other in March, changed from May on."""
    frame = load_reviews("sample")
    month = frame["written_at"].dt.strftime("%Y-%m")
    parts = ((month <= "2026-02") | (month == "2026-04"), month == "2026-03", month >= "2026-05")
    return RealTable(*(_labelled(frame[part], "review", frame["sentiment"][part]) for part in parts))


@cache
def clothing() -> RealTable:
    """Clothing: dresses are other, the rest is usual. A champion that knows books and films is wrong here."""
    frame = pd.read_csv(corpora_dir() / "clothing.csv.gz").dropna(subset=["Review Text", "Department Name"])
    frame = frame.drop_duplicates("Review Text")
    label = pd.Series(np.where(frame["Recommended IND"] == 1, *LABELS[::-1]), index=frame.index)
    dress = frame["Department Name"] == "Dresses"
    usual, other = (_labelled(frame[part], "Review Text", label[part]) for part in (~dress, dress))
    return RealTable(usual, other, usual, before=amazon().usual)


@cache
def amazon() -> RealTable:
    """Amazon: books and films are usual, electronics are other. Kitchenware is changed, with few texts."""
    frame = pd.read_csv(corpora_dir() / "amazon.csv.gz").dropna(subset=["text"]).drop_duplicates("text")
    parts = (
        frame["domain"].isin(["books", "dvd"]),
        frame["domain"] == "electronics",
        frame["domain"] == "kitchen",
    )
    return RealTable(*(_labelled(frame[part], "text", frame["label"][part]) for part in parts), few=100)


TABLES: dict[str, Callable[[], RealTable]] = {"reviews": reviews, "clothing": clothing, "amazon": amazon}


def _labelled(frame: pd.DataFrame, column: str, labels: pd.Series) -> Labelled:
    texts = [" ".join(html.unescape(text).split()[:WORDS]) for text in frame[column].astype(str)]
    return Labelled(texts, labels.astype(str).tolist())


def train_words(job: TrainingJob, folder: Path) -> Predictions:
    """Train TF-IDF of single words in this process; a repeated text is one with a larger weight.

    That is what ``workshop retrain`` is given in place of its own trainer, which also looks at pairs of words
    and runs in a process of its own: here thousands of small models are trained.
    """
    folder.mkdir(parents=True)
    began, texts = time.perf_counter(), [well_formed(text) for text in job.texts]
    folds = np.zeros((len(job.plan.folds), len(texts) if job.plan.folds else 0, len(job.settings.labels)))
    for number, (fit,) in enumerate(job.plan.folds):
        folds[number, fit.ask] = _fitted(job, texts, fit)[2]
    vectorizer, classifier, final = _fitted(job, texts, job.plan.final)
    if not job.plan.folds:
        export_tfidf(vectorizer, classifier, folder / BUNDLE)
    found = Predictions(folds.astype(np.float32), final.astype(np.float32), time.perf_counter() - began)
    write_predictions(folder, found)
    return found


def _fitted(
    job: TrainingJob, texts: Sequence[str], fit: Fit
) -> tuple[TfidfVectorizer, LogisticRegression, np.ndarray]:
    """Both halves of the model, and its answers."""
    rows, weights = np.unique(fit.train, return_counts=True)
    vectorizer = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True)
    classifier = LogisticRegression(C=10, max_iter=300)
    features = vectorizer.fit_transform([texts[row] for row in rows])
    classifier.fit(features, job.codes[rows], sample_weight=weights)
    answers = classifier.predict_proba(vectorizer.transform([texts[row] for row in fit.ask]))
    classifier.classes_ = np.asarray(job.settings.labels, dtype=object)[classifier.classes_]
    return vectorizer, classifier, answers


class Champion(NamedTuple):
    """A deployed champion, its tables, and the usual texts that are in neither."""

    folder: Path
    frozen: Labelled
    unseen: Labelled

    @property
    def deployment(self) -> Path:
        """The folder that holds it alone."""
        return self.folder / "deployment"


def champion_of(name: str, number: int, before: bool, scratch: Path) -> Champion:
    """One of the champions of a table; made when it is first asked for.

    Args:
        name: of the table.
        number: which one.
        before: the one to which changed texts come.
        scratch: folder that keeps it.
    """
    whole = TABLES[name]()
    pool, size = (whole.before or whole.usual, whole.few) if before else (whole.usual, TABLE_TEXTS)
    order = np.random.default_rng([1, list(TABLES).index(name), number]).permutation(len(pool.texts))
    table, frozen, unseen = (pool.at(part) for part in np.split(order, [size, size + FROZEN_TEXTS]))
    kind = "before" if before else "usual"
    champion = Champion(scratch / f"{name}-{kind}-{number}", frozen, unseen)
    if not champion.deployment.exists():
        _make_champion(champion.folder, table, frozen)
    return champion


def _make_champion(folder: Path, table: Labelled, frozen: Labelled) -> None:
    """Trained on the table, judged on the frozen test set, and promoted: whole or not at all."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for part, name in ((table, "table"), (frozen, "frozen")):
        frame = pd.DataFrame({"text": part.texts, "label": part.labels})
        frame.to_csv(folder / f"{name}.csv", index=False, encoding="utf-8")
    both = table.and_(frozen)
    codes = np.array([LABELS.index(label) for label in both.labels])
    places, cut = np.arange(len(codes)), len(table.texts)
    plan = Plan([], Fit(places[:cut], places[cut:]))
    found = train_words(
        TrainingJob("tfidf", LearnerSettings(LABELS), both.texts, codes, plan), folder / "training"
    )
    said = found.final.argmax(axis=1)
    metrics = {
        "accuracy": float((said == codes[cut:]).mean()),
        "macro_f1": macro_f1(codes[cut:], said),
        "texts": float(len(said)),
    }
    nothing = np.zeros(len(said), bool)
    reference = make_reference(LABELS, frozen.texts, found.final, nothing, table.texts)
    finish_bundle(folder / "training" / BUNDLE, folder / "bundle", metrics, frozen.texts, reference)
    promote(folder / "bundle", folder / "draft", Told("the study"))
    (folder / "draft").rename(folder / "deployment")
