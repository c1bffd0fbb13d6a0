"""What a retraining comes to."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from workshop_utils.production.retraining.gate import GateVerdict

#: The kind of its decisions in the store.
RETRAIN: Final = "retrain"

#: What came of it; see :class:`RetrainOutcome`.
RetrainResult = Literal["promoted", "waiting", "challenger", "refused", "nothing"]


@dataclass(frozen=True)
class RetrainOutcome:
    """What came of it.

    Attributes:
        outcome: ``promoted``, ``waiting`` for a person's yes, ``challenger`` in the champion's shadow,
            ``refused`` by the gate, or ``nothing`` to do. reason: why, in words.
        champion: before. version: of the challenger in the deployment, where it came so far.
        decision: number in the store; None where nothing was to be decided.
        gate: what the gate looked at; None where nothing was trained.
        labels_learned, labels_held_out: how many were used. labels_missing: about so many more are needed.
        labels_to_buy: so many more would tell whether there is a reason.
        weight: how often a labelled text counted. seconds: that training and judging took.
        notes: what was left out, and how the weight was chosen.
    """

    outcome: RetrainResult
    reason: str
    champion: str
    version: str | None = None
    decision: int | None = None
    gate: GateVerdict | None = None
    labels_learned: int = 0
    labels_held_out: int = 0
    labels_missing: int | None = None
    labels_to_buy: int | None = None
    weight: int | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"gate": None if self.gate is None else self.gate.to_dict()}
