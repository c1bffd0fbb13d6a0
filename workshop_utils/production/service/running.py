"""One service, put together: model, queue, store, app, server; and how it starts and stops."""

import logging
import os
import threading
from pathlib import Path
from types import FrameType

from workshop_utils.errors import WorkshopError
from workshop_utils.production.service.app import create_app
from workshop_utils.production.service.loading import LoadedModel, ModelSlot, load_tried, served_name
from workshop_utils.production.service.metrics import ServiceMetrics
from workshop_utils.production.service.predicting import NoLog, PredictionLog, Predictor
from workshop_utils.production.service.scoring import ScoringPool
from workshop_utils.production.service.server import ServiceServer
from workshop_utils.production.service.settings import ServiceSettings
from workshop_utils.production.service.shadow import ShadowLog
from workshop_utils.production.service.signals import on_stop_signals
from workshop_utils.production.service.status import Readiness
from workshop_utils.production.service.tracing import NoTracer, RequestTracer
from workshop_utils.production.service.watching import PointerWatch
from workshop_utils.production.store import Recorder, Store

_log = logging.getLogger(__name__)


class Service:
    """A service that is ready to run.

    With a bundle the model is loaded and tried at once. With a deployment the server starts first and is not
    ready until the pointer names a good model.

    Args:
        settings: of the operator. prediction_log: where predictions go; None keeps nothing.
        tracer: is told of each request; None traces nothing.

    Attributes:
        address: where it listens. app: the Flask app. slot: the model that answers.
        challenger: the model that scores in its shadow; only a deployment has one.

    Raises:
        WorkshopError: the bundle is refused, or it cannot listen where it should.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        prediction_log: PredictionLog | None = None,
        tracer: RequestTracer | None = None,
    ) -> None:
        folder = settings.bundle or settings.deployment
        if folder is None or (settings.bundle and settings.deployment):
            raise WorkshopError("Name one model for the service: a bundle, or a deployment.")
        self._settings = settings
        self.slot, self.challenger = ModelSlot(), ModelSlot()
        if settings.bundle:
            self.slot.swap(self._load(settings.bundle))
        self._pool = ScoringPool(settings.runs, settings.limits.queued_texts)
        metrics = ServiceMetrics()
        self._log = self._shadowed(prediction_log or NoLog(), metrics)
        self._tell(metrics)
        self._readiness = Readiness(self.slot)
        self._tracer = tracer or NoTracer()
        predictor = Predictor(settings, self.slot, self._pool, metrics, self._log, self._tracer)
        name = served_name(folder)
        texts = _kept_texts(prediction_log)
        store = prediction_log.store if isinstance(prediction_log, Recorder) else None
        self.app = create_app(
            settings, predictor, self.challenger, metrics, self._readiness, name, self._tracer, texts, store
        )
        in_flight, limits = settings.requests_in_flight, settings.limits
        self._server = ServiceServer(self.app, settings.host, settings.port, in_flight, limits)
        self._server.on_refusal = lambda status: metrics.requests.labels("(none)", str(status)).inc()
        self._server.on_disconnect = metrics.disconnected.inc
        metrics.watch("open_connections", "Connections of clients.", lambda: self._server.open_connections)
        self.address = self._server.address
        self._process = os.getpid()

    def run(self) -> None:
        """Serve until :meth:`stop`; then answer what is in flight and write what waits for the store.

        Raises:
            WorkshopError: this is a forked child of the process that made the service.
        """
        if os.getpid() != self._process:
            raise WorkshopError("This service was made before a fork; make one in the process that runs it.")
        watches = self._watches()
        for watch in watches:
            watch.start()
        self._server.run()
        for watch in watches:
            watch.close()
        lost = self._log.close()
        self._pool.close()
        self._tracer.close()
        _log.info("Stopped.", extra={"lost_records": lost})

    def stop(self) -> None:
        """Not ready from now on; safe in a signal handler. :meth:`run` returns when all is answered."""
        self._readiness.draining = True
        self._server.drain()

    def _load(self, folder: Path, version: str | None = None) -> LoadedModel:
        settings, served = self._settings, self.slot.model
        labels = served.labels if served else None
        return load_tried(folder, version, settings.runs, labels, settings.limits.smoke_seconds)

    def _watches(self) -> list[PointerWatch]:
        """Of a deployment, two: its pointers name the model that answers, and its challenger."""
        folder, seconds = self._settings.deployment, self._settings.poll_seconds
        if folder is None:
            return []
        return [
            PointerWatch(folder, "current", self._load, self.slot, seconds),
            PointerWatch(folder, "challenger", self._load, self.challenger, seconds),
        ]

    def _shadowed(self, prediction_log: PredictionLog, metrics: ServiceMetrics) -> PredictionLog:
        """The log behind the challenger, where there can be one."""
        if not self._settings.deployment:
            return prediction_log
        answers_first = getattr(prediction_log, "mode", "") != "durable"
        return ShadowLog(prediction_log, self.challenger, self._pool, metrics, answers_first)

    def _tell(self, metrics: ServiceMetrics) -> None:
        slot, pool, prediction_log = self.slot, self._pool, self._log
        metrics.tell_version(lambda: slot.model.version if slot.model else "")
        metrics.watch("queued_texts", "Texts that wait for a core.", lambda: pool.queued)
        metrics.watch("ready", "1 when texts can be classified.", lambda: slot.not_ready is None)
        metrics.count("model_swaps", "Models swapped in.", lambda: slot.swaps)
        metrics.count("model_load_failures", "Models refused.", lambda: slot.load_failures)
        challenger = self.challenger
        metrics.count("challenger_load_failures", "Challengers refused.", lambda: challenger.load_failures)
        metrics.count("dropped_records", "Predictions not stored.", lambda: prediction_log.dropped)


def _kept_texts(prediction_log: PredictionLog | None) -> Store | None:
    """The store, where it is told to keep texts."""
    if isinstance(prediction_log, Recorder) and prediction_log.store_texts:
        return prediction_log.store
    return None


def stop_on_signals(service: Service) -> None:
    """SIGTERM, Ctrl-C or a closed terminal drain the service; a second signal ends the process at once."""

    def handle(number: int, _: FrameType | None) -> None:
        if asked.is_set():
            os._exit(1)
        asked.set()
        service.stop()

    asked = threading.Event()
    on_stop_signals(handle)
