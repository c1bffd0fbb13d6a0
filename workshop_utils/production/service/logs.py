"""One line of JSON for each thing that happens: no text of a client, no line break, nobody waits for it."""

import json
import logging
import queue
import sys
from datetime import UTC, datetime
from logging.handlers import QueueHandler
from threading import Thread
from typing import Any, TextIO

from workshop_utils.production.service.problems import where_it_failed

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time, level, logger and message, and whatever was given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of ASCII."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _KNOWN}
        if record.exc_info and record.exc_info[1]:
            line["error"] = where_it_failed(record.exc_info[1])
        return json.dumps(line, default=str)


class _NobodyWaits(QueueHandler):
    """Lines that find no place are dropped: a full pipe must not stop the service."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # the standard one would write an error's message and traceback into the line

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            pass


class LogWriter:
    """Writes the lines of a queue to a stream, from a thread of its own."""

    def __init__(self, lines: "queue.Queue[logging.LogRecord | None]", stream: TextIO) -> None:
        self._lines, self._stream, self._format = lines, stream, JsonFormatter().format
        self._thread = Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """Write what waits; False when nobody reads it."""
        try:
            self._lines.put(None, timeout=1)
        except queue.Full:
            return False
        self._thread.join(1)
        return not self._thread.is_alive()

    def _write(self) -> None:
        while (record := self._lines.get()) is not None:
            try:
                self._stream.write(self._format(record) + "\n")
                self._stream.flush()
            except Exception:  # the stream is closed, the disk is full: the service goes on
                continue


def log_json(stream: TextIO = sys.stderr) -> LogWriter:
    """Send all logs to ``stream`` as JSON; ``stop()`` of the result writes the rest."""
    lines: queue.Queue[logging.LogRecord | None] = queue.Queue(10_000)
    root = logging.getLogger()
    root.handlers[:] = [_NobodyWaits(lines)]
    root.setLevel(logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # the service has its own queue
    return LogWriter(lines, stream)
