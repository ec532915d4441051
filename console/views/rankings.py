"""What two versions of a model that ranks posts show first, and what another version would change for members."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import urlencode

from bson import ObjectId
from msgspec import Meta, Struct, structs

from console import rankings
from console.countries import country_name
from console.messages import message
from console.rankings import FAMILIES, Comparison, Earlier, Effect
from console.service import Console
from console.store.shown_posts import ShownPost, ShownPosts
from console.templates import render
from console.views.account_feeds import Typed, looked_at, status_of
from console.views.models import MODELS, NONE, path_of
from console.visitor import Visitor
from shared.api import Response, Route
from shared.countries import COUNTRIES
from shared.errors import AppError, BadEvent, Unavailable
from shared.requests import ShortText, refused

# Whether the answer waits for the comparison. Without, a page is answered at once, and asks for the comparison itself.
Waiting = Annotated[Literal["", "yes"], refused("needs yes or nothing")]
WAIT: Final = {"wait": "yes"}


class VersionsQuery(Struct):
    """Two versions of a key; `wait` as for `Waiting`."""

    family: ShortText
    key: ShortText
    left: ShortText
    right: ShortText
    wait: Waiting = ""


class VersionsForm(VersionsQuery):
    """Two versions of a key, and the account for which they are to rank."""

    account: Typed = ""


class EffectQuery(Earlier, kw_only=True, frozen=True):
    """A version that might become the live one of its key, and what is known of it so far, beside the version that was
    live then; `wait` as for `Waiting`."""

    family: ShortText
    key: ShortText
    version: ShortText
    live: Annotated[str, Meta(max_length=128), refused("needs a version or nothing")] = ""
    wait: Waiting = ""


@dataclass(frozen=True, slots=True)
class VersionsPage:
    """The page of what two versions show first.

    newcomer    where somebody new is shown these posts, by name; empty for an account
    lazy_path   answers with the comparison; empty where it is there, or needs an account
    comparison  None before it is asked for, before an account is named where one is needed, and where it was refused
    posts       by their ids, as far as they are there
    typed       the account, as it was typed
    refusal     why the request was refused; empty where it was not
    """

    template: ClassVar[str] = "rankings.html"
    path: ClassVar[str] = MODELS

    asked: VersionsQuery
    newcomer: str = ""
    lazy_path: str = ""
    comparison: Comparison | None = None
    posts: Mapping[str, ShownPost] | None = None
    typed: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class EffectPage:
    """What a version would change.

    live       the version that is live, or "none"
    ranks      whether models of the family rank posts at all
    lazy_path  answers with members, or further ones, compared; empty where there are none
    effect     None where they rank none, before it is asked for, and where the request was refused
    refusal    why it was
    """

    template: ClassVar[str] = "rankings_effect.html"
    path: ClassVar[str] = MODELS

    asked: EffectQuery
    live: str
    ranks: bool
    effect: Effect | None = None
    lazy_path: str = ""
    refusal: str = ""


def versions(console: Console, visitor: Visitor, query: VersionsQuery, now: datetime) -> Response:
    """What two versions show somebody new in the country; for other keys the form that asks for an account."""
    newcomer = _newcomer(query, visitor)
    if not newcomer:
        return render(VersionsPage(query), visitor)
    versions = {"left": query.left, "right": query.right}
    path = f"{path_of(query.family, query.key)}/rankings?{urlencode(versions | WAIT)}"
    if not query.wait:
        return render(VersionsPage(query, newcomer, path), visitor)
    try:
        comparison = rankings.compared(console.call, query.family, query.key, query.left, query.right)
    except AppError as error:
        page = VersionsPage(query, newcomer, path if error.retry_helps else "", refusal=_refusal(error, visitor))
        return render(page, visitor, status=_status_of(error, visitor))
    page = VersionsPage(query, newcomer, comparison=comparison, posts=_posts(console, comparison))
    return render(page, visitor)


def versions_for(console: Console, visitor: Visitor, form: VersionsForm, now: datetime) -> Response:
    """What two versions show an account first. Looking at it is an act in the audit log."""

    def compared(account: ObjectId) -> Comparison:
        return rankings.compared(console.call, form.family, form.key, form.left, form.right, account)

    try:
        comparison = looked_at(console, visitor, form.account, compared, now)
    except AppError as error:
        page = VersionsPage(form, typed=form.account, refusal=_refusal(error, visitor))
        return render(page, visitor, status=status_of(error))
    page = VersionsPage(form, comparison=comparison, posts=_posts(console, comparison), typed=form.account.strip())
    return render(page, visitor)


def effect(console: Console, visitor: Visitor, query: EffectQuery, now: datetime) -> Response:
    """What making the version live would change for members drawn at random; a refusal is told in the page."""
    stored = console.models.live_of(query.family, query.key)
    live = stored.version.version if stored and stored.version else NONE
    if query.family not in FAMILIES:
        return render(EffectPage(query, live, ranks=False), visitor)
    known = Earlier(query.drawn, query.compared, query.overlaps, query.changed)
    earlier = known if query.live in ("", live) else Earlier()  # who were compared with another version do not count

    def path_behind(earlier: Earlier) -> str:
        known = structs.asdict(earlier) | {"live": live} if earlier.drawn else {}
        return f"{path_of(query.family, query.key)}/effect?{urlencode({'version': query.version} | WAIT | known)}"

    path = path_behind(earlier)
    if not query.wait:
        return render(EffectPage(query, live, ranks=True, lazy_path=path), visitor)
    try:
        difference = rankings.effect(console.call, query.family, query.key, live, query.version, earlier)
    except AppError as error:
        again = path if error.retry_helps else ""
        page = EffectPage(query, live, ranks=True, lazy_path=again, refusal=_refusal(error, visitor))
        return render(page, visitor, status=_status_of(error, visitor, shows_figures=earlier.compared > 0))
    further = difference.more if difference.more and difference.more.drawn > earlier.drawn else None
    more = path_behind(further) if further else ""
    return render(EffectPage(query, live, ranks=True, effect=difference, lazy_path=more), visitor)


def _newcomer(query: VersionsQuery, visitor: Visitor) -> str:
    if query.family not in FAMILIES:
        raise BadEvent(f"family: models of {query.family} rank no posts, only of {', '.join(FAMILIES)}")
    if query.family == "country" and query.key in COUNTRIES:
        return country_name(query.key, visitor.language)
    return message("feeds.everywhere", visitor.language) if query.family == "global" else ""


def _posts(console: Console, comparison: Comparison) -> dict[str, ShownPost]:
    ids = {ObjectId(post.content) for post in (*comparison.left, *comparison.right)}
    return {str(post): shown for post, shown in ShownPosts(console.store).of(ids).items()}


def _status_of(error: AppError, visitor: Visitor, *, shows_figures: bool = False) -> int:
    """200 for a part of a page, which says why in its place; not where that place shows figures, which then stay."""
    return HTTPStatus.OK if visitor.in_page and not shows_figures else status_of(error)


def _refusal(error: AppError, visitor: Visitor) -> str:
    """Why the function refused; where it did not answer in time, that it helps to ask again."""
    again = f" {message('rankings.again', visitor.language)}" if isinstance(error, Unavailable) else ""
    return f"{error}.{again}" if again else str(error)


ROUTES: tuple[Route[Console], ...] = (
    Route(
        "GET", MODELS + "/{family}/{key}/rankings", "What two versions show first", VersionsQuery, versions,
        "read posts",
    ),
    Route(
        "POST", MODELS + "/{family}/{key}/rankings", "What two versions show an account", VersionsForm, versions_for,
        "see accounts", takes_form=True,
    ),
    Route("GET", MODELS + "/{family}/{key}/effect", "What a version would change", EffectQuery, effect, "see"),
)  # fmt: skip
