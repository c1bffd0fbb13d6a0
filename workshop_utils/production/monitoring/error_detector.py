"""Performance: an alarm when a model is wrong more often than is tolerated, label by label.

An e-detector, Shiryaev and Roberts' sum of bets (Shin, Ramdas, Rinaldo 2024, doi 10.51387/23-NEJSDS51).
Each bet says how often the model may be wrong by now; see :class:`~.betting.RateBets`. While the share of
errors is at most the tolerance, whatever came before, the mean time to a false alarm is ``run_length``
labels or more.

**Which bets.** A bet on the share q grows fastest if q is the share of errors: it is the likelihood ratio
of q against the tolerance t, ``stake = (q - t) / (t * (1 - t))``. Half of the right stake grows at 3/4 of
that pace, twice the right stake not at all (to second order). So the rises above the tolerance double from
bet to bet: any rise in between is at most a third away from the stake of some bet, which then grows at 8/9
of the best pace or faster. The smallest rise is the least that is worth an alarm. Below half of it no bet
grows in the long run. The largest lies at most half-way between tolerance and 1. More bets would cost delay,
since the alarm needs their mean.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from workshop_utils.errors import WorkshopError
from workshop_utils.production.monitoring.betting import RateBets, bet_once
from workshop_utils.production.monitoring.drift_report import DriftVerdict, without_nan
from workshop_utils.production.monitoring.saved_state import check_settings, one_sentence

#: The tolerance is kept this far from 0 and from 1: no bet is possible there.
LEAST_TOLERANCE, MOST_TOLERANCE = 0.001, 0.99


def error_tolerance(error: float, points: float) -> float:
    """The share of errors that is tolerated: that of the bundle, from 0 to 1, and so many points more."""
    return min(max(error + points / 100, LEAST_TOLERANCE), MOST_TOLERANCE)


def risen_shares(tolerance: float, smallest_rise: float) -> np.ndarray:
    """The shares of errors that are bet on, of shape (bets,); see the head of this module."""
    largest = (1 - tolerance) / 2
    rises = [min(smallest_rise, largest)]
    while rises[-1] * 2 <= largest:
        rises.append(rises[-1] * 2)
    return tolerance + np.array(rises)


@dataclass(frozen=True)
class ErrorReport:
    """What the labels have said so far.

    Attributes:
        verdict: ``changed`` from the first alarm on: the model is wrong more often than is tolerated.
        evidence: the bets' mean capital as a share of the run length; 1 or more is an alarm.
        alarm_at: number of the label with the first alarm.
        labels: seen. error: share of errors among them, weighted; None without any.
        tolerance: share of errors that is tolerated. run_length: labels until a false alarm, on average.
        reason: why there is too little data, a sentence; empty otherwise.
    """

    verdict: DriftVerdict
    evidence: float
    alarm_at: int | None
    labels: int
    error: float | None
    tolerance: float
    run_length: float
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return without_nan(asdict(self))


class ErrorDetector:
    """Watches errors in constant memory; label by label or many at once makes no difference to the bit.

    Args:
        tolerance: share of errors that is tolerated, strictly between 0 and 1.
        run_length: labels; the mean time to a false alarm is at least this, and of n labels an alarm is false
            with a probability of n / run_length at most.
        smallest_rise: above the tolerance, as a share, that is worth an alarm.
        fewest_labels: fewer are insufficient data, unless they raise an alarm.
    """

    def __init__(
        self, tolerance: float, run_length: float, smallest_rise: float, fewest_labels: int = 0
    ) -> None:
        if not 0 < tolerance < 1:
            raise WorkshopError(
                f"The tolerated share of errors lies between 0 and 1, and {tolerance} does not."
            )
        if not smallest_rise > 0:
            raise WorkshopError(f"The smallest rise worth an alarm is above 0, and {smallest_rise} is not.")
        if not 1 <= run_length < np.inf:
            raise WorkshopError(f"The run length is a number of labels from 1 on, and {run_length} is not.")
        self.tolerance, self.run_length = float(tolerance), float(run_length)
        self.smallest_rise, self.fewest_labels = float(smallest_rise), fewest_labels
        shares = risen_shares(self.tolerance, self.smallest_rise)
        self._bets = RateBets(self.tolerance, self.run_length, tuple((shares / self.tolerance).tolist()))

    def add(self, wrong: float, weight: float = 1.0) -> None:
        """One label.

        Args:
            wrong: 1 or True if the true label is not what the model said, else 0 or False. A label that the
                model does not know is an error.
            weight: from 0 to 1, known before the label; see
                :class:`~workshop_utils.production.monitoring.label_weights.LabelWeights`.

        Raises:
            WorkshopError: ``wrong`` is neither of both, such as NaN, or the weight is out of bounds.
        """
        if wrong not in (0, 1):
            raise WorkshopError(f"Label {self._bets.events + 1} is neither right (0) nor wrong (1): {wrong}.")
        if not 0 <= weight <= 1:
            raise WorkshopError(
                f"Label {self._bets.events + 1} has the weight {weight}, which is not between 0 and 1."
            )
        self._bets.add(bool(wrong), float(weight))

    def add_many(self, wrong: Iterable[float], weights: Iterable[float] | None = None) -> None:
        """Labels in the order in which they came; the same as :meth:`add` for each of them."""
        wrong = list(wrong)
        for each, weight in zip(wrong, [1.0] * len(wrong) if weights is None else weights, strict=True):
            self.add(each, weight)

    def report(self) -> ErrorReport:
        """What has been seen so far."""
        bets = self._bets
        alarm, fewest = bets.alarm_at is not None, max(bets.fewest, self.fewest_labels)
        reason = ""
        if bets.weight < fewest and not alarm:  # labels of little weight say little
            counted = "" if bets.weight == bets.events else f", which count as {bets.weight:.1f}"
            reason = f"Labels so far: {bets.events}{counted}; {fewest} are the fewest that are judged."
        return ErrorReport(
            verdict="changed" if alarm else "insufficient data" if reason else "quiet",
            evidence=bets.evidence,
            alarm_at=bets.alarm_at,
            labels=bets.events,
            error=bets.share,
            tolerance=self.tolerance,
            run_length=self.run_length,
            reason=reason,
        )

    def _settings(self) -> dict[str, float]:
        return {
            "tolerance": self.tolerance,
            "run_length": self.run_length,
            "smallest_rise": self.smallest_rise,
        }

    def to_json(self) -> dict[str, Any]:
        """All that a restart needs; floats keep every bit in JSON."""
        return {"settings": self._settings(), **self._bets.to_json()}

    def restore(self, told: dict[str, Any]) -> None:
        """Go on from what :meth:`to_json` told, to the bit as if nothing had happened.

        Raises:
            WorkshopError: the state is damaged or one of other settings.
        """
        with one_sentence("error detector"):
            check_settings("error detector", told, self._settings())
            self._bets.restore(told)


def evidence_over_time(
    wrong: ArrayLike, tolerance: float, run_length: float, smallest_rise: float
) -> np.ndarray:
    """The detector's evidence after each label, for one stream or many side by side; 1 or more is an alarm.

    Args:
        wrong: 0 or 1 for each label, of shape (..., labels).
        tolerance: as for :class:`ErrorDetector`.
        run_length: the same.
        smallest_rise: the same.

    Returns:
        The same numbers to the bit as the detector's, of the shape of ``wrong``.
    """
    errors = np.asarray(wrong, dtype=float)
    stakes = RateBets(tolerance, run_length, tuple(risen_shares(tolerance, smallest_rise) / tolerance)).stakes
    capital = np.zeros((*errors.shape[:-1], len(stakes)))
    evidence = np.empty(errors.shape)
    for label in range(errors.shape[-1]):
        capital = bet_once(capital, 1 + stakes * (errors[..., label, None] - tolerance))
        evidence[..., label] = capital.mean(axis=-1) / run_length
    return evidence
