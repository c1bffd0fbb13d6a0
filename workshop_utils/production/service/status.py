"""/livez, /readyz, /info, /model and /metrics."""

import sys
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from workshop_utils import __version__
from workshop_utils.models.bundle.cores import usable_cores
from workshop_utils.production.runbooks import BAD_BUNDLE, DOES_NOT_START, SLOW_OR_FAILING
from workshop_utils.production.service.body import MAX_DEPTH, MAX_MEMBERS
from workshop_utils.production.service.loading import ModelSlot
from workshop_utils.production.service.metrics import ServiceMetrics
from workshop_utils.production.service.problems import try_later
from workshop_utils.production.service.schemas import InfoAnswer, LiveAnswer, ReadyAnswer
from workshop_utils.production.service.settings import ServiceSettings

_CARD: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "OK",
        "content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}},
    },
    503: {"description": "No model answers yet."},
}
_LINES: dict[int | str, dict[str, Any]] = {
    200: {"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


class Readiness:
    """May a load balancer send requests here?

    Attributes:
        draining: the service was asked to stop.
    """

    def __init__(self, slot: ModelSlot) -> None:
        self.slot, self.draining = slot, False

    @property
    def reason_against(self) -> str | None:
        """Why not; None when it may."""
        return "The service is stopping." if self.draining else self.slot.not_ready

    @property
    def runbook(self) -> str | None:
        """The page about that; None for what passes by itself."""
        if self.draining or (self.slot.model is None and not self.slot.load_failures):
            return None
        return DOES_NOT_START if self.slot.model is None else SLOW_OR_FAILING


def health_routes(readiness: Readiness) -> APIBlueprint:
    """Alive, and ready."""
    routes = APIBlueprint("health", __name__, tag="Health")

    @routes.get("/livez")
    @routes.output(LiveAnswer)
    @routes.doc(operation_id="livez")
    def livez() -> Any:
        """Does the process answer?"""
        return jsonify({"status": "alive"})

    @routes.get("/readyz")
    @routes.output(ReadyAnswer)
    @routes.doc(operation_id="readyz", responses=[503])
    def readyz() -> Any:
        """Can the service classify texts?"""
        slot, model = readiness.slot, readiness.slot.model
        if (reason := readiness.reason_against) or model is None:
            raise try_later(503, reason or slot.waiting_for, 1, readiness.runbook)
        return jsonify(
            {
                "status": "ready",
                "model_version": model.version,
                "load_failures": slot.load_failures,
                "last_failure": slot.last_failure,
                "runbook": BAD_BUNDLE if slot.last_failure else None,
            }
        )

    return routes


def info_routes(
    slot: ModelSlot,
    challenger: ModelSlot,
    name: str,
    metrics: ServiceMetrics,
    settings: ServiceSettings,
    stores_texts: bool,
) -> APIBlueprint:
    """What this service is, what it accepts, and how it fares."""
    routes = APIBlueprint("info", __name__, tag="Information")
    packages = {package: version(package) for package in ("flask", "tokenizers", "waitress")}

    @routes.get("/info")
    @routes.output(InfoAnswer)
    @routes.doc(operation_id="info")
    def info() -> Any:
        """Limits, threads and versions."""
        model = slot.model
        return jsonify(
            {
                "service": "workshop",
                "version": __version__,
                "model_name": name,
                "model_version": model.version if model else None,
                "challenger_version": shadow.version if (shadow := challenger.model) else None,
                "challenger_failure": challenger.last_failure,
                "limits": asdict(settings.limits) | {"json_depth": MAX_DEPTH, "json_members": MAX_MEMBERS},
                "threads": {
                    "cores": usable_cores(),
                    "runs": settings.runs,
                    "threads_per_run": 1,
                    "requests_in_flight": settings.requests_in_flight,
                },
                "predict_needs_token": settings.predict_needs_token,
                "has_token": settings.token is not None,
                "stores_texts": stores_texts,
                "versions": {"python": sys.version.split()[0]} | packages,
            }
        )

    @routes.get("/model")
    @routes.doc(operation_id="model", responses=_CARD)
    def model() -> Any:
        """The card of the model that answers."""
        current = slot.model
        if current is None:
            raise try_later(503, slot.waiting_for, 1)
        names = {"model_name": name, "model_version": current.version, "bundle_sha256": current.bundle.sha256}
        return jsonify(names | current.bundle.card.model_dump(mode="json"))

    @routes.get("/metrics")
    @routes.doc(operation_id="metrics", responses=_LINES)
    def prometheus() -> Any:
        """What Prometheus reads."""
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes
