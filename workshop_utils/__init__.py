"""Helpers of the course *From Keras to Production*.

Four rooms; imports run downwards only: ``data`` < ``models`` < ``production`` < ``course``.
"""

import builtins
import logging
import sys

__version__ = "0.1.0"


class _CellHandler(logging.StreamHandler):
    """Shows what the package logs in the cell that runs, whose stream may be another one each time."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


if hasattr(builtins, "__IPYTHON__"):  # in a notebook nobody sets up logging
    _log = logging.getLogger(__name__)
    _log.setLevel(logging.INFO)
    _log.addHandler(_CellHandler())
