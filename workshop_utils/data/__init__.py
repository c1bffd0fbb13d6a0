"""Load, fetch, check and clean the course's data. Knows nothing of models."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    "load_digits",
    "load_poems",
    "load_products",
    "load_reviews",
    "read_table",
]


def __getattr__(name: str) -> Any:
    """The loaders bring pandas, which the service does without: they are imported when asked for."""
    if name in __all__:
        return getattr(import_module("workshop_utils.data.load"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
