"""What came of a loop: accuracy beside a model that is never retrained, retrainings, and what to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from workshop_utils.models.metrics import Interval
from workshop_utils.production.monitoring import MonitoringVerdict
from workshop_utils.production.retraining import RetrainResult


@dataclass(frozen=True)
class LoopRetraining:
    """A look that was followed by `workshop retrain`, or `promote --shadow` where a challenger is there.

    Attributes:
        outcome: what came of it. reason: why, in words. version: of the challenger, where it came so far.
        trained: was a challenger trained? learned, held_out: labels that it learned from, and was judged by.
        labels_missing: about so many more would tell; None where nobody can say.
        checks: what the gate looked at, each as (passed, sentence). seconds: of training and judging.
        swap_seconds: until the running service answered with it.
    """

    outcome: RetrainResult
    reason: str
    version: str | None
    trained: bool = False
    learned: int = 0
    held_out: int = 0
    labels_missing: int | None = None
    checks: tuple[tuple[bool, str], ...] = ()
    seconds: float = 0.0
    swap_seconds: float | None = None

    @property
    def told(self) -> str:
        """What came of it, in words."""
        if not self.trained:
            return self.reason
        judged = f"learned from {self.learned:,} labels, judged by {self.held_out:,}"
        if self.outcome == "promoted":
            return f"{self.version} is the champion ({judged}). {self.reason}"
        said = {"waiting": "waits for a yes", "challenger": "scores in the shadow", "refused": "refused"}
        return f"{said.get(self.outcome, self.outcome)} ({judged}): {self.reason}"


@dataclass(frozen=True)
class LoopPeriod:
    """A period of the table's time, and the look at its end.

    Attributes:
        name: for people. start, end: in UTC. rows: that the service answered. version: which model did.
        accuracy: by the truth of all rows, with Wilson's 95 % interval; the loop itself knew the labels only.
        first: the same for the first model, as if it had never been retrained.
        labels: that arrived. labels_known: of this model, at the end.
        verdict, reason, to_do: what monitoring said. alarms: their names. runbooks: of these.
        retraining: what followed.
    """

    name: str
    start: datetime
    end: datetime
    rows: int
    version: str
    accuracy: Interval
    first: Interval
    labels: int
    labels_known: int
    verdict: MonitoringVerdict
    reason: str
    to_do: str
    alarms: tuple[str, ...]
    runbooks: tuple[str, ...]
    retraining: LoopRetraining

    @property
    def promoted(self) -> bool:
        """Did a challenger become the champion after it?"""
        return self.retraining.outcome == "promoted"

    @property
    def acted(self) -> bool:
        """Is there something to tell of what followed?"""
        return self.verdict == "harmful" or self.retraining.outcome != "nothing"


@dataclass(frozen=True)
class LoopWorth:
    """Retrained beside never retrained, on the rows that a promoted challenger answered.

    Attributes:
        rows: how many. retrained, never: accuracies. gain: the difference with its paired 95 % interval.
    """

    rows: int
    retrained: float
    never: float
    gain: Interval


@dataclass(frozen=True)
class LoopReport:
    """What came of it.

    Attributes:
        table: name of the file. facts: (name, value) pairs for people. notes: what was left out.
        cut: rows from then on were asked, those before taught. trained_on, frozen: texts of the first model's
            table and of the frozen test set. expected: the first model's accuracy when it was made.
        accuracy, first: over all rows that were asked, as in :class:`LoopPeriod`.
        periods: in their order. worth: None where no row was answered by a promoted challenger.
        delivered: labels that arrived. unknown_labels: that the model has no class for.
        refused: rows that the service did not take. asked_again: requests that were sent once more.
        compared, same: rows whose answer over HTTP was compared with that of the first bundle, and how many
            were equal.
        seconds: of each part, by its name.
        deployment: folder of the champion, for people.
    """

    table: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    cut: datetime
    trained_on: int
    frozen: int
    expected: float
    accuracy: Interval
    first: Interval
    periods: tuple[LoopPeriod, ...]
    worth: LoopWorth | None
    delivered: int
    unknown_labels: int
    refused: int
    asked_again: int
    compared: int
    same: int
    seconds: dict[str, float]
    deployment: str

    @property
    def rows(self) -> int:
        """Rows that were answered."""
        return sum(each.rows for each in self.periods)

    @property
    def promoted(self) -> int:
        """Challengers that became the champion."""
        return sum(each.promoted for each in self.periods)

    @property
    def trained(self) -> int:
        """Challengers that were trained."""
        return sum(each.retraining.trained for each in self.periods)

    def verdict(self) -> list[str]:
        """Three plain sentences: how the first model fared, what the loop did, what that was worth."""
        return [self._fared(), self._did(), self._worth()]

    def cost(self) -> str:
        """Labels, trainings and seconds, and whether a row was lost, in one sentence."""
        seconds = {name: each for name, each in self.seconds.items() if name != "all"}
        parts = ", ".join(f"{name} {each:.0f} s" for name, each in seconds.items())
        lost = "none was lost" if not self.refused else f"{self.refused:,} were not taken"
        models = _times(1 + self.trained, "model", "models")
        unknown = (
            f" Labels that the model does not know: {self.unknown_labels:,}." if self.unknown_labels else ""
        )
        return (
            f"{self.delivered:,} labels, {models} trained, {self.seconds['all']:.0f} seconds ({parts}). "
            f"{self.rows:,} rows were answered over HTTP, {lost}; "
            f"{self.same:,} of {self.compared:,} compared answers were equal to the bundle's to the last bit."
            f"{unknown}"
        )

    def next_steps(self) -> list[str]:
        """What a person does now, the most urgent first."""
        last = self.periods[-1]
        tried = [each.retraining for each in self.periods]
        came = next((each for each in tried if each.outcome == "waiting"), tried[-1])  # nothing follows it
        folder = f'"{self.deployment}"' if " " in self.deployment else self.deployment
        steps = []
        if came.outcome in ("waiting", "challenger"):
            steps.append(f"{came.version} waits for people, as the policy says: {came.reason}")
            if came.outcome == "waiting":
                steps.append(
                    f"`workshop promote --approve --deployment {folder}` makes it the champion, `workshop "
                    f"promote --reject --deployment {folder}` refuses it."
                )
        elif last.verdict == "harmful" and not last.promoted:
            steps.append(f"The last look says harmful, and the champion stays: {came.reason}")
            if came.labels_missing:
                steps.append(
                    f"About {came.labels_missing:,} more labels, of the newest texts, would tell more."
                )
        elif last.verdict != "harmful":
            to_do = "There is nothing to do." if last.verdict == "quiet" else last.to_do
            steps.append(f"The last look says {last.verdict}. {to_do}")
        if last.runbooks:
            steps.append(f"Read {_listed(last.runbooks, 'and')}.")
        steps.append(
            f"`workshop serve --deployment {folder}` serves the champion, `workshop history "
            f"--deployment {folder}` tells how it became it, and `workshop watch --deployment {folder}` "
            "looks after it. Another loop with the same --home begins anew and removes it: give that one "
            "another."
        )
        return steps

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = asdict(self)
        told["accuracy"], told["first"] = self.accuracy._asdict(), self.first._asdict()
        for period, each in zip(told["periods"], self.periods, strict=True):
            period["accuracy"], period["first"] = each.accuracy._asdict(), each.first._asdict()
            period["start"], period["end"] = each.start.isoformat(), each.end.isoformat()
        if self.worth is not None:
            told["worth"]["gain"] = self.worth.gain._asdict()
        return told | {
            "cut": self.cut.isoformat(),
            "rows": self.rows,
            "trained": self.trained,
            "promoted": self.promoted,
            "verdict": self.verdict(),
            "next_steps": self.next_steps(),
        }

    def _fared(self) -> str:
        return (
            f"Left alone, the first model would have been right in {percent(self.first.value)} of the "
            f"{self.rows:,} rows from {self.cut:%Y-%m-%d} on; when it was made, {percent(self.expected)} "
            "were measured."
        )

    def _did(self) -> str:
        harmful = [each for each in self.periods if each.verdict == "harmful"]
        if not harmful and not self.trained:
            said = _listed(sorted({each.verdict for each in self.periods}))
            return (
                f"With {self.delivered:,} labels monitoring said {said} and never harmful, so nothing was "
                "trained and nothing promoted: that is a result, too."
            )
        after = f" ({harmful[0].name} first)" if harmful else ""
        tried = (
            "no challenger was"
            if not self.trained
            else _times(self.trained, "challenger was", "challengers were")
        )
        passed = sum(
            each.retraining.trained and each.retraining.outcome != "refused" for each in self.periods
        )
        through = (
            f", the gate let {_number(passed)} through, and {_number(self.promoted)} became the champion"
        )
        return (
            f"With {self.delivered:,} labels monitoring said harmful after {len(harmful)} of "
            f"{len(self.periods)} periods{after}; {tried} trained{through if self.trained else ''}."
        )

    def _worth(self) -> str:
        if self.worth is None:
            if self.promoted:
                return "No row came after the promotion, so nobody can say what it was worth."
            return "No row was answered by another model than the first, so there is nothing to compare."
        low, high = 100 * self.worth.gain.low, 100 * self.worth.gain.high
        found = "that is better" if low > 0 else "that is worse" if high < 0 else "that may be chance"
        return (
            f"Of the {self.worth.rows:,} rows after the first promotion the retrained model was right in "
            f"{percent(self.worth.retrained)}, the first one would have been in {percent(self.worth.never)}: "
            f"{100 * self.worth.gain.value:+.1f} points (95 %: {low:+.1f} to {high:+.1f}), {found}."
        )


def percent(share: float) -> str:
    """``84.3 %``."""
    return f"{100 * share:.1f} %"


def _times(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count} {many}"


def _number(count: int) -> str:
    return str(count) if count else "none"


def _listed(names: Sequence[str], word: str = "or") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
