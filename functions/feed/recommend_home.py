"""The home page of an account: found in four places, ranked for it, and laid out so that it does not tire."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from functions.feed.feed_ranker import Desk, Reader
from functions.feed.post_index import Catalogue
from shared.clock import epoch_hours, hours
from shared.columns import BoolArray, FloatArray, IntArray, id_array, id_keys
from shared.config import Home
from shared.countries import COUNTRIES, EVERYWHERE
from shared.errors import Unavailable
from shared.ranking.country_ranker import points
from shared.ranking.history import NOBODYS
from shared.store.deadline import TaskGroup
from shared.store.guest_feed import GuestFeed

Source = Literal["following", "alike", "meaning", "trending", "new"]

MOST = 100  # items of one page
MOST_EXCLUDED = 1_000  # posts that a caller excludes
LEAST_READ = 50  # rows of the guest feed, where those read before do not suffice

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
    """A page that is asked for: at most `most` posts for an account, none of `exclude`, what follows after `cursor`.

    paged  whether a cursor for the next page is wanted
    """

    account: str
    most: int
    exclude: Sequence[str] = ()
    cursor: str = ""
    paged: bool = True


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
    pages = desk.store.home_pages
    with TaskGroup(desk.threads) as tasks:
        reader = desk.reader(ObjectId(asked.account))
        met = tasks.submit(met_before, desk, reader, options)
        bonds_of = tasks.submit(desk.store.relationships.bonds, reader.users, options.most_follows)
        trending = GuestList(desk.store.guest_feed, catalogue, reader.country)
        listed = tasks.submit(trending.read, options.trending)
        given = pages.first(expires_at=now + options.cursor_valid)
        if asked.cursor:
            given = pages.given(reader.account, asked.cursor, now=now)
    listed.result()
    bonds = bonds_of.result()
    known = np.concatenate([given.posts, id_array(map(ObjectId, asked.exclude)), met.result()])
    barred = barred_posts(catalogue, known, [*bonds.blocked, *reader.users])

    def shown(posts: IntArray) -> IntArray:
        """Those of these that may be shown now; the catalogue may be some minutes old."""
        return desk.shown_as_known(catalogue, posts, bonds.blocked)

    items, model = list[Item](), desk.version_for(reader)
    while len(items) <= asked.most:  # one further tells whether there is a next page
        found = candidates(catalogue, reader, trending, bonds.followed, barred, options, now)
        if not len(found.post):
            break
        margins = desk.margins(reader, found.post, now) + np.log(catalogue.quality[found.post])
        chosen, refused = laid_out(catalogue, found, margins, options, asked.most + 1 - len(items), shown)
        items += [item(catalogue, found.post[at], margins[at], found.source[at], model) for at in chosen]
        if len(items) <= asked.most:  # another round, without these
            barred |= np.isin(catalogue.version_of, catalogue.version_of[found.post[chosen]])
            barred[found.post[refused]] = True
    page, goes_on = items[: asked.most], asked.paged and len(items) > asked.most
    return Page(page, pages.add(reader.account, given, [one.content for one in page]) if goes_on else "")


class GuestList:
    """The guest feed of a country, read as far as it was needed: what the rounds of a page share."""

    def __init__(self, feed: GuestFeed, catalogue: Catalogue, country: int) -> None:
        self._feed, self._catalogue = feed, catalogue
        self._partition = EVERYWHERE if country == NOBODYS else COUNTRIES[country]
        self._posts: IntArray = np.empty(0, np.int64)
        self._after: ObjectId | None = None
        self._ended = False

    def read(self, most: int) -> None:
        """Read at most so many further rows; those of posts that the catalogue has are kept."""
        posts, self._after = self._feed.page(self._partition, most, self._after)
        place = self._catalogue.positions(id_array(posts))
        self._posts, self._ended = np.concatenate([self._posts, place[place >= 0]]), self._after is None

    def first(self, most: int, barred: BoolArray) -> IntArray:
        """The first posts that are not barred, at most so many, in the order of the list."""
        while len(posts := self._posts[~barred[self._posts]]) < most and not self._ended:
            self.read(max(2 * (most - len(posts)), LEAST_READ))
        return posts[:most]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Positions in the catalogue, (n,) each once, and where each was found first."""

    post: IntArray
    source: list[Source]


def candidates(
    catalogue: Catalogue,
    reader: Reader,
    trending: GuestList,
    followed: Collection[ObjectId],
    barred: BoolArray,
    options: Home,
    now: datetime,
) -> Candidates:
    """Posts from all places, but for those that are barred, (n_posts,); some, where there are any."""
    found: dict[int, Source] = {}
    taken: set[int] = set()
    for source, posts in places(catalogue, reader, trending, followed, barred, options, epoch_hours(now)):
        for post, version in zip(posts.tolist(), catalogue.version_of[posts].tolist(), strict=True):
            if version not in taken:
                taken.add(version)
                found[post] = source
    return Candidates(np.array(list(found), np.int64), list(found.values()))


