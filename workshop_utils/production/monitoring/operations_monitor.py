"""Model drift as operators mean it: latency, throughput and errors against an objective.

An objective allows a share of bad events, such as one text in a hundred that takes longer than 300 ms. The
burn rate is the share that there is over the share that is allowed (Google, Site Reliability Workbook,
chapter 5): at 1 the objective is just kept. In place of windows and thresholds for each of them, bets run
beside each other, so that a fast burn is found fast and a slow one later.

Slow texts and failed requests come in bursts. Latency is judged in blocks of about 100 texts, so that a burst
counts once, see :class:`~.betting.BlockBets`; of requests, up to 20 that fail together count as one. What the
promise still needs: that the service is not in a bad spell for longer than that while it keeps its objective
on the whole. Where it is, the alarm tells of the spell.
"""

import math
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np

from workshop_utils.production.monitoring.betting import BlockBets, RateBets
from workshop_utils.production.monitoring.drift_report import DriftVerdict, without_nan
from workshop_utils.production.monitoring.saved_state import check_settings, one_sentence

#: Burn rates that shall be found quickly; the last two are those of the workbook's pages.
_BURN_RATES = (2.0, 6.0, 14.4)
#: So many requests that fail together count as one.
_BURST = 20
#: After so many seconds without a text the service had nothing to do, or its clock has jumped.
_LONGEST_GAP = 3600.0
#: Latencies are counted in bins that grow by 2 %, from 0.01 ms to three hours.
_GROWTH, _SHORTEST_MS, _BINS = math.log(1.02), 0.01, 1050


@dataclass(frozen=True)
class Objective:
    """What a service promises.

    Attributes:
        latency_ms: so long may a text take, from its request's arrival in the queue on.
        fast_share: share of texts that keep it. success_share: share of requests that are answered.
    """

    latency_ms: float = 300.0
    fast_share: float = 0.99
    success_share: float = 0.999


@dataclass(frozen=True)
class BurnRate:
    """One half of an objective.

    Attributes:
        name: ``latency`` or ``errors``. burn_rate: over all events; None without any.
        evidence: capital as a share of the run length. alarm_at: number of the event with the first alarm.
        events: texts or requests. bad: how many of them were too slow or failed.
    """

    name: str
    verdict: DriftVerdict
    burn_rate: float | None
    evidence: float
    alarm_at: int | None
    events: int
    bad: int
    reason: str = ""


@dataclass(frozen=True)
class OperationsReport:
    """How the service runs.

    Attributes:
        p50_ms, p95_ms, p99_ms: quantiles of the latency, to 2 %; None without measurements.
        texts_per_hour: over the time in which a text came at least every hour; None where none did. Where a
            clock jumps by more than an hour, or back, that moment is not counted.
    """

    latency: BurnRate
    errors: BurnRate
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    texts_per_hour: float | None
    objective: Objective

    def to_dict(self) -> dict:
        """For JSON."""
        return without_nan(asdict(self))


