"""Handlers for HTTP requests, from a table of routes.

Every request is checked before a route gets it: its sender, its size, and its parts against the model of the route. An
answer is a JSON object, or a Response: a page, a file, a redirect. Failures become answers too. Who may send requests,
and what a refusal looks like, the access control of an API decides; without another it is that of JSON for programs.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, wraps
from typing import Any, Protocol

import msgspec
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler import Response as PowertoolsResponse

from shared.api import SERVER_ERROR, STATUS, Response, Route, Service
from shared.errors import AppError
from shared.report import Report
from shared.requests import converted, invalid_fields
from shared.runtime.direct import ANSWER_WITHIN_S
from shared.runtime.http_request import HttpRequest
from shared.runtime.http_response import conditional
from shared.runtime.invocation import Handler, invoke, log_failure, prepare, to_app_error
from shared.runtime.routing import RouteTable
from shared.store.deadline import deadline

OK = 200  # HTTP status


class AccessControl(Protocol):
    """Who may send the requests of an API, and what those get whose request is refused."""

    def caller_of(self, request: HttpRequest, *, now: datetime) -> Any:
        """Who sends the request; Unauthorized where that has to be known and is not."""

    def authorize(self, caller: Any, request: HttpRequest, route: Route[Any]) -> None:
        """Raise Forbidden or Unauthorized where the caller may not do what the route does."""

    def check_form(self, caller: Any, request: HttpRequest, values: Mapping[str, str]) -> None:
        """Raise Forbidden for a form that is not one of this API; values are its fields."""

    def error_response(self, request: HttpRequest | None, caller: Any, status: int, error: AppError) -> Response:
        """The answer to a request that failed.

        request  None where the event is none
        caller   None where it is unknown
        """


def on_http(
    routes: Sequence[Route[Service]], access: AccessControl, *, within_s: float = ANSWER_WITHIN_S
) -> Callable[[Callable[[], Service]], Handler]:
    """Make `body`, which returns the service that the routes work with, a Lambda handler for HTTP requests.

    within_s  for the operations on the database of one request [s]; they begin to fail then
    """

    def decorate(body: Callable[[], Service]) -> Handler:
        name = body.__module__.rpartition(".")[2]
        table = RouteTable(routes)

        @cache
        def app() -> APIGatewayHttpResolver:
            return resolver(routes, body)

        @wraps(body)
        def handler(event: Any, context: Any) -> Any:
            answers: list[Mapping[str, Any]] = []

            def work() -> Report:
                answer = _answer(app, table, access, within_s, event, context)
                answers.append(answer)
                status = int(answer["statusCode"])
                details = {"failed": 1} if status >= SERVER_ERROR else body().details() if status == OK else {}
                return Report(details={"status": status, **details})

            invoke(name, event, context, work, trigger="request")
            return answers[0] if answers else None

        return handler

    return decorate


def resolver(routes: Sequence[Route[Service]], service: Callable[[], Service]) -> APIGatewayHttpResolver:
    """The resolver of Powertools that calls the route of a request."""
    app = APIGatewayHttpResolver()
    for route in routes:
        path = route.path.replace("{", "<").replace("}", ">")
        app.route(path, route.method)(_endpoint(app, route, service))
    return app


def _endpoint(app: APIGatewayHttpResolver, route: Route[Service], service: Callable[[], Service]) -> Callable[..., Any]:
    """The function that Powertools calls for a route: it reads the fields of the request as one of the route's model.
    Numbers may be texts, as they are in a query."""
    part = ("query", "request") if route.method == "GET" else ("body",)  # as callers have always been told

    def endpoint(**segments: str) -> dict[str, Any] | PowertoolsResponse[Any]:
        caller, values, now, headers = (app.context[name] for name in ("caller", "values", "now", "headers"))
        try:
            request = converted(values, route.request, strict=False)
        except msgspec.ValidationError as error:
            raise invalid_fields(part, route.request, error) from None
        answer = route.respond(service(), caller, request, now)
        if not isinstance(answer, Response):
            return dict(answer)
        answer = conditional(answer, route.method, headers)
        cookies: list[Any] = list(answer.cookies)  # Powertools takes whatever can be written as text
        return PowertoolsResponse(answer.status, answer.media_type, answer.body, dict(answer.headers), cookies)

    return endpoint


def _answer(
    app: Callable[[], APIGatewayHttpResolver],
    table: RouteTable[Any],
    access: AccessControl,
    within_s: float,
    event: Any,
    context: Any,
) -> Mapping[str, Any]:
    """The response to a request, in the format of the gateway."""
    request, caller = None, None
    try:
        prepare()
        now, request = datetime.now(UTC), HttpRequest.of(event)
        with deadline(within_s):
            caller = access.caller_of(request, now=now)
            route, segments = table.find(request.method, request.path)
            access.authorize(caller, request, route)
            values = request.fields(event, route)
            if route.takes_form:
                access.check_form(caller, request, values)
            if isinstance(values, dict):
                values = values | segments
            app().append_context(caller=caller, values=values, now=now, headers=request.headers)  # type: ignore[no-untyped-call]
            response = app().resolve(request.event(), context)
        return {**response, "statusCode": int(response["statusCode"])}
    except Exception as error:  # noqa: BLE001 - this is where failures become answers
        app_error = to_app_error(error)
        status = STATUS.get(type(app_error), SERVER_ERROR)
        if status >= SERVER_ERROR:
            log_failure(error)
        return _serialized(access.error_response(request, caller, status, app_error))


def _serialized(response: Response) -> dict[str, Any]:
    """A response in the format of the gateway."""
    body = response.body
    return {
        "statusCode": response.status,
        "headers": {"Content-Type": response.media_type, **response.headers},
        "body": b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
        "cookies": list(response.cookies),
    }
