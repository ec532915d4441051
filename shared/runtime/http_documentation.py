"""The documentation of an HTTP API: OpenAPI, made from the table of routes, and the page that shows it."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import aws_lambda_powertools.event_handler
from msgspec import Struct
from msgspec.json import schema_components

from shared.api import Route

SCHEMAS = "#/components/schemas/{name}"
PAGE = """<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>
<div id="swagger-ui">Loading...</div>
<script>{script}</script>
<script>SwaggerUIBundle({{dom_id: "#swagger-ui", spec: {document}, deepLinking: true, filter: true}});</script>
</body>
</html>"""


class ValidationError(Struct):
    """Where the error lies, such as ["body", "contents", 3], and its kind, such as "string_too_long"."""

    loc: list[str | int]
    type: str


class HTTPValidationError(Struct, rename="camel"):
    """The answer to a request that does not fit its model."""

    status_code: int
    detail: list[ValidationError]


def document(routes: Sequence[Route[Any]], title: str) -> dict[str, Any]:
    """OpenAPI 3.1 of the routes, each of which needs a bearer token."""
    models = [route.request for route in routes if route.method == "POST"]
    _, schemas = schema_components([*models, HTTPValidationError], ref_template=SCHEMAS)
    paths = dict[str, dict[str, Any]]()
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = {
            "summary": route.summary,
            "operationId": f"{route.method.lower()} {route.path}",
            **_input(route),
            "responses": {
                "200": {"description": "Successful Response", "content": _json({"type": "object"})},
                "422": {"description": "Validation Error", "content": _json(_reference(HTTPValidationError))},
            },
        }
    token = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1.0.0"},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": token}},
        "security": [{"token": []}],
    }


def page(document: str, title: str) -> str:
    """The HTML page that shows a document in JSON, by the copy of Swagger UI that comes with Powertools."""
    swagger_ui = files(aws_lambda_powertools.event_handler) / "openapi" / "swagger_ui"
    style, script = ((swagger_ui / name).read_text() for name in ("swagger-ui.min.css", "swagger-ui-bundle.min.js"))
    return PAGE.format(title=title, style=style, script=script, document=document.replace("</", "<\\/"))


def _input(route: Route[Any]) -> dict[str, Any]:
    """The body of a POST, or the parameters of a GET, which cannot be null."""
    if route.method == "POST":
        return {"requestBody": {"required": True, "content": _json(_reference(route.request))}}
    _, schemas = schema_components([route.request])
    model = schemas[route.request.__name__]
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": name in model.get("required", ()),
                "schema": schema.get("anyOf", [schema])[0],
            }
            for name, schema in model["properties"].items()
        ]
    }


def _reference(model: type[Struct]) -> dict[str, str]:
    return {"$ref": SCHEMAS.format(name=model.__name__)}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
