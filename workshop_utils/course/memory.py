"""How much memory the programs that this one has started take together."""

import threading

import psutil


class PeakMemory:
    """Watches the resident memory of all child processes together, four times a second.

    Attributes:
        peak_mb: the largest sum that was seen, in MB.

    >>> with PeakMemory() as memory:
    ...     pass
    >>> memory.peak_mb
    0.0
    """

    def __init__(self) -> None:
        """Nothing is watched yet."""
        self.peak_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            self.peak_mb = max(self.peak_mb, children_mb())


def children_mb() -> float:
    """Resident memory of all child processes now, in MB; those that cannot be looked at count nothing."""
    try:
        children = psutil.Process().children(recursive=True)
    except psutil.Error:
        return 0.0
    return sum(_resident(child) for child in children) / 1e6


def machine_mb() -> float:
    """Memory of this machine, in MB."""
    return psutil.virtual_memory().total / 1e6


def _resident(process: psutil.Process) -> int:
    """Bytes; 0 for a process that has ended, is a zombie, or belongs to somebody else."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0
