"""Do the bundled reviews behave like real ones? Models cross over between them and the originals.

    WORKSHOP_DATA_DIR=… python -m benchmarks.bundled_reviews          # everything, about an hour on two cores
    WORKSHOP_DATA_DIR=… python -m benchmarks.bundled_reviews --quick  # without the encoder

Writes ``benchmarks/results/bundled_reviews.md`` and ``.json``. The *reader* is the packaged encoder,
fine-tuned on 8,000 original reviews (256 tokens of head and tail, one epoch); it is kept under
``WORKSHOP_HOME/models``.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline

from benchmarks.bundled_texts import CHARACTERS, FOLDS, domain_auc, model
from workshop_utils.data import load_poems, load_reviews
from workshop_utils.files import atomic_write, sha256
from workshop_utils.paths import BUNDLED, model_folder
from workshop_utils.quiet import quiet

RESULTS = Path(__file__).parent / "results"
DRIFTED, QUIET, COMMUNITY = ["2026-03"], ["2026-04"], ["2026-05", "2026-06", "2026-07"]
#: The slice that is hard on purpose.
HARD = "magazine"

#: Which poet the bundled manner learns from (data/README.md).
MANNERS = {"Klassik": "Goethe", "Volksliedton": "Heine", "Kabarett": "Tucholsky"}

#: What each measure must reach: (lowest, highest).
BOUNDS = {
    "reader, plain reference": (0.88, 0.95),
    "TF-IDF of 8,000 originals, plain reference": (0.82, 0.93),
    "TF-IDF of ours, official test part": (0.75, 1.0),
    "five-fold TF-IDF, reference": (0.80, 0.88),
    "recipe, all": (0.86, 1.0),
    "recipe, plain": (0.88, 1.0),
    "recipe minus TF-IDF, lower bound": (0.0, 1.0),
    "reader, March": (0.84, 1.0),
    "reader, April minus plain reference": (-0.05, 0.05),
    "reader, May to July": (0.60, 0.78),
    "TF-IDF of reference, fall in May to July": (0.15, 0.25),
    "share of the fall recovered": (2 / 3, np.inf),
    "April lost by retraining": (-1.0, 0.03),
    "domain AUC, April": (0.0, 0.56),
    "domain AUC, March": (0.93, 1.0),
    "shared 6-grams minus halves of the original": (-1.0, 0.0),
}


class Reviews:
    """The bundled reviews by part; frames with the columns of ``load_reviews``."""

    def __init__(self) -> None:
        table = load_reviews("sample")
        month = table["written_at"].dt.strftime("%Y-%m")
        self.reference = table[table["split"] == "reference"]
        self.plain = self.reference[self.reference["channel"] != HARD]
        self.magazine = self.reference[self.reference["channel"] == HARD]
        self.march, self.april, self.community = (
            table[month.isin(months)] for months in (DRIFTED, QUIET, COMMUNITY)
        )


class Originals:
    """Large Movie Review Dataset: training and test part, repetitions and leaks left out."""

    def __init__(self) -> None:
        table = load_reviews("full")
        table["review"] = table["review"].str.replace(r"<br\s*/?>", " ", regex=True)
        train, self.test = table.query("split == 'train'"), table.query("split == 'test'")
        train = train[~train["review"].isin(self.test["review"])].drop_duplicates("review")
        self.train = train.sample(frac=1, random_state=0)
        self.eight_thousand = self.train.head(8000)


def short_ones(frame: pd.DataFrame) -> pd.DataFrame:
    """Reviews of at most 150 words, as most of ours are."""
    return frame[frame["review"].str.split().str.len() <= 150]


def right(fitted: Pipeline, frame: pd.DataFrame) -> float:
    """Share of right answers of a fitted model."""
    return float(fitted.score(frame["review"], frame["sentiment"]))


def crossing(ours: Reviews, real: Originals) -> dict[str, float]:
    """TF-IDF from them to us and from us to them; short real reviews beside ours."""
    short = short_ones(real.train).head(1200)
    from_real = model().fit(real.eight_thousand["review"], real.eight_thousand["sentiment"])
    from_us = model().fit(ours.reference["review"], ours.reference["sentiment"])
    from_short = model().fit(short["review"], short["sentiment"])
    return {
        "TF-IDF of 8,000 originals, plain reference": right(from_real, ours.plain),
        "TF-IDF of 8,000 originals, magazine": right(from_real, ours.magazine),
        "TF-IDF of ours, official test part": right(from_us, real.test),
        "TF-IDF of 1,200 short originals, official test part": right(from_short, real.test),
        "five-fold TF-IDF, reference": folded(ours.reference),
        "five-fold TF-IDF, 1,200 short originals": folded(short),
        "shared 6-grams, ours and originals": shared(ours.reference["review"], real.train["review"]),
        **shared_halves(real, len(ours.reference)),
    }


def folded(frame: pd.DataFrame) -> float:
    """Mean accuracy over five folds."""
    return float(cross_val_score(model(), frame["review"], frame["sentiment"], cv=FOLDS).mean())


def shared(few: pd.Series, many: pd.Series, size: int = 6) -> float:
    """Share of the few texts' runs of six words that also stand in the many."""
    known = {run for text in many for run in runs(text, size)}
    found = [run in known for text in few for run in runs(text, size)]
    return float(np.mean(found))


