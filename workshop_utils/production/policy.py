"""What the loop promises, tolerates and does: one small TOML file, checked when it is read."""

import tomllib
from pathlib import Path
from typing import Literal

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
    """

    tolerance_points: float = Field(default=3.0, ge=0, le=50)
    smallest_rise_points: float = Field(default=3.0, gt=0, le=50)
    run_length: float = Field(default=20_000, ge=100)
    fewest_labels: int = Field(default=50, ge=1)
    level: float = Field(default=0.95, gt=0, lt=1)
    labels: Literal["all", "drawn"] = "all"


class InputsPolicy(_Part):
    """Data drift and prediction drift. ``run_length``: texts, of each of both as a whole."""

    run_length: float = Field(default=20_000, ge=100)


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


class Policy(_Part):
    """All parts; what a file leaves out keeps its default."""

    performance: PerformancePolicy = PerformancePolicy()
    inputs: InputsPolicy = InputsPolicy()
    concept: ConceptPolicy = ConceptPolicy()
    operations: OperationsPolicy = OperationsPolicy()


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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WorkshopError(f"The policy {path.name} is not valid TOML: {error}.") from error
    try:
        return Policy.model_validate(told)
    except ValidationError as error:
        raise WorkshopError(f"The policy {path.name} is refused: {_reason(error)}") from error


def _reason(error: ValidationError) -> str:
    """The first fault, as one sentence."""
    first = error.errors()[0]
    *before, last = map(str, first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{'.'.join([*before, last])}: {first['msg'][0].lower()}{first['msg'][1:]}."
    part: type[BaseModel] = Policy
    for name in before:
        part = type(part.model_fields[name].default)
    return f"there is no {'.'.join([*before, last])}; known here: {', '.join(part.model_fields)}."
