"""What people look at in a browser; every file comes from here, none from another host."""

from collections.abc import Callable
from typing import Any

from apiflask import APIBlueprint
from flask import Request, Response, render_template


def page_routes(read_spec: Callable[[], dict[str, Any]]) -> APIBlueprint:
    """The pages. Their own files lie under /static."""
    pages = APIBlueprint(
        "pages",
        __name__,
        enable_openapi=False,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static/pages",
    )

    @pages.get("/docs")
    def docs() -> Response:
        spec = read_spec()
        schemas = spec["components"]["schemas"]

        def schema_of(body: dict[str, Any]) -> Any:
            """The schema of a body, with what its reference names."""
            contents = list(body.get("content", {}).values())
            schema = contents[0].get("schema", {}) if contents else {}
            return schemas[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema

        return html_page("docs.html", spec=spec, schema_of=schema_of)

    return pages


def html_page(template: str, status: int = 200, **values: Any) -> Response:
    """A page of this service.

    Args:
        template: its file.
        status: of the answer.
        **values: for the template, which escapes them.
    """
    page = Response(render_template(template, **values), status, content_type="text/html; charset=utf-8")
    # a form tells its origin to its own site only; with "no-referrer" it would tell "null" even there
    page.headers["Referrer-Policy"] = "same-origin"
    return page


def see_other(path: str) -> Response:
    """303: the browser goes on to this path of the service, and loading that anew sends no form again."""
    return Response(status=303, headers={"Location": path}, content_type="text/plain; charset=utf-8")


def form_text(request: Request, field: str, most_bytes: int | None = None) -> str:
    """A field of the form that was sent, with line ends as everywhere else; empty where it is missing.

    Args:
        request: the form.
        field: its name.
        most_bytes: of the whole form; to be said before the first field is read.
    """
    if most_bytes is not None:
        request.max_form_memory_size = most_bytes
    return request.form.get(field, "").replace("\r\n", "\n")
