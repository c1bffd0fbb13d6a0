"""How many labels to buy before one can tell whether a model is wrong more often than is tolerated."""

import math
from statistics import NormalDist

from workshop_utils.errors import WorkshopError
from workshop_utils.production.monitoring.intervals import LabelTally, log_capital


def labels_needed(
    tolerance: float,
    error: float,
    seen: LabelTally | None = None,
    level: float = 0.95,
    chance: float = 0.8,
    most: int = 100_000,
) -> int | None:
    """So many more labels, drawn at random, and the interval excludes the tolerance with this chance.

    It is assumed that the model is wrong with a share of ``error`` from now on. Of n new labels, n * error
    are then wrong, give or take: the computation takes as many errors fewer (or more, where the error is
    above the tolerance) towards the tolerance as a normal distribution exceeds with the probability
    ``chance``. The least n is returned for which the anytime-valid interval of
    :func:`~.intervals.rate_interval` would end before the tolerance.

    Args:
        tolerance: share of errors that is tolerated, strictly between 0 and 1.
        error: share of errors that is expected: the present estimate, or the bundle's without labels.
        seen: labels so far; None begins with nothing.
        level: of the interval.
        chance: that so many labels are enough, if the error is what is expected.
        most: more labels than these are not worth asking for.

    Returns:
        0 if the labels seen are enough already, None if ``most`` are not enough: the error is too close to
        the tolerance for anybody to tell.

    Raises:
        WorkshopError: tolerance, error, level or chance is out of bounds.
    """
    for name, value, closed in (
        ("tolerance", tolerance, False),
        ("expected error", error, True),
        ("level", level, False),
        ("chance", chance, False),
    ):
        if not (0 <= value <= 1 if closed else 0 < value < 1):
            raise WorkshopError(f"The {name} is a share between 0 and 1, and {value} is not.")
    errors, wanted = (seen or LabelTally(())).hits().turned(), math.log(2 / (1 - level))
    above = error > tolerance
    side, rate, hit = (errors, tolerance, error) if above else (errors.turned(), 1 - tolerance, 1 - error)
    margin = NormalDist().inv_cdf(chance) * math.sqrt(error * (1 - error))

    def enough(labels: int) -> bool:
        hits = min(max(labels * hit - margin * math.sqrt(labels), 0.0), labels)
        return log_capital(side.plus(hits, labels - hits), rate) >= wanted

    if enough(0):
        return 0
    high = 1
    while not enough(high):
        if high >= most:
            return None
        high = min(2 * high, most)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
