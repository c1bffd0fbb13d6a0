"""Texts that come again: is their share what it is in the table that the model comes from?

A broken sender sends one text for ever; people write "thanks" every day. So the new texts are compared with
rows of the table, repeats among them, a row for each new text in a random order, and both are asked the
same: did it come before, among the new texts of this round or its rows? As long as new texts come as rows of
the table did, the next text and the next row could change places whatever has come before, so that a bet on
which of the two came before is a fair one. When the rows are used up, a new round begins, with another order
and no memory.

**A table without repeats** does not say whether none came or somebody had dropped them. Then nobody bets on a
rise, only on "more than half of the texts came before": while it is at most half, such a bet gains nothing.
"""

from typing import Any

import numpy as np

from workshop_utils.production.monitoring.betting import bet_once

#: Stakes on "more" and on "less" of a watched quantity.
STAKES = np.array([-0.8, -0.4, -0.2, -0.1, 0.1, 0.2, 0.4, 0.8])
#: Texts of a round where there are no rows to compare with.
_ROUND = 2000


class RepeatedTexts:
    """Watches the share of texts that came before, text by text, in memory that does not grow.

    Args:
        row_hashes: of some rows of the table, drawn at random with their repeats; None where nobody knows.
        seed: of the order in which they are dealt.

    Attributes:
        stakes: of the bets. texts: looked at. capital: of each bet.
    """

    def __init__(self, row_hashes: np.ndarray | None, seed: int) -> None:
        rows = np.zeros(0, np.uint32) if row_hashes is None else row_hashes
        self._rows = rows if len(np.unique(rows)) < len(rows) else None
        self.stakes = STAKES if self._rows is not None else STAKES[STAKES > 0]
        self._length = _ROUND if self._rows is None else len(self._rows)
        self._seed, self.texts, self._round = seed, 0, 0
        self._counts = np.zeros((2, 3), dtype=np.int64)  # of the round before and this: texts, new, rows
        self.capital = np.zeros(len(self.stakes))
        self._seen: set[int] = set()
        self._begin_round()

    def add(self, text_hash: int) -> float:
        """One more text; the mean capital after it."""
        if self._position == self._length:
            self._round += 1
            self._counts = np.stack([self._counts[1], np.zeros(3, np.int64)])
            self._begin_round()
        self.texts += 1
        before = text_hash in self._seen
        if self._rows is None:
            row_before = not before
            self._seen.add(text_hash)
        else:
            row = int(self._rows[self._order[self._position]])
            row_before = row in self._seen
            self._seen |= {text_hash, row}
        self._position += 1
        self._counts[1] += (1, before, row_before if self._rows is not None else 0)
        self.capital = bet_once(self.capital, 1 + self.stakes * (float(before) - float(row_before)))
        return float(self.capital.mean())

    def shares(self) -> tuple[float, float]:
        """Of the rows and of the new texts, the share that came before, in this round and the last; NaN."""
        texts, new, rows = self._counts.sum(axis=0).tolist()
        return (rows / texts, new / texts) if texts else (np.nan, np.nan)

    def to_json(self) -> dict[str, Any]:
        """All that a restart needs."""
        return {
            "round": self._round,
            "position": self._position,
            "texts": self.texts,
            "counts": self._counts.tolist(),
            "seen": sorted(self._seen),
            "capital": self.capital.tolist(),
        }

    def restore(self, told: dict[str, Any]) -> None:
        """Go on from what :meth:`to_json` told of the same rows and seed."""
        self._round = told["round"]
        self._begin_round()
        self._position, self.texts = told["position"], told["texts"]
        self._counts = np.array(told["counts"], dtype=np.int64)
        self._seen, self.capital = set(told["seen"]), np.array(told["capital"], dtype=np.float64)

    def _begin_round(self) -> None:
        order = np.random.default_rng([self._seed, self._round, 1])
        self._order, self._position = order.permutation(self._length), 0
        self._seen = set()
        self.capital = np.zeros(len(self.stakes))
