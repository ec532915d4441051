"""The guest feed: each list as guests see it, and why a post stands where it stands."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from bson import ObjectId
from msgspec import Meta, Struct

from console.charts import Chart, ages
from console.countries import EVERYWHERE, country_name, matches
from console.guest_factors import Explanation, explain, main_factors
from console.lines import Line, State
from console.service import Console
from console.store.guest_rows import GuestList, GuestRow, GuestRows
from console.store.shown_posts import ShownPost, ShownPosts
from console.templates import render
from console.visitor import Visitor
from shared.api import Response, Route
from shared.countries import COUNTRIES
from shared.documents import Id
from shared.errors import NotFound
from shared.requests import NEEDS_ID, refused

ROWS = 25  # of a page
BUILDS = 96  # of the guest feed, two days
FRESH = timedelta(hours=1)  # a guest feed is built every half hour

Code = Annotated[str, Meta(max_length=2), refused("is not the code of a list")]
RowId = Annotated[Id, refused(NEEDS_ID)]


class FeedsQuery(Struct):
    """What somebody types to find a country."""

    find: Annotated[str, Meta(max_length=64), refused("needs a text of at most 64 characters")] = ""


class FeedQuery(Struct):
    """A page of a list, the first or the one behind a row."""

    country: Code
    after: RowId | None = None


class WhyQuery(Struct):
    """A post in the list of a country."""

    country: Code
    post: RowId


@dataclass(frozen=True, slots=True)
class NamedList:
    """A country, its name, and its list; None where it has none."""

    code: str
    name: str
    stored: GuestList | None


@dataclass(frozen=True, slots=True)
class Feeds:
    """The page of all lists.

    lists   those that match what was typed, the one for everywhere first
    typed   to find one; empty for all
    ages    moments at which a build replaced the guest feed, and its age then [min], the newest first
    charts  of these ages
    """

    template: ClassVar[str] = "coldstart/lists.html"
    path: ClassVar[str] = "/console/feeds"

    lists: Sequence[NamedList]
    typed: str
    ages: Sequence[tuple[datetime, float]]
    charts: Sequence[Chart]


@dataclass(frozen=True, slots=True)
class Item:
    """A row as guests see it.

    post   None where the post is not there any more
    age    of the post now [hours]
    main   what makes most of its score: keys of sentences, and their values
    """

    row: GuestRow
    post: ShownPost | None
    age: float | None
    main: Sequence[tuple[str, Mapping[str, object]]]


@dataclass(frozen=True, slots=True)
class Feed:
    """The page of a list.

    items      in their order
    next_page  the row behind which the next page begins; None at the end
    """

    template: ClassVar[str] = "coldstart/list.html"
    path: ClassVar[str] = Feeds.path

    code: str
    name: str
    items: Sequence[Item]
    next_page: ObjectId | None


@dataclass(frozen=True, slots=True)
class Why:
    """The page of a post in a list.

    above, below  its neighbours; None at an end of the list
    explanation   None where the row is stored without what its score is made of
    """

    template: ClassVar[str] = "coldstart/why.html"
    path: ClassVar[str] = Feeds.path

    code: str
    name: str
    item: Item
    above: Item | None
    below: Item | None
    explanation: Explanation | None


def lines(console: Console, now: datetime) -> Iterator[Line]:
    """Whether there is a guest feed, and how old it is."""
    built_at = GuestRows(console.store).generation(now=now)
    if built_at is None:
        yield Line("failed", "today.guest_feed", "today.guest_feed.none", Feeds.path)
    else:
        state: State = "good" if now - built_at <= FRESH else "attention"
        yield Line(state, "today.guest_feed", "today.guest_feed.built", Feeds.path, at=built_at)


def feeds(console: Console, visitor: Visitor, query: FeedsQuery, now: datetime) -> Response:
    """The lists of all countries, or of those that match."""
    by_country = GuestRows(console.store).lists()
    named = [(code, country_name(code, visitor.language)) for code in COUNTRIES if matches(code, query.find)]
    sought = query.find.strip().casefold()
    ordered = sorted(named, key=lambda pair: (pair[0] != sought, pair[1]))
    if matches(EVERYWHERE, query.find):
        ordered.insert(0, (EVERYWHERE, country_name(EVERYWHERE, visitor.language)))
    lists = [NamedList(code, name, by_country.get(code)) for code, name in ordered]
    builds = ages(console.store.job_runs.newest(BUILDS, function="build_guest_feed"))
    chart = Chart.of("charts.feed_age", ["charts.minutes"], [(at.timestamp(), [age]) for at, age in builds])
    return render(Feeds(lists, query.find, builds, [chart] if chart else []), visitor)


def feed(console: Console, visitor: Visitor, query: FeedQuery, now: datetime) -> Response:
    """A page of a list."""
    name, rows = _name(query.country, visitor), GuestRows(console.store)
    page = rows.page(query.country, ObjectId(query.after) if query.after else None, ROWS + 1)
    items = _items(console, page[:ROWS], now)
    next_page = page[ROWS - 1].id if len(page) > ROWS else None
    return render(Feed(query.country, name, items, next_page), visitor)


def why(console: Console, visitor: Visitor, query: WhyQuery, now: datetime) -> Response:
    """What the score of a post in a list is made of, and what sets it apart from its neighbours."""
    name, rows = _name(query.country, visitor), GuestRows(console.store)
    row = rows.find(query.country, ObjectId(query.post))
    if row is None:
        raise NotFound(f"post: it is not in the list of {name} now")
    above = rows.above(query.country, row)
    below = next(iter(rows.page(query.country, row.id, 1)), None)
    neighbours = [neighbour for neighbour in (above, row, below) if neighbour]
    items = {item.row.id: item for item in _items(console, neighbours, now)}
    explanation = explain(rows, query.country, row, above, below) if row.factors else None
    over, under = (items[neighbour.id] if neighbour else None for neighbour in (above, below))
    return render(Why(query.country, name, items[row.id], over, under, explanation), visitor)


def _name(code: str, visitor: Visitor) -> str:
    if code != EVERYWHERE and code not in COUNTRIES:
        raise NotFound(f"country: there is no list of {code}")
    return country_name(code, visitor.language)


def _items(console: Console, rows: Sequence[GuestRow], now: datetime) -> list[Item]:
    """The rows with their posts."""
    posts = ShownPosts(console.store).of(row.content for row in rows)
    items = []
    for row in rows:
        post = posts.get(row.content)
        age = max((now - post.created_at).total_seconds() / 3_600, 0.0) if post else None
        items.append(Item(row, post, age, main_factors(row.factors) if row.factors else ()))
    return items


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", "/console/feeds", "The guest feeds of all countries", FeedsQuery, feeds, "see"),
    Route("GET", "/console/feeds/{country}", "The guest feed of a country", FeedQuery, feed, "read posts"),
    Route("GET", "/console/feeds/{country}/{post}", "Why a post stands where it stands", WhyQuery, why, "read posts"),
)
