"""Pages from templates. What a template may show is a record of its own: it sees `page`, the record, and `visitor`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import ClassVar, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from console import assets
from console.messages import message, messages
from console.rights import ROLES, may
from console.visitor import Visitor
from shared.api import Response

# Nothing is loaded from elsewhere, and nothing that stands in a page runs as a script.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

# A browser asks before it shows a page again, and is sent nothing where it has the page; logging out empties its cache.
CACHING = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Accept-Language, HX-Request"}

# The pages that the head of every page leads to: the module of `views` that has it, key of its name, path, and right.
NAVIGATION = (
    ("today", "nav.today", "/console", "see"),
    ("coldstart", "nav.feeds", "/console/feeds", "see"),
    ("account_feeds", "nav.accounts", "/console/feeds/accounts", "see accounts"),
    ("models", "nav.models", "/console/models", "see"),
    ("topics", "nav.topics", "/console/topics", "see"),
    ("jobs", "nav.jobs", "/console/jobs", "see"),
    ("changes", "nav.changes", "/console/changes", "see"),
    ("monitor", "nav.performance", "/console/performance", "see"),
    ("bots", "nav.suspects", "/console/suspects", "see suspects"),
    ("privacy", "nav.erasures", "/console/erasures", "erase"),
    ("members", "nav.members", "/console/members", "manage members"),
    ("audit", "nav.audit", "/console/audit", "read audit"),
)
VIEWS = Path(__file__).parent / "views"
PAGES = tuple((key, path, right) for module, key, path, right in NAVIGATION if (VIEWS / f"{module}.py").exists())


class Record(Protocol):
    """What a template shows; `template` is its file, `path` that of the page."""

    template: ClassVar[str]
    path: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed.

    status  of HTTP
    reason  one sentence, which names the field or the object at fault
    next    path of the page to go on with after a login
    """

    template: ClassVar[str] = "failure.html"
    path: ClassVar[str] = "/console"

    status: int
    reason: str
    next: str


def render(page: Record, visitor: Visitor, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The page that shows a record to a visitor, in the visitor's language."""

    def translated(key: str, **values: object) -> str:
        return message(key, visitor.language, **values)

    text = _environment().get_template(page.template).render(page=page, visitor=visitor, t=translated)
    caching = CACHING if status == 200 else {"Cache-Control": "no-store"}
    return Response(text, status, headers={**SECURITY, **caching, **(headers or {})})


def redirect(path: str, *cookies: str) -> Response:
    """To another page of the console, which the browser then asks for."""
    return Response("", 303, headers={"Location": path}, cookies=cookies)


def time_tag(moment: datetime) -> Markup:
    """A moment, which the browser shows in the viewer's own time zone and language."""
    utc = moment.astimezone(UTC)
    return Markup(f'<time datetime="{utc.isoformat()}">{utc:%Y-%m-%d %H:%M} UTC</time>')  # nothing to escape


def rounded(value: float, digits: int = 3) -> str:
    """A number with three digits, or as many as its integer part has.

    >>> rounded(1234.5), rounded(0.12345), rounded(3.0), rounded(1e-7)
    ('1,234', '0.123', '3', '1e-07')
    """
    return f"{value:,.0f}" if 1_000 <= abs(value) < 1e12 else f"{value:.{digits}g}"


def shown(value: object) -> str:
    """A value of a report: a whole number with its thousands apart, any other number with four digits, else its text.

    >>> shown(147350), shown(0.0257134), shown("nothing changed")
    ('147,350', '0.02571', 'nothing changed')
    """
    if isinstance(value, float):
        return rounded(value, 4)
    return f"{value:,}" if isinstance(value, int) else str(value)


def said(key: str) -> bool:
    """Whether there is a sentence of that key, in templates `key is said`: for names that other programs write, too.

    >>> said("nav.today"), said("nav.tomorrow")
    (True, False)
    """
    return all(key in sentences for sentences in messages().values())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {"asset": assets.address, "may": may, "pages": PAGES, "roles": ROLES}
    environment.tests["said"] = said
    environment.filters |= {"time": time_tag, "rounded": rounded, "shown": shown}
    return environment
