"""Logging in and out, and the language of the pages."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import quote, urlsplit

from msgspec import Meta, Struct

from console.access import HOME, LOGIN, MAX_ADDRESS_LENGTH, session_cookie
from console.fields import NoFields
from console.rights import PUBLIC
from console.service import Console
from console.store.members import LANGUAGES, Member
from console.templates import POLICY, redirect, render
from console.visitor import Visitor
from shared.api import Response, Route
from shared.config import IdentityProvider
from shared.errors import Forbidden, NotFound, Unauthorized
from shared.requests import refused


class LoginQuery(Struct):
    """Where to go after the login, and the token of a link that logs in once."""

    link: Annotated[str, Meta(max_length=64), refused("is not one that a link came with")] = ""
    next: Annotated[str, Meta(max_length=MAX_ADDRESS_LENGTH), refused("is not a path of the console")] = HOME


class LanguageForm(Struct):
    """The language that a member chooses, and the page to go on with."""

    language: Annotated[str, Meta(pattern=f"^({'|'.join(LANGUAGES)})$"), refused(f"needs one of {LANGUAGES}")]
    next: Annotated[str, Meta(max_length=MAX_ADDRESS_LENGTH), refused("is not a path of the console")] = HOME


@dataclass(frozen=True, slots=True)
class Login:
    """The page of login.

    expired   whether a link was used that does not log in any more
    provider  that members log in with; None where they log in by links alone
    next      path of the page to go on with
    """

    template: ClassVar[str] = "login.html"
    path: ClassVar[str] = LOGIN

    expired: bool
    provider: IdentityProvider | None
    next: str


@dataclass(frozen=True, slots=True)
class LoginCallback:
    """The page that the provider sends a browser back to, whose script gets the ID token and begins the session.

    provider  that has sent it
    """

    template: ClassVar[str] = "login_callback.html"
    path: ClassVar[str] = LOGIN

    provider: IdentityProvider


def login(console: Console, visitor: Visitor, query: LoginQuery, now: datetime) -> Response:
    """Log in by a link, or say how to get one."""
    page = Login(expired=False, provider=console.settings.identity_provider, next=_inside(query.next))
    if not query.link:
        return render(page, visitor)
    role = console.sessions.use_login_link(query.link, now=now)
    if role is None:
        return render(replace(page, expired=True), visitor, status=401)
    subject = f"local {role}"
    console.members.enrol(Member(subject, role, visitor.language), by=subject, now=now)
    token = console.sessions.start(subject, role, now=now)
    return _redirect(query.next, session_cookie(token))


def login_callback(console: Console, visitor: Visitor, query: NoFields, now: datetime) -> Response:
    """Go on with what the provider says; NotFound where there is none.

    What the address holds is read by the script of the page alone, which sends it to the provider only.
    """
    provider = console.settings.identity_provider
    if provider is None:
        raise NotFound("path: members of this console log in by links")
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(provider.token_url))
    policy = POLICY.replace("connect-src 'self'", f"connect-src 'self' {origin}")
    return render(LoginCallback(provider), visitor, headers={"Content-Security-Policy": policy})


def start_session(console: Console, visitor: Visitor, form: NoFields, now: datetime) -> Response:
    """Make a session for the identity whose token the gateway has checked; Forbidden for who is no member."""
    claims = visitor.claims
    is_verified = str(claims.get("email_verified")).lower() == "true"
    subject = str((is_verified and claims.get("email")) or claims.get("sub") or "")
    if not subject:
        raise Unauthorized("authorization: the gateway has checked no token")
    member = console.members.find(subject)
    if member is None:
        raise Forbidden(f"{subject} is no member of this console; an admin can add members")
    return _redirect(HOME, session_cookie(console.sessions.start(member.subject, member.role, now=now)))


def logout(console: Console, visitor: Visitor, form: NoFields, now: datetime) -> Response:
    """End the session."""
    if visitor.session:
        console.sessions.end(visitor.session.key)
    ended = _redirect(LOGIN, session_cookie(""))
    return replace(ended, headers={**ended.headers, "Clear-Site-Data": '"cache"'})


def choose_language(console: Console, visitor: Visitor, form: LanguageForm, now: datetime) -> Response:
    """Show the pages in another language from now on."""
    if visitor.session:
        console.members.choose_language(visitor.session.member, form.language)
    return _redirect(form.next)


def _redirect(path: str, *cookies: str) -> Response:
    return redirect(_inside(path), *cookies)


def _inside(path: str) -> str:
    """The path of a page of the console, whatever the path says."""
    inside = path if path == HOME or path.startswith((f"{HOME}/", f"{HOME}?")) else HOME
    return quote(inside, safe="/?&=%~.-_+")


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", LOGIN, "Log in", LoginQuery, login, PUBLIC),
    Route("GET", f"{LOGIN}/callback", "Come back from the login", NoFields, login_callback, PUBLIC),
    Route("POST", "/console/session", "Begin a session", NoFields, start_session, PUBLIC, takes_form=True),
    Route("POST", "/console/logout", "Log out", NoFields, logout, "see", takes_form=True),
    Route("POST", "/console/language", "Choose the language", LanguageForm, choose_language, "see", takes_form=True),
)
