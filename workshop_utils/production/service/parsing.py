"""Reads a request's head as RFC 9112 asks: what two readers could understand in two ways is refused.

A proxy in front may find the end of a body elsewhere than this service does; what lies between would then be
answered as a request that nobody has checked (request smuggling, RFC 9112, section 11.2).
"""

import re

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import RequestEntityTooLarge

_VERSIONS = frozenset({"1.0", "1.1"})
_LENGTH = re.compile(rb"\r\ncontent-length:", re.IGNORECASE)
_ENCODING = re.compile(rb"\r\ntransfer-encoding:[ \t]*([^\r]*)", re.IGNORECASE)
_CHUNKED = re.compile(rb"chunked[ \t]*", re.IGNORECASE)
_HOST = re.compile(rb"\r\nhost:[ \t]*([^\r]*)", re.IGNORECASE)
_ADDRESS = re.compile(r"/|https?://|\*$", re.IGNORECASE)
_HOST_NAME = re.compile(rb"[\w.~!$&'()*+,;=%:\[\]-]*[ \t]*", re.ASCII)


class StrictParser(HTTPRequestParser):
    """waitress' parser, which also refuses with 400 (sections of RFC 9112):

    - a version other than 1.0 and 1.1, or none (2.3);
    - no ``Host`` in 1.1, more than one, or one that is no host (3.2);
    - an address that cannot be read, or is none (3.2);
    - ``Transfer-Encoding`` beside ``Content-Length``, given twice, empty, or in 1.0 (6.1);
    - a ``Content-Length`` of thousands of digits (6.3).

    A chunk that is announced longer than a body may be is 413 at once. ``close`` among other options of
    ``Connection`` counts (9.6), and a request without a body is not told to go on (RFC 9110, 10.1.1).
    """

    completed: bool
    path: str

    def received(self, data: bytes) -> int:
        """Read on; returns how many bytes were taken."""
        taken = super().received(data)
        most = self.adj.max_request_body_size
        if self.chunked and not self.completed and self.body_rcv.chunk_remainder >= most:
            self.error, self.completed = RequestEntityTooLarge(f"exceeds max_body of {most}"), True
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Read the first line and the headers."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # of int and of urlsplit
            raise ParsingError("The address or the Content-Length cannot be read") from error
        if not _ADDRESS.match(self.request_uri):
            raise ParsingError("The address must begin with /")
        self.path = self.path or "/"
        if self.version not in _VERSIONS:
            raise ParsingError("The HTTP version must be 1.0 or 1.1")
        hosts = _HOST.findall(header_plus)
        if len(hosts) > 1 or (not hosts and self.version == "1.1"):
            raise ParsingError("There must be one Host header")
        if hosts and not _HOST_NAME.fullmatch(hosts[0]):
            raise ParsingError("The Host header is no host")
        encodings = _ENCODING.findall(header_plus)
        if encodings and (
            len(encodings) > 1 or not _CHUNKED.fullmatch(encodings[0]) or self.version == "1.0"
        ):
            raise ParsingError("Transfer-Encoding can be chunked, once, in HTTP/1.1")
        if encodings and _LENGTH.search(header_plus):
            raise ParsingError("Transfer-Encoding and Content-Length do not go together")
        options = [each.strip() for each in self.headers.get("CONNECTION", "").lower().split(",")]
        if "close" in options:
            self.headers["CONNECTION"], self.connection_close = "close", True
        if self.body_rcv is None:
            self.expect_continue = False
