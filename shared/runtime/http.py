"""Functions that answer HTTP requests, out of a table of routes.

Every request is checked before a route sees it: who sends it, how large it is, that it is what the route's model says.
The documentation is made of the same table: a page at /swagger, OpenAPI at /swagger?format=json.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, wraps
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from shared.api import Route, Service
from shared.config import settings
from shared.errors import (
    AppError,
    BadEvent,
    Conflict,
    Forbidden,
    NotFound,
    StaleModel,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from shared.report import Report
from shared.runtime.demand import ANSWER_WITHIN_S
from shared.runtime.invocation import Handler, as_known, invoke, prepare, say_failed
from shared.runtime.tokens import caller_of
from shared.store.deadline import within

DOCUMENTATION = "/swagger"
MOST_BODY_BYTES = 256_000
MOST_QUERY_CHARACTERS = 32_000
RETRY_AFTER_S = 5
DONE, SERVER_ERROR = 200, 500

STATUS: dict[type[AppError], int] = {
    BadEvent: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    StaleModel: 503,
    Unavailable: 503,
}


def on_http(routes: Sequence[Route[Service]], title: str) -> Callable[[Callable[[], Service]], Handler]:
    """Make a Lambda handler for requests of an HTTP API, out of a body that gives what the routes work with."""

    def decorate(body: Callable[[], Service]) -> Handler:
        name = body.__module__.rpartition(".")[2]

        @cache
        def app() -> APIGatewayHttpResolver:
            return resolver(routes, title, body)

        @wraps(body)
        def handler(event: Any, context: Any) -> Any:
            answers: list[Mapping[str, Any]] = []

            def work() -> Report:
                answer = _answer(app, event, context)
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
    app = APIGatewayHttpResolver(enable_validation=True)
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
        with within(ANSWER_WITHIN_S):
            return dict(route.respond(service(), caller, request, now))

    part = Query() if route.method == "GET" else Body()
    endpoint.__annotations__ = {"request": Annotated[route.request, part], "return": dict[str, Any]}
    return endpoint


def _operation(route: Route[Any]) -> str:
    return f"{route.method.lower()} {route.path}"


def _answer(app: Callable[[], APIGatewayHttpResolver], event: Any, context: Any) -> Mapping[str, Any]:
    """What the caller gets, whatever happens."""
    try:
        prepare()
        where = _checked(event)
        caller = None if where == DOCUMENTATION else caller_of(event, settings().api_keys)
        app().append_context(caller=caller, now=datetime.now(UTC))  # type: ignore[no-untyped-call]
        found = app().resolve(event, context)
        return {**found, "statusCode": int(found["statusCode"])}
    except Exception as error:  # noqa: BLE001 - this is where failures become answers
        known = as_known(error)
        status = STATUS.get(type(known), SERVER_ERROR)
        if status >= SERVER_ERROR:
            say_failed(error)
        return _refusal(status, type(known).__name__ if status == SERVER_ERROR else str(known))


def _checked(event: Any) -> str:
    """The path of a request; BadEvent where it is none, or its body cannot be read, TooLarge for too long a one."""
    if not isinstance(event, Mapping):
        raise BadEvent(f"event: a request is an object, not {type(event).__name__}")
    request = event.get("requestContext")
    http = request.get("http") if isinstance(request, Mapping) and "stage" in request else None
    if not isinstance(http, Mapping) or not {"method", "path"} <= http.keys():
        raise BadEvent("event.requestContext: is not one of an HTTP API")
    if len(str(event.get("rawQueryString") or "")) > MOST_QUERY_CHARACTERS:
        raise TooLarge(f"query: is longer than {MOST_QUERY_CHARACTERS} characters")
    body = event.get("body")
    if body:
        _check_body(body, encoded=bool(event.get("isBase64Encoded")))
    return APIGatewayProxyEventV2(dict(event)).path  # as routes are found, so that no request is two at once


def _check_body(body: Any, *, encoded: bool) -> None:
    if not isinstance(body, str) or len(body) > MOST_BODY_BYTES:
        raise TooLarge(f"body: is longer than {MOST_BODY_BYTES} bytes")
    try:
        json.loads(base64.b64decode(body, validate=True) if encoded else body)
    except (ValueError, binascii.Error):
        raise BadEvent("body: is not JSON") from None
    except RecursionError:
        raise BadEvent("body: nested too deeply") from None


def _refusal(status: int, reason: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    if status == STATUS[Unauthorized]:
        headers["WWW-Authenticate"] = "Bearer"
    if status == STATUS[Unavailable]:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    body = json.dumps({"statusCode": status, "message": reason})
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False, "cookies": []}
