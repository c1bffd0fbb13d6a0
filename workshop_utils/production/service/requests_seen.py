"""What happens around every request: an id, the time of arrival, a log line, metrics, careful headers."""

import logging
import re
import time
from uuid import uuid4

from apiflask import APIFlask
from flask import Response, g, request

from workshop_utils.production.service.metrics import ServiceMetrics
from workshop_utils.production.service.tracing import RequestTracer

_log = logging.getLogger(__name__)

#: Where the server leaves the time of arrival, by the clock of ``time.monotonic``.
ARRIVED = "workshop.arrived"
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def see_requests(app: APIFlask, metrics: ServiceMetrics, tracer: RequestTracer) -> None:
    """Register the hooks that run before and after every request, for the log, the metrics and the traces."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _ID.fullmatch(given) else uuid4().hex
        g.arrived = request.environ.get(ARRIVED) or time.monotonic()
        tracer.begin(request.headers, g.arrived)

    @app.after_request
    def end(response: Response) -> Response:
        request_id = g.get("request_id", "")
        rule = request.url_rule.rule if request.url_rule else "(none)"
        seconds = time.monotonic() - g.get("arrived", time.monotonic())
        metrics.requests.labels(rule, str(response.status_code)).inc()
        metrics.request_seconds.labels(rule).observe(seconds)
        metrics.answers.count(rule, response.status_code)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-ID"] = request_id
        trace_id = tracer.end(request.method, rule, response.status_code, request_id)
        quiet = request.method in ("GET", "HEAD") and response.status_code < 400
        _log.log(
            logging.DEBUG if quiet else logging.INFO,
            "answered",
            extra={
                "request_id": request_id,
                "route": rule,
                "status": response.status_code,
                "milliseconds": round(seconds * 1000, 2),
                **({"trace_id": trace_id} if trace_id else {}),
            },
        )
        return response
