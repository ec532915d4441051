"""Handlers for HTTP requests, from a table of routes.

Every request is checked before a route gets it: its sender, its size, and its parts against the model of the route.
The documentation comes from the same table: a page at /swagger, OpenAPI at /swagger?format=json.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, wraps
from typing import Any

import msgspec
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from shared.api import Route, Service
from shared.config import settings
from shared.errors import (
    AppError,
    BadEvent,
    Conflict,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    StaleModel,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)
from shared.report import Report
from shared.requests import converted, kind_of, place_of
from shared.runtime.direct import ANSWER_WITHIN_S
from shared.runtime.http_documentation import document, page
from shared.runtime.http_request import MEDIA_TYPE, HttpRequest, parsed
from shared.runtime.invocation import Handler, invoke, log_failure, prepare, to_app_error
from shared.runtime.options import Tokens
from shared.runtime.tokens import caller_of
from shared.store.deadline import deadline

DOCUMENTATION = "/swagger"
RETRY_AFTER_S = 5
OK, SERVER_ERROR = 200, 500  # HTTP status

# HTTP status of each error; any other is a server error.
STATUS: dict[type[AppError], int] = {
    BadEvent: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    Conflict: 409,
    TooLarge: 413,
    UnsupportedMedia: 415,
    StaleModel: 503,
    Unavailable: 503,
}


def on_http(routes: Sequence[Route[Service]], title: str) -> Callable[[Callable[[], Service]], Handler]:
    """Make `body`, which returns the service that the routes work with, a Lambda handler for requests of an HTTP API.

    title  of the documentation
    """

    def decorate(body: Callable[[], Service]) -> Handler:
        name = body.__module__.rpartition(".")[2]
        methods = _methods(routes)

        @cache
        def app() -> APIGatewayHttpResolver:
            return resolver(routes, title, body)

        @wraps(body)
        def handler(event: Any, context: Any) -> Any:
            answers: list[Mapping[str, Any]] = []

            def work() -> Report:
                answer = _answer(app, methods, event, context)
                answers.append(answer)
                status = int(answer["statusCode"])
                details = {"failed": 1} if status >= SERVER_ERROR else body().details() if status == OK else {}
                return Report(details={"status": status, **details})

            invoke(name, event, context, work, trigger="request")
            return answers[0] if answers else None

        return handler

    return decorate


def resolver(routes: Sequence[Route[Service]], title: str, service: Callable[[], Service]) -> APIGatewayHttpResolver:
    """The resolver of Powertools that calls the route of a request, and serves the documentation."""
    app = APIGatewayHttpResolver(json_body_deserializer=parsed)
    for route in routes:
        app.route(route.path, route.method)(_endpoint(app, route, service))

    @app.get(DOCUMENTATION)
    def documentation() -> Response[str]:
        text = json.dumps(document(routes, title), indent=2)
        if app.current_event.query_string_parameters.get("format") == "json":
            return Response(OK, MEDIA_TYPE, text)
        return Response(OK, "text/html", page(text, title))

    return app


def _endpoint(app: APIGatewayHttpResolver, route: Route[Service], service: Callable[[], Service]) -> Callable[..., Any]:
    """The function that Powertools calls for a route: it reads the query of a GET, or the body of a POST, as a request
    of the route's model. Numbers may be texts, as they are in a query."""
    part = ("query", "request") if route.method == "GET" else ("body",)  # as callers have always been told

    def endpoint() -> dict[str, Any]:
        event, caller, now = app.current_event, app.context["caller"], app.context["now"]
        values = event.query_string_parameters if route.method == "GET" else event.json_body
        try:
            request = converted(values, route.request, strict=False)
        except msgspec.ValidationError as error:
            raise RequestValidationError([{"loc": (*part, *place_of(error)), "type": kind_of(error)}]) from None
        with deadline(ANSWER_WITHIN_S):
            return dict(route.respond(service(), caller, request, now))

    return endpoint


def _methods(routes: Sequence[Route[Any]]) -> dict[str, set[str]]:
    """The methods of each path."""
    methods: dict[str, set[str]] = {DOCUMENTATION: {"GET"}}
    for route in routes:
        methods.setdefault(route.path, set()).add(route.method)
    return methods


def _answer(
    app: Callable[[], APIGatewayHttpResolver], methods: Mapping[str, set[str]], event: Any, context: Any
) -> Mapping[str, Any]:
    """The response to a request, in the format of the gateway; failures become responses too."""
    try:
        prepare()
        config, now, request = settings(), datetime.now(UTC), HttpRequest.of(event)
        is_public = request.path == DOCUMENTATION
        caller = None if is_public else caller_of(request, config.api_keys, config.options.of(Tokens), now=now)
        if request.path not in methods:
            raise NotFound("path: there is no such route")
        if request.method not in methods[request.path]:
            raise MethodNotAllowed(methods[request.path])
        body = request.text(event) if request.method == "POST" else None
        app().append_context(caller=caller, now=now)  # type: ignore[no-untyped-call]
        response = app().resolve(request.event(body), context)
        return {**response, "statusCode": int(response["statusCode"])}
    except Exception as error:  # noqa: BLE001 - this is where failures become answers
        app_error = to_app_error(error)
        status = STATUS.get(type(app_error), SERVER_ERROR)
        if status >= SERVER_ERROR:
            log_failure(error)
        return _error_response(status, app_error)


def _error_response(status: int, error: AppError) -> dict[str, Any]:
    headers = {"Content-Type": MEDIA_TYPE}
    if status == STATUS[Unauthorized]:
        headers["WWW-Authenticate"] = "Bearer"
    if status == STATUS[Unavailable]:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allowed
    reason = type(error).__name__ if status == SERVER_ERROR else str(error)
    body = json.dumps({"statusCode": status, "message": reason})
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False, "cookies": []}
