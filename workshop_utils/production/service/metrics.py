"""What Prometheus reads. The number of series depends on routes and classes, never on what clients send."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from workshop_utils.production.service.answer_history import AnswerHistory
from workshop_utils.production.service.scoring import ScoringJob, TextScore

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ServiceMetrics:
    """The metrics of one service, in a registry of its own.

    Attributes:
        registry: what /metrics renders.
        requests: by the rule of the route (never the path) and status. request_seconds: by rule.
        texts, truncated: texts scored, and those of which the model read a part.
        labels: answers by label. queue, tokenise, infer: seconds; infer is one text's.
        rejected: requests refused by reason. disconnected: clients that left before their answer.
        answers: requests for a prediction over time, for the dashboard; Prometheus reads ``requests``.
        shadow_texts, shadow_disagreements, shadow_dropped: a challenger scored, answered otherwise, missed.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = self._counter("requests", "Requests answered.", "route", "code")
        self.request_seconds = self._histogram(
            "request_seconds", "Arrival of a request to its answer.", "route"
        )
        self.texts = self._counter("texts", "Texts scored.")
        self.truncated = self._counter("truncated_texts", "Texts of which the model read only a part.")
        self.labels = self._counter("labels", "Answers by label.", "label")
        self.queue = self._histogram("queue_seconds", "A request's wait for a core.")
        self.tokenise = self._histogram("tokenise_seconds", "Text to token ids, per text.")
        self.infer = self._histogram("infer_seconds", "The model's computation, per text.")
        self.answers = AnswerHistory()
        self.rejected = self._counter("rejected_requests", "Requests refused, by reason.", "reason")
        self.disconnected = self._counter("disconnected_clients", "Clients that left before their answer.")
        self.shadow_texts = self._counter("shadow_texts", "Texts that a challenger scored.")
        self.shadow_disagreements = self._counter("shadow_disagreements", "Those it answered otherwise.")
        self.shadow_dropped = self._counter("shadow_dropped_texts", "Texts it had no time for.")
        for reason in ("queue", "deadline", "not_ready", "store"):
            self.rejected.labels(reason)

    def scored(self, job: ScoringJob, scores: list[TextScore]) -> None:
        """Count what one request's texts took."""
        self.queue.observe(job.queue_seconds)
        self.texts.inc(len(scores))
        for score in scores:
            self.tokenise.observe(score.tokenise_seconds)
            self.infer.observe(score.infer_seconds)
            self.labels.labels(score.label).inc()
            self.truncated.inc(score.truncated)

    def watch(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """A gauge that is read when Prometheus asks."""
        Gauge(f"workshop_{name}", help_text, registry=self.registry).set_function(read)

    def count(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """A counter that somebody else keeps, read when Prometheus asks."""
        self.registry.register(_ReadCounter(f"workshop_{name}", help_text, read))

    def tell_version(self, read: Callable[[], str]) -> None:
        """One series whose label names the model that answers."""
        self.registry.register(_VersionInfo(read))

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"workshop_{name}", help_text, labels, registry=self.registry)

    def _histogram(self, name: str, help_text: str, *labels: str) -> Histogram:
        return Histogram(f"workshop_{name}", help_text, labels, registry=self.registry, buckets=_BUCKETS)


class _ReadCounter(Collector):
    def __init__(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        self._name, self._help, self._read = name, help_text, read

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._help, value=self._read())


class _VersionInfo(Collector):
    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("workshop_model_info", "The model that answers.", labels=["model_version"])
        family.add_metric([self._read()], 1)
        yield family
