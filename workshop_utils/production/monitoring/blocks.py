"""A stream as a bounded number of blocks, for plots: when there are too many, each two become one.

Where a block ends depends on the stream alone, never on how often somebody looked.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

_Block = TypeVar("_Block")

#: So many blocks at most; at least half as many once there were so many.
MOST_BLOCKS = 96


class Blocks(Generic[_Block]):
    """Finished blocks, the oldest first.

    Args:
        join: makes one block of two that follow each other.
        size: so many things are in a block at first; the size doubles when two become one.

    Attributes:
        finished: the blocks. size: of the next one.
    """

    def __init__(self, join: Callable[[_Block, _Block], _Block], size: int) -> None:
        self._join = join
        self.finished: list[_Block] = []
        self.size = size

    def add(self, block: _Block) -> None:
        """One more block, of ``size`` things."""
        self.finished.append(block)
        if len(self.finished) == MOST_BLOCKS:
            pairs = zip(self.finished[::2], self.finished[1::2], strict=True)
            self.finished = [self._join(first, second) for first, second in pairs]
            self.size *= 2
