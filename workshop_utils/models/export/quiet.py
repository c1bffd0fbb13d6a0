"""Libraries that chatter, told to speak of errors only."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def errors_only(logger: str | None = None) -> Iterator[None]:
    """The logger, by default the root of all, tells errors only."""
    speaker = logging.getLogger(logger)
    level = speaker.level
    speaker.setLevel(logging.ERROR)
    try:
        yield
    finally:
        speaker.setLevel(level)
