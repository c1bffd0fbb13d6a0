"""``POST /alerts`` in the form of Alertmanager's webhook: a round begins at once."""

from collections.abc import Callable
from typing import Any, Literal

from apiflask import APIBlueprint, APIFlask
from flask import Response, g, jsonify, request
from pydantic import BaseModel, ConfigDict, Field

from workshop_utils.production.service.access import token_check
from workshop_utils.production.service.body import JsonRequest
from workshop_utils.production.service.metrics import ServiceMetrics
from workshop_utils.production.service.problems import Problem, answer_problems, problem_body
from workshop_utils.production.service.requests_seen import see_requests
from workshop_utils.production.service.server import ServiceServer
from workshop_utils.production.service.settings import Limits
from workshop_utils.production.service.tracing import NoTracer

_LIMITS = Limits(connections=100, drain_seconds=2.0)
_THREADS = 2


class AlertState(BaseModel):
    """One alert of a message; only whether it is over is read."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["firing", "resolved"]


class AlertMessage(BaseModel):
    """What Alertmanager posts (``webhook_configs``, version 4); other members are not looked at."""

    model_config = ConfigDict(extra="ignore")

    version: Literal["4"]
    status: Literal["firing", "resolved"]
    alerts: list[AlertState] = Field(max_length=10_000)


def create_listener(token: str | None, ask: Callable[[], None], host: str, port: int) -> ServiceServer:
    """The server that waits for alerts.

    Args:
        token: what ``Authorization: Bearer`` must carry; None: nobody can.
        ask: begins a run, or lets one follow; returns at once.
        host: where to listen.
        port: the same; 0 takes a free one.

    Raises:
        WorkshopError: it cannot listen there.
    """
    return ServiceServer(_app(token, ask), host, port, _THREADS, _LIMITS)


def _app(token: str | None, ask: Callable[[], None]) -> APIFlask:
    app = APIFlask(__name__, spec_path=None, docs_path=None, json_errors=False)
    app.request_class = JsonRequest
    app.config |= {"AUTO_404_RESPONSE": False, "MAX_CONTENT_LENGTH": _LIMITS.body_bytes}
    app.url_map.merge_slashes = False  # no redirects: their bodies are HTML
    see_requests(app, ServiceMetrics(), NoTracer())
    answer_problems(app)
    app.register_blueprint(_alert_routes(token, ask))

    @app.get("/livez")
    def livez() -> Any:
        return jsonify({"status": "alive"})

    @app.errorhandler(404)
    def unknown(_: Exception) -> Response:
        problem = Problem(404, "There is no such route; the watch has POST /alerts and GET /livez.")
        body, media_type = problem_body(problem, request.path, g.get("request_id", ""))
        return app.response_class(body, 404, content_type=media_type)

    return app


def _alert_routes(token: str | None, ask: Callable[[], None]) -> APIBlueprint:
    routes = APIBlueprint("alerts", __name__)
    routes.before_request(token_check(token))

    @routes.post("/alerts")
    @routes.input(AlertMessage)
    def alerts(json_data: AlertMessage) -> Any:
        """Begin a run when something is firing."""
        if json_data.status == "resolved" or all(each.status == "resolved" for each in json_data.alerts):
            return jsonify({"started": False, "detail": "Nothing is firing, so nothing is started."})
        ask()
        return jsonify(
            {"started": True, "detail": "The model is monitored now; the policy says what follows."}
        ), 202

    return routes
