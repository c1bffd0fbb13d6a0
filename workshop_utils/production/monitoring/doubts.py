"""Doubts about what monitoring is told: a flood of labels, times that have not come yet.

They change no verdict. They say that the one beside them may rest on something else than the model.
"""

from collections import defaultdict, deque
from datetime import UTC, datetime, timedelta

from workshop_utils.production.monitoring.monitoring_report import RUNBOOKS, Alarm
from workshop_utils.production.store import LabelledPrediction, Store, predictions_ahead

_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)


class LabelFlood:
    """Has one source given very many labels within an hour, of texts that nobody had drawn?

    Args:
        most: so many are a flood; 0 looks at none.
    """

    def __init__(self, most: int) -> None:
        self._most, self._by = most, ""
        self._times: defaultdict[str, deque[datetime]] = defaultdict(lambda: deque(maxlen=most))

    def see(self, label: LabelledPrediction) -> None:
        """One more label that counts, in the order of arrival."""
        if self._most and label.part is None and not self._by:
            times = self._times[label.labelled_by]
            times.append(label.labelled_at)
            if len(times) == self._most and abs(times[-1] - times[0]) <= _HOUR:
                self._by = label.labelled_by

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """One, or none."""
        if not self._by:
            return ()
        sentence = (
            f"{self._by[:40]} gave {self._most:,} labels or more within an hour, of texts that nobody had "
            "drawn; is it the model that is wrong?"
        )
        return (Alarm("labels", sentence, RUNBOOKS["labels"]),)


def _told(ahead: timedelta) -> str:
    """A time as people say it, in the largest unit of which there are two."""
    for unit, name in ((timedelta(days=1), "days"), (_HOUR, "hours")):
        if ahead >= 2 * unit:
            return f"{round(ahead / unit):,} {name}"
    return f"{ahead / _MINUTE:.0f} minutes"


def clock_alarms(store: Store, model_version: str, now: datetime | None = None) -> tuple[Alarm, ...]:
    """An alarm where some of the newest predictions of a model come from the future.

    Args:
        store: where they are.
        model_version: whose.
        now: the time; by default that of this machine.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    now = now or datetime.now(UTC)
    count, latest = predictions_ahead(store, model_version, now + _MINUTE)
    if latest is None:
        return ()
    sentence = f"{count:,} of the newest predictions come from the future, one by {_told(latest - now)}."
    return (Alarm("clock", sentence, RUNBOOKS["clock"]),)
