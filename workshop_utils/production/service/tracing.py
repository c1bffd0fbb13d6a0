"""One trace for each request, by OpenTelemetry: where its time went. Off, unless a collector is named.

A trace holds the request from its arrival on, its wait for a core, and for each text two spans: ``tokenise``
and ``infer``. It names route, status, model and how many texts there were, and never holds a text. A client
that sends ``traceparent`` (W3C Trace Context) finds all this in its own trace; where that one is not sampled,
nothing is made.
"""

import logging
import os
import re
import time
from collections.abc import Sequence
from threading import Thread
from typing import TYPE_CHECKING, Protocol

from flask import g
from werkzeug.datastructures import Headers

from workshop_utils.errors import WorkshopError
from workshop_utils.production.service.scoring import ScoringJob, TextScore

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

#: Seconds that a stop waits for a collector that does not answer.
_PATIENCE = 3.0

#: W3C Trace Context, version 00 and those to come.
_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[0-9a-z-]{0,200})?")

#: What a client may call its method otherwise is not repeated.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestTracer(Protocol):
    """Is told of each request; all three in the thread that answers it."""

    def begin(self, headers: Headers, arrived: float) -> None:
        """It arrived, by the clock of ``time.monotonic``, with these headers."""

    def scored(self, model_version: str, job: ScoringJob, scores: Sequence[TextScore]) -> None:
        """Its texts are scored."""

    def end(self, method: str, rule: str, status: int, request_id: str) -> str:
        """It is answered; the id of its trace, or an empty text."""

    def close(self) -> None:
        """Send what waits."""


class NoTracer:
    """Traces nothing and imports nothing."""

    def begin(self, headers: Headers, arrived: float) -> None:
        """Do nothing."""

    def scored(self, model_version: str, job: ScoringJob, scores: Sequence[TextScore]) -> None:
        """Do nothing."""

    def end(self, method: str, rule: str, status: int, request_id: str) -> str:
        """No id."""
        return ""

    def close(self) -> None:
        """Nothing waits."""


class SpanTracer:
    """Makes the spans of each request.

    Args:
        provider: its sampler decides which requests are traced.
        processor: where the spans go.
    """

    def __init__(self, provider: "TracerProvider", processor: "SpanProcessor") -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        provider.add_span_processor(processor)
        self._provider, self._processor = provider, processor
        self._trace, self._finished = trace, ReadableSpan
        self._tracer = provider.get_tracer("workshop")
        self._parent_of = TraceContextTextMapPropagator().extract
        logging.getLogger("opentelemetry.trace").setLevel(logging.ERROR)  # it would quote what a client sent

    def begin(self, headers: Headers, arrived: float) -> None:
        """Begin the span of the request, in the client's trace where it has named one."""
        sent = {name: value for name in ("traceparent", "tracestate") if (value := headers.get(name))}
        if not _TRACE_PARENT.fullmatch(sent.get("traceparent", "")):
            sent = {}
        g.span_offset = time.time_ns() - time.monotonic_ns()
        g.span = self._tracer.start_span(
            "request",
            self._parent_of(sent) if sent else None,
            self._trace.SpanKind.SERVER,
            start_time=_since_1970(arrived, g.span_offset),
        )

    def scored(self, model_version: str, job: ScoringJob, scores: Sequence[TextScore]) -> None:
        """Add the wait for a core and each text's two spans, by the times that are known already."""
        request, offset = g.span, g.span_offset
        if not request.is_recording():
            return
        request.set_attributes({"workshop.model_version": model_version, "workshop.texts": len(scores)})
        parent = request.get_span_context()

        def add(name: str, begin: float, seconds: float) -> None:
            """A span that is over already needs no sampler, no lock and no events, and so less time."""
            number = self._provider.id_generator.generate_span_id()
            own = self._trace.SpanContext(
                parent.trace_id, number, False, parent.trace_flags, parent.trace_state
            )
            span = self._finished(
                name,
                own,
                parent,
                request.resource,
                start_time=_since_1970(begin, offset),
                end_time=_since_1970(begin + seconds, offset),
                instrumentation_scope=request.instrumentation_scope,
            )
            self._processor.on_end(span)

        add("queue", job.submitted, job.queue_seconds)
        for began, score in zip(job.began, scores, strict=True):
            add("tokenise", began, score.tokenise_seconds)
            add("infer", began + score.tokenise_seconds, score.infer_seconds)

    def end(self, method: str, rule: str, status: int, request_id: str) -> str:
        """End the span of the request; its trace's id."""
        span = g.span
        if span.is_recording():
            method = method if method in _METHODS else "_OTHER"
            span.update_name(f"{method} {rule}")
            span.set_attributes(
                {
                    "http.request.method": method,
                    "http.route": rule,
                    "http.response.status_code": status,
                    "workshop.request_id": request_id,
                }
            )
            if status >= 500:
                span.set_status(self._trace.StatusCode.ERROR)
        span.end()
        context = span.get_span_context()
        return self._trace.format_trace_id(context.trace_id) if context.is_valid else ""

    def close(self) -> None:
        """Send what waits; a collector that does not answer is not waited for."""
        sending = Thread(target=self._provider.shutdown, name="traces", daemon=True)
        sending.start()
        sending.join(_PATIENCE)


def _since_1970(moment: float, offset: int) -> int:
    """From the clock of ``time.monotonic`` to nanoseconds since 1970, as spans have it."""
    return int(moment * 1e9) + offset


def otlp_tracer(collector: str) -> SpanTracer:
    """A tracer that sends to a collector by OTLP over HTTP, beside the answers; nothing waits for it.

    Further settings are OpenTelemetry's own: ``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER``,
    ``OTEL_EXPORTER_OTLP_HEADERS`` and so on.

    Args:
        collector: its address, such as ``http://127.0.0.1:4318``; ``/v1/traces`` is added.

    Raises:
        WorkshopError: this is no such address.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if not collector.startswith(("http://", "https://")):
        raise WorkshopError(f"{collector!r} is no address of a collector; write it as http://127.0.0.1:4318.")
    resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME") or "workshop"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{collector.rstrip('/')}/v1/traces")
    return SpanTracer(provider, BatchSpanProcessor(exporter))
