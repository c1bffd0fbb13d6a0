"""Concept drift: more errors than before on inputs that look the same.

A model may be wrong more often because other texts arrive (data drift) or because the same texts mean
something else. Here each labelled text counts by how much it looks like the reference, as the domain
classifier judged it before it had learned it (the ratio of densities, cut off at 1). If only the inputs have
changed, the weighted share of errors stays what it was. The ratio is an estimate; a change of inputs that it
does not see is counted as one of the concept.
"""

from dataclasses import asdict, dataclass

from workshop_utils.production.monitoring.betting import RateBets
from workshop_utils.production.monitoring.drift_report import DriftVerdict, without_nan
from workshop_utils.production.monitoring.error_detector import error_tolerance
from workshop_utils.production.monitoring.saved_state import check_settings, one_sentence

#: Errors become so many times as frequent as is tolerated: what shall be found quickly.
_RISES = (1.25, 1.5, 2.0, 3.0)


@dataclass(frozen=True)
class ConceptReport:
    """Errors on inputs that look the same.

    Attributes:
        verdict: ``changed`` from the first alarm on. evidence: capital as a share of the run length.
        alarm_at: number of the label with the first alarm.
        error: share of errors among such texts; None without any. tolerance: the share that is tolerated.
        labels: looked at. alike: the sum of their weights, "so many of them look the same".
        untold: labels of texts that could not be compared; they are left out.
    """

    verdict: DriftVerdict
    evidence: float
    alarm_at: int | None
    error: float | None
    tolerance: float
    labels: int
    alike: float
    untold: int
    run_length: float
    reason: str = ""

    def to_dict(self) -> dict:
        """For JSON."""
        return without_nan(asdict(self))


class ConceptMonitor:
    """Watches errors, label by label.

    Args:
        tolerance: share of errors on the reference's inputs, such as the bundle's error + 3 points.
        run_length: labels; of n labels without a change, a false alarm with a probability of n / run_length.

    Attributes:
        last: number of the last label that was looked at, for whoever reads them from a store.
    """

    def __init__(self, tolerance: float, run_length: float) -> None:
        self._bets = RateBets(error_tolerance(tolerance, points=0), run_length, _RISES)
        self._untold = self.last = 0

    def add(self, wrong: bool, similarity: float | None) -> None:
        """One label.

        Args:
            wrong: is the true label another than the model's? One that the model does not know is another.
            similarity: of the text, from the input monitor; None where nobody can tell.
        """
        if similarity is None:
            self._untold += 1
        else:
            self._bets.add(wrong, similarity)

    def report(self) -> ConceptReport:
        """What has been seen so far."""
        bets, reason = self._bets, ""
        if not bets.events and self._untold:
            reason = (
                "Nobody can tell which texts look the same: texts or hashed words were not kept, or labels "
                "came too late."
            )
        elif bets.weight < bets.fewest:
            reason = (
                f"{bets.weight:.0f} labelled texts look like the reference, and {bets.fewest} are the fewest "
                "that could tell."
            )
        alarm = bets.alarm_at is not None
        return ConceptReport(
            verdict="changed" if alarm else "insufficient data" if reason else "quiet",
            evidence=bets.evidence,
            alarm_at=bets.alarm_at,
            error=bets.share,
            tolerance=bets.allowed,
            labels=bets.events,
            alike=bets.weight,
            untold=self._untold,
            run_length=bets.run_length,
            reason="" if alarm else reason,
        )

    def to_json(self) -> dict:
        """All that a restart needs."""
        return {
            "settings": self._settings(),
            **self._bets.to_json(),
            "untold": self._untold,
            "last": self.last,
        }

    def restore(self, told: dict) -> None:
        """Go on from what :meth:`to_json` told, to the bit as if nothing had happened.

        Raises:
            WorkshopError: the state is damaged, or one of another tolerance or run length.
        """
        with one_sentence("concept monitor"):
            check_settings("concept monitor", told, self._settings())
            self._bets.restore(told)
            self._untold, self.last = int(told["untold"]), int(told["last"])

    def _settings(self) -> dict[str, float]:
        return {"tolerance": self._bets.allowed, "run_length": float(self._bets.run_length)}
