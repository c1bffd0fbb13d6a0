"""Download one file so that it is either complete and verified, or not there at all."""

import time
from collections.abc import Callable
from pathlib import Path

import requests

from workshop_utils.errors import WorkshopError
from workshop_utils.files import sha256 as sha256_of

#: Called with (bytes so far, bytes in all or None).
Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 16
_ATTEMPTS = 5
_TIMEOUT = (10, 60)  # seconds to connect, seconds without a byte


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    progress: Progress = lambda done, total: None,
    pause: float = 1.0,
) -> Path:
    """Fetch ``url`` into ``target``, which appears only when it is complete.

    An interrupted download leaves ``target`` + ``.part`` and is resumed by the next call. Broken
    connections and busy servers are tried again up to five times, each pause twice as long.

    Args:
        sha256: expected checksum, verified before the file gets its name.
        pause: seconds before the second attempt.

    Raises:
        WorkshopError: the server refuses, does not answer, or sends another file than expected.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            _continue(url, part, progress)
        except requests.HTTPError as error:
            if error.response.status_code < 500 and error.response.status_code != 429:
                raise _failure(url, f"the server answered {error.response.status_code}") from error
            reason = f"the server answered {error.response.status_code}"
        except requests.RequestException as error:
            reason = _plain(error)
        else:
            break
    else:
        raise _failure(url, f"{reason}, {_ATTEMPTS} times")
    found = sha256_of(part)
    if sha256 and found != sha256:
        part.unlink()
        raise _failure(url, f"the file's sha256 is {found}, not {sha256}")
    return part.replace(target)


def _continue(url: str, part: Path, progress: Progress) -> None:
    """Append the missing rest to ``part``; start over where the server cannot continue."""
    have = part.stat().st_size if part.exists() else 0
    # identity: a compressed body would make lengths and ranges meaningless
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == 416:  # nothing after what we have: complete, or another file
            if response.headers.get("Content-Range") == f"bytes */{have}":
                return
            part.unlink()
            return _continue(url, part, progress)
        response.raise_for_status()
        resumed = response.status_code == 206
        have = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                have += len(chunk)
                progress(have, total)
    if total is not None and have != total:
        raise requests.ConnectionError(f"the connection broke after {have:,} of {total:,} bytes")


def _plain(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.ConnectionError) and "broke after" not in str(error):
        return "the server could not be reached or broke off"
    return str(error)


def _failure(url: str, reason: str) -> WorkshopError:
    return WorkshopError(f"{url} could not be downloaded: {reason}.")
