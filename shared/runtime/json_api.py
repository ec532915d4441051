"""HTTP APIs for programs: JSON both ways, and callers with tokens.

The documentation comes from the table of routes: a page at /swagger, OpenAPI at /swagger?format=json.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from shared.api import Caller, Response, Route, Service
from shared.config import settings
from shared.errors import AppError, InvalidFields, MethodNotAllowed, Unauthorized, Unavailable
from shared.runtime.http import SERVER_ERROR, STATUS, on_http
from shared.runtime.http_documentation import document, page
from shared.runtime.http_request import MEDIA_TYPE, HttpRequest
from shared.runtime.invocation import Handler
from shared.runtime.options import Tokens
from shared.runtime.tokens import caller_of

DOCUMENTATION = "/swagger"
RETRY_AFTER_S = 5


class DocumentationQuery(Struct):
    """Which form of the documentation: "json", or a page."""

    format: str | None = None


class TokenAccess:
    """Callers have tokens, or are authenticated by AWS; everybody may read the documentation. Refusals are JSON."""

    def caller_of(self, request: HttpRequest, *, now: datetime) -> Caller | None:
        """The caller that the token of the request names."""
        if request.path == DOCUMENTATION:
            return None
        return caller_of(request, settings().api_keys, settings().options.of(Tokens), now=now)

    def authorize(self, caller: Any, request: HttpRequest, route: Route[Any]) -> None:
        """Every caller may use every route, which looks itself whose account it is about."""

    def check_form(self, caller: Any, request: HttpRequest, values: Mapping[str, str]) -> None:
        """There are no forms."""

    def error_response(self, request: HttpRequest | None, caller: Any, status: int, error: AppError) -> Response:
        """The reason in JSON; of an unforeseen error only its class."""
        headers = {}
        if status == STATUS[Unauthorized]:
            headers["WWW-Authenticate"] = "Bearer"
        if status == STATUS[Unavailable]:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        if isinstance(error, MethodNotAllowed):
            headers["Allow"] = error.allowed
        if isinstance(error, InvalidFields):
            body: dict[str, Any] = {"detail": [{"loc": error.place, "type": error.kind}]}
        else:
            body = {"message": type(error).__name__ if status == SERVER_ERROR else str(error)}
        return Response(json.dumps({"statusCode": status} | body), status, MEDIA_TYPE, headers)


def on_json_api(routes: Sequence[Route[Service]], title: str) -> Callable[[Callable[[], Service]], Handler]:
    """Make `body`, which returns the service that the routes work with, a Lambda handler for requests of a JSON API.

    title  of the documentation
    """

    def documentation(service: Service, caller: Any, request: DocumentationQuery, now: datetime) -> Response:
        text = json.dumps(document(routes, title), indent=2)
        if request.format == "json":
            return Response(text, media_type=MEDIA_TYPE)
        return Response(page(text, title), media_type="text/html")

    documented = Route("GET", DOCUMENTATION, "The documentation", DocumentationQuery, documentation)
    return on_http([*routes, documented], TokenAccess())
