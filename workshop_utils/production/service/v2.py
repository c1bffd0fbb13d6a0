"""The Open Inference Protocol V2, as KServe and Triton speak it: the same scores under other names."""

from math import prod
from typing import Any

from apiflask import APIBlueprint
from flask import g, jsonify

from workshop_utils import __version__
from workshop_utils.production.service.access import token_check
from workshop_utils.production.service.loading import ModelSlot
from workshop_utils.production.service.openapi import PREDICT_ERRORS, WITH_TOKEN
from workshop_utils.production.service.predicting import Predictor
from workshop_utils.production.service.problems import Problem, try_later
from workshop_utils.production.service.schemas import (
    HealthAnswer,
    InferAnswer,
    InferRequest,
    InputTensor,
    ModelMetadata,
    ServerMetadata,
)
from workshop_utils.production.service.settings import ServiceSettings
from workshop_utils.production.store import Prediction


def v2_infer_routes(predictor: Predictor, name: str, settings: ServiceSettings) -> APIBlueprint:
    """``POST /v2/models/NAME/infer``; it needs the token where /predict does."""
    routes = APIBlueprint("v2_infer", __name__, tag="Open Inference Protocol V2")
    if settings.predict_needs_token:
        routes.before_request(token_check(settings.token))

    @routes.post("/v2/models/<model_name>/infer")
    @routes.input(InferRequest)
    @routes.output(InferAnswer)
    @routes.doc(
        operation_id="v2Infer",
        responses=[404, *PREDICT_ERRORS],
        security=WITH_TOKEN if settings.predict_needs_token else None,
    )
    def v2_infer(model_name: str, json_data: InferRequest) -> Any:
        """Classify texts: one BYTES tensor in, probabilities, labels and more out."""
        _refuse_other(model_name, name)
        texts = _texts_of(json_data.inputs[0])
        route = "/v2/models/<model_name>/infer"
        found = predictor.predict(texts, route, g.request_id, g.arrived)
        wanted = {each.name for each in json_data.outputs or ()}
        answer: dict[str, Any] = {"model_name": name, "model_version": found[0].model_version}
        if json_data.id is not None:
            answer["id"] = json_data.id
        answer["outputs"] = [each for each in _outputs(found) if not wanted or each["name"] in wanted]
        return jsonify(answer)

    return routes


def v2_status_routes(slot: ModelSlot, name: str) -> APIBlueprint:
    """Health and metadata of the protocol."""
    routes = APIBlueprint("v2", __name__, url_prefix="/v2", tag="Open Inference Protocol V2")

    @routes.get("")
    @routes.output(ServerMetadata)
    @routes.doc(operation_id="v2Server")
    def v2_server() -> Any:
        """The server."""
        return {"name": "workshop", "version": __version__, "extensions": []}

    @routes.get("/health/live")
    @routes.output(HealthAnswer)
    @routes.doc(operation_id="v2Live")
    def v2_live() -> Any:
        """Does the process answer?"""
        return jsonify({"live": True})

    @routes.get("/health/ready")
    @routes.output(HealthAnswer)
    @routes.doc(operation_id="v2Ready", responses=[503])
    def v2_ready() -> Any:
        """Can the service classify texts?"""
        _refuse_unready(slot)
        return jsonify({"ready": True})

    @routes.get("/models/<model_name>/ready")
    @routes.output(HealthAnswer)
    @routes.doc(operation_id="v2ModelReady", responses=[404, 503])
    def v2_model_ready(model_name: str) -> Any:
        """Can this model classify texts?"""
        _refuse_other(model_name, name)
        _refuse_unready(slot)
        return jsonify({"ready": True})

    @routes.get("/models/<model_name>")
    @routes.output(ModelMetadata)
    @routes.doc(operation_id="v2Model", responses=[404, 503])
    def v2_model(model_name: str) -> Any:
        """The model's inputs and outputs."""
        _refuse_other(model_name, name)
        model = slot.model
        if model is None:
            raise try_later(503, slot.waiting_for, 1)
        outputs = [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, len(model.labels)]},
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "truncated", "datatype": "BOOL", "shape": [-1]},
            {"name": "prediction_id", "datatype": "BYTES", "shape": [-1]},
        ]
        return {
            "name": name,
            "versions": [model.version],
            "platform": f"workshop_{model.bundle.card.kind}",
            "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
            "outputs": outputs,
        }

    return routes


def _texts_of(tensor: InputTensor) -> list[str]:
    flat = tensor.shape if len(tensor.shape) == 1 else [*tensor.shape, 1][:2]
    if prod(flat) != len(tensor.data) or (len(flat) == 2 and flat[1] != 1):
        detail = f"The shape must be [{len(tensor.data)}] or [{len(tensor.data)}, 1], as data says"
        raise Problem(422, "The input's shape is not that of its data.", [("/inputs/0/shape", detail)])
    return tensor.data


def _outputs(found: list[Prediction]) -> list[dict[str, Any]]:
    count, classes = len(found), len(found[0].labels)
    shares = [share for each in found for share in each.probabilities]
    return [
        {"name": "probabilities", "shape": [count, classes], "datatype": "FP32", "data": shares},
        {"name": "label", "shape": [count], "datatype": "BYTES", "data": [each.label for each in found]},
        {"name": "truncated", "shape": [count], "datatype": "BOOL", "data": [p.truncated for p in found]},
        {
            "name": "prediction_id",
            "shape": [count],
            "datatype": "BYTES",
            "data": [p.prediction_id for p in found],
        },
    ]


def _refuse_other(asked: str, name: str) -> None:
    if asked != name:
        raise Problem(404, f"There is no model of that name here; the one that answers is {name}.")


def _refuse_unready(slot: ModelSlot) -> None:
    if reason := slot.not_ready:
        raise try_later(503, reason, 1)
