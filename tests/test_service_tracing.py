"""Traces of the service: one a request, complete, in the client's trace, and without a word of a text."""

import json
import logging
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.bundles import tfidf_bundle
from tests.served import served
from tests.serving import BEARER, running
from workshop_utils.cli import extras, production
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT
from workshop_utils.production.service import tracing
from workshop_utils.production.service.logs import JsonFormatter
from workshop_utils.production.service.tracing import SpanTracer, otlp_tracer

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tfidf_bundle(tmp_path_factory.mktemp("tracing") / "reviews")


class Traces:
    """What a service has traced."""

    def __init__(self):
        self._memory = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        self.tracer = SpanTracer(provider, SimpleSpanProcessor(self._memory))

    def taken(self):
        """All spans since the last time, the request's own last."""
        spans = self._memory.get_finished_spans()
        self._memory.clear()
        return list(spans)


@pytest.fixture(scope="module")
def traced(made):
    traces = Traces()
    with running(made, tracer=traces.tracer) as (client, _):
        yield client, traces


@pytest.fixture
def service(traced):
    client, traces = traced
    traces.taken()
    return client, traces


def sampled(flags="01"):
    return {"traceparent": f"00-{TRACE}-{PARENT}-{flags}", "tracestate": "shop=1"}


def test_a_request_leaves_one_trace_of_its_wait_its_tokens_and_its_computation(service):
    client, traces = service
    answer = client.post("/predict", {"text": "I love it"}, {"X-Request-ID": "order-17"}).json
    *inner, request = traces.taken()
    assert [span.name for span in inner] == ["queue", "tokenise", "infer"]
    assert request.name == "POST /predict" and request.kind is SpanKind.SERVER and request.parent is None
    assert dict(request.attributes) == {
        "workshop.model_version": answer["model_version"],
        "workshop.texts": 1,
        "workshop.request_id": "order-17",
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
    }
    assert {span.parent.span_id for span in inner} == {request.context.span_id}
    assert {span.context.trace_id for span in inner} == {request.context.trace_id}
    moments = [request.start_time, *(t for span in inner for t in (span.start_time, span.end_time))]
    assert moments == sorted(moments) and inner[-1].end_time <= request.end_time


def test_each_text_of_a_batch_has_its_own_two_spans(service):
    client, traces = service
    assert client.post("/predict/batch", {"text": [f"text {n}" for n in range(7)]}).status == 200
    spans = traces.taken()
    names = [span.name for span in spans]
    assert (names.count("queue"), names.count("tokenise"), names.count("infer")) == (1, 7, 7)
    assert spans[-1].attributes["workshop.texts"] == 7
    assert len({span.context.trace_id for span in spans}) == 1


def test_a_clients_trace_is_continued(service):
    client, traces = service
    client.post("/predict", {"text": "I love it"}, sampled())
    spans = traces.taken()
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE}
    assert f"{spans[-1].parent.span_id:016x}" == PARENT and spans[-1].parent.is_remote
    assert spans[-1].context.trace_state["shop"] == "1"


def test_a_client_that_is_not_sampled_leaves_nothing(service):
    client, traces = service
    assert client.post("/predict", {"text": "I love it"}, sampled("00")).status == 200
    assert traces.taken() == []


def test_what_a_client_sends_as_trace_state_is_not_told_in_the_log(service, caplog):
    client, _ = service
    headers = sampled() | {"tracestate": "I hate Bob, a=b=c, ,=, " + "k" * 600 + "=1"}
    assert client.post("/predict", {"text": "I love it"}, headers).status == 200
    assert client.post("/predict", {"text": "I love it"}, {"traceparent": "I hate Bob"}).status == 200
    assert "Bob" not in caplog.text and "kkkk" not in caplog.text