class OperationsMonitor:
    """Watches latency text by text, and errors by two counters; memory does not grow.

    Args:
        objective: what is promised.
        run_length: events; of n events within the objective, a false alarm with a probability of
            n / run_length at most.

    Attributes:
        last: number of the last prediction that was looked at, for whoever reads them from a store.
    """

    def __init__(self, objective: Objective, run_length: float) -> None:
        self.objective = objective
        self._slow = BlockBets(1 - objective.fast_share, run_length)
        self._failed = RateBets(1 - objective.success_share, run_length, _BURN_RATES)
        self._latencies = np.zeros(_BINS, dtype=np.int64)
        self._counters = (0, 0)
        self._gaps, self._seconds, self.last = 0, 0.0, 0
        self._latest: datetime | None = None

    def add(self, latency_ms: float | None, time: datetime | None = None) -> None:
        """One text.

        Args:
            latency_ms: how long it took; what is no number from 0 on, or was not measured, is passed over.
            time: when it was scored.
        """
        if latency_ms is not None and math.isfinite(latency_ms) and latency_ms >= 0:
            self._slow.add(latency_ms > self.objective.latency_ms)
            place = math.log(max(latency_ms, _SHORTEST_MS) / _SHORTEST_MS) / _GROWTH
            self._latencies[min(int(place), _BINS - 1)] += 1
        if time is None:
            return
        if self._latest is not None:
            gap = (time - self._latest).total_seconds()
            if 0 <= gap <= _LONGEST_GAP:
                self._gaps += 1
                self._seconds += gap
        self._latest = time

    def add_counters(self, requests: int, failed: int) -> None:
        """Two counters as they stand now, such as those of ``/metrics``; what they grew by is counted.

        Counters that have become smaller began anew with the service; then they are counted from 0.

        Args:
            requests: all requests that were for the service to answer, failed ones among them.
            failed: refused for lack of time or room, or ended by a fault of the service.
        """
        before = self._counters if requests >= self._counters[0] and failed >= self._counters[1] else (0, 0)
        new, bad = requests - before[0], failed - before[1]
        self._counters = (requests, failed)
        self._failed.add_counts(good=max(0, new - bad), bad=min(new, bad), burst=_BURST)

    def report(self) -> OperationsReport:
        """What has been seen so far."""
        per_hour = 3600 * self._gaps / self._seconds if self._seconds > 0 else None
        return OperationsReport(
            _burn_rate("latency", "texts with a measured latency", self._slow, self._slow.fewest),
            _burn_rate("errors", "counted requests", self._failed, self._failed.fewest * _BURST),
            self._quantile(0.5),
            self._quantile(0.95),
            self._quantile(0.99),
            per_hour,
            self.objective,
        )

    def to_json(self) -> dict:
        """All that a restart needs."""
        return {
            "settings": self._settings(),
            "slow": self._slow.to_json(),
            "failed": self._failed.to_json(),
            "latencies": {
                str(place): int(self._latencies[place]) for place in np.flatnonzero(self._latencies)
            },
            "counters": self._counters,
            "gaps": self._gaps,
            "last": self.last,
            "seconds": self._seconds,
            "latest": self._latest.isoformat() if self._latest else None,
        }

    def restore(self, told: dict) -> None:
        """Go on from what :meth:`to_json` told, to the bit as if nothing had happened.

        Raises:
            WorkshopError: the state is damaged, or one of another objective or run length.
        """
        with one_sentence("operations monitor"):
            check_settings("operations monitor", told, self._settings())
            self._slow.restore(told["slow"])
            self._failed.restore(told["failed"])
            for place, count in told["latencies"].items():
                self._latencies[int(place)] = count
            self._counters = (int(told["counters"][0]), int(told["counters"][1]))
            self._gaps, self._seconds = int(told["gaps"]), float(told["seconds"])
            self.last = int(told["last"])
            self._latest = datetime.fromisoformat(told["latest"]) if told["latest"] else None

    def _settings(self) -> dict[str, float]:
        return {**asdict(self.objective), "run_length": float(self._slow.run_length)}

    def _quantile(self, share: float) -> float | None:
        total = int(self._latencies.sum())
        if not total:
            return None
        place = int(np.searchsorted(np.cumsum(self._latencies), share * total))
        return _SHORTEST_MS * math.exp((place + 0.5) * _GROWTH)


def _burn_rate(name: str, what: str, bets: RateBets | BlockBets, fewest: int) -> BurnRate:
    alarm = bets.alarm_at is not None
    reason = ""
    if bets.events < fewest and not alarm:
        reason = f"There are {bets.events} {what}, and {fewest} are the fewest that could tell."
    return BurnRate(
        name,
        "changed" if alarm else "insufficient data" if reason else "quiet",
        None if bets.share is None else bets.share / bets.allowed,
        bets.evidence,
        bets.alarm_at,
        bets.events,
        int(bets.bad),
        reason,
    )
