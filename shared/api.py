"""A table of routes: what can be asked over HTTP, by whom, and who answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

from shared.errors import BadEvent, Forbidden
from shared.report import Detail

MAX_CURSOR_LENGTH = 2_000  # characters, so that a request line is well below what a gateway takes


class HasDetails(Protocol):
    """What routes work with."""

    def details(self) -> Mapping[str, Detail]:
        """What there is to tell of it beside an answer, in the log and as metrics."""


Service = TypeVar("Service", bound=HasDetails)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a member, by the id of its account, or a service of ours, which may ask for any account."""

    account: str
    is_service: bool

    def account_for(self, asked: str | None) -> str:
        """Whose request it is: the member's own, or the account that a service names. Forbidden where a member names
        another's, BadEvent where a service names none.

        >>> Caller("65f0a1b2c3d4e5f60718293a", False).account_for(None)
        '65f0a1b2c3d4e5f60718293a'
        """
        if self.is_service:
            if asked is None:
                raise BadEvent("accountId: is missing")
            return asked
        if asked is not None and asked.lower() != self.account.lower():
            raise Forbidden("accountId: is another's")
        return self.account


@dataclass(frozen=True, slots=True)
class Route(Generic[Service]):
    """What can be asked.

    summary  one line for readers of the documentation
    request  a pydantic model: of the body of a POST, of the query of a GET
    respond  gives the answer, out of what the function works with, who asks, the request and the moment
    """

    method: Literal["GET", "POST"]
    path: str
    summary: str
    request: type[Any]
    respond: Callable[[Service, Caller, Any, datetime], Mapping[str, Any]]
