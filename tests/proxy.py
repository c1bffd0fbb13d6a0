"""A proxy before a service: its first answers are its own, then it hands on what it gets."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.serving import Client


class OwnAnswer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


#: As the service says it when there is too much to do.
BUSY = OwnAnswer(
    429,
    {"Retry-After": "1", "Content-Type": "application/problem+json"},
    b'{"type": "about:blank", "title": "Too Many Requests", "status": 429, "detail": "Come back later."}',
)
#: As a proxy says that nobody is behind it.
BAD_GATEWAY = OwnAnswer(502, {"Content-Type": "text/html"}, b"<html><h1>Bad Gateway</h1></html>")


class Proxy(NamedTuple):
    address: str
    arrivals: list[float]  # of requests, in seconds of the monotonic clock


@contextmanager
def proxy(service: Client, own_answers: Sequence[OwnAnswer]) -> Iterator[Proxy]:
    """Run the proxy in a thread."""
    left, arrivals = list(own_answers), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            arrivals.append(time.monotonic())
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, answer = left.pop(0) if left else self.handed_on(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def handed_on(self, body):
            answer = service.request("POST", self.path, body, {"Content-Type": "application/json"})
            return OwnAnswer(answer.status, {"Content-Type": answer.headers["Content-Type"]}, answer.body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Proxy(f"http://127.0.0.1:{server.server_address[1]}", arrivals)
        finally:
            server.shutdown()
            thread.join()
