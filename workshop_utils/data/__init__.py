"""Load, fetch, check and clean the course's data. Knows nothing of models."""

from workshop_utils.data.errors import WorkshopError
from workshop_utils.data.load import (
    Digits,
    load_digits,
    load_poems,
    load_products,
    load_reviews,
    read_table,
)

__all__ = [
    "Digits",
    "WorkshopError",
    "load_digits",
    "load_poems",
    "load_products",
    "load_reviews",
    "read_table",
]
