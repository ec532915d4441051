"""Routes of the HTTP API: path, request model and function that answers, and who the caller is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

from msgspec import Struct

from shared.errors import BadEvent, Forbidden
from shared.report import Detail
from shared.requests import NEEDS_ID


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


@dataclass(frozen=True, slots=True)
class Route(Generic[Service]):
    """One route.

    summary  one line for the API's documentation
    request  model of the body of a POST, or of the query of a GET
    respond  gives the answer to (service, caller, request, now)
    """

    method: Literal["GET", "POST"]
    path: str
    summary: str
    request: type[Struct]
    respond: Callable[[Service, Caller, Any, datetime], Mapping[str, Any]]
