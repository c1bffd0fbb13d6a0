"""What goes into the store: plain values, and the errors that a caller tells apart."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import uuid4

from workshop_utils.errors import WorkshopError
from workshop_utils.production.runbooks import STORE_UNAVAILABLE

#: Who may have given a label. Labels made by a model are refused: it would be asked to judge itself.
PERSON: Final = "person"

#: Why a text was chosen for labelling: for the estimate, or because it teaches most.
Part = Literal["random", "uncertain", "disagreement"]


class StoreUnavailable(WorkshopError):
    """The database does not answer now: locked, full, or gone. Trying again later may help."""

    def __init__(self, *message: object, runbook: str | None = STORE_UNAVAILABLE) -> None:
        super().__init__(*message, runbook=runbook)


class UnknownPrediction(WorkshopError):
    """A label names a prediction that the store does not hold."""


class UnknownLabel(WorkshopError):
    """A label is none of the classes of the model that made the prediction."""


class LabelRefused(WorkshopError):
    """A label that nobody may give: made by a model, or without a name of who gave it."""


def new_prediction_id() -> str:
    """A name for one prediction, 32 hexadecimal digits that no two processes give twice."""
    return uuid4().hex


@dataclass(frozen=True, slots=True)
class ShadowAnswer:
    """What a challenger would have answered to the same text.

    Attributes:
        model_version: the challenger. labels: the names of its classes, in its order. label: its answer.
        probabilities: one for each of its ``labels``.
    """

    model_version: str
    labels: tuple[str, ...]
    label: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One text, scored. The store keeps the text only where it is told to; its SHA-256 always.

    Attributes:
        prediction_id: its name, from :func:`new_prediction_id`; a second one of the same name is ignored.
        model_version: which model answered. labels: the names of that model's classes, in its order.
        text: what was scored. label: the answer.
        probabilities: one for each of ``labels``, as Python floats: kept to the last bit.
        truncated: did the model read only a part of the text?
        route: the rule of the route, such as ``/predict``. request_id: of the request, shared by its texts.
        queue_ms, tokenise_ms, infer_ms: where the time went, in milliseconds; None where nobody measured.
        shadow: a challenger's answer, if there was one.
        time: when, with a time zone; clocks jump, so nothing is ordered by it.
    """

    prediction_id: str
    model_version: str
    labels: tuple[str, ...]
    text: str
    label: str
    probabilities: tuple[float, ...]
    truncated: bool = False
    route: str = ""
    request_id: str = ""
    queue_ms: float | None = None
    tokenise_ms: float | None = None
    infer_ms: float | None = None
    shadow: ShadowAnswer | None = None
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Feedback:
    """The true label of a prediction, as somebody gives it, perhaps weeks later.

    Attributes:
        prediction_id: which prediction. label: the true label; None takes an earlier label back (undo).
        labelled_by: a name for who says so, such as ``anna`` or ``api``; never empty.
        source: ``person``; anything else is refused.
    """

    prediction_id: str
    label: str | None
    labelled_by: str
    source: str = PERSON


#: What a label did: it is the first one, it repeats the one that stands, it corrects it, it takes it back.
FeedbackResult = Literal["new", "unchanged", "changed", "withdrawn"]
