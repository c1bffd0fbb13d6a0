"""The state of a monitor, read again: of the same settings and whole, or one sentence that says it is not."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from workshop_utils.errors import WorkshopError


@contextmanager
def one_sentence(monitor: str) -> Iterator[None]:
    """Turn what a damaged state makes Python say into a sentence.

    Raises:
        WorkshopError: the state of this monitor is damaged.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise WorkshopError(
            f"The state of the {monitor} is damaged; remove it, and watching begins anew."
        ) from error


def check_settings(monitor: str, told: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Do nothing if the state was made with the same settings.

    Raises:
        WorkshopError: with others.
        KeyError, TypeError: it is damaged.
    """
    if told["settings"] != settings:
        raise WorkshopError(
            f"The state of the {monitor} belongs to another tolerance, objective or run length; remove it, "
            "and watching begins anew."
        )
