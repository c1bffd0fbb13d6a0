"""Are the bundled texts like real ones? Variety, repetition and difficulty, side by side with the originals.

    python -m benchmarks.bundled_texts            # bundled texts alone
    WORKSHOP_DATA_DIR=… python -m benchmarks.bundled_texts

Writes ``benchmarks/results/bundled_texts.md``. The tests hold the same figures within their bounds.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline

from workshop_utils.data import load_poems, load_products, load_reviews, read_table
from workshop_utils.data.clean import clean, label_spellings
from workshop_utils.data.duplicates import near_duplicates
from workshop_utils.paths import corpora_dir

RESULTS = Path(__file__).parent / "results"
FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)
CHARACTERS = {"analyzer": "char_wb", "ngram_range": (2, 5), "lowercase": False}

#: Months of the bundled reviews that differ from the reference, and how (data/README.md).
DATA_DRIFT, QUIET, CONCEPT_DRIFT = ["2026-03"], ["2026-04"], ["2026-05", "2026-06", "2026-07"]


def bundled() -> dict[str, pd.DataFrame]:
    """The bundled sets as frames with columns ``label`` and ``text``; of the reviews the reference part."""
    reviews = load_reviews("sample").query("split == 'reference'")
    return {
        "products": _cleaned_products("sample"),
        "reviews": _labelled(reviews, "sentiment", "review"),
        "poems": _labelled(load_poems("sample"), "author", "text"),
    }


def originals(sizes: dict[str, int]) -> dict[str, pd.DataFrame]:
    """Random samples of the original corpora, as large as the bundled sets; only those that are there.

    Clothing reviews stand in for the product listings where the original listings are missing.
    """
    frames = {}
    folder = corpora_dir()
    if (folder / "products.csv").exists():
        frames["products"] = _cleaned_products("full")
    elif (folder / "clothing.csv.gz").exists():
        frames["products"] = clean(read_table(folder / "clothing.csv.gz", "Review Text", "Department Name"))
    if (folder / "reviews.parquet").exists():
        frames["reviews"] = _labelled(load_reviews("full"), "sentiment", "review")
    if (folder / "poems.csv.gz").exists():
        frames["poems"] = _labelled(load_poems("full"), "author", "text")
    return {name: _sample(frame, sizes[name]) for name, frame in frames.items()}


def _cleaned_products(source: str) -> pd.DataFrame:
    """The listings, with the misspelt labels that lesson 01 finds."""
    listings = load_products(source).set_axis(["label", "text"], axis="columns")
    return clean(listings, label_spellings(listings["label"]))


def _sample(frame: pd.DataFrame, size: int) -> pd.DataFrame:
    """A random sample in which every class is frequent enough for five folds."""
    sample = frame.sample(min(size, len(frame)), random_state=0)
    return sample[sample["label"].map(sample["label"].value_counts()) >= 5]


def _labelled(frame: pd.DataFrame, label: str, text: str) -> pd.DataFrame:
    return frame[[label, text]].set_axis(["label", "text"], axis="columns").reset_index(drop=True)


def words_of(texts: pd.Series) -> list[str]:
    """Lower-cased words: runs of letters and digits."""
    return [word for text in texts for word in re.findall(r"\w+", text.casefold())]


def model(balanced: bool = False, **options) -> Pipeline:
    """TF-IDF and logistic regression, the bar of the course."""
    weights = "balanced" if balanced else None
    return make_pipeline(
        TfidfVectorizer(sublinear_tf=True, **options),
        LogisticRegression(C=10, max_iter=2000, class_weight=weights),
    )


def accuracy(texts: pd.Series, labels: pd.Series, **options) -> float:
    """Mean accuracy over five folds."""
    return float(cross_val_score(model(**options), texts, labels, cv=FOLDS).mean())


def variety(texts: pd.Series) -> dict[str, float]:
    """Repetition and richness of a set of different texts.

    ``zipf slope``: least-squares slope of log frequency over log rank, ranks 10 to 1,000.
    ``types per token``: distinct words among the first 20,000 words.
    """
    words = words_of(texts)
    counts = pd.Series(words).value_counts().to_numpy()
    ranks = np.arange(1, len(counts) + 1)
    window = slice(9, min(1000, len(counts)))
    openings = texts.str.casefold().str.split().str[:4].str.join(" ").value_counts()
    lengths = texts.str.split().str.len()
    return {
        "texts": len(texts),
        "near-duplicate pairs": len(near_duplicates(texts.reset_index(drop=True))),
        "word types": len(counts),
        "types per token": len(set(words[:20_000])) / min(len(words), 20_000),
        "zipf slope": float(np.polyfit(np.log(ranks[window]), np.log(counts[window]), 1)[0]),
        "most frequent opening": float(openings.iloc[0] / len(texts)),
        "words, mean": float(lengths.mean()),
        "words, median": float(lengths.median()),
        "words, 95 %": float(lengths.quantile(0.95)),
        "words, longest": int(lengths.max()),
    }


def difficulty(frame: pd.DataFrame, characters: bool = True) -> dict[str, float]:
    """Accuracy from words, from characters, and from cues that must not give the class away.

    From ``characters`` it takes three times as long as from everything else together.
    """
    text, label = frame["text"], frame["label"]
    signs = text.map(lambda value: " ".join(re.findall(r"[^\w\s]", value)))
    length = np.log1p(text.str.split().str.len().to_numpy())[:, None]
    by_length = LogisticRegression(max_iter=2000)
    return {
        "largest class": float(label.value_counts(normalize=True).iloc[0]),
        "words": accuracy(text, label),
        **({"characters 2-5": accuracy(text, label, **CHARACTERS)} if characters else {}),
        "length alone": float(cross_val_score(by_length, length, label, cv=FOLDS).mean()),
        "punctuation alone": accuracy(signs, label, token_pattern=r"\S"),
        "first three words alone": accuracy(text.str.split().str[:3].str.join(" "), label),
    }


def drift() -> pd.DataFrame:
    """A model of the reference months on each later month: its accuracy, and how foreign the input is.

    ``AUC``: out-of-fold area under the curve of a classifier that tells the month from the reference.
    """
    reviews = load_reviews("sample")
    reference = reviews[reviews["split"] == "reference"]
    month = reviews["written_at"].dt.strftime("%Y-%m")
    fitted = model().fit(reference["review"], reference["sentiment"])
    known = accuracy(reference["review"], reference["sentiment"])
    rows = [{"months": "reference", "texts": len(reference), "accuracy": known}]
    for months in (DATA_DRIFT, QUIET, CONCEPT_DRIFT):
        window = reviews[month.isin(months)]
        rows.append(
            {
                "months": ", ".join(months),
                "texts": len(window),
                "accuracy": float(fitted.score(window["review"], window["sentiment"])),
                "AUC": domain_auc(reference["review"], window["review"]),
            }
        )
    return pd.DataFrame(rows).set_index("months")


def domain_auc(reference: pd.Series, window: pd.Series) -> float:
    """Can a classifier tell the window from the reference? 0.5 means no."""
    texts = pd.concat([reference, window])
    is_window = np.repeat([0, 1], [len(reference), len(window)])
    scores = cross_val_predict(model(balanced=True), texts, is_window, cv=FOLDS, method="predict_proba")
    return float(roc_auc_score(is_window, scores[:, 1]))


def repeated(texts: pd.Series) -> float:
    """Share of texts that equal an earlier one when case and white space are ignored."""
    return float(texts.str.split().str.join(" ").str.casefold().duplicated().mean())


def length_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Share of texts per class and length in words."""
    edges = [0, 20, 40, 60, 80, 120, 200, 400, np.inf]
    names = ["<20", "20-39", "40-59", "60-79", "80-119", "120-199", "200-399", "400+"]
    bins = pd.cut(frame["text"].str.split().str.len(), edges, right=False, labels=names)
    return pd.crosstab(frame["label"], bins, normalize="index").round(2)


