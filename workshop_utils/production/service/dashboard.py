"""The page ``/dashboard``: how the model fares, on one axis of time. It shows no text and needs no script."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import get_args

from apiflask import APIBlueprint
from flask import Response, request

from workshop_utils.errors import WorkshopError
from workshop_utils.production.dashboard import (
    SPANS,
    Dashboard,
    Span,
    cut,
    make_panels,
    numbered_happenings,
    read_dashboard,
    visible_text,
)
from workshop_utils.production.service.answer_history import AnswerHistory
from workshop_utils.production.service.pages import html_page
from workshop_utils.production.service.problems import Problem, try_later
from workshop_utils.production.service.sessions import SessionKeeper
from workshop_utils.production.service.signing_in import login_page
from workshop_utils.production.shadow import short_number
from workshop_utils.production.store import Store

#: A page is shown again for so many seconds, and for so many times as long as it took to make.
_FRESH_SECONDS, _FRESH_TIMES = 2.0, 4.0
#: So many requests wait while a page is made for the first time; the others are asked to come again.
_WAITING = 4
_PATIENCE = 20.0
_NAMES: dict[Span, str] = {
    "hour": "last hour",
    "day": "last day",
    "week": "last 7 days",
    "month": "last 30 days",
    "all": "all",
}
_ROWS = 30


def dashboard_routes(
    keeper: SessionKeeper, store: Store | None, deployment: Path | None, answers: AnswerHistory
) -> APIBlueprint:
    """``/dashboard``, for whoever has shown the token.

    Args:
        keeper: knows who sits there.
        store: predictions, labels and decisions; None where the service keeps none.
        deployment: its folder; None where the service has one bundle.
        answers: what this process has answered and failed.
    """
    routes = APIBlueprint("dashboard", __name__, enable_openapi=False)
    pages = {span: _KeptPage(partial(_rendered, store, deployment, answers, span)) for span in SPANS}

    @routes.get("/dashboard")
    def dashboard() -> Response:
        if keeper.read(request) is None:
            return login_page("/dashboard", keeper)
        span = request.args.get("span", "all")
        if span not in pages:
            raise Problem(422, f"A span is one of {', '.join(get_args(Span))}.")
        return pages[span].answer()

    return routes


@dataclass(frozen=True, slots=True)
class _Made:
    body: bytes
    fresh_until: float


class _KeptPage:
    """One page, made by one request at a time; the others get the one that was made before.

    So reloads of a page cost at most a fifth of a core, whoever reloads how often, and hold few threads.
    """

    def __init__(self, make: Callable[[], Response]) -> None:
        self._make, self._making, self._room = make, Lock(), BoundedSemaphore(_WAITING)
        self._made: _Made | None = None

    def answer(self) -> Response:
        """The page as it was a moment ago, or a new one.

        Raises:
            Problem: 429, 503: it cannot be made now.
        """
        made = self._made
        if made is None or time.monotonic() >= made.fresh_until:
            made = self._made_anew(made)
        page = Response(made.body, content_type="text/html; charset=utf-8")
        page.headers["Referrer-Policy"] = "same-origin"
        return page

    def _made_anew(self, before: _Made | None) -> _Made:
        if before is not None:
            if not self._making.acquire(blocking=False):
                return before
            try:
                return self._make_one()
            finally:
                self._making.release()
        if not self._room.acquire(blocking=False):
            raise try_later(429, "The dashboard is being made just now; try again in a second.", 1)
        try:
            if not self._making.acquire(timeout=_PATIENCE):
                raise try_later(503, "The dashboard takes too long; try again in a while.", 10)
            try:
                return self._made or self._make_one()
            finally:
                self._making.release()
        finally:
            self._room.release()

    def _make_one(self) -> _Made:
        began = time.monotonic()
        try:
            page = self._make()
        except WorkshopError:  # away, or of another version of the course meanwhile
            raise try_later(503, "The store does not answer now.", 1) from None
        ended = time.monotonic()
        self._made = _Made(page.get_data(), ended + max(_FRESH_SECONDS, _FRESH_TIMES * (ended - began)))
        return self._made


def _rendered(store: Store | None, deployment: Path | None, answers: AnswerHistory, span: Span) -> Response:
    found = read_dashboard(store, deployment, datetime.now(UTC), span, answers.moments())
    counted = answers.over(found.axis.edges) if found.axis else None
    numbers = {place: number for number, place in enumerate(numbered_happenings(found), start=1)}
    happened = [
        (numbers.get(place, ""), found.happenings[place]) for place in reversed(range(len(found.happenings)))
    ]
    return html_page(
        "dashboard.html",
        found=found,
        keeps_predictions=store is not None,
        panels=make_panels(found, counted),
        happened=happened[:_ROWS],
        older=max(0, len(happened) - _ROWS),
        detectors=_detectors(found),
        spans=_NAMES,
        shown=visible_text,
        cut=cut,
        short_number=short_number,
    )


def _detectors(found: Dashboard) -> list:
    """Those of the newest look, and the challenger's."""
    own = list(found.newest.detectors) if found.newest else []
    return own + ([found.challenger] if found.challenger else [])