@pytest.mark.parametrize(
    "header",
    [
        "",
        "x",
        "00-" + "0" * 32 + f"-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        "ä" * 55,
        "9" * 5000,
    ],
)
def test_a_header_that_is_none_begins_a_trace_of_its_own(service, header):
    client, traces = service
    headers = {"traceparent": header.encode(), "tracestate": b"=,,=;;" * 100}
    assert client.post("/predict", {"text": "I love it"}, headers).status == 200
    request = traces.taken()[-1]
    assert request.parent is None and f"{request.context.trace_id:032x}" != TRACE


@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    [
        ("POST", "/predict", "POST /predict", 415),
        ("GET", "/secretword/17", "GET (none)", 404),
        ("SECRETWORD", "/predict", "_OTHER (none)", 405),
        ("GET", "/livez", "GET /livez", 200),
        ("GET", "/v2/models/secretword", "GET /v2/models/<model_name>", 404),
    ],
)
def test_a_refused_request_is_traced_by_its_route_and_not_by_what_was_sent(
    service, method, path, name, status
):
    client, traces = service
    assert client.request(method, path).status == status
    (request,) = traces.taken()
    assert request.name == name and request.attributes["http.response.status_code"] == status
    assert request.status.status_code is StatusCode.UNSET, "the client's mistake is no error of the service"


def test_an_error_of_the_service_is_one_in_the_trace(made):
    traces = Traces()
    with running(made, tracer=traces.tracer) as (client, service):
        service.slot.model = None
        assert client.predict("a text").status == 503
        (request,) = traces.taken()
    assert request.status.status_code is StatusCode.ERROR and request.events == ()


def test_no_span_holds_a_text_a_label_or_the_token(service):
    client, traces = service
    client.post("/predict", {"text": "sekret lovely"}, BEARER)
    client.post("/predict/batch", {"text": ["sekret", "sekret positive"]})
    client.post("/feedback", {"prediction_id": "sekret", "label": "positive"}, BEARER)
    client.request("POST", "/", b"text=sekret", {"Content-Type": "application/x-www-form-urlencoded"})
    spans = traces.taken()
    written = " ".join(span.to_json() for span in spans)
    assert len(spans) == 4 + 3 + 5 + 3 and "sekret" not in written
    assert not {"lovely", "positive", BEARER["Authorization"].decode()[7:]} & set(written.split('"'))


def test_the_log_line_names_the_trace(service, caplog):
    client, _ = service
    with caplog.at_level(logging.INFO):
        client.post("/predict", {"text": "I love it"}, sampled())
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert [line["trace_id"] for line in lines if line["message"] == "answered"] == [TRACE]


