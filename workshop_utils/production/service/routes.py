"""/predict, /predict/batch and /feedback."""

from typing import Any

from apiflask import APIBlueprint
from flask import g, jsonify

from workshop_utils.production.service.access import token_check
from workshop_utils.production.service.openapi import FEEDBACK_ERRORS, PREDICT_ERRORS, WITH_TOKEN
from workshop_utils.production.service.predicting import Predictor
from workshop_utils.production.service.schemas import (
    BatchAnswer,
    BatchRequest,
    FeedbackAnswer,
    FeedbackRequest,
    PredictionAnswer,
    PredictRequest,
)
from workshop_utils.production.service.settings import ServiceSettings
from workshop_utils.production.store import Feedback, Prediction

_FEEDBACK_LINK = {
    "trueLabel": {
        "operationId": "feedback",
        "requestBody": {"prediction_id": "$response.body#/prediction_id", "label": "$response.body#/label"},
        "description": "The true label of this prediction.",
    }
}


def prediction_routes(predictor: Predictor, settings: ServiceSettings) -> APIBlueprint:
    """/predict and /predict/batch; beyond this machine they need the token, unless they are open."""
    routes = APIBlueprint("predictions", __name__, tag="Predictions")
    if settings.predict_needs_token:
        routes.before_request(token_check(settings.token))
    security = WITH_TOKEN if settings.predict_needs_token else None

    @routes.post("/predict")
    @routes.input(PredictRequest)
    @routes.output(PredictionAnswer, links=_FEEDBACK_LINK)
    @routes.doc(operation_id="predict", responses=PREDICT_ERRORS, security=security)
    def predict(json_data: PredictRequest) -> Any:
        """Classify one text, now."""
        return jsonify(as_answer(predictor.predict(json_data.text, "/predict", g.request_id, g.arrived)[0]))

    @routes.post("/predict/batch")
    @routes.input(BatchRequest)
    @routes.output(BatchAnswer)
    @routes.doc(operation_id="predictBatch", responses=PREDICT_ERRORS, security=security)
    def predict_batch(json_data: BatchRequest) -> Any:
        """Classify several texts, in their order, each as if it were alone."""
        found = predictor.predict(json_data.text, "/predict/batch", g.request_id, g.arrived)
        return jsonify({"predictions": [as_answer(prediction) for prediction in found]})

    return routes


def feedback_routes(predictor: Predictor, settings: ServiceSettings) -> APIBlueprint:
    """/feedback; it always needs the token."""
    routes = APIBlueprint("labels", __name__, tag="Labels")
    routes.before_request(token_check(settings.token))

    @routes.post("/feedback")
    @routes.input(FeedbackRequest)
    @routes.output(FeedbackAnswer)
    @routes.doc(operation_id="feedback", responses=FEEDBACK_ERRORS, security=WITH_TOKEN)
    def feedback(json_data: FeedbackRequest) -> Any:
        """Tell the true label of a prediction; again, and nothing changes."""
        given = Feedback(json_data.prediction_id, json_data.label, json_data.labelled_by, json_data.source)
        return {"prediction_id": given.prediction_id, "result": predictor.add_feedback(given)}

    return routes


def as_answer(prediction: Prediction) -> dict[str, Any]:
    """A prediction as /predict answers it."""
    shares = {f"class_{n}_probability": share for n, share in enumerate(prediction.probabilities)}
    return shares | {
        "label": prediction.label,
        "truncated": prediction.truncated,
        "model_version": prediction.model_version,
        "prediction_id": prediction.prediction_id,
    }
