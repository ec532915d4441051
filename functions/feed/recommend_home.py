"""The home page of an account: found in four places, ranked for it, and laid out so that it does not tire."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from functions.feed.catalogue import Catalogue, hours_of
from functions.feed.desk import Desk, Reader
from shared.clock import hours
from shared.config import Home
from shared.errors import BadEvent, Unavailable
from shared.network.countries import COUNTRIES, EVERYWHERE
from shared.network.history import NOBODYS
from shared.network.ranker import points
from shared.store import Store
from shared.store.columns import id_array, id_keys, object_ids

Index = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Source = Literal["following", "alike", "meaning", "trending", "new"]

MOST = 100  # items of one page
MOST_GIVEN = 1_000  # posts that a cursor remembers

REASONS: Mapping[Source, str] = {
    "following": "by someone whom you follow",
    "alike": "liked by people who like what you like",
    "meaning": "about the like of what you engaged with",
    "trending": "liked in your country",
    "new": "by someone whom few know yet",
}
# What the application calls them.
AGGREGATORS: Mapping[Source, str] = {"following": "following-cast", "trending": "trending"}


@dataclass(frozen=True, slots=True)
class Item:
    """One post of a page; `score` is above 0, higher is better."""

    content: ObjectId
    author: ObjectId
    score: float
    source: Source
    model: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A page that is asked for: at most `most` posts for an account, none of `exclude`, what follows after `cursor`."""

    account: str
    most: int
    exclude: Sequence[str] = ()
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, and the cursor that the next page is asked for with; empty where there are no more."""

    items: Sequence[Item]
    cursor: str


def run(desk: Desk, options: Home, asked: Asked, *, now: datetime) -> Page:
    """The next items for an account, the best first: nothing that it saw, engaged with or wrote, that it excludes or
    was given on the pages before, nothing of whom it blocks or is blocked by, and no post twice in other words.

    Raises NotFound for an unknown account, BadEvent for a cursor that is none, Unavailable before there is a catalogue.
    """
    desk.look(now)
    catalogue = desk.catalogue
    if catalogue is None:
        raise Unavailable("there is no catalogue of posts yet; refresh_catalogue makes it")
    reader, given = desk.reader(ObjectId(asked.account)), given_before(asked.cursor)
    hidden = [*map(ObjectId, asked.exclude), *given]
    found = candidates(desk.store, catalogue, reader, options, hidden, now)
    margins = desk.margins(reader, found.post, now) + np.log(catalogue.quality[found.post])
    order = laid_out(catalogue, found, margins, options, number=2 * asked.most)
    posts = still_visible(desk.store, catalogue, order)[: asked.most]
    place = {post: number for number, post in enumerate(found.post.tolist())}
    model = desk.version_for(reader)
    items = [item(catalogue, post, margins[place[post]], found.source[place[post]], model) for post in posts]
    shown = [one.content for one in items]
    return Page(items, cursor_after([*given, *shown]) if items else "")


def still_visible(store: Store, catalogue: Catalogue, posts: Index) -> list[int]:
    """Those of the posts that are published now, by users who are, in their order."""
    contents = object_ids(catalogue.ids[posts])
    authors = object_ids(catalogue.author_ids[catalogue.author[posts]])
    shown, published = store.contents.visible(contents), store.accounts.published(list(set(authors)))
    rows = zip(posts.tolist(), contents, authors, strict=True)
    return [post for post, content, author in rows if content in shown and author in published]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Positions in the catalogue, (n,) each once, and where each was found first."""

    post: Index
    source: list[Source]


def candidates(
    store: Store,
    catalogue: Catalogue,
    reader: Reader,
    options: Home,
    hidden: Sequence[ObjectId],
    now: datetime,
) -> Candidates:
    """Posts from all places, but for those that may not be shown."""
    users = store.accounts.users_of(reader.account)
    bonds = store.relationships.bonds(users, options.most_follows)
    viewers = [reader.account, *users]
    known = [
        *store.exposures.of_viewers(viewers, options.remembered),
        *store.engagements.of_account(reader.account, options.remembered),
        *hidden,
    ]
    barred = barred_posts(catalogue, known, [*bonds.blocked, *users])
    found: dict[int, Source] = {}
    taken: set[int] = set()
    for source, posts in places(store, catalogue, reader, bonds.followed, options, hours_of(now)):
        for post in posts[~barred[posts]].tolist():
            version = int(catalogue.version_of[post])
            if version not in taken:
                taken.add(version)
                found[post] = source
    return Candidates(np.array(list(found), np.int64), list(found.values()))


def barred_posts(catalogue: Catalogue, known: Sequence[ObjectId], authors: Sequence[ObjectId]) -> Flags:
    """(n_posts,) whether a post is one of these or another version of it, whether one of these authors wrote it or what
    it repeats, and whether it repeats what can no longer be seen."""
    ids = id_array(known)
    place = catalogue.positions(ids)
    versions = np.concatenate([id_keys(ids), catalogue.version_of[place[place >= 0]]])
    by_author = np.isin(catalogue.author_keys, id_keys(id_array(authors)))[catalogue.author]
    original = catalogue.original
    of_author = (original >= 0) & by_author[original]
    hollow = catalogue.recast & (original < 0)
    return np.isin(catalogue.version_of, versions) | np.isin(catalogue.keys, versions) | by_author | of_author | hollow


