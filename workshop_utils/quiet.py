"""Libraries that chatter, told to speak of errors only."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

#: The root of all loggers, and those with a level of their own.
_LOGGERS = ("", "transformers", "torch.onnx")


@contextmanager
def quiet() -> Iterator[None]:
    """No advice and no warnings from libraries inside the block; errors are still told."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
