"""Bets against "nothing has changed", and how many texts or events pass before a false alarm.

A bet multiplies its capital by a factor whose mean is at most 1 as long as nothing has changed. Capital that
is started anew at every step, ``M = (M + 1) * factor``, grows by 1 a step on average at most, so the
probability that the mean of some bets' capitals reaches a run length R within n steps is at most n / R:
Shiryaev and Roberts' sum as an e-detector (Shin, Ramdas, Rinaldo 2024, doi 10.51387/23-NEJSDS51). No window
is chosen, and one may look at every step.
"""

import math

import numpy as np

#: Capital is cut off here, far above every run length and far below what a float holds.
MOST_CAPITAL = 1e250
#: Events of a block, see :class:`BlockBets`, and the parts of its capital that a bet on a block stakes.
BLOCK = 100
_PARTS = 1 / (1 + 2.0 ** np.arange(5, -4, -2))


def bet_once(capital: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """The capital of each bet after one step, float64; ``factors`` has the same shape or one like it."""
    return (np.minimum(capital, MOST_CAPITAL) + 1.0) * factors


def fewest_steps(run_length: float, bets: int, factor: float) -> int:
    """After how many steps at the earliest the mean of ``bets`` capitals can reach the run length.

    Fewer steps are insufficient data. ``factor`` is the largest that a step can bring.
    """
    wanted = run_length * bets  # one bet alone wins: factor + factor^2 + ... + factor^n
    steps = math.log1p(wanted * (factor - 1) / factor) / math.log(factor)
    return max(1, math.ceil(steps))


class RateBets:
    """Is the share of bad events above the share that is allowed? Weighted, event by event.

    For each rise that shall be found quickly, the likelihood ratio of the risen share against the allowed
    one (for events of weight 1), ``1 + stake * weight * (bad - allowed)``: the fastest growing bet if that
    rise is what happens. Its mean is at most 1 while the weighted share of bad events is at most ``allowed``.

    Attributes:
        allowed: the share, strictly between 0 and 1.
        run_length: events until a false alarm, on average, at least; n events without a rise end in one with
            a probability of n / run_length at most.
        events: seen so far. bad, weight: sums of their weights. alarm_at: number of the first event with an
            alarm.
    """

    def __init__(self, allowed: float, run_length: float, rises: tuple[float, ...]) -> None:
        if not 0 < allowed < 1:
            raise ValueError(f"The allowed share lies between 0 and 1, and {allowed} does not.")
        self.allowed, self.run_length = allowed, run_length
        risen = np.array(sorted({min(allowed * rise, (1 + allowed) / 2) for rise in rises}))
        self.stakes = (risen - allowed) / (allowed * (1 - allowed))
        self.capital = np.zeros(len(risen))
        self.events, self.bad, self.weight = 0, 0.0, 0.0
        self.alarm_at: int | None = None

    @property
    def evidence(self) -> float:
        """Capital as a share of the run length; 1 or more is an alarm."""
        return float(self.capital.mean() / self.run_length)

    @property
    def share(self) -> float | None:
        """Weighted share of bad events; None without any event that counts."""
        return self.bad / self.weight if self.weight else None

    @property
    def fewest(self) -> int:
        """Events before an alarm is possible at all."""
        return fewest_steps(
            self.run_length, len(self.capital), 1 + float(self.stakes[-1]) * (1 - self.allowed)
        )

    def add(self, bad: bool, weight: float = 1.0) -> None:
        """One event; ``weight`` from 0 to 1 is known before one knows whether it is bad."""
        if not 0 <= weight <= 1:
            raise ValueError(f"A weight lies between 0 and 1, and {weight} does not.")
        self.events += 1
        self.weight += weight
        self.bad += weight * bad
        self.capital = bet_once(self.capital, 1 + self.stakes * weight * (float(bad) - self.allowed))
        self._look()

    def add_counts(self, good: int, bad: int, burst: int = 1) -> None:
        """Events whose order nobody knows, such as the difference of two counters: one step for all.

        Args:
            good: how many were not bad.
            bad: how many were.
            burst: so many that follow each other may hang together. Then the step is the geometric mean of
                ``burst`` likelihood ratios, each of every burst-th event, whose mean is at most 1 as theirs
                are (Hölder's inequality): bad events that come all at once count as one.
        """
        if min(good, bad) < 0 or good + bad == 0:
            return
        self.events += good + bad
        self.weight += good + bad
        self.bad += bad
        growth = good * np.log1p(-self.stakes * self.allowed) + bad * np.log1p(
            self.stakes * (1 - self.allowed)
        )
        self.capital = bet_once(self.capital, np.exp(np.clip(growth / burst, -700, 100)))
        self._look()

    def _look(self) -> None:
        if self.alarm_at is None and self.evidence >= 1:
            self.alarm_at = self.events

    def to_json(self) -> dict:
        """All that a restart needs; floats keep every bit in JSON."""
        return {
            "capital": self.capital.tolist(),
            "events": self.events,
            "bad": self.bad,
            "weight": self.weight,
            "alarm_at": self.alarm_at,
        }

    def restore(self, told: dict) -> None:
        """Go on from what :meth:`to_json` told of a detector with the same settings."""
        self.capital = _restored_capital(told, self.capital)
        self.events, self.bad, self.weight = int(told["events"]), float(told["bad"]), float(told["weight"])
        self.alarm_at = told["alarm_at"]


class BlockBets:
    """Is the share of bad events above the share that is allowed, where bad ones come in bursts?

    One slow moment makes all texts of that moment slow; bets on each of them would take them for so many
    proofs. So the bets are on blocks. A block has 100 events, and then as many as it takes until a good one
    comes (200 at most), so that a burst is part of one block. Of its capital a bet stakes a part p, and the
    factor is ``1 + p * (bad - allowed * events) / (allowed * 100)``, never below 1 - p. Its mean is at most 1
    while the bad events of the next block, whatever came before, are on average no more than is allowed;
    how those within a block hang together makes no difference.

    Attributes:
        allowed: the share, strictly between 0 and 1.
        run_length: events until a false alarm, on average, at least: run_length / 100 blocks.
        events, bad: how many there were. alarm_at: number of the event that ended the first block with an
            alarm.
    """

    def __init__(self, allowed: float, run_length: float) -> None:
        if not 0 < allowed < 1:
            raise ValueError(f"The allowed share lies between 0 and 1, and {allowed} does not.")
        self.allowed, self.run_length = allowed, run_length
        self.capital = np.zeros(len(_PARTS))
        self.events = self.bad = 0
        self._block = [0, 0]  # events and bad ones of the block that is not finished
        self.alarm_at: int | None = None

    @property
    def evidence(self) -> float:
        """Capital as a share of what raises an alarm, at the end of the last whole block."""
        return float(self.capital.mean() * BLOCK / self.run_length)

    @property
    def share(self) -> float | None:
        """Share of bad events; None without any."""
        return self.bad / self.events if self.events else None

    @property
    def fewest(self) -> int:
        """Events before an alarm is possible at all: one block where all are bad is a large one."""
        largest = 1 + float(_PARTS[-1]) * 2 * (1 - self.allowed) / self.allowed
        return BLOCK * fewest_steps(max(1.0, self.run_length / BLOCK), len(_PARTS), largest)

    def add(self, bad: bool) -> None:
        """One event."""
        self.events += 1
        self.bad += bad
        self._block[0] += 1
        self._block[1] += bad
        events, bad_ones = self._block
        if events < BLOCK or (bad and events < 2 * BLOCK):
            return
        self._block = [0, 0]
        gain = (bad_ones - self.allowed * events) / (self.allowed * BLOCK)
        self.capital = bet_once(self.capital, 1 + _PARTS * gain)
        if self.alarm_at is None and self.evidence >= 1:
            self.alarm_at = self.events

    def to_json(self) -> dict:
        """All that a restart needs; floats keep every bit in JSON."""
        return {
            "capital": self.capital.tolist(),
            "events": self.events,
            "bad": self.bad,
            "block": list(self._block),
            "alarm_at": self.alarm_at,
        }

    def restore(self, told: dict) -> None:
        """Go on from what :meth:`to_json` told of a detector with the same settings."""
        self.capital = _restored_capital(told, self.capital)
        self.events, self.bad = int(told["events"]), int(told["bad"])
        events, bad = told["block"]
        self._block, self.alarm_at = [int(events), int(bad)], told["alarm_at"]


def _restored_capital(told: dict, now: np.ndarray) -> np.ndarray:
    capital = np.array(told["capital"], dtype=np.float64)
    if capital.shape != now.shape:
        raise ValueError("the state is one of other settings")
    return capital
