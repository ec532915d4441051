"""The feed of an account as the rankers see it: what its home would show now, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, ClassVar, Final, TypeVar

from bson import ObjectId
from msgspec import Meta, Struct

from console import rankings
from console.countries import country_name
from console.fields import NoFields
from console.guest_factors import Values, in_words
from console.rankings import AccountFeed, RankedPost
from console.service import Console
from console.store.audit_log import Act
from console.store.models import PERSONAL
from console.store.shown_posts import ShownPost, ShownPosts
from console.templates import render
from console.views.models import MODELS, ModelPage, page_of
from console.visitor import Visitor
from shared.api import SERVER_ERROR, STATUS, Response, Route
from shared.documents import id_bytes
from shared.errors import AppError, BadEvent
from shared.requests import NEEDS_ID, refused

ACCOUNTS = "/console/feeds/accounts"
LOOK: Final = "look at a feed"  # the act in the audit log
LOOK_AT_MODEL: Final = "look at the model of an account"

Typed = Annotated[str, Meta(max_length=128), refused("needs a text of at most 128 characters")]
Said = Sequence[tuple[str, Values]]  # keys of sentences, and their values
Answer = TypeVar("Answer")


class AccountForm(Struct):
    """Whose feed to look at."""

    account: Typed = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A post of an account's feed.

    post      None where it is not there any more
    reasons   why it is a candidate, and what moved it
    features  what the rankers of members read
    """

    ranked: RankedPost
    post: ShownPost | None
    reasons: Said
    features: Said


@dataclass(frozen=True, slots=True)
class AccountPage:
    """The page of an account's feed, and the form that asks for one.

    feed     None before an account is named, and where that was refused
    country  name of the account's country; empty where it is not known
    typed    the account, as it was typed
    refusal  why it was refused; empty where it was not
    """

    template: ClassVar[str] = "account_feed.html"
    path: ClassVar[str] = ACCOUNTS

    feed: AccountFeed | None = None
    country: str = ""
    items: Sequence[Item] = ()
    typed: str = ""
    refusal: str = ""


def account_form(console: Console, visitor: Visitor, query: NoFields, now: datetime) -> Response:
    """The form that asks whose feed to look at."""
    return render(AccountPage(), visitor)


def account_feed(console: Console, visitor: Visitor, form: AccountForm, now: datetime) -> Response:
    """What the account's home would show now. Looking at it is an act in the audit log."""
    try:
        feed = looked_at(console, visitor, form.account, partial(rankings.feed_of, console.call), now)
    except AppError as error:
        return render(AccountPage(typed=form.account, refusal=str(error)), visitor, status=status_of(error))
    posts = ShownPosts(console.store).of(ObjectId(ranked.content) for ranked in feed.items)
    items = [
        Item(ranked, posts.get(ObjectId(ranked.content)), _reasons(ranked, feed), _features(ranked))
        for ranked in feed.items
    ]
    country = country_name(feed.country, visitor.language) if feed.country else ""
    return render(AccountPage(feed, country, items, form.account.strip()), visitor)


def account_model(console: Console, visitor: Visitor, form: AccountForm, now: datetime) -> Response:
    """The model of an account. Looking at it is an act in the audit log."""

    def look(account: ObjectId) -> ModelPage:
        return page_of(console, visitor.language, PERSONAL, str(account))

    return render(looked_at(console, visitor, form.account, look, now, act=LOOK_AT_MODEL), visitor)


def looked_at(
    console: Console,
    visitor: Visitor,
    typed: str,
    look: Callable[[ObjectId], Answer],
    now: datetime,
    *,
    act: Act = LOOK,
) -> Answer:
    """What `look` finds of an account, with the entry in the audit log; BadEvent for what is no id."""
    account = id_bytes(typed.strip())
    if account is None:
        raise BadEvent(f"account: {NEEDS_ID}")
    with console.audit.act(visitor.member_session(), act, {"account": ObjectId(account)}, now=now):
        return look(ObjectId(account))


def status_of(error: AppError) -> int:
    """The HTTP status of a page that says why a function refused."""
    return STATUS.get(type(error), SERVER_ERROR)


def _reasons(ranked: RankedPost, feed: AccountFeed) -> Said:
    """Why the post is a candidate, and why it does not stand where its score alone would put it."""
    reasons: list[tuple[str, Values]] = [(f"accounts.source.{source}", {}) for source in ranked.sources]
    is_slot_of_new = feed.explore_every and ranked.rank % feed.explore_every == 0
    if ranked.sources[:1] == ["new"] and is_slot_of_new:
        return [*reasons, ("accounts.moved.new", {"every": feed.explore_every, "rank": ranked.score_rank})]
    if ranked.rank != ranked.score_rank:
        way = "up" if ranked.rank < ranked.score_rank else "down"
        places = {"rank": ranked.score_rank, "number": feed.per_author_or_topic}
        return [*reasons, (f"accounts.moved.{way}", places)]
    return reasons


def _features(ranked: RankedPost) -> Said:
    return [in_words(name, value, "accounts.feature") for name, value in ranked.features.items()]


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", ACCOUNTS, "Whose feed to look at", NoFields, account_form, "see accounts"),
    Route(
        "POST",
        MODELS + "/accounts",
        "The model of an account",
        AccountForm,
        account_model,
        "see accounts",
        takes_form=True,
    ),
    Route("POST", ACCOUNTS, "The feed of an account", AccountForm, account_feed, "see accounts", takes_form=True),
)
