"""Who may do what: the token, and why somebody who has none is refused."""

import hmac
from collections.abc import Callable

from flask import request

from workshop_utils.production.runbooks import TOKEN_EXPIRED
from workshop_utils.production.service.problems import Problem


def token_check(token: str | None) -> Callable[[], None]:
    """A check for ``before_request``: the header ``Authorization`` must be ``Bearer`` and the token.

    Args:
        token: as ``WORKSHOP_TOKEN`` holds it; without one, nobody may.
    """

    def check() -> None:
        if not token:
            raise Problem(
                403,
                "This route needs a token, and this service has none: start it with WORKSHOP_TOKEN set.",
                runbook=TOKEN_EXPIRED,
            )
        if not _carries(token):
            raise Problem(
                403,
                "This route needs the header Authorization: Bearer and the service's token.",
                runbook=TOKEN_EXPIRED,
            )

    return check


def same_token(given: bytes, token: str) -> bool:
    """Are these the bytes of the token? It takes as long wherever they differ."""
    return hmac.compare_digest(given, token.encode("utf-8"))


def _carries(token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # WSGI hands header bytes over as latin-1
    right = same_token(given.strip().encode("latin-1", "replace"), token)
    return right and scheme.lower() == "bearer"