def runs(text: str, size: int) -> list[tuple[str, ...]]:
    """All runs of so many lower-cased words."""
    words = re.findall(r"\w+", text.casefold())
    return list(zip(*(words[start:] for start in range(size)), strict=False))


def shared_halves(real: Originals, count: int) -> dict[str, float]:
    """The same for as many short originals against all other originals."""
    short = short_ones(real.train).head(count)
    rest = real.train.drop(short.index)
    return {"shared 6-grams, originals and originals": shared(short["review"], rest["review"])}


def drift(ours: Reviews, deals: int = 50) -> dict[str, float]:
    """What a model of the reference loses in May to July, and what 300 labels bring back."""
    before = model().fit(ours.reference["review"], ours.reference["sentiment"])
    known, fallen, april = folded(ours.reference), right(before, ours.community), right(before, ours.april)
    recovered, lost = [], []
    for seed in range(deals):
        learn = ours.community.sample(300, random_state=seed)
        rest = ours.community.drop(learn.index)
        both = pd.concat([ours.reference, learn])
        # each new label counts five times: they are few, and they are about what comes now
        weight = np.repeat([1.0, 5.0], [len(ours.reference), len(learn)])
        after = model().fit(both["review"], both["sentiment"], logisticregression__sample_weight=weight)
        recovered.append(right(after, rest) - right(before, rest))
        lost.append(april - right(after, ours.april))
    return {
        "TF-IDF of reference, April": april,
        "TF-IDF of reference, May to July": fallen,
        "TF-IDF of reference, fall in May to July": known - fallen,
        "share of the fall recovered": float(np.mean(recovered)) / (known - fallen),
        "April lost by retraining": float(np.mean(lost)),
        "domain AUC, April": domain_auc(ours.reference["review"], ours.april["review"]),
        "domain AUC, March": domain_auc(ours.reference["review"], ours.march["review"]),
    }


def poems() -> dict[str, float]:
    """The same crossing for the poems: characters and words learn the poets and read the manners, and back.

    Of the poets as many poems a class as the bundled set has, three draws; a third of 1.0 is chance.
    """
    ours, poets = load_poems("sample").replace({"author": MANNERS}), load_poems("full")
    size = int(ours["author"].value_counts().min())
    figures = {}
    for name, features in {"characters": CHARACTERS, "words": {}}.items():
        to_us, to_them, among = [], [], []
        for seed in range(3):
            few = poets.groupby("author").sample(size, random_state=seed)
            rest = poets.drop(few.index)
            rest = rest.groupby("author").sample(rest["author"].value_counts().min(), random_state=seed)
            learned = model(**features).fit(few["text"], few["author"])
            to_us.append(learned.score(ours["text"], ours["author"]))
            among.append(learned.score(rest["text"], rest["author"]))
            learned = model(**features).fit(ours["text"], ours["author"])
            to_them.append(learned.score(rest["text"], rest["author"]))
        figures[f"poems, {name}: poets to manners"] = float(np.mean(to_us))
        figures[f"poems, {name}: manners to poets"] = float(np.mean(to_them))
        figures[f"poems, {name}: poets to other poems of them"] = float(np.mean(among))
    return figures


