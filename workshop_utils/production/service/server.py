"""waitress, hard to knock over: health has threads of its own, nobody holds all connections, a stop drains.

The main thread reads and writes all sockets and never waits for one client. A request gets a thread only when
it has arrived whole, so a slow client costs a connection and no thread. What is sent ahead (pipelining, RFC
9112, section 9.3.2) is parsed when the answer before it is sent, so a crowd cannot keep the main thread busy.
"""

import logging
import re
import selectors
import socket
import time
from collections.abc import Callable
from threading import Lock
from typing import Any
from wsgiref.types import WSGIApplication

from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask

from workshop_utils.errors import WorkshopError
from workshop_utils.production.service.listening import refuse_newcomers
from workshop_utils.production.service.parsing import StrictParser
from workshop_utils.production.service.problems import Problem, problem_body
from workshop_utils.production.service.requests_seen import ARRIVED
from workshop_utils.production.service.settings import Limits

_log = logging.getLogger(__name__)

#: These answer at once, whatever else waits.
_HEALTH_PATHS = frozenset({"/livez", "/readyz", "/metrics", "/info", "/v2/health/live", "/v2/health/ready"})
_READY = re.compile(r"/v2/models/[^/]+/ready")
#: To look at these waits for the store.
_STORE_PATHS = frozenset({"/dashboard", "/label"})
_HEALTH_THREADS, _LOOK_THREADS, _SPARE_THREADS = 2, 8, 8
_CROWD = 16
_HANDSHAKE_SECONDS = 0.1  # after a drain began, who was just connecting may still do so
_IDLE_BEFORE_STOP = 0.5  # a kept connection is closed in a drain when nothing has come for so many seconds
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 64 << 20


class _Lanes:
    """Three lines of tasks, each with threads of its own: health, what is only looked at, and all else.

    Many threads are for requests that wait, for a score or the store. What is only looked at waits for
    nothing: more threads would only take the interpreter from the loop that reads and writes the sockets.
    """

    def __init__(self, threads: int) -> None:
        self._health, self._looks, self._work = (ThreadedTaskDispatcher() for _ in range(3))
        self._health.set_thread_count(_HEALTH_THREADS)
        self._looks.set_thread_count(_LOOK_THREADS)
        self._work.set_thread_count(threads)

    def add_task(self, channel: "_Channel") -> None:
        channel.arrived = time.monotonic()
        request = channel.requests[0]
        path, method = getattr(request, "path", ""), getattr(request, "command", "")
        if path in _HEALTH_PATHS or _READY.fullmatch(path):
            self._health.add_task(channel)
        elif method in ("GET", "HEAD") and path not in _STORE_PATHS:
            self._looks.add_task(channel)
        else:
            self._work.add_task(channel)

    def shutdown(self, timeout: float = 1) -> None:
        for lane in (self._health, self._looks, self._work):
            lane.shutdown(timeout=timeout)


class _Task(WSGITask):
    def get_environment(self) -> dict[str, Any]:
        return super().get_environment() | {ARRIVED: self.channel.arrived}

    def start(self) -> None:
        super().start()
        if self.channel.server.owner.draining:
            self.set_close_on_finish()
            self.channel.lingers = True


class _RefusalTask(ErrorTask):
    """What is no HTTP, or too large, is refused in the same form as everything else."""

    def execute(self) -> None:
        error = self.request.error
        body, media_type = problem_body(Problem(error.code, f"{error.reason}: {error.body}."), "")
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", media_type))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
        self.channel.lingers = True
        self.channel.server.owner.on_refusal(error.code)


class _Unread(StrictParser):
    """Only keeps what was sent ahead; it is parsed when the answer before it is sent."""

    data = b""

    def received(self, data: bytes) -> int:
        self.data += data
        return len(data)


