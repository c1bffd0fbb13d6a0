"""Helpers of the course *From Keras to Production*.

Four rooms; imports run downwards only: ``data`` < ``models`` < ``production`` < ``course``.
"""

import builtins
import logging
import os
import sys

__version__ = "0.1.0"

# Since 1.29 ONNX Runtime reports to its maker over the network unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


class _CellHandler(logging.StreamHandler):
    """Shows what the package logs in the cell that runs, whose stream may be another one each time."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


if hasattr(builtins, "__IPYTHON__"):  # in a notebook nobody sets up logging
    _log = logging.getLogger(__name__)
    _log.setLevel(logging.INFO)
    _log.addHandler(_CellHandler())
