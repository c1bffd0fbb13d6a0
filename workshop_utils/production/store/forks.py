"""What must not be shared with a forked process is made anew there."""

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """A thing with locks, threads or connections, which belong to one process only."""

    def before_fork(self) -> None:
        """Put everything into a state that may be copied."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin anew."""


_alive: WeakSet[Forkable] = WeakSet()
_registered: list[bool] = []


def survive_forks(thing: Forkable) -> None:
    """Call the methods of ``thing`` around every fork of this process while it lives."""
    if not _registered and hasattr(os, "register_at_fork"):  # Windows has no fork
        os.register_at_fork(
            before=lambda: _each("before_fork"),
            after_in_parent=lambda: _each("after_fork_in_parent"),
            after_in_child=lambda: _each("after_fork_in_child"),
        )
        _registered.append(True)
    _alive.add(thing)


def _each(method: str) -> None:
    for thing in list(_alive):
        getattr(thing, method)()
