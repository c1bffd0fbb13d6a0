"""Every error as the client gets it: RFC 9457 problem+json, on the V2 routes that protocol's own body.

No answer holds a traceback, a path or a text that somebody sent.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from traceback import walk_tb
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, current_app, g, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

_log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
_MOST_ERRORS, _LONGEST_POINTER = 10, 200


class Problem(Exception):
    """An answer other than 2xx.

    Args:
        status: the HTTP status. detail: one sentence for the client's developer.
        errors: what is wrong where: a JSON pointer (RFC 6901) and a sentence each.
        headers: of the answer, such as ``Allow``. members: further members of the body, such as a limit.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.headers, self.members = dict(headers or {}), members


def try_later(status: int, detail: str, seconds: int, runbook: str | None = None) -> Problem:
    """429, 503 or 504 with the header ``Retry-After``; the runbook is for who runs the service."""
    members: dict[str, Any] = {"runbook": runbook} if runbook else {}
    return Problem(status, detail, headers={"Retry-After": str(seconds)}, **members)


def problem_body(problem: Problem, path: str, request_id: str = "") -> tuple[bytes, str]:
    """The body as bytes and its media type."""
    if path == "/v2" or path.startswith("/v2/"):
        where = "".join(f" {pointer}: {detail}." for pointer, detail in problem.errors)
        return json.dumps({"error": problem.detail + where}).encode(), "application/json"
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if request_id:
        body["instance"] = f"urn:request:{request_id}"
    if problem.errors:
        body["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in problem.errors]
    return json.dumps(body | problem.members).encode(), PROBLEM_JSON


def answer_problems(app: APIFlask) -> None:
    """Let the app answer whatever goes wrong in this form."""

    @app.errorhandler(Exception)
    def answer(error: Exception) -> Response:
        problem = _problem_of(error)
        body, media_type = problem_body(problem, request.path, g.get("request_id", ""))
        return current_app.response_class(body, problem.status, problem.headers, content_type=media_type)

    # APIFlask has a handler of its own for these two, and Flask takes the closest
    app.register_error_handler(HTTPError, answer)
    app.register_error_handler(HTTPException, answer)


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPError):  # APIFlask's, made of pydantic's
        if isinstance(error.__cause__, ValidationError):
            return _invalid(error.__cause__)
        return Problem(error.status_code, _sentence(error.status_code))
    if isinstance(error, HTTPException) and error.code:
        kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
        return Problem(error.code, _sentence(error.code), headers=kept)
    if isinstance(error, MemoryError):
        return try_later(503, "There is not enough memory for this request now.", 1)
    _log.error("A request failed: %s", where_it_failed(error))
    return Problem(500, "The service failed; its log says where, under this request's id.")


def _invalid(error: ValidationError) -> Problem:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    errors = [(_pointer(each["loc"]), each["msg"]) for each in found[:_MOST_ERRORS]]
    return Problem(422, "The body is JSON, but not what this route takes.", errors)


def _pointer(place: Sequence[int | str]) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in place)
    return "".join(f"/{part}" for part in parts)[:_LONGEST_POINTER]


def _sentence(status: int) -> str:
    return {
        404: "There is no such route; /docs lists them.",
        405: "This route does not know that method; the header Allow names those it knows.",
    }.get(status, HTTPStatus(status).description or HTTPStatus(status).phrase)


def where_it_failed(error: BaseException) -> str:
    """The error's type and the lines it came through; not its message, which may quote a text."""
    places = []
    for frame, line in walk_tb(error.__traceback__):
        code = frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{line} {code.co_name}")
    return f"{type(error).__name__} at {' < '.join(reversed(places[-8:]))}"
