"""Memory that is used again and again while a network learns; used from lesson 06."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Names of mallopt's parameters in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let glibc keep freed memory instead of giving it back to the system and fetching it anew.

    Each batch frees and asks for the same large arrays; by default every one of them is fresh memory, which
    the system fills with zeros, page by page. Elsewhere than with glibc nothing happens.
    """
    try:
        allocator = ctypes.CDLL("libc.so.6") if sys.platform == "linux" else None
        change, trim = allocator.mallopt, allocator.malloc_trim
    except (OSError, AttributeError):
        yield
        return
    change(_MMAP_MAX, 0)
    change(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        change(_MMAP_MAX, 65_536)
        change(_TRIM_THRESHOLD, 131_072)
        trim(0)
