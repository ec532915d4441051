"""Who sends a request to the console."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.store.sessions import Session
from shared.errors import Unauthorized


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sends a request.

    session   None for somebody who is not logged in
    language  of the pages, one of LANGUAGES
    in_page   whether the answer becomes a part of the page that asks for it
    claims    of the identity provider's token, where the gateway has checked one
    address   path and query of the page that is asked for; empty where a form is sent, and for very long ones
    """

    session: Session | None
    language: str
    in_page: bool
    claims: Mapping[str, Any]
    address: str = ""

    def member_session(self) -> Session:
        """The session; Unauthorized for somebody who is not logged in."""
        if self.session is None:
            raise Unauthorized("session: there is none, or it has ended")
        return self.session
