"""Who uses the console: sessions in cookies, rights by role, and refusals that people can read."""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from console import assets
from console.rights import PUBLIC, may
from console.store.members import LANGUAGES
from console.store.sessions import MAX_LIFETIME, Sessions
from console.templates import Failure, redirect, render
from console.visitor import Visitor
from shared.api import STATUS, Response, Route
from shared.errors import AppError, Forbidden, MethodNotAllowed, Unauthorized
from shared.runtime.http_request import HttpRequest
from shared.store import Store

MAX_ADDRESS_LENGTH = 2_000  # characters of the page to go on with
HOME, LOGIN = "/console", "/console/login"
COOKIE = "__Host-session"  # by its name, browsers take it from this host only, by HTTPS only, and for all paths


class SessionAccess:
    """Members have sessions; forms have the token of the session, and come from a page of this console."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store

    def caller_of(self, request: HttpRequest, *, now: datetime) -> Visitor:
        """Who sends the request, logged in or not; of one for a file it is not asked."""
        token = None if request.path.startswith(assets.PATH) else request.cookies.get(COOKIE)
        session = Sessions(self._open_store()).find(token, now=now, is_use=not _is_poll(request)) if token else None
        jwt = request.authorizer.get("jwt")
        claims = jwt.get("claims") if isinstance(jwt, Mapping) else None
        return Visitor(
            session=session,
            language=session.language if session else _preferred(request.headers.get("accept-language", "")),
            in_page=request.headers.get("hx-request") == "true",
            claims=claims if isinstance(claims, Mapping) else {},
            address=_address(request) if request.method == "GET" else "",
        )

    def authorize(self, caller: Visitor, request: HttpRequest, route: Route[Any]) -> None:
        """Unauthorized for somebody who has to log in first, Forbidden for a role without the right, and for a request
        that changes something and comes from a page of another site."""
        if request.method == "POST" and request.headers.get("sec-fetch-site") != "same-origin":
            raise Forbidden("sec-fetch-site: forms are taken from pages of this console only")
        if route.right == PUBLIC:
            return
        if caller.session is None:
            raise Unauthorized("session: there is none, or it has ended")
        if not may(caller.session.role, route.right):
            raise Forbidden(f"role: {caller.session.role} may not {route.right}")

    def check_form(self, caller: Visitor, request: HttpRequest, values: Mapping[str, str]) -> None:
        """Forbidden for a form of another session. Who is not logged in has none, and their forms do nothing for
        anybody; a login, whose token the gateway has checked, begins another one."""
        given = request.headers.get("x-csrf") or values.get("csrf", "")
        session = None if caller.claims else caller.session
        if session and not hmac.compare_digest(given.encode(), session.csrf.encode()):
            raise Forbidden("csrf: the form is of another session; load the page again")

    def error_response(
        self, request: HttpRequest | None, caller: Visitor | None, status: int, error: AppError
    ) -> Response:
        """A page, or a part of one, that says what is wrong; the page of login to who asks for a page without being
        logged in. What somebody has typed stays in the page that sent it."""
        accepted = request.headers.get("accept-language", "") if request else ""
        visitor = caller or Visitor(None, _preferred(accepted), in_page=False, claims={})
        if request and status == STATUS[Unauthorized] and request.method == "GET" and not visitor.in_page:
            return redirect(f"{LOGIN}?next={quote(_address(request) or HOME, safe='')}")
        reason = str(error) if status < 500 or error.retry_helps else type(error).__name__
        headers = {"Allow": error.allowed} if isinstance(error, MethodNotAllowed) else {}
        return render(Failure(status, reason, _sent_from(request)), visitor, status=status, headers=headers)


def session_cookie(token: str) -> str:
    """The cookie that holds the token of a session; with an empty token, the one that ends it."""
    cookie = SimpleCookie({COOKIE: token})[COOKIE]
    age = int(MAX_LIFETIME.total_seconds()) if token else 0
    cookie.update({"path": "/", "max-age": str(age), "secure": "true", "httponly": "true", "samesite": "Lax"})
    return cookie.OutputString()


def _address(request: HttpRequest) -> str:
    """Path and query of a request; empty where they are too long to go on with."""
    address = f"{request.path}?{urlencode(request.query)}" if request.query else request.path
    return address if len(address) <= MAX_ADDRESS_LENGTH else ""


def _sent_from(request: HttpRequest | None) -> str:
    """Path and query of the page that sends a request; HOME where it is not told. The page of login leads to paths of
    the console only."""
    page = urlsplit(request.headers.get("referer", "") if request else "")
    address = f"{page.path}?{page.query}" if page.query else page.path
    return address if 0 < len(address) <= MAX_ADDRESS_LENGTH else HOME


def _is_poll(request: HttpRequest) -> bool:
    """Whether a page asks by itself, as its script says: nobody uses the session then."""
    return "x-poll" in request.headers


def _preferred(accepted: str) -> str:
    """The first of our languages that a browser names; the header is in the order of preference."""
    named = (part.strip()[:2].lower() for part in accepted.split(","))
    return next((language for language in named if language in LANGUAGES), LANGUAGES[0])