class _Channel(HTTPChannel):
    """One connection.

    Attributes:
        request: parses what comes next, if it has begun; None in between.
        arrived: when its request had arrived whole. began: when the one that is arriving began, else None.
        lingers: the client may still be sending; closing at once would reset the connection and its answer.
    """

    task_class = _Task
    error_task_class = _RefusalTask
    request: Any
    arrived = 0.0
    close_when_flushed: bool
    began: float | None = None
    lingers = False
    _lingering_since: float | None = None
    _lingered_bytes = 0

    def received(self, data: bytes) -> bool:
        if self._lingering_since is not None:
            self._lingered_bytes += len(data)
            return False
        begins = self.request is None and not self.requests
        if begins:
            data = data.lstrip()  # blank lines before a request are no request (RFC 9112, section 2.2)
        taken = super().received(data)
        arriving = self.request is not None and not isinstance(self.request, _Unread)
        if arriving or (begins and not data):  # who sends blank lines only has begun, too
            self.began = self.began or time.monotonic()
        else:
            self.began = None
        return taken

    def parser_class(self, adj: Any) -> StrictParser:
        """Of what comes next."""
        return _Unread(adj) if self.requests else StrictParser(adj)

    def send_continue(self) -> None:
        if self.request.error:  # do not ask for a body that is refused already
            self.request.expect_continue = False
        else:
            super().send_continue()

    def readable(self) -> bool:
        if self._lingering_since is not None:
            return True
        ready = bool(super().readable())
        return self._read_ahead() if ready and isinstance(self.request, _Unread) else ready

    def _read_ahead(self) -> bool:
        """Parse what was sent ahead; may more be received after it?"""
        with self.requests_lock:
            ahead, self.request = self.request.data, None
        try:
            self.received(ahead)
        except Exception:  # closes this connection, as where something received fails; the loop goes on
            self.handle_error()
            return False
        return bool(super().readable()) and not isinstance(self.request, _Unread)

    def handle_write(self) -> None:
        if self.lingers and self.close_when_flushed and not self.total_outbufs_len:
            if self._lingering_since is None:
                self._lingering_since = time.monotonic()
                self.close_when_flushed = False
                self._say_no_more()
            return
        super().handle_write()

    def handle_close(self) -> None:
        if self.connected and (self.requests or self.total_outbufs_len):
            self.server.owner.on_disconnect()
        super().handle_close()

    def is_over(self, limits: Limits, now: float) -> bool:
        """Has this connection had its time?"""
        if self._lingering_since is not None:
            return now - self._lingering_since > _LINGER_SECONDS or self._lingered_bytes > _LINGER_BYTES
        if self.requests:
            return False
        late = self.began is not None and now - self.began > limits.request_seconds
        return late or (self.idle_seconds > limits.stall_seconds and not self.has_unread)

    @property
    def idle_seconds(self) -> float:
        """Since something moved; waitress notes that by the clock on the wall, which may jump."""
        return abs(time.time() - self.last_activity)

    @property
    def has_unread(self) -> bool:
        """Has something come that will be read next? To close the connection now would reset it."""
        try:
            return self.readable() and bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:  # nothing has come, or the connection is gone
            return False

    @property
    def is_busy(self) -> bool:
        """Is there something of this connection to be done yet?"""
        return bool(
            self.requests or self.total_outbufs_len or self.request is not None or self.close_when_flushed
        )

    def _say_no_more(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_WR)  # the answer is complete; what comes is read and forgotten
        except OSError:
            self.handle_close()


