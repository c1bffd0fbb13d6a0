"""What /openapi.json says beyond what APIFlask knows: the fields of the loaded model, and the errors."""

from copy import deepcopy
from typing import Any

from workshop_utils.production.service.problems import PROBLEM_JSON

#: Statuses of the routes that score texts, and of the one that takes labels.
PREDICT_ERRORS = [400, 403, 413, 415, 422, 429, 500, 503, 504]
FEEDBACK_ERRORS = [400, 403, 404, 413, 415, 422, 429, 500, 503]
#: The token, as OpenAPI names it. It stands beside ``{}``, nothing, because tools expect 401 where a document
#: calls it required; this service says 403, with the reason.
WITH_TOKEN: list[Any] = [{"token": []}, {}]
SECURITY_SCHEMES = {"token": {"type": "http", "scheme": "bearer", "description": "Without it: 403."}}

_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Names the request, as the service's log does."},
        "runbook": {"type": "string", "description": "The page for who runs the service, if there is one."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "A JSON pointer (RFC 6901) into the body."},
                    "detail": {"type": "string"},
                },
                "required": ["pointer", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}
_V2_ERROR: dict[str, Any] = {
    "title": "V2Error",
    "description": "What went wrong, as the Open Inference Protocol V2 says it.",
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
    "additionalProperties": False,
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}


def complete_spec(spec: dict[str, Any], name: str, labels: tuple[str, ...] | None) -> dict[str, Any]:
    """APIFlask's OpenAPI document, completed.

    Args:
        spec: the document; it is changed.
        name: of the model in the V2 routes.
        labels: of the model that answers; None while there is none.
    """
    spec["tags"] = list({tag["name"]: tag for tag in spec["tags"]}.values())  # two blueprints may share one
    schemas = spec["components"]["schemas"]
    schemas |= {"Problem": deepcopy(_PROBLEM), "V2Error": deepcopy(_V2_ERROR)}
    for unused in ("HTTPError", "ValidationError"):
        schemas.pop(unused, None)
    if labels:
        _describe_answers(schemas, labels)
    for path, operations in spec["paths"].items():
        error = "V2Error" if path.startswith("/v2") else "Problem"
        media_type = "application/json" if path.startswith("/v2") else PROBLEM_JSON
        for operation in operations.values():
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = {"type": "string", "enum": [name]}
            for status, response in operation["responses"].items():
                if status >= "400":
                    schema = {"$ref": f"#/components/schemas/{error}"}
                    response["content"] = {media_type: {"schema": schema}}
                if status in ("429", "503", "504"):
                    response["headers"] = deepcopy(_RETRY_AFTER)
    return spec


def _describe_answers(schemas: dict[str, Any], labels: tuple[str, ...]) -> None:
    answer = schemas["PredictionAnswer"]
    shares = {
        f"class_{number}_probability": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": f"Probability of {label!r}.",
        }
        for number, label in enumerate(labels)
    }
    answer["properties"] = shares | answer["properties"]
    answer["required"] = [*shares, *answer["required"]]
    answer["properties"]["label"]["enum"] = list(labels)
    schemas["BatchAnswer"]["properties"]["predictions"]["items"] = {
        "$ref": "#/components/schemas/PredictionAnswer"
    }
    schemas.pop("BatchAnswer.PredictionAnswer", None)
    schemas["FeedbackRequest"]["properties"]["label"]["enum"] = list(labels)
