"""Small bundles for the tests, and texts that nobody would write in good faith."""

from functools import cache
from pathlib import Path

from workshop_utils.data import load_reviews
from workshop_utils.models.export.tfidf import export_tfidf

HOSTILE = [
    "",
    " \t\n",
    "ä ö ü ß ÄÖÜẞ",
    "😴👩‍💻 ❤️",
    "हिन्दी में किताब",
    "\ud800",
    "a\0b",
    "ΟΔΥΣΣΕΥΣ και ΣΟΦΟΣ",
    "İstanbul I ı",
    "a\x1cb\x85c\u2028d\u00a0e",
    "e\u0301 x\u0303\u0304",
    "[PAD] [UNK] [CLS]",
]


@cache
def reviews() -> tuple[list[str], list[str]]:
    """Texts and sentiments of the bundled reviews."""
    frame = load_reviews("sample")
    return list(frame["review"]), list(frame["sentiment"])


def tfidf(count: int = 600, classifier=None, **settings):
    """A fitted vectorizer and classifier on the first ``count`` reviews."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, labels = reviews()
    vectorizer = TfidfVectorizer(**settings)
    features = vectorizer.fit_transform(texts[:count])
    return vectorizer, (classifier or LogisticRegression(C=10, max_iter=1000)).fit(features, labels[:count])


def tfidf_bundle(folder: Path, **settings) -> Path:
    """A bundle of :func:`tfidf`."""
    return export_tfidf(*tfidf(**settings), folder)


def tfidf_of(texts: list[str], labels: list[str], folder: Path) -> Path:
    """A bundle that has learned these texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer()
    return export_tfidf(
        vectorizer, LogisticRegression(C=10).fit(vectorizer.fit_transform(texts), labels), folder
    )