def test_opentelemetry_may_be_switched_off_by_its_own_variable(made, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    traces = Traces()
    with caplog.at_level(logging.INFO), running(made, tracer=traces.tracer) as (client, _):
        assert client.predict("I love it").status == 200
    assert traces.taken() == [] and not [line for line in caplog.records if hasattr(line, "trace_id")]


def test_without_a_collector_nothing_of_opentelemetry_is_imported(made):
    code = (
        "import sys\nfrom tests.serving import running\nfrom pathlib import Path\n"
        f"with running(Path({str(made)!r})) as (client, _):\n"
        "    assert client.predict('I love it').status == 200\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout == "[]\n"


# the collector


class Collector:
    """A collector of traces on this machine."""

    def __init__(self):
        self.requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.requests.append((handler.path, ExportTraceServiceRequest.FromString(body)))
                handler.send_response(200)
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGTERM")
@pytest.mark.parametrize("by_option", [True, False], ids=["option", "variable"])
def test_a_served_process_sends_its_traces_to_the_collector_before_it_ends(made, home, by_option):
    with Collector() as collector:
        option = ["--trace-to", collector.address + "/"] if by_option else []
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": None if by_option else collector.address}
        with served(home, "--bundle", made, *option, **variables) as process:
            assert process.client.post("/predict", {"text": "I love it"}, sampled()).status == 200
            process.process.terminate()
            assert process.end() == 0
    assert {path for path, _ in collector.requests} == {"/v1/traces"}
    resources = [each for _, sent in collector.requests for each in sent.resource_spans]
    spans = [span for each in resources for scope in each.scope_spans for span in scope.spans]
    assert {span.name for span in spans} == {"POST /predict", "queue", "tokenise", "infer"}
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    names = {
        each.value.string_value for each in resources[0].resource.attributes if each.key == "service.name"
    }
    assert names == {"workshop"}


def test_a_collector_that_hangs_holds_up_no_answer_and_no_stop(made, monkeypatch):
    monkeypatch.setattr(tracing, "_PATIENCE", 0.01)
    go, closed = threading.Event(), threading.Event()

    class Hanging(SpanExporter):
        def export(self, spans):
            raise AssertionError("not asked")

        def shutdown(self):
            go.wait(60)
            closed.set()

    provider = TracerProvider(shutdown_on_exit=False)
    SpanTracer(provider, SimpleSpanProcessor(Hanging())).close()
    assert not closed.is_set()
    go.set()
    assert closed.wait(60)


def test_where_nobody_collects_the_answers_come_and_the_service_stops(made, home):
    with served(home, "--bundle", made, "--trace-to", "http://127.0.0.1:9") as process:
        assert [process.client.predict(f"text {n}").status for n in range(20)] == [200] * 20
        process.process.terminate()
        assert process.end() == (0 if os.name != "nt" else 1)


@pytest.mark.parametrize("address", ["", "127.0.0.1:4318", "ftp://x"])
def test_what_is_no_address_of_a_collector_is_told(address):
    with pytest.raises(WorkshopError, match="is no address of a collector; write it as http"):
        otlp_tracer(address)


def test_without_the_extra_one_sentence_says_what_brings_it(monkeypatch):
    find = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if ".otlp" in name else find(name))
    with pytest.raises(WorkshopError) as error:
        production._tracer("http://127.0.0.1:9", was_typed=True)
    assert str(error.value) == (
        "`workshop serve --trace-to` needs opentelemetry.exporter.otlp.proto.http, which is not installed; "
        "`pip install -c requirements.lock '.[trace]'` brings it."
    )


def test_a_module_in_a_package_that_is_not_there_is_missing():
    with pytest.raises(WorkshopError, match=r"`x` needs nowhere\.at\.all"):
        extras.need("x", "trace", ["nowhere.at.all"])


#: A machine that lacks the extra; what it has is found as ever.
WITHOUT_EXTRA = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if "opentelemetry" in name else find(name, *more)
sys.argv[0] = "workshop"
from workshop_utils.cli import main
main()
"""


@pytest.mark.parametrize("start", [None, WITHOUT_EXTRA], ids=["no address", "no extra"])
def test_what_the_environment_says_of_traces_keeps_no_service_from_starting(made, home, start):
    """Platforms set this variable for every program on a machine."""
    address = "http://127.0.0.1:9" if start else "collector:4317"
    options = {"start": [sys.executable, "-u", "-c", start]} if start else {}
    with served(home, "--bundle", made, OTEL_EXPORTER_OTLP_ENDPOINT=address, **options) as process:
        assert process.client.predict("I love it").status == 200
        process.process.terminate()
        process.end()
        assert process.told.count("no traces are sent: ") == 1
        assert ("'.[trace]'` brings it." if start else "is no address of a collector") in process.told


def test_where_the_option_is_typed_a_collector_that_cannot_be_told_is_an_error(made, home):
    command = [sys.executable, "-c", WITHOUT_EXTRA, "serve", "--bundle", str(made), "--port", "0"]
    told = subprocess.run(
        [*command, "--trace-to", "http://127.0.0.1:9"],
        cwd=ROOT,
        env=os.environ | {"WORKSHOP_HOME": str(home), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        encoding="utf-8",
    )
    assert told.returncode == 1 and told.stdout == ""
    assert told.stderr.startswith("`workshop serve --trace-to` needs opentelemetry.sdk")
