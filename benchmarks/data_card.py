"""Write the counted parts of data/README.md: rows, classes, lengths, checksums, planted rows.

    python -m benchmarks.data_card

Each counted part stands between two marks, ``<!-- products -->`` and ``<!-- /products -->``.
"""

import re

import pandas as pd

from workshop_utils.data import load_poems, load_products, load_reviews
from workshop_utils.data.bundled import BUNDLED_SUMS
from workshop_utils.files import read_sums
from workshop_utils.paths import BUNDLED

CARD = BUNDLED / "README.md"


def counted() -> dict[str, str]:
    """The text of every counted part, by its mark."""
    products, reviews, poems = load_products("sample"), load_reviews("sample"), load_poems("sample")
    month = reviews["written_at"].dt.strftime("%Y-%m")
    by_month = pd.crosstab(month, reviews["sentiment"]).assign(
        app=reviews["channel"].eq("app").groupby(month).mean().round(2)
    )
    return {
        "products": _counts(products["category"], products["description"]),
        "planted": _planted(),
        "reviews": _counts(reviews["sentiment"], reviews["review"]),
        "months": by_month.rename(columns={"app": "share of channel app"}).to_markdown(),
        "poems": _counts(poems["author"], poems["text"]),
        "checksums": "\n".join(f"- `{name}`: `{digest}`" for name, digest in read_sums(BUNDLED_SUMS).items()),
    }


def _counts(labels: pd.Series, texts: pd.Series) -> str:
    words = texts.fillna("").str.split().str.len()
    table = words.groupby(labels).describe(percentiles=[0.5, 0.95])[["count", "mean", "50%", "95%", "max"]]
    table.columns = ["rows", "words, mean", "median", "95 %", "longest"]
    return f"{len(texts):,} rows.\n\n" + table.round(0).astype(int).to_markdown()


def _planted() -> str:
    planted = pd.read_csv(BUNDLED / "products_planted.csv", keep_default_na=False)
    parts = []
    for kind, rows in planted.groupby("kind"):
        named = [
            f"{row} ({detail})" if detail else str(row)
            for row, detail in zip(rows["row"], rows["detail"], strict=True)
        ]
        parts.append(f"<details>\n<summary>{kind}: {len(rows)}</summary>\n\n{', '.join(named)}\n\n</details>")
    return "\n".join(parts)


def filled(card: str) -> str:
    """The card with every counted part brought up to date."""
    for mark, text in counted().items():
        pattern = rf"(<!-- {mark} -->\n)(?:.*?\n)?(<!-- /{mark} -->)"
        card, found = re.subn(pattern, lambda m, text=text: f"{m[1]}{text}\n{m[2]}", card, flags=re.DOTALL)
        assert found == 1, f"data/README.md needs the marks of {mark} once"
    return card


if __name__ == "__main__":
    CARD.write_text(filled(CARD.read_text(encoding="utf-8")), encoding="utf-8")