def reader(ours: Reviews, real: Originals) -> dict[str, float]:
    """The encoder that has learned 8,000 originals, on each part of ours and on short originals."""
    from workshop_utils.errors import WorkshopError
    from workshop_utils.models.transformer import (
        Recipe,
        fine_tune,
        load_classifier,
        new_classifier,
        save_classifier,
    )

    folder = model_folder("reader_of_8000_originals")
    try:
        classifier = load_classifier(folder)
    except WorkshopError:
        classifier = new_classifier(["negative", "positive"], max_length=256)
        known = real.eight_thousand
        fine_tune(classifier, list(known["review"]), list(known["sentiment"]), Recipe(epochs=1))
        save_classifier(folder, classifier)

    def score(frame: pd.DataFrame) -> float:
        return float((classifier.predict(list(frame["review"])) == frame["sentiment"].to_numpy()).mean())

    short = short_ones(real.test).sample(1000, random_state=1)
    plain, april = score(ours.plain), score(ours.april)
    return {
        "reader, short originals": score(short),
        "reader, plain reference": plain,
        "reader, magazine": score(ours.magazine),
        "reader, March": score(ours.march),
        "reader, April": april,
        "reader, April minus plain reference": april - plain,
        "reader, May to July": score(ours.community),
    }


def recipe(ours: Reviews, seeds: int = 3) -> dict[str, float]:
    """Lesson 06's fine-tuning against TF-IDF: four folds of 900 and 300 reviews, each seed."""
    from workshop_utils.models.transformer import Recipe, fine_tune, new_classifier

    frame = ours.reference.reset_index(drop=True)
    plain = (frame["channel"] != HARD).to_numpy()
    rows = []
    for seed in range(seeds):
        folder = StratifiedKFold(4, shuffle=True, random_state=seed)
        for learn, test in folder.split(frame, frame["sentiment"]):
            texts, labels = (list(frame[name].iloc[learn]) for name in ("review", "sentiment"))
            classifier = new_classifier(["negative", "positive"], max_length=96, seed=seed)
            fine_tune(classifier, texts, labels, Recipe(seed=seed))
            true = frame["sentiment"].iloc[test].to_numpy()
            tuned = classifier.predict(list(frame["review"].iloc[test])) == true
            counted = model().fit(texts, labels).predict(frame["review"].iloc[test]) == true
            easy = plain[test]
            rows.append((tuned.mean(), tuned[easy].mean(), counted.mean(), (tuned * 1.0 - counted).mean()))
            print(f"seed {seed}: fine-tuned {rows[-1][0]:.3f}, TF-IDF {rows[-1][2]:.3f}", flush=True)
    table = np.array(rows)
    differences = table[:, 3]
    # corrected for overlapping training parts (Nadeau and Bengio, 2003): 1/n + test/training in place of 1/n
    spread = np.sqrt(differences.var(ddof=1) * (1 / len(table) + 1 / 3))
    return {
        "recipe, all": float(table[:, 0].mean()),
        "recipe, plain": float(table[:, 1].mean()),
        "recipe's TF-IDF, all": float(table[:, 2].mean()),
        "recipe minus TF-IDF": float(differences.mean()),
        "recipe minus TF-IDF, lower bound": float(differences.mean() - t.ppf(0.975, len(table) - 1) * spread),
    }


def report(figures: dict[str, float]) -> str:
    """All figures as a Markdown table, with the bounds where there are some."""
    rows = []
    for name, value in figures.items():
        low, high = BOUNDS.get(name, (None, None))
        bound = "" if low is None else f"{low:.2f} to {high:.2f}".replace(" to inf", " or more")
        met = "" if low is None else "yes" if low <= value <= high else "NO"
        rows.append({"measure": name, "value": f"{value:.3f}", "bound": bound, "met": met})
    text = pd.DataFrame(rows).to_markdown(index=False)
    head = "# The bundled reviews beside real ones\n\nMade by `python -m benchmarks.bundled_reviews`.\n\n"
    return head + text + "\n"


def measure(quick: bool) -> dict[str, float]:
    """All figures; the quick ones need no encoder."""
    ours, real = Reviews(), Originals()
    figures = crossing(ours, real) | drift(ours) | poems()
    figures["shared 6-grams minus halves of the original"] = (
        figures["shared 6-grams, ours and originals"] - figures["shared 6-grams, originals and originals"]
    )
    if not quick:
        with quiet():
            figures |= reader(ours, real) | recipe(ours)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without the encoder")
    options = parser.parse_args()
    found = measure(options.quick)
    print(report(found))
    if not options.quick:
        atomic_write(RESULTS / "bundled_reviews.md", report(found))
        kept = {"reviews.csv": sha256(BUNDLED / "reviews.csv"), "figures": found}
        atomic_write(RESULTS / "bundled_reviews.json", json.dumps(kept, indent=2) + "\n")
