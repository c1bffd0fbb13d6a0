"""Who sits at the browser: the token once, then a signed cookie that only the pages take, never the API."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer

from workshop_utils.production.service.access import same_token
from workshop_utils.production.service.problems import Problem

COOKIE = "workshop_session"
_SECONDS = 12 * 3600
_UNDO_AT_MOST = 20


@dataclass
class PageSession:
    """What the cookie holds. Nothing of it lies in the server, so any replica with the same token reads it.

    Attributes:
        name: who labels. given: the predictions labelled or skipped last, the newest at the end.
        again: the prediction whose answer was taken back; its text is asked for next.
    """

    name: str
    given: list[str] = field(default_factory=list)
    again: str = ""

    def answered(self, prediction_id: str) -> None:
        """This one was labelled or skipped just now."""
        self.given = [each for each in self.given if each != prediction_id] + [prediction_id]
        self.again = ""


class SessionKeeper:
    """Signs sessions with the service's token and reads them back; another token makes them all invalid.

    Args:
        token: as ``WORKSHOP_TOKEN`` holds it; without one there are no sessions.
    """

    def __init__(self, token: str | None) -> None:
        self.token = token
        self._signer = URLSafeTimedSerializer((token or "").encode("utf-8"), salt="workshop pages")

    def is_token(self, given: str) -> bool:
        """Is this the service's token?"""
        if not self.token:
            return False
        return same_token(given.strip().encode("utf-8", "replace"), self.token)

    def read(self, request: Request) -> PageSession | None:
        """The session of this browser; None where there is none, or it is forged or older than 12 hours."""
        if not self.token:
            return None
        try:
            name, given, again = self._signer.loads(request.cookies.get(COOKIE, ""), max_age=_SECONDS)
        except (BadData, TypeError, ValueError):
            return None
        return PageSession(name, given, again)

    def write(self, request: Request, response: Response, session: PageSession) -> Response:
        """Let the answer carry the session: no script can read it, no other site can have it sent."""
        value = self._signer.dumps([session.name, session.given[-_UNDO_AT_MOST:], session.again])
        text = value if isinstance(value, str) else value.decode("ascii")
        response.set_cookie(
            COOKIE, text, max_age=_SECONDS, httponly=True, samesite="Strict", secure=request.is_secure
        )
        return response


def refuse_other_sites(request: Request) -> None:
    """A form may be sent by a page of this service only.

    Browsers say where a form comes from: ``Sec-Fetch-Site`` on a trustworthy address, ``Origin`` on any. What
    says neither is no browser, and has no cookie that somebody else could misuse. The rule is that of Go's
    ``http.CrossOriginProtection``.

    Raises:
        Problem: 403.
    """
    if site := request.headers.get("Sec-Fetch-Site"):
        ours = site in ("same-origin", "none")
    else:
        origin = request.headers.get("Origin")
        ours = origin is None or urlsplit(origin).netloc == request.host
    if not ours:
        raise Problem(403, "A form is taken only from this service's own pages; open the page and try again.")
