"""What the columns of each data set must look like, checked with pandera."""

import pandas as pd
import pandera.pandas as pa

from workshop_utils.errors import WorkshopError

CATEGORIES = ["Household", "Books", "Electronics", "Clothing & Accessories"]
SENTIMENTS = ["negative", "positive"]
REVIEW_SPLITS = ["reference", "later", "train", "test"]

NOT_BLANK = pa.Check(lambda texts: texts.str.strip() != "", name="not blank", error="must not be blank")

#: Listings as exported: a missing description or a misspelt category is part of the lesson.
PRODUCTS = pa.DataFrameSchema(
    {
        "category": pa.Column(str),
        "description": pa.Column(str, nullable=True),
    },
    strict=True,
)

#: What the listings must look like after lesson 01 has cleaned them.
CLEAN_PRODUCTS = pa.DataFrameSchema(
    {
        "category": pa.Column(str, pa.Check.isin(CATEGORIES)),
        "description": pa.Column(str, NOT_BLANK, unique=True),
    },
    strict=True,
)

REVIEWS = pa.DataFrameSchema(
    {
        "review_id": pa.Column(str, unique=True),
        "written_at": pa.Column("datetime64[us]", nullable=True, coerce=True),
        "channel": pa.Column(str),
        "review": pa.Column(str, NOT_BLANK),
        "sentiment": pa.Column(str, pa.Check.isin(SENTIMENTS)),
        "split": pa.Column(str, pa.Check.isin(REVIEW_SPLITS)),
    },
    strict=True,
)

POEMS = pa.DataFrameSchema(
    {
        "author": pa.Column(str, NOT_BLANK),
        "title": pa.Column(str),
        "text": pa.Column(str, NOT_BLANK),
    },
    strict=True,
)


def validate(frame: pd.DataFrame, schema: pa.DataFrameSchema, name: str) -> pd.DataFrame:
    """Compare a table with what its columns must look like.

    Args:
        frame: the table.
        schema: what its columns must look like.
        name: what messages call the table.

    Returns:
        The table, with the types that the schema asks for.

    Raises:
        WorkshopError: names the first three columns that are wrong, each with an example.
    """
    try:
        return schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        problems = cases.drop_duplicates(["column", "check"]).head(3)
        summary = "; ".join(
            f"{row.column or 'the table'}: {row.check} (for example {str(row.failure_case)[:60]!r})"
            for row in problems.itertuples()
        )
        raise WorkshopError(f"{name} does not have the expected form: {summary}.") from error