def richness_by_length(texts: pd.Series) -> pd.Series:
    """Mean share of distinct words within a text, by the text's length in words."""
    split = texts.map(lambda text: words_of(pd.Series([text])))
    ratio = split.map(lambda words: len(set(words)) / max(len(words), 1))
    bins = pd.cut(
        split.map(len), [0, 25, 50, 100, 200, np.inf], labels=["≤25", "26-50", "51-100", "101-200", ">200"]
    )
    return ratio.groupby(bins, observed=True).mean().round(3)


def report() -> str:
    """All tables as Markdown."""
    ours = bundled()
    real = originals({name: len(frame) for name, frame in ours.items()})
    columns, richness = {}, {}
    for name, frame in ours.items():
        columns[f"{name}, bundled"] = variety(frame["text"]) | difficulty(frame)
        richness[f"{name}, bundled"] = richness_by_length(frame["text"])
        if name in real:
            columns[f"{name}, original sample"] = variety(real[name]["text"]) | difficulty(real[name])
            richness[f"{name}, original sample"] = richness_by_length(real[name]["text"])
    raw = load_products("sample")["description"].dropna()
    parts = [
        "# The bundled texts, measured\n",
        "Made by `python -m benchmarks.bundled_texts`; accuracies are means over five folds of TF-IDF and "
        "logistic regression. Originals are random samples of the same size. Where the original listings are "
        "missing, reviews of clothes stand in for them.\n",
        pd.DataFrame(columns).map(_short).to_markdown(),
        f"\nRaw listings that repeat another: {repeated(raw):.0%}, exactly: {raw.duplicated().mean():.0%}.\n",
        "\n## Drift in the reviews\n",
        drift().map(_short).to_markdown(),
        "\n## Distinct words within a text, by length\n",
        pd.DataFrame(richness).to_markdown(),
    ]
    for name, frame in ours.items():
        parts += [f"\n## Length of {name}, share of texts by words\n", length_table(frame).to_markdown()]
    return "\n".join(parts) + "\n"


def _short(value: float) -> str:
    return "" if pd.isna(value) else f"{value:,.0f}" if value == int(value) else f"{value:.3f}"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    text = report()
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bundled_texts.md").write_text(text, encoding="utf-8")