def places(
    store: Store,
    catalogue: Catalogue,
    reader: Reader,
    followed: frozenset[ObjectId],
    options: Home,
    hour: float,
) -> Iterator[tuple[Source, Index]]:
    """Where posts are found, and which, the most telling place first."""
    by_followed = catalogue.by_authors(sorted(followed), options.per_author)
    yield "following", by_followed[hour - catalogue.created[by_followed] <= hours(options.followed_for)]
    oldest = int(np.searchsorted(catalogue.created, hour - hours(options.found_for)))
    if reader.personal is not None:
        own = catalogue.positions(reader.personal.taste.posts)
        own = own[own >= 0]
        yield "alike", nearest(catalogue.directions, own, oldest, options.alike)
        yield "meaning", nearest(catalogue.meanings, own, oldest, options.meaning)
    country = EVERYWHERE if reader.country == NOBODYS else COUNTRIES[reader.country]
    trending = catalogue.positions(id_array(store.guest_feed.head(country, options.trending)))
    yield "trending", trending[trending >= 0]
    young = np.arange(int(np.searchsorted(catalogue.created, hour - hours(options.found_for) / 7)), len(catalogue))
    yield "new", young[catalogue.acts_of_author[catalogue.author[young]] <= options.few_acts]


def nearest(vectors: NDArray[Any], own: Index, oldest: int, number: int) -> Index:
    """Other posts, from a position on, that point most where some posts point together; the nearest first."""
    towards = vectors[own].sum(0, dtype=np.float32)
    length = np.linalg.norm(towards)
    if not length:
        return np.empty(0, np.int64)
    close = vectors[oldest:].astype(np.float32) @ (towards / length)
    close[own[own >= oldest] - oldest] = 0
    best = np.argpartition(-close, min(number, len(close) - 1))[:number] if len(close) else np.empty(0, np.int64)
    best = best[close[best] > 0]
    nearest_first: Index = oldest + best[np.argsort(-close[best], kind="stable")]
    return nearest_first


def laid_out(catalogue: Catalogue, found: Candidates, margins: Floats, options: Home, number: int) -> Index:
    """The best posts, positions in the catalogue: at most `in_a_row` of an author or a topic one below the other, and
    now and then one by an author whom few know yet."""
    order = np.argsort(-margins, kind="stable").tolist()
    rest = [one for one in order if found.source[one] != "new"]
    unknown = [one for one in order if found.source[one] == "new"]
    chosen: list[int] = []
    while len(chosen) < number and (rest or unknown):
        explores = bool(unknown and options.explore_every) and (len(chosen) + 1) % options.explore_every == 0
        queue = unknown if explores or not rest else rest
        last = found.post[chosen[-options.in_a_row :]]
        tired = tiring(catalogue, last) if len(last) == options.in_a_row else (set(), set())
        fits = next((at for at, one in enumerate(queue) if not repeats(catalogue, found.post[one], *tired)), 0)
        chosen.append(queue.pop(fits))
    return found.post[chosen]


def tiring(catalogue: Catalogue, posts: Index) -> tuple[set[int], set[int]]:
    """The author, and the topics, that all of these posts share."""
    authors = set(catalogue.author[posts].tolist())
    topics = [set(catalogue.topics_of(posts[at : at + 1])[1].tolist()) for at in range(len(posts))]
    return authors if len(authors) == 1 else set(), set.intersection(*topics)


def repeats(catalogue: Catalogue, post: int, authors: set[int], topics: set[int]) -> bool:
    """Whether a post is by one of these authors, or on one of these topics."""
    if int(catalogue.author[post]) in authors:
        return True
    first, end = catalogue.topic_start[post : post + 2]
    return not topics.isdisjoint(catalogue.topic[first:end].tolist())


def item(catalogue: Catalogue, post: int, margin: float, source: Source, model: str) -> Item:
    """As it stands on a page."""
    author = catalogue.author_ids[catalogue.author[post]]
    score = float(points(np.array([margin]))[0])
    return Item(ObjectId(catalogue.ids[post].tobytes()), ObjectId(author.tobytes()), score, source, model)


def cursor_after(given: Sequence[ObjectId]) -> str:
    """What says which posts were given so far, the latest of them."""
    return base64.urlsafe_b64encode(b"".join(one.binary for one in given[-MOST_GIVEN:])).decode()


def given_before(cursor: str) -> list[ObjectId]:
    """The posts again; BadEvent for a cursor that is none.

    >>> given_before(cursor_after([ObjectId("65f0a1b2c3d4e5f60718293a")]))
    [ObjectId('65f0a1b2c3d4e5f60718293a')]
    """
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadEvent("cursor: is not one that a page came with") from None
    if len(raw) % 12 or len(raw) > 12 * MOST_GIVEN:
        raise BadEvent("cursor: is not one that a page came with")
    return [ObjectId(raw[at : at + 12]) for at in range(0, len(raw), 12)]


def suggestions(page: Page) -> dict[str, Any]:
    """The items as the application reads them: /v2/data-services/suggest/contents."""
    return {"payload": [_suggestion(one) for one in page.items]}


def home(page: Page) -> dict[str, Any]:
    """The items with their reasons, and where the next page begins: /feed/home."""
    told = [{"source": one.source, "reason": REASONS[one.source], "model": one.model} for one in page.items]
    items = [_suggestion(one) | more for one, more in zip(page.items, told, strict=True)]
    return {"items": items, "cursor": page.cursor}


def _suggestion(one: Item) -> dict[str, Any]:
    aggregator: dict[str, Any] = {"name": AGGREGATORS.get(one.source, "default")}
    if one.source == "following":
        aggregator["user"] = [str(one.author)]
    return {"content": str(one.content), "score": one.score, "aggregator": aggregator, "author": str(one.author)}


def sorry(payload: Any, reason: str) -> dict[str, Any]:
    """An empty page, and why."""
    return {"code": 1001, "items": [], "cursor": "", "reason": reason}
