"""Ways to tell people: a webhook, or a command that sends mail."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from threading import Event, Thread
from typing import Any, Protocol
from urllib.parse import urlsplit

from workshop_utils.errors import WorkshopError
from workshop_utils.files import sha256_of_texts
from workshop_utils.production.watch.commands import run_command

_WAIT_SECONDS, _MAIL_SECONDS, _LOOK_SECONDS = 10.0, 60.0, 0.1
_PAUSES = (1.0, 4.0)


class NotTold(Exception):
    """The message did not get through; the next run tries again. Says why, and names no secret."""


class Channel(Protocol):
    """One way to tell people. ``name`` is the same for the same receiver, and shows nothing of it."""

    name: str

    def send(self, text: str, summary: Mapping[str, Any]) -> None:
        """Tell it once.

        Raises:
            NotTold: it did not get through.
        """


class WebhookChannel:
    """A POST with the summary as JSON; tried again after a pause where that may help.

    Args:
        address: http or https; whoever knows it may write there, so no log names it.
        stop: ends the pauses. pauses: seconds between the tries.

    Raises:
        WorkshopError: this is no such address.
    """

    def __init__(self, address: str, stop: Event, pauses: Sequence[float] = _PAUSES) -> None:
        self._address, self._host = address, _host(address)
        self._stop, self._pauses = stop, pauses
        self.name = f"webhook {sha256_of_texts([address])[:12]}"
        self._opener = urllib.request.build_opener(_NoRedirect)

    def send(self, text: str, summary: Mapping[str, Any]) -> None:
        """Tell it once; see :class:`Channel`."""
        body = json.dumps({**summary, "text": text}).encode()
        for pause in (*self._pauses, None):
            again, reason = self._post_or_stop(body)
            if not reason:
                return
            if not again or pause is None or self._stop.wait(pause):
                raise NotTold(f"The webhook at {self._host} {reason}.")

    def _post_or_stop(self, body: bytes) -> tuple[bool, str]:
        """Post in a thread of its own, which nobody waits for when the watch is to end."""
        came: list[tuple[bool, str]] = []
        thread = Thread(target=lambda: came.append(self._post(body)), daemon=True)
        thread.start()
        while thread.is_alive() and not self._stop.is_set():
            thread.join(_LOOK_SECONDS)
        return came[0] if came else (False, "was not waited for")

    def _post(self, body: bytes) -> tuple[bool, str]:
        """Whether another try may help, and what went wrong; nothing when it went well."""
        headers = {"Content-Type": "application/json", "User-Agent": "workshop-watch"}
        request = urllib.request.Request(self._address, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=_WAIT_SECONDS):
                return False, ""
        except urllib.error.HTTPError as error:
            error.close()
            return error.code >= 500 or error.code == 429, f"answers {error.code}"
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            return True, f"does not answer ({type(reason).__name__})"


class MailChannel:
    """A command that gets the message on standard input.

    Args:
        command: as ``subprocess`` takes it. stop: ends it.
    """

    def __init__(self, command: Sequence[str] | str, stop: Event) -> None:
        self._command, self._stop = command, stop
        whole = [command] if isinstance(command, str) else list(command)
        self.name = f"mail {sha256_of_texts(whole)[:12]}"

    def send(self, text: str, summary: Mapping[str, Any]) -> None:
        """Tell it once; see :class:`Channel`."""
        try:
            end = run_command(self._command, self._stop, text, _MAIL_SECONDS)
        except WorkshopError as error:
            raise NotTold(f"The mail command failed. {error}") from error
        if end.code != 0:
            raise NotTold(f"The mail command failed. {end.reason}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without the message, and look as if it had gone well."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        right = (
            right and parts.port != 0 and address.isascii() and address.isprintable() and " " not in address
        )
    except ValueError:
        right = None
    if not right:
        raise WorkshopError(
            "The webhook is no address: it begins with http:// or https:// and a host, and has no user's "
            "name, no spaces and no other signs than those of addresses."
        )
    return parts.hostname or ""
