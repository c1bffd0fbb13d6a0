"""Download one file so that it is either complete and verified, or not there at all."""

from collections.abc import Callable
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import MaxRetryError, ProtocolError

from workshop_utils.data.containers import WEB_PAGE
from workshop_utils.errors import WorkshopError
from workshop_utils.files import sha256 as sha256_of

#: Called with (bytes so far, bytes in all or None).
DownloadProgress = Callable[[int, int | None], None]

_CHUNK = 1 << 16
_ATTEMPTS = 5
_TIMEOUT = (10, 60)  # seconds to connect, seconds without a byte
_LONGEST_WAIT = 60  # seconds, whatever a server asks for by Retry-After
_BUSY = (429, 500, 502, 503, 504)

_SIGN_IN = (
    "a web page came instead of the file, perhaps the sign-in page of this network; open any page in your "
    "browser, sign in, and run the command again"
)

#: What to do about a certificate that this machine does not trust.
UNTRUSTED = (
    "the server's certificate is not trusted, as behind a company proxy that reads all traffic; set "
    "REQUESTS_CA_BUNDLE and SSL_CERT_FILE to the certificate file of your network"
)


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    progress: DownloadProgress = lambda done, total: None,
    pause: float = 1.0,
) -> Path:
    """Fetch ``url`` into ``target``, which appears only when it is complete.

    Broken connections and busy servers are tried again, five attempts in all, after the time that the server
    asks for or with growing pauses. An interrupted download leaves ``target`` + ``.part``, and beside it as
    ``.part.etag`` the version of the file that the server told; the next call goes on from there if the
    server still has that version.

    Args:
        url: address of the file.
        target: path of the file.
        sha256: expected checksum, verified before the file gets its name.
        progress: called after each piece.
        pause: factor of the pauses, in seconds: 0, 2, 4 and 8 times as long.

    Returns:
        ``target``.

    Raises:
        WorkshopError: the server refuses, does not answer, is not trusted, or sends another file than
            expected.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(target, known=sha256 is not None)
    retries = Retry(
        total=_ATTEMPTS - 1,
        other=0,  # such as a certificate that is not trusted: it will not be trusted the next time
        status_forcelist=_BUSY,
        backoff_factor=pause,
        raise_on_status=False,
        retry_after_max=_LONGEST_WAIT,
    )
    try:
        while (broken := _continue(url, part, progress, retries)) is not None:
            # Retry ends with the headers: a body that breaks off is ours to resume, from the same budget.
            retries = broken.increment(method="GET", url=url, error=ProtocolError("the body broke off"))
            retries.sleep()
    except MaxRetryError:
        raise _failure(url, f"the server could not be reached or broke off, {_ATTEMPTS} times") from None
    except requests.RequestException as error:
        raise _failure(url, _reason(error)) from error
    found = sha256_of(part.path)
    if sha256 and found != sha256:
        part.discard()
        raise _failure(url, f"the file's sha256 is {found}, not {sha256}")
    part.path.replace(target)
    part.discard()
    return target


class _Part:
    """What has arrived of a file, and of which version of it."""

    def __init__(self, target: Path, known: bool):
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.etag")
        self._known = known  # a checksum will tell whether two versions were mixed

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def version(self) -> str:
        return self._note.read_text(encoding="utf-8") if self._note.exists() else ""

    def range_headers(self) -> dict[str, str]:
        """Ask for the rest only where it can be told that it belongs to what is here."""
        if not self.size or not (self.version or self._known):
            return {}
        condition = {"If-Range": self.version} if self.version else {}
        return {"Range": f"bytes={self.size}-"} | condition

    def continued_by(self, response: requests.Response) -> bool:
        """Is it the rest of what is here? Some servers do not heed If-Range."""
        same = not self.version or _version(response) in ("", self.version)
        begins = response.headers.get("Content-Range", f"bytes {self.size}-").startswith(
            f"bytes {self.size}-"
        )
        return response.status_code == 206 and same and begins

    def begin(self, version: str) -> None:
        self.path.write_bytes(b"")
        if version:
            self._note.write_text(version, encoding="utf-8")
        else:
            self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _version(response: requests.Response) -> str:
    """What If-Range may name (RFC 9110, 13.1.5): a strong ETag or the time of the last change, if any."""
    etag = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified", "")


def _continue(url: str, part: _Part, progress: DownloadProgress, retries: Retry) -> Retry | None:
    """Append the missing rest to ``part``; start over where the server cannot continue.

    Returns:
        None when the file is complete; the attempts that are left when its body broke off.
    """
    # identity: a compressed body would make lengths and ranges meaningless
    headers = {"Accept-Encoding": "identity"} | part.range_headers()
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retries))
        with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if (
                response.status_code == 416
                and response.headers.get("Content-Range") == f"bytes */{part.size}"
            ):
                return None  # there is nothing after what we have
            resumed = "Range" in headers and part.continued_by(response)
            if "Range" in headers and response.status_code in (206, 416) and not resumed:
                part.discard()
                return _continue(url, part, progress, retries)
            response.raise_for_status()
            try:
                _receive(response, part, resumed, progress)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                return response.raw.retries
    return None


def _receive(response: requests.Response, part: _Part, resumed: bool, progress: DownloadProgress) -> None:
    pieces = response.iter_content(_CHUNK)
    piece = next(pieces, b"")
    # Packed all the same: the body is unpacked here, so its length is unknown and no rest can be asked for.
    packed = "Content-Encoding" in response.headers
    if not resumed:
        if WEB_PAGE.match(piece):
            raise _failure(response.url, _SIGN_IN)
        part.begin("" if packed else _version(response))
    done, length = part.size, response.headers.get("Content-Length")
    total = done + int(length) if length and not packed else None
    with part.path.open("ab") as file:
        while piece:
            file.write(piece)
            done += len(piece)
            progress(done, total)
            piece = next(pieces, b"")


def _reason(error: requests.RequestException) -> str:
    """What went wrong, in words."""
    match error:
        case requests.HTTPError(response=requests.Response(status_code=code)):
            return f"the server answered {code}" + (f", {_ATTEMPTS} times" if code in _BUSY else "")
        case requests.exceptions.SSLError():
            return UNTRUSTED if "CERTIFICATE_VERIFY_FAILED" in str(error) else "the secure connection failed"
        case requests.TooManyRedirects():
            return "the server sends us from one address to the next without end, perhaps to a sign-in page"
        case requests.Timeout():
            return f"the server did not answer in time, {_ATTEMPTS} times"
        case requests.ConnectionError():
            return f"the server could not be reached or broke off, {_ATTEMPTS} times"
    return str(error).rstrip(".")


def _failure(url: str, reason: str) -> WorkshopError:
    return WorkshopError(f"{url} could not be downloaded: {reason}.")
