"""The Flask app: routes that share a predictor, one form of errors, one description of it all."""

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from threading import Lock
from typing import Any

from apiflask import APIFlask
from flask import Response, jsonify

from workshop_utils import __version__
from workshop_utils.production.service.body import JsonRequest
from workshop_utils.production.service.dashboard import dashboard_routes
from workshop_utils.production.service.labelling import label_routes
from workshop_utils.production.service.loading import ModelSlot
from workshop_utils.production.service.metrics import ServiceMetrics
from workshop_utils.production.service.openapi import SECURITY_SCHEMES, complete_spec
from workshop_utils.production.service.pages import page_routes
from workshop_utils.production.service.predicting import Predictor
from workshop_utils.production.service.problems import answer_problems
from workshop_utils.production.service.requests_seen import see_requests
from workshop_utils.production.service.routes import feedback_routes, prediction_routes
from workshop_utils.production.service.sessions import SessionKeeper
from workshop_utils.production.service.settings import ServiceSettings
from workshop_utils.production.service.signing_in import session_routes
from workshop_utils.production.service.status import Readiness, health_routes, info_routes
from workshop_utils.production.service.tracing import RequestTracer
from workshop_utils.production.service.trying import try_routes
from workshop_utils.production.service.v2 import v2_infer_routes, v2_status_routes
from workshop_utils.production.store import Store

_CONFIG: Mapping[str, Any] = {
    "OPENAPI_VERSION": "3.1.0",
    "AUTO_404_RESPONSE": False,
    "AUTO_SERVERS": False,
    "AUTO_AUTH_ERROR_RESPONSE": False,
    "SECURITY_SCHEMES": SECURITY_SCHEMES,
    "INFO": {
        "description": "Texts in, probabilities of classes out. Errors are RFC 9457 problems.",
        "license": {"name": "MIT", "identifier": "MIT"},
    },
}


def create_app(
    settings: ServiceSettings,
    predictor: Predictor,
    challenger: ModelSlot,
    metrics: ServiceMetrics,
    readiness: Readiness,
    name: str,
    tracer: RequestTracer,
    texts: Store | None = None,
    store: Store | None = None,
) -> APIFlask:
    """The app, to be run by the service's server or by any other WSGI server with threads.

    Args:
        settings: of the operator.
        predictor: answers texts.
        challenger: scores in its shadow, if there is one.
        metrics: what /metrics renders.
        readiness: what /readyz tells.
        name: of the model in the V2 routes.
        tracer: is told of each request.
        texts: the store, where it keeps texts for people to label.
        store: the store, for the dashboard; None where nothing is kept.
    """
    app = APIFlask(
        __name__,
        title="Text classification",
        version=__version__,
        spec_path=None,
        docs_path=None,
        json_errors=False,
    )
    app.request_class = JsonRequest
    app.response_class = type("JsonResponse", (Response,), {"default_mimetype": "application/json"})
    app.config |= _CONFIG
    app.config["MAX_CONTENT_LENGTH"] = settings.limits.body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # no redirects: their bodies are HTML
    see_requests(app, metrics, tracer)
    answer_problems(app)
    slot, keeper = predictor.slot, SessionKeeper(settings.token)

    making_spec = Lock()

    @lru_cache(maxsize=1)
    def spec_for(labels: tuple[str, ...] | None) -> dict[str, Any]:
        plain = app.spec
        assert isinstance(plain, dict)
        return complete_spec(deepcopy(plain), name, labels)

    def spec() -> dict[str, Any]:
        """The OpenAPI document for the classes of the model that answers now, made once for them."""
        model = slot.model
        with making_spec:
            return spec_for(model.labels if model else None)

    for routes in (
        prediction_routes(predictor, settings),
        feedback_routes(predictor, settings),
        v2_infer_routes(predictor, name, settings),
        v2_status_routes(slot, name),
        health_routes(readiness),
        info_routes(slot, challenger, name, metrics, settings, texts is not None),
        page_routes(spec),
        session_routes(keeper),
        try_routes(predictor, settings, keeper),
        label_routes(predictor, settings, keeper, texts, challenger),
        dashboard_routes(keeper, store, settings.deployment, metrics.answers),
    ):
        app.register_blueprint(routes)

    @app.get("/openapi.json")
    @app.doc(hide=True)
    def openapi() -> Any:
        return jsonify(spec())

    return app
