"""What people look at in a browser; every file comes from here, none from another host."""

from collections.abc import Callable
from typing import Any

from apiflask import APIBlueprint
from flask import Response, render_template


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

        page = render_template("docs.html", spec=spec, schema_of=schema_of)
        return Response(page, content_type="text/html; charset=utf-8")

    return pages
