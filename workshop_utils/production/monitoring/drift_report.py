"""What the monitor of inputs tells: one finding for each quantity."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from workshop_utils.production.monitoring.columns import DriftKind
from workshop_utils.production.monitoring.domain_classifier import TellingWords

DriftVerdict = Literal["quiet", "changed", "insufficient data"]

#: Name of the finding about words.
CLASSIFIER: Final = "domain classifier"


@dataclass(frozen=True)
class DriftFinding:
    """One quantity, watched.

    Attributes:
        name: such as ``length`` or ``domain classifier``. kind: ``data`` or ``prediction``.
        verdict: ``changed`` from the first alarm on.
        evidence: the capital as a share of the run length, in this round; 1 or more is an alarm.
        alarm_at: number of the text with the first alarm. last_alarm: of the last text of the latest round
            with one; a change may be over.
        run_length: of this quantity alone: texts / run_length bounds the probability of a false alarm.
        texts: that told something. reference, now: means of the columns, by name: of the reference texts, and
            of the texts of this round and the one before. A classifier has none.
        reason: why there is too little data, a sentence; empty otherwise.
    """

    name: str
    kind: DriftKind
    verdict: DriftVerdict
    evidence: float
    alarm_at: int | None
    last_alarm: int | None
    run_length: float
    texts: int
    reference: dict[str, float]
    now: dict[str, float]
    reason: str = ""

    @property
    def title(self) -> str:
        """The name as people read it."""
        return f"words ({CLASSIFIER})" if self.name == CLASSIFIER else self.name


@dataclass(frozen=True)
class InputReport:
    """What has been seen of inputs and answers.

    Attributes:
        texts: seen so far. repeated: came again or late, by their numbers, and were left out.
        twice: texts that came before, in the table or in the same round: only their share is compared.
        rounds: how often the reference was begun.
        findings: one for each quantity. run_length: of data drift, and of prediction drift, as a whole.
        words: by which the new texts are told, at the first alarm of the domain classifier that has some, or
            else now.
    """

    texts: int
    repeated: int
    twice: int
    rounds: int
    findings: list[DriftFinding]
    run_length: float
    words: TellingWords

    def verdict(self, kind: DriftKind) -> DriftVerdict:
        """Of data drift or of prediction drift as a whole."""
        verdicts = {each.verdict for each in self.findings if each.kind == kind}
        return "changed" if "changed" in verdicts else "quiet" if "quiet" in verdicts else "insufficient data"

    def to_dict(self) -> dict[str, Any]:
        """For JSON, which has no NaN: a mean of nothing is left out."""
        told = asdict(self) | {"words": self.words._asdict()}
        for finding in told["findings"]:
            for part in ("reference", "now"):
                finding[part] = {name: value for name, value in finding[part].items() if value == value}
        told |= {"data": self.verdict("data"), "prediction": self.verdict("prediction")}
        return without_nan(told)


def without_nan(value: Any) -> Any:
    """The value with None for every float that is no number or infinite, however deep; tuples as lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return value
