"""What the loop promises, tolerates and does: one small TOML file, checked when it is read."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workshop_utils.errors import WorkshopError

POLICIES = Path(__file__).with_name("policies")
CLASSROOM_POLICY = POLICIES / "classroom.toml"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class PerformancePolicy(_Part):
    """Errors, by true labels.

    Attributes:
        tolerance_points: the model may be wrong so many points more often than the bundle says.
        smallest_rise_points: above that tolerance, that is worth an alarm.
        run_length: labels until a false alarm, at least, on average.
        fewest_labels: fewer are insufficient data, unless they raise an alarm.
        level: of the intervals of accuracy and macro-F1.
        labels: ``all``, or only those of texts that were drawn for labelling: labels that people give unasked
            come from people who had a reason to write.
        flood_labels: so many labels within an hour, from one source and of texts that nobody had drawn, are
            an alarm; 0: never.
    """

    tolerance_points: float = Field(default=3.0, ge=0, le=50)
    smallest_rise_points: float = Field(default=3.0, gt=0, le=50)
    run_length: float = Field(default=20_000, ge=100)
    fewest_labels: int = Field(default=50, ge=1)
    level: float = Field(default=0.95, gt=0, lt=1)
    labels: Literal["all", "drawn"] = "all"
    flood_labels: int = Field(default=1000, ge=0)


class InputsPolicy(_Part):
    """Data drift and prediction drift. ``run_length``: texts, of each of both as a whole.

    A promise shorter than a round of reference texts would be used up by quantities that never vary.
    """

    run_length: float = Field(default=20_000, ge=1000)


class ConceptPolicy(_Part):
    """Errors on inputs that look the same. ``run_length``: labels."""

    run_length: float = Field(default=20_000, ge=100)


class OperationsPolicy(_Part):
    """How the service runs.

    Attributes:
        latency_ms: so long may a text take. fast_share: share of texts that keep it.
        success_share: share of requests that are answered. run_length: texts, and requests.
    """

    latency_ms: float = Field(default=300.0, gt=0)
    fast_share: float = Field(default=0.99, gt=0, lt=1)
    success_share: float = Field(default=0.999, gt=0, lt=1)
    run_length: float = Field(default=100_000, ge=100)


class DataPolicy(_Part):
    """What the model learned from. Paths are relative to the policy file; empty: not named.

    Attributes:
        table: the table that the champion learned from, without the frozen test set.
        frozen_test: a table of the same columns that no model ever learns from.
        text_column, label_column: names of the columns.
    """

    table: str = ""
    frozen_test: str = ""
    text_column: str = "text"
    label_column: str = "label"

    def beside(self, policy: Path) -> "DataPolicy":
        """The same with paths that do not depend on where the command runs."""
        found = {name: getattr(self, name) for name in ("table", "frozen_test")}
        folder = policy.resolve().parent
        return self.model_copy(update={name: str(folder / path) for name, path in found.items() if path})


class RetrainingPolicy(_Part):
    """When a challenger is trained, from what, and who says yes.

    Attributes:
        on_harmful: train when monitoring says harmful.
        every_days: train when the champion is so old; 0: age is no reason.
        fewest_labels: so many labels must be new to the champion.
        again_after_labels: after a refusal, so many more labels must have come.
        holdout_share: the newest labels are held out for the gate: this share of them.
        weights: how often each labelled text counts, beside each text of the table once. Several are tried.
        model: ``same`` as the champion's kind, or another one. encoder: for DistilBERT.
        reference: what the bundle keeps of texts, for monitoring.
        approval: ``none`` promotes what passes the gate, ``person`` lets it wait for a yes, ``shadow`` lets
            it score in the champion's shadow.
        keep_refused: so many refused challengers are kept.
    """

    on_harmful: bool = True
    every_days: float = Field(default=0.0, ge=0)
    fewest_labels: int = Field(default=100, ge=10)
    again_after_labels: int = Field(default=50, ge=1)
    holdout_share: float = Field(default=0.4, ge=0.1, le=0.9)
    weights: Annotated[tuple[Annotated[int, Field(ge=1, le=1000, strict=True)], ...], Field(strict=False)] = (
        Field(default=(1, 5, 20), min_length=1, max_length=10)
    )
    model: Literal["same", "tfidf", "cnn", "distilbert"] = "same"
    encoder: str = Field(default="packaged", min_length=1)
    reference: Literal["hashed", "numbers", "none"] = "hashed"
    approval: Literal["none", "person", "shadow"] = "none"
    keep_refused: int = Field(default=5, ge=1)


class GatePolicy(_Part):
    """What a challenger must show.

    Attributes:
        level: of the paired bootstrap intervals. resamples: draws of each.
        fewest_recent: so many held-out recent labels, at least.
        forgetting_budget_points: on the frozen test set it may be so much worse.
        slice_points: no slice may be worse by more than this, beyond the noise.
        fewest_in_slice: a slice of fewer texts is not judged.
        latency_factor: it may take so many times as long for a text.
        behaviour: ``films`` asks the behavioural tests for film reviews, ``none`` asks none.
        behaviour_points: so much more of those cases may fail.
    """

    level: float = Field(default=0.95, ge=0.5, lt=1)
    resamples: int = Field(default=2000, ge=200, le=100_000)
    fewest_recent: int = Field(default=40, ge=5)
    forgetting_budget_points: float = Field(default=3.0, ge=0, le=100)
    slice_points: float = Field(default=10.0, ge=0, le=100)
    fewest_in_slice: int = Field(default=30, ge=5)
    latency_factor: float = Field(default=2.0, ge=1)
    behaviour: Literal["none", "films"] = "none"
    behaviour_points: float = Field(default=5.0, ge=0, le=100)


class ShadowPolicy(_Part):
    """When a challenger that scores in the champion's shadow is promoted by people's labels.

    Attributes:
        evidence: so much of it; at most one in so many challengers that are no better is promoted.
        labels: ``drawn`` counts labels of texts that had been drawn for labelling, ``all`` each label: for
            services where every prediction gets its label in the end.
        fewest_random: so many labelled texts of the random part, for macro-F1 and recall.
        recall_points: no label's recall may be worse by more than this, beyond the noise. It is wide: a
            model that names a rare label too often loses recall of it when it gets better.
    """

    evidence: float = Field(default=20.0, gt=1, le=1e6)
    labels: Literal["drawn", "all"] = "drawn"
    fewest_random: int = Field(default=30, ge=10)
    recall_points: float = Field(default=25.0, ge=0, le=100)


class WatchPolicy(_Part):
    """What `workshop watch` does with a verdict.

    Attributes:
        retrain: after each round run `workshop retrain`, which decides by the part ``retraining``.
        retrain_pause_hours: so long after a training, whatever came of it, no other is begun for the same
            model.
        remind_hours: a verdict that stays harmful, or runs that keep failing, are told again after so long.
    """

    retrain: bool = False
    retrain_pause_hours: float = Field(default=24.0, gt=0)
    remind_hours: float = Field(default=24.0, gt=0)


class Policy(_Part):
    """All parts; what a file leaves out keeps its default."""

    performance: PerformancePolicy = PerformancePolicy()
    inputs: InputsPolicy = InputsPolicy()
    concept: ConceptPolicy = ConceptPolicy()
    operations: OperationsPolicy = OperationsPolicy()
    watch: WatchPolicy = WatchPolicy()
    data: DataPolicy = DataPolicy()
    retraining: RetrainingPolicy = RetrainingPolicy()
    gate: GatePolicy = GatePolicy()
    shadow: ShadowPolicy = ShadowPolicy()


def read_policy(path: Path | None = None) -> Policy:
    """Read a policy; without a path, the default one.

    Raises:
        WorkshopError: the file cannot be read, has an unknown key or a value out of bounds.
    """
    if path is None:
        return Policy()
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise WorkshopError(f"The policy {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise WorkshopError(f"The policy {path.name} is not in UTF-8; save it in UTF-8.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise WorkshopError(f"The policy {path.name} is not valid TOML: {error}.") from error
    try:
        policy = Policy.model_validate(told)
        return policy.model_copy(update={"data": policy.data.beside(path)})
    except ValidationError as error:
        raise WorkshopError(f"The policy {path.name} is refused: {_reason(error)}") from error


def _reason(error: ValidationError) -> str:
    """The first fault, as one sentence."""
    first = error.errors()[0]
    *before, last = map(str, first["loc"])
    if first["type"] == "model_type":
        return f"{last} is a part; write [{last}] on a line of its own, and its keys below."
    if first["type"] != "extra_forbidden":
        return f"{'.'.join([*before, last])}: {first['msg'][0].lower()}{first['msg'][1:]}."
    part: type[BaseModel] = Policy
    for name in before:
        part = type(part.model_fields[name].default)
    return f"there is no {'.'.join([*before, last])}; known here: {', '.join(part.model_fields)}."
