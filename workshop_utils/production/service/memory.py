"""Gives memory back to the machine after a text that took much of it."""

import ctypes
from collections.abc import Callable


def _find_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # only glibc has it
        return None


_trim = _find_trim()


def give_memory_back() -> None:
    """Return what has been freed; glibc keeps it for the thread that freed it. Elsewhere nothing is done."""
    if _trim is not None:
        _trim(0)