def met_before(desk: Desk, reader: Reader, options: Home) -> NDArray[np.void]:
    """(n,) ids of posts that an account or its users saw or engaged with."""
    seen = desk.store.exposures.of_viewers([reader.account, *reader.users], options.remembered)
    acted = desk.store.engagements.of_account(reader.account, reader.users, options.remembered)
    return id_array([*seen, *acted])


def barred_posts(catalogue: Catalogue, known: NDArray[np.void], authors: Sequence[ObjectId]) -> BoolArray:
    """(n_posts,) whether a post could not be shown, whether it is one of those that are known or another version of it,
    and whether one of these authors wrote it or something that it repeats or quotes."""
    place = catalogue.positions(known)
    place = place[place >= 0]
    barred: BoolArray = ~catalogue.visible
    barred[catalogue.of_version(np.unique(np.concatenate([id_keys(known), catalogue.version_of[place]])))] = True
    barred[place] = True
    barred[catalogue.leading_to(known)] = True
    return barred | catalogue.by_any(authors)


def places(
    catalogue: Catalogue,
    reader: Reader,
    trending: GuestList,
    followed: Collection[ObjectId],
    barred: BoolArray,
    options: Home,
    hour: float,
) -> Iterator[tuple[Source, IntArray]]:
    """Where posts are found that are not barred, and which, the most telling place first."""
    by_followed = catalogue.by_authors(sorted(followed), options.per_author, barred)
    yield "following", by_followed[hour - catalogue.created[by_followed] <= hours(options.followed_for)]
    oldest = int(np.searchsorted(catalogue.created, hour - hours(options.found_for)))
    if reader.personal is not None:
        own = catalogue.positions(reader.personal.taste.posts)
        own = own[own >= 0]
        yield "alike", nearest(catalogue.directions, own, oldest, options.alike, barred)
        yield "meaning", nearest(catalogue.meanings, own, oldest, options.meaning, barred)
    yield "trending", trending.first(options.trending, barred)
    young = np.arange(int(np.searchsorted(catalogue.created, hour - hours(options.found_for) / 7)), len(catalogue))
    new = catalogue.acts_of_author[catalogue.author[young]] <= options.few_acts
    yield "new", young[new & ~barred[young]]


def nearest(vectors: NDArray[Any], own: IntArray, oldest: int, number: int, barred: BoolArray) -> IntArray:
    """Other posts, from a position on and not barred, that point most where some posts point together; the nearest
    first."""
    towards = vectors[own].sum(0, dtype=np.float32)
    length = np.linalg.norm(towards)
    if not length:
        return np.empty(0, np.int64)
    close = vectors[oldest:].astype(np.float32) @ (towards / length)
    close[own[own >= oldest] - oldest] = 0
    close[barred[oldest:]] = 0
    best = np.argpartition(-close, min(number, len(close) - 1))[:number] if len(close) else np.empty(0, np.int64)
    best = best[close[best] > 0]
    nearest_first: IntArray = oldest + best[np.argsort(-close[best], kind="stable")]
    return nearest_first


def laid_out(
    catalogue: Catalogue,
    found: Candidates,
    margins: FloatArray,
    options: Home,
    number: int,
    shown: Callable[[IntArray], IntArray],
) -> tuple[list[int], list[int]]:
    """The best candidates, and those that were refused meanwhile, as positions among them: at most `in_a_row` of an
    author or a topic one below the other, and now and then one by an author whom few know yet.

    shown  says which posts may be shown; it is asked of the best, and of more where those do not suffice
    """
    order = np.argsort(-margins, kind="stable").tolist()
    rest = [one for one in order if found.source[one] != "new"]
    unknown = [one for one in order if found.source[one] == "new"]
    chosen, refused, sound = list[int](), list[int](), set[int]()

    def check(some: list[int]) -> None:
        visible = set(shown(found.post[some]).tolist())
        sound.update(one for one in some if found.post[one] in visible)
        refused.extend(gone := {one for one in some if one not in sound})
        for queue in (rest, unknown):
            queue[:] = [one for one in queue if one not in gone] if gone else queue

    ahead = 2 * number
    check([*rest[:ahead], *unknown[: ahead // options.explore_every + 1 if options.explore_every else 0]])
    while len(chosen) < number and (rest or unknown):
        explores = bool(unknown and options.explore_every) and (len(chosen) + 1) % options.explore_every == 0
        queue = unknown if explores or not rest else rest
        last = found.post[chosen[-options.in_a_row :]]
        tired = tiring(catalogue, last) if len(last) == options.in_a_row else (set(), set())
        fits = next((at for at, one in enumerate(queue) if not repeats(catalogue, found.post[one], *tired)), 0)
        if queue[fits] in sound:
            chosen.append(queue.pop(fits))
        else:
            check([one for one in queue[fits:] if one not in sound][:ahead])
            ahead *= 2
    return chosen, refused


def tiring(catalogue: Catalogue, posts: IntArray) -> tuple[set[int], set[int]]:
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
