"""``/session``: a browser shows the token once, for all pages."""

from apiflask import APIBlueprint
from flask import Response, request

from workshop_utils.production.service.pages import form_text, html_page, see_other
from workshop_utils.production.service.sessions import PageSession, SessionKeeper, refuse_other_sites

#: Where one may go on after the token.
_PAGES = ("/label", "/dashboard")


def session_routes(keeper: SessionKeeper) -> APIBlueprint:
    """Takes what :func:`login_page` sends."""
    routes = APIBlueprint("signing_in", __name__, enable_openapi=False)

    @routes.post("/session")
    def begin_session() -> Response:
        refuse_other_sites(request)
        wanted = form_text(request, "next")
        target = wanted if wanted in _PAGES else "/"
        name = form_text(request, "name").strip()
        if not keeper.is_token(form_text(request, "token")):
            return login_page(target, keeper, "That is not the token of this service.")
        if not name.isprintable() or not 0 < len(name) <= 100:
            return login_page(target, keeper, "A name has 1 to 100 characters.")
        return keeper.write(request, see_other(target), PageSession(name))

    return routes


def login_page(target: str, keeper: SessionKeeper, message: str = "") -> Response:
    """403, and a form for the token where the service has one.

    Args:
        target: where to go on, ``/``, ``/label`` or ``/dashboard``.
        keeper: knows whether there is a token.
        message: what was wrong with the last try.
    """
    return html_page("login.html", 403, target=target, has_token=bool(keeper.token), message=message)
