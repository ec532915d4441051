"""Functions that answer HTTP requests, out of a table of routes.

Every request is checked before a route sees it: who sends it, how large it is, that it is what the route's model says.
The documentation is made of the same table: a page at /swagger, OpenAPI at /swagger?format=json.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, wraps
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

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
from shared.runtime.direct import ANSWER_WITHIN_S
from shared.runtime.http_request import MEDIA_TYPE, HttpRequest, parsed
from shared.runtime.invocation import Handler, invoke, log_failure, prepare, to_app_error
from shared.runtime.tokens import caller_of
from shared.store.deadline import deadline

DOCUMENTATION = "/swagger"
RETRY_AFTER_S = 5
DONE, SERVER_ERROR = 200, 500

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
    """Make a Lambda handler for requests of an HTTP API, out of a body that gives what the routes work with."""

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
                told = {"failed": 1} if status >= SERVER_ERROR else body().details() if status == DONE else {}
                return Report(details={"status": status, **told})

            invoke(name, event, context, work, answers=True)
            return answers[0] if answers else None

        return handler

    return decorate


def resolver(routes: Sequence[Route[Service]], title: str, service: Callable[[], Service]) -> APIGatewayHttpResolver:
    """The routes as Powertools serves them, each behind its model, with their documentation."""
    app = APIGatewayHttpResolver(enable_validation=True, json_body_deserializer=parsed)
    app.enable_swagger(
        path=DOCUMENTATION,
        title=title,
        security_schemes={"token": HTTPBearer(bearerFormat="JWT")},
        security=[{"token": []}],
    )
    for route in routes:
        app.route(route.path, route.method, summary=route.summary, operation_id=_operation(route))(
            _endpoint(app, route, service)
        )
    return app


def _endpoint(app: APIGatewayHttpResolver, route: Route[Service], service: Callable[[], Service]) -> Callable[..., Any]:
    def endpoint(request: Any) -> dict[str, Any]:
        caller, now = app.context["caller"], app.context["now"]
        with deadline(ANSWER_WITHIN_S):
            return dict(route.respond(service(), caller, request, now))

    part = Query() if route.method == "GET" else Body()
    endpoint.__annotations__ = {"request": Annotated[route.request, part], "return": dict[str, Any]}
    return endpoint


def _operation(route: Route[Any]) -> str:
    return f"{route.method.lower()} {route.path}"


def _methods(routes: Sequence[Route[Any]]) -> dict[str, set[str]]:
    """Which methods each path takes."""
    found: dict[str, set[str]] = {DOCUMENTATION: {"GET"}}
    for route in routes:
        found.setdefault(route.path, set()).add(route.method)
    return found


def _answer(
    app: Callable[[], APIGatewayHttpResolver], methods: Mapping[str, set[str]], event: Any, context: Any
) -> Mapping[str, Any]:
    """What the caller gets, whatever happens."""
    try:
        prepare()
        chosen, now, request = settings(), datetime.now(UTC), HttpRequest.of(event)
        is_open = request.path == DOCUMENTATION
        caller = None if is_open else caller_of(request, chosen.api_keys, chosen.options.tokens, now=now)
        if request.path not in methods:
            raise NotFound("path: there is no such route")
        if request.method not in methods[request.path]:
            raise MethodNotAllowed(methods[request.path])
        body = request.text(event) if request.method == "POST" else None
        app().append_context(caller=caller, now=now)  # type: ignore[no-untyped-call]
        found = app().resolve(request.event(body), context)
        return {**found, "statusCode": int(found["statusCode"])}
    except Exception as error:  # noqa: BLE001 - this is where failures become answers
        known = to_app_error(error)
        status = STATUS.get(type(known), SERVER_ERROR)
        if status >= SERVER_ERROR:
            log_failure(error)
        return _refusal(status, known)


def _refusal(status: int, known: AppError) -> dict[str, Any]:
    headers = {"Content-Type": MEDIA_TYPE}
    if status == STATUS[Unauthorized]:
        headers["WWW-Authenticate"] = "Bearer"
    if status == STATUS[Unavailable]:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(known, MethodNotAllowed):
        headers["Allow"] = known.allowed
    reason = type(known).__name__ if status == SERVER_ERROR else str(known)
    body = json.dumps({"statusCode": status, "message": reason})
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False, "cookies": []}
