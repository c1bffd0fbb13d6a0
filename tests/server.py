"""A small web server that misbehaves on demand, on this machine only."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Behaviour:
    """What the server does: a list of acts, one per request; the last one repeats.

    ``ok``, ``truncated`` (announces all, sends half), ``corrupted``, ``redirect``, ``refuse`` (404),
    ``busy`` (503), ``no_ranges`` (ignores Range), ``hang_up`` (closes without an answer).
    """

    def __init__(self, files: dict[str, bytes], acts: list[str]):
        self.files, self.acts, self.requests = files, acts, []

    def next_act(self) -> str:
        return self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]


@contextmanager
def serve(behaviour: Behaviour) -> Iterator[str]:
    """Run the server; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            behaviour.requests.append((self.path, self.headers.get("Range")))
            name = self.path.removeprefix("/moved").lstrip("/")
            act = "ok" if self.path.startswith("/moved") else behaviour.next_act()
            if act == "hang_up":
                self.connection.close()
                return
            if act == "redirect":
                self.send_response(302)
                self.send_header("Location", f"/moved/{name}")
                self.end_headers()
                return
            if act in ("refuse", "busy") or name not in behaviour.files:
                self.send_error(503 if act == "busy" else 404)
                return
            self._send(behaviour.files[name], act)

        def _send(self, body: bytes, act: str):
            if act == "corrupted":
                body = body[:-1] + bytes([body[-1] ^ 1])
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            start = int(asked[1]) if asked and act != "no_ranges" else 0
            if start >= len(body) and asked:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            rest = body[start:]
            self.wfile.write(rest[: len(rest) // 2] if act == "truncated" else rest)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
