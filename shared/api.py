"""Routes of the HTTP APIs: path, request model and function that answers, and who the caller is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

from msgspec import Struct

from shared.errors import (
    AppError,
    BadEvent,
    Conflict,
    Forbidden,
    InvalidFields,
    MethodNotAllowed,
    NotFound,
    StaleModel,
    TooLarge,
    Unanswered,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)
from shared.report import Detail
from shared.requests import NEEDS_ID

SERVER_ERROR = 500  # HTTP status

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
    InvalidFields: 422,
    StaleModel: 503,
    Unanswered: 503,
    Unavailable: 503,
}


class HasDetails(Protocol):
    """What the functions of routes are given: a service that can report details of an answer."""

    def details(self) -> Mapping[str, Detail]:
        """Details of the last answer, for the log and metrics."""


Service = TypeVar("Service", bound=HasDetails)


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated caller: a member, by the id of its account, or a service of ours, which names any account."""

    account: str
    is_service: bool

    def account_for(self, requested: str | None) -> str:
        """The account that the request is about: the member's own, or the one that a service names.

        Raises Forbidden if a member names another account, BadEvent if a service names none.

        >>> Caller("65f0a1b2c3d4e5f60718293a", False).account_for(None)
        '65f0a1b2c3d4e5f60718293a'
        """
        if self.is_service:
            if requested is None:
                raise BadEvent(f"accountId: {NEEDS_ID}")
            return requested
        if requested is not None and requested.lower() != self.account.lower():
            raise Forbidden("accountId: is another's")
        return self.account


DIRECT_CALLER = Caller("", is_service=True)  # who may call a function directly may name any account


HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that is no JSON object: a page or a part of one, a file, a redirect.

    body     of any length; bytes for what is no text
    cookies  values of `Set-Cookie`
    """

    body: str | bytes = ""
    status: int = 200
    media_type: str = HTML
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Route(Generic[Service]):
    """One route.

    path     its segments in braces, such as `{key}`, stand for any ids or names, which join the request's fields
    summary  one line for the API's documentation
    request  model of the body of a POST, or of the query of a GET
    respond  gives the answer, a JSON object or a Response, to (service, caller, request, now); the caller is what the
             access control of the API knows of who sends the request
    right    what the caller needs to be allowed; empty where everybody is who is a caller at all
    takes_form  whether the body of a POST is a form, not JSON
    """

    method: Literal["GET", "POST"]
    path: str
    summary: str
    request: type[Struct]
    respond: Callable[[Service, Any, Any, datetime], Mapping[str, Any] | Response]
    right: str = ""
    takes_form: bool = False
