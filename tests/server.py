"""A small web server that misbehaves on demand, on this machine only."""

import datetime
import gzip
import hashlib
import re
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WEB_PAGE = b"\n<!DOCTYPE html>\n<html><title>Sign in to the guest network</title></html>\n"


class Behaviour:
    """What the server does: a list of acts, one per request; the last one repeats.

    ``ok``, ``truncated`` (announces all, sends half), ``corrupted``, ``redirect``, ``refuse`` (404),
    ``busy`` (503), ``wait`` (503, come again in a second), ``no_ranges`` (ignores Range), ``hang_up`` (closes
    without an answer), ``web_page`` (200 and the page of a Wi-Fi), ``packed`` (gzip, asked or not),
    ``heedless`` (ignores If-Range), ``hold`` (answers when ``go`` is set).
    """

    def __init__(self, files: dict[str, bytes], acts: list[str], versions: dict[str, str] | None = None):
        """
        Args:
            files: the files by name.
            acts: what to do.
            versions: headers that name the version of a file: ``ETag``, ``Last-Modified``; none by default.
        """
        self.files, self.acts, self.versions = files, acts, versions or {}
        self.requests: list[tuple[str, str | None]] = []
        self.conditions: list[str | None] = []
        self.heads_busy = 0  # how many HEAD requests are answered 503
        self.arrived, self.go = threading.Event(), threading.Event()

    def next_act(self) -> str:
        return self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]


class _Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        """As Hugging Face's Hub answers: the commit, the checksum of the file and its length."""
        name, behaviour = self.path.lstrip("/"), self.behaviour
        commit = re.search(r"/resolve/([0-9a-f]{40})/", self.path)
        if behaviour.acts[0] == "web_page":
            self._answer(200, {"Content-Type": "text/html"})
        elif behaviour.heads_busy > 0:
            behaviour.heads_busy -= 1
            self.send_error(503)
        elif not commit or name not in behaviour.files or behaviour.acts[0] == "refuse":
            self.send_error(404)
        else:
            body = behaviour.files[name]
            etag = f'"{hashlib.sha256(body).hexdigest()}"'
            self._answer(200, {"X-Repo-Commit": commit[1], "ETag": etag, "Content-Length": str(len(body))})

    def do_GET(self):
        self.behaviour.requests.append((self.path, self.headers.get("Range")))
        self.behaviour.conditions.append(self.headers.get("If-Range"))
        self.behaviour.arrived.set()
        name = self.path.removeprefix("/moved").lstrip("/")
        act = "ok" if self.path.startswith("/moved") else self.behaviour.next_act()
        if act == "hold":
            self.behaviour.go.wait(30)
        if act == "hang_up":
            self.connection.close()
        elif act == "redirect":
            self._answer(302, {"Location": f"/moved/{name}"})
        elif act == "wait":
            self._answer(503, {"Retry-After": "1", "Content-Length": "0"})
        elif act == "busy":
            self.send_error(503)
        elif act == "refuse" or name not in self.behaviour.files:
            self.send_error(404)
        else:
            self._send(self._body(name, act), act)

    def _answer(self, status: int, headers: dict[str, str]):
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.end_headers()

    def _body(self, name: str, act: str) -> bytes:
        body = self.behaviour.files[name]
        if act == "corrupted":
            return body[:-1] + bytes([body[-1] ^ 1])
        return {"web_page": WEB_PAGE, "packed": gzip.compress(body)}.get(act, body)

    def _send(self, body: bytes, act: str):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        same = self.headers.get("If-Range") in (None, *self.behaviour.versions.values()) or act == "heedless"
        start = 0
        if asked and same and act not in ("no_ranges", "web_page", "packed"):
            start = int(asked[1])
            if start >= len(body):
                self._answer(416, {"Content-Range": f"bytes */{len(body)}"})
                return
        headers = self.behaviour.versions | {"Content-Length": str(len(body) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        if act == "packed":
            headers["Content-Encoding"] = "gzip"
        self._answer(206 if start else 200, headers)
        rest = body[start:]
        self.wfile.write(rest[: len(rest) // 2] if act == "truncated" else rest)


@contextmanager
def serve(behaviour: Behaviour, certificate: Path | None = None) -> Generator[str, None, None]:
    """Run the server; yields its address. With a ``certificate`` (PEM, with its key) it speaks HTTPS."""

    handler = type("Handler", (_Handler,), {"behaviour": behaviour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None  # the client hangs up: that is the point
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        behaviour.go.set()
        server.shutdown()
        server.server_close()


def self_signed(path: Path) -> Path:
    """Write a certificate for 127.0.0.1 that nobody has signed, and its key, as a PEM file."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a proxy")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    form, encoding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(encoding, form, plain) + certificate.public_bytes(encoding))
    return path