class ServiceServer:
    """The server of one app. :meth:`run` serves until :meth:`drain` was called and the last answer is sent.

    Args:
        app: the WSGI app. host, port: where to listen; port 0 takes a free one.
        in_flight: requests that may wait inside the app at once; there are some more threads than these.
        limits: of the service.

    Attributes:
        address: where it listens, as people type it. draining: it was asked to stop.
        on_refusal: called with the status when a request was refused before the app saw it.
        on_disconnect: called when a client left before it had read its answer.

    Raises:
        WorkshopError: it cannot listen there.
    """

    def __init__(self, app: WSGIApplication, host: str, port: int, in_flight: int, limits: Limits) -> None:
        self.draining = False
        self.on_refusal: Callable[[int], None] = lambda status: None
        self.on_disconnect: Callable[[], None] = lambda: None
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # what waits is counted in /metrics
        self._limits = limits
        self._connections = _affordable(limits.connections)
        self._map: dict[int, Any] = {}
        self._lanes = _Lanes(in_flight + _SPARE_THREADS)
        self._drain_began = 0.0
        self._tended = 0.0
        self._waking, self._is_over = Lock(), False
        try:
            create_server(
                app,
                map=self._map,
                _dispatcher=self._lanes,
                listen=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
                connection_limit=self._connections + 10,
                max_request_body_size=limits.body_bytes + 1,
                max_request_header_size=limits.header_bytes,
                cleanup_interval=1 << 30,  # connections are looked after here
                log_socket_errors=False,
                ident="workshop",
            )
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "strerror", None) or error).rstrip(".")
            raise WorkshopError(
                f"The service cannot listen on {host}, port {port}: {reason}; try other ones."
            ) from error
        self._listeners = [each for each in self._map.values() if isinstance(each, BaseWSGIServer)]
        for listener in self._listeners:
            listener.channel_class, listener.owner = _Channel, self
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self._listeners[0].effective_port}"

    def run(self) -> None:
        """Serve; returns when drained."""
        while not self._is_done():
            wasyncore.loop(timeout=self._patience(), use_poll=True, map=self._map, count=1)
            self._accept_more()
            self._tend()
        for channel in self._channels():
            channel.handle_close()
        self._lanes.shutdown()
        with self._waking:
            self._is_over = True  # from now on the file by which the loop is woken is closed
        wasyncore.close_all(self._map, ignore_all=True)

    @property
    def open_connections(self) -> int:
        """Connections of clients that are open now."""
        return len(self._channels())

    def drain(self) -> None:
        """Stop: answer what has arrived, take nothing new. Safe to call from a signal handler or a thread."""
        self.draining = True
        if self._waking.acquire(blocking=False):  # else the loop is woken or ends just now
            try:
                if not self._is_over:
                    self._listeners[0].pull_trigger()
            finally:
                self._waking.release()

    def _channels(self) -> list[_Channel]:
        return [each for each in list(self._map.values()) if isinstance(each, _Channel)]

    def _patience(self) -> float:
        return 0.05 if self.draining else 1.0

    def _accept_more(self) -> None:
        """Take those who wait at the door; waitress takes one each time it looks: a crowd takes seconds."""
        for listener in self._listeners:
            for _ in range(_CROWD):
                before = len(self._map)
                if before >= self._connections or not listener.accepting:
                    break
                listener.handle_accept()
                if len(self._map) == before:
                    break

    def _tend(self) -> None:
        """Close what is over; when there are too many connections, those that are idle for longest."""
        now = time.monotonic()
        full = len(self._map) >= self._connections
        if now - self._tended < 0.5 and not full:
            return
        self._tended = now
        channels = self._channels()
        for channel in channels:
            if channel.is_over(self._limits, now):
                channel.handle_close()
        if full:
            idle = [each for each in channels if each.connected and not each.requests]
            idle.sort(key=lambda each: now - (each.began or now) + each.idle_seconds)
            for channel in idle[-max(1, self._connections // 16) :]:
                channel.handle_close()

    def _is_done(self) -> bool:
        if not self.draining:
            return False
        if not self._drain_began:
            self._drain_began = time.monotonic()
            _log.info("Draining.", extra={"connections": self.open_connections})
            for listener in self._listeners:
                refuse_newcomers(listener.socket)
        seconds = time.monotonic() - self._drain_began
        if seconds < _HANDSHAKE_SECONDS:
            return False
        self._stop_listening()
        for channel in self._channels():
            if not channel.is_busy and channel.idle_seconds > _IDLE_BEFORE_STOP and not channel.has_unread:
                channel.handle_close()
        if left := len(self._channels()):
            if seconds < self._limits.drain_seconds:
                return False
            _log.warning("Stopped with %d connections open after %d seconds.", left, seconds)
        return True

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            if listener.accepting:
                _accept_all(listener)
                wasyncore.dispatcher.close(listener)  # its trigger stays: threads wake the loop by it


def _accept_all(listener: BaseWSGIServer) -> None:
    """Take everybody who has connected already; one of them who has left is not the last."""
    with selectors.DefaultSelector() as door:
        door.register(listener.socket, selectors.EVENT_READ)
        for _ in range(listener.adj.backlog):
            if not door.select(0):
                return
            listener.handle_accept()


def _affordable(connections: int) -> int:
    """Not more connections than half of the files that this process may open."""
    try:
        import resource
    except ImportError:  # Windows
        return min(connections, 400)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections if soft == resource.RLIM_INFINITY else max(16, min(connections, soft // 2))
