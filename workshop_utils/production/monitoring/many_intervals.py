"""Anytime-valid intervals of many rates at once, for a page that shows one for each bucket of time.

The same bets as in :mod:`~.intervals`, computed side by side: two hundred classes in sixty buckets are twelve
thousand intervals, which one by one would take a minute.
"""

import math
from collections.abc import Sequence

import numpy as np

from workshop_utils.models.metrics import Interval
from workshop_utils.production.monitoring.intervals import STAKE_SHARES, LabelTally, WeightedHits

_BISECTIONS = 16  # an end is right to 2e-5


def rate_intervals(seen: Sequence[WeightedHits], levels: Sequence[float]) -> list[Interval]:
    """What :func:`~.intervals.rate_interval` gives for each, to four digits.

    Args:
        seen: hits and misses of each rate.
        levels: of each interval, between 0 and 1.
    """
    found = [Interval(math.nan, 0.0, 1.0)] * len(seen)
    known = [place for place, each in enumerate(seen) if len(each.weights)]
    if not known:
        return found
    rates = np.array([seen[place].rate for place in known])
    wanted = np.log(2 / (1 - np.array([levels[place] for place in known])))
    low = _lower_ends([seen[place] for place in known], rates, wanted)
    high = 1 - _lower_ends([seen[place].turned() for place in known], 1 - rates, wanted)
    for place, *interval in zip(known, rates.tolist(), low.tolist(), high.tolist(), strict=True):
        found[place] = Interval(*interval)
    return found


def tally_intervals(tallies: Sequence[LabelTally], level: float) -> list[tuple[Interval, Interval]]:
    """Accuracy and macro-F1 of each tally, as its own methods give them, to four digits."""
    hits, levels, ends = [], [], []
    for tally in tallies:
        classes = tally.class_hits()
        hits += [tally.hits(), *classes]
        levels += [level, *[tally.class_level(level)] * len(classes)]
        ends.append(len(hits))
    intervals = rate_intervals(hits, levels)
    return [
        (intervals[start], tally.macro_f1_of(intervals[start + 1 : end]))
        for tally, start, end in zip(tallies, [0, *ends], ends, strict=False)
    ]


def _lower_ends(seen: Sequence[WeightedHits], rates: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The greatest rate, at most the one that was seen, against which enough was won; of shape (rates,)."""
    sizes = np.array([len(each.weights) for each in seen])
    starts, owner = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(seen)), sizes)
    weights, hits, misses = (
        np.concatenate([getattr(each, name) for each in seen]) for name in ("weights", "hits", "misses")
    )
    stakes = weights[:, None] * STAKE_SHARES
    lost = np.add.reduceat(np.log1p(-stakes) * misses[:, None], starts)
    low, high = np.zeros(len(seen)), rates.copy()
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        odds = 1 / np.clip(middle, 1e-12, 1)[owner] - 1
        growth = np.add.reduceat(np.log1p(stakes * odds[:, None]) * hits[:, None], starts) + lost
        top = growth.max(axis=1)
        capital = top + np.log(np.exp(growth - top[:, None]).mean(axis=1))
        won = capital >= wanted
        low, high = np.where(won, middle, low), np.where(won, high, middle)
    return low
