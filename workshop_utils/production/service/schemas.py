"""What the routes take and answer. Unknown members are refused: a misspelt one is never ignored."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    StringConstraints,
    WithJsonSchema,
)

#: At least one sign that is neither white space nor a control character; the same in every regex dialect.
VISIBLE = r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"

Text = Annotated[str, StringConstraints(min_length=1, pattern=VISIBLE)]
#: The first one that is none is told, and no other: a megabyte of them would cost seconds.
Texts = Annotated[list[Text], FailFast(), Field(min_length=1)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_text_schema = {"type": "string", "minLength": 1, "pattern": VISIBLE}
_one_text_schema = {
    "anyOf": [_text_schema, {"type": "array", "items": _text_schema, "minItems": 1, "maxItems": 1}],
    "description": "One text, or a list of one; /predict/batch takes more.",
    "examples": [["I love this product!"]],
}
OneText = Annotated[
    list[Text], Field(min_length=1, max_length=1), BeforeValidator(_as_list), WithJsonSchema(_one_text_schema)
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PredictRequest(_Body):
    """One text to classify."""

    text: OneText


class BatchRequest(_Body):
    """Texts to classify."""

    text: Texts = Field(description="/info says how many at most.")


class FeedbackRequest(_Body):
    """The true label of a prediction, given by a person."""

    prediction_id: str = Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")
    label: str = Field(min_length=1, max_length=1000)
    labelled_by: str = Field("api", min_length=1, max_length=100, pattern=VISIBLE)
    source: Literal["person"] = "person"


class PredictionAnswer(_Body):
    """One text, classified; also ``class_i_probability`` for each class of the model."""

    label: str
    truncated: bool = Field(description="Did the model read only a part of the text?")
    model_version: str
    prediction_id: str = Field(description="For the true label, later: POST /feedback.")


class BatchAnswer(_Body):
    """The texts, classified, in their order."""

    predictions: list[PredictionAnswer]


class FeedbackAnswer(_Body):
    """What became of the label."""

    prediction_id: str
    result: Literal["new", "unchanged", "changed", "withdrawn"]


class LiveAnswer(_Body):
    """The process answers."""

    status: Literal["alive"] = "alive"


class ReadyAnswer(_Body):
    """The service can classify texts; ``last_failure`` tells of a newer model that was refused.

    ``runbook`` is the page about that.
    """

    status: Literal["ready"] = "ready"
    model_version: str
    load_failures: int
    last_failure: str | None
    runbook: str | None = None


class InfoAnswer(_Body):
    """Limits, threads and versions."""

    service: str
    version: str
    model_name: str
    model_version: str | None
    challenger_version: str | None
    challenger_failure: str | None
    limits: dict[str, float] = Field(description="What is accepted, and how long it is waited for.")
    threads: dict[str, int]
    predict_needs_token: bool
    has_token: bool
    stores_texts: bool
    versions: dict[str, str]


class ServerMetadata(_Body):
    """Open Inference Protocol V2: the server."""

    name: str
    version: str
    extensions: list[str] = []


class HealthAnswer(_Body):
    """Open Inference Protocol V2: alive, ready."""

    live: bool | None = None
    ready: bool | None = None


class TensorMetadata(_Body):
    """Open Inference Protocol V2: a tensor; -1 in a shape is any length."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(_Body):
    """Open Inference Protocol V2: the model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


def _as_integer(value: Any) -> Any:
    """JSON knows one kind of number: 1.0 is an integer, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Length = Annotated[int, Field(ge=1, le=1 << 31), BeforeValidator(_as_integer)]


class InputTensor(_Body):
    """The one input of the model: texts, of shape [n] or [n, 1]."""

    name: Literal["text"]
    shape: list[Length] = Field(min_length=1, max_length=2)
    datatype: Literal["BYTES"]
    data: Texts
    parameters: dict[str, Any] | None = None


class RequestedOutput(_Body):
    """The name of an output that is wanted."""

    name: Literal["probabilities", "label", "truncated", "prediction_id"]
    parameters: dict[str, Any] | None = None


class InferRequest(_Body):
    """Open Inference Protocol V2: texts to classify."""

    id: str | None = Field(None, max_length=200)
    parameters: dict[str, Any] | None = None
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[RequestedOutput] | None = Field(None, max_length=16)


class OutputTensor(_Body):
    """Open Inference Protocol V2: an output; FP32, BYTES or BOOL, its data row by row."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float] | list[str] | list[bool]


class InferAnswer(_Body):
    """Open Inference Protocol V2: the texts, classified."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]
