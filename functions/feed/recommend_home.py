"""The home page of an account: found in four places, ranked for it, and laid out so that it does not tire."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from functions.feed.feed_ranker import FeedRanker, Viewer
from functions.feed.post_index import PostIndex
from shared.clock import epoch_hours, hours
from shared.columns import BoolArray, FloatArray, IntArray, id_array, id_keys
from shared.config import Home
from shared.countries import COUNTRIES, GLOBAL_PARTITION
from shared.errors import Unavailable
from shared.ranking.country_ranker import scores_from_logits
from shared.ranking.history import UNKNOWN_COUNTRY
from shared.store.deadline import TaskGroup
from shared.store.guest_feed import GuestFeed

CandidateSource = Literal["following", "alike", "meaning", "trending", "new"]

MAX_ITEMS = 100  # items of one page
MAX_EXCLUDED = 1_000  # posts that a caller excludes
MIN_READ = 50  # rows of the guest feed, where those read before do not suffice

REASONS: Mapping[CandidateSource, str] = {
    "following": "by someone whom you follow",
    "alike": "liked by people who like what you like",
    "meaning": "about the like of what you engaged with",
    "trending": "liked in your country",
    "new": "by someone whom few know yet",
}
# What the application calls them.
AGGREGATORS: Mapping[CandidateSource, str] = {"following": "following-cast", "trending": "trending"}


@dataclass(frozen=True, slots=True)
class Item:
    """One post of a page; `score` is above 0, higher is better."""

    content: ObjectId
    author: ObjectId
    score: float
    source: CandidateSource
    model: str


@dataclass(frozen=True, slots=True)
class HomeRequest:
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


def run(feed_ranker: FeedRanker, options: Home, asked: HomeRequest, *, now: datetime) -> Page:
    """The next items for an account, the best first: nothing that it saw, engaged with or wrote, that it excludes or
    was given on the pages before, nothing of whom it blocks or is blocked by, and no post twice in other words.

    Raises NotFound for an unknown account, BadEvent for a cursor that is none, Unavailable before there is a catalogue.
    """
    feed_ranker.refresh(now)
    post_index = feed_ranker.post_index
    if post_index is None:
        raise Unavailable("there is no catalogue of posts yet; refresh_catalogue makes it")
    pages = feed_ranker.store.home_pages
    with TaskGroup(feed_ranker.threads) as tasks:
        viewer = feed_ranker.viewer(ObjectId(asked.account))
        met = tasks.submit(met_before, feed_ranker, viewer, options)
        bonds_of = tasks.submit(feed_ranker.store.relationships.follows_and_blocks, viewer.users, options.most_follows)
        trending = GuestList(feed_ranker.store.guest_feed, post_index, viewer.country)
        listed = tasks.submit(trending.read, options.trending)
        given = pages.first(expires_at=now + options.cursor_valid)
        if asked.cursor:
            given = pages.given(viewer.account, asked.cursor, now=now)
    listed.result()
    follows_and_blocks = bonds_of.result()
    known = np.concatenate([given.posts, id_array(map(ObjectId, asked.exclude)), met.result()])
    excluded = barred_posts(post_index, known, [*follows_and_blocks.blocked, *viewer.users])

    def shown(posts: IntArray) -> IntArray:
        """Those of these that may be shown now; the catalogue may be some minutes old."""
        return feed_ranker.shown_as_known(post_index, posts, follows_and_blocks.blocked)

    items, model = list[Item](), feed_ranker.version_for(viewer)
    while len(items) <= asked.most:  # one further tells whether there is a next page
        found = candidates(post_index, viewer, trending, follows_and_blocks.followed, excluded, options, now)
        if not len(found.post):
            break
        logits = feed_ranker.logits(viewer, found.post, now) + np.log(post_index.quality[found.post])
        chosen, refused = diversify(post_index, found, logits, options, asked.most + 1 - len(items), shown)
        items += [item(post_index, found.post[at], logits[at], found.source[at], model) for at in chosen]
        if len(items) <= asked.most:  # another round, without these
            excluded |= np.isin(post_index.canonical_id, post_index.canonical_id[found.post[chosen]])
            excluded[found.post[refused]] = True
    page, goes_on = items[: asked.most], asked.paged and len(items) > asked.most
    return Page(page, pages.add(viewer.account, given, [one.content for one in page]) if goes_on else "")


class GuestList:
    """The guest feed of a country, read as far as it was needed: what the rounds of a page share."""

    def __init__(self, feed: GuestFeed, post_index: PostIndex, country: int) -> None:
        self._feed, self._catalogue = feed, post_index
        self._partition = GLOBAL_PARTITION if country == UNKNOWN_COUNTRY else COUNTRIES[country]
        self._posts: IntArray = np.empty(0, np.int64)
        self._after: ObjectId | None = None
        self._ended = False

    def read(self, most: int) -> None:
        """Read at most so many further rows; those of posts that the catalogue has are kept."""
        posts, self._after = self._feed.page(self._partition, most, self._after)
        place = self._catalogue.positions(id_array(posts))
        self._posts, self._ended = np.concatenate([self._posts, place[place >= 0]]), self._after is None

    def first(self, most: int, excluded: BoolArray) -> IntArray:
        """The first posts that are not barred, at most so many, in the order of the list."""
        while len(posts := self._posts[~excluded[self._posts]]) < most and not self._ended:
            self.read(max(2 * (most - len(posts)), MIN_READ))
        return posts[:most]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Positions in the catalogue, (n,) each once, and where each was found first."""

    post: IntArray
    source: list[CandidateSource]


def candidates(
    post_index: PostIndex,
    viewer: Viewer,
    trending: GuestList,
    followed: Collection[ObjectId],
    excluded: BoolArray,
    options: Home,
    now: datetime,
) -> Candidates:
    """Posts from all places, but for those that are barred, (n_posts,); some, where there are any."""
    found: dict[int, CandidateSource] = {}
    taken: set[int] = set()
    for source, posts in candidate_ids(post_index, viewer, trending, followed, excluded, options, epoch_hours(now)):
        for post, version in zip(posts.tolist(), post_index.canonical_id[posts].tolist(), strict=True):
            if version not in taken:
                taken.add(version)
                found[post] = source
    return Candidates(np.array(list(found), np.int64), list(found.values()))


def met_before(feed_ranker: FeedRanker, viewer: Viewer, options: Home) -> NDArray[np.void]:
    """(n,) ids of posts that an account or its users saw or engaged with."""
    seen = feed_ranker.store.exposures.of_viewers([viewer.account, *viewer.users], options.remembered)
    acted = feed_ranker.store.engagements.of_account(viewer.account, viewer.users, options.remembered)
    return id_array([*seen, *acted])


def barred_posts(post_index: PostIndex, known: NDArray[np.void], authors: Sequence[ObjectId]) -> BoolArray:
    """(n_posts,) whether a post could not be shown, whether it is one of those that are known or another version of it,
    and whether one of these authors wrote it or something that it repeats or quotes."""
    place = post_index.positions(known)
    place = place[place >= 0]
    excluded: BoolArray = ~post_index.visible
    excluded[
        post_index.of_canonical_id(np.unique(np.concatenate([id_keys(known), post_index.canonical_id[place]])))
    ] = True
    excluded[place] = True
    excluded[post_index.leading_to(known)] = True
    return excluded | post_index.by_any(authors)


def candidate_ids(
    post_index: PostIndex,
    viewer: Viewer,
    trending: GuestList,
    followed: Collection[ObjectId],
    excluded: BoolArray,
    options: Home,
    hour: float,
) -> Iterator[tuple[CandidateSource, IntArray]]:
    """Where posts are found that are not barred, and which, the most telling place first."""
    by_followed = post_index.by_authors(sorted(followed), options.per_author, excluded)
    yield "following", by_followed[hour - post_index.created[by_followed] <= hours(options.followed_for)]
    oldest = int(np.searchsorted(post_index.created, hour - hours(options.found_for)))
    if viewer.personal is not None:
        own = post_index.positions(viewer.personal.profile.posts)
        own = own[own >= 0]
        yield "alike", nearest(post_index.item_factors, own, oldest, options.alike, excluded)
        yield "meaning", nearest(post_index.text_embeddings, own, oldest, options.meaning, excluded)
    yield "trending", trending.first(options.trending, excluded)
    young = np.arange(int(np.searchsorted(post_index.created, hour - hours(options.found_for) / 7)), len(post_index))
    new = post_index.engagements_of_author[post_index.author[young]] <= options.few_acts
    yield "new", young[new & ~excluded[young]]


def nearest(vectors: NDArray[Any], own: IntArray, oldest: int, number: int, excluded: BoolArray) -> IntArray:
    """Other posts, from a position on and not barred, that point most where some posts point together; the nearest
    first."""
    towards = vectors[own].sum(0, dtype=np.float32)
    length = np.linalg.norm(towards)
    if not length:
        return np.empty(0, np.int64)
    close = vectors[oldest:].astype(np.float32) @ (towards / length)
    close[own[own >= oldest] - oldest] = 0
    close[excluded[oldest:]] = 0
    best = np.argpartition(-close, min(number, len(close) - 1))[:number] if len(close) else np.empty(0, np.int64)
    best = best[close[best] > 0]
    nearest_first: IntArray = oldest + best[np.argsort(-close[best], kind="stable")]
    return nearest_first


def diversify(
    post_index: PostIndex,
    found: Candidates,
    logits: FloatArray,
    options: Home,
    number: int,
    shown: Callable[[IntArray], IntArray],
) -> tuple[list[int], list[int]]:
    """The best candidates, and those that were refused meanwhile, as positions among them: at most `in_a_row` of an
    author or a topic one below the other, and now and then one by an author whom few know yet.

    shown  says which posts may be shown; it is asked of the best, and of more where those do not suffice
    """
    order = np.argsort(-logits, kind="stable").tolist()
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
        tired = tiring(post_index, last) if len(last) == options.in_a_row else (set(), set())
        fits = next((at for at, one in enumerate(queue) if not repeats(post_index, found.post[one], *tired)), 0)
        if queue[fits] in sound:
            chosen.append(queue.pop(fits))
        else:
            check([one for one in queue[fits:] if one not in sound][:ahead])
            ahead *= 2
    return chosen, refused


def tiring(post_index: PostIndex, posts: IntArray) -> tuple[set[int], set[int]]:
    """The author, and the topics, that all of these posts share."""
    authors = set(post_index.author[posts].tolist())
    topics = [set(post_index.topics_of(posts[at : at + 1])[1].tolist()) for at in range(len(posts))]
    return authors if len(authors) == 1 else set(), set.intersection(*topics)


def repeats(post_index: PostIndex, post: int, authors: set[int], topics: set[int]) -> bool:
    """Whether a post is by one of these authors, or on one of these topics."""
    if int(post_index.author[post]) in authors:
        return True
    first, end = post_index.topic_start[post : post + 2]
    return not topics.isdisjoint(post_index.topic[first:end].tolist())


def item(post_index: PostIndex, post: int, country_logit: float, source: CandidateSource, model: str) -> Item:
    """As it stands on a page."""
    author = post_index.author_ids[post_index.author[post]]
    score = float(scores_from_logits(np.array([country_logit]))[0])
    return Item(ObjectId(post_index.ids[post].tobytes()), ObjectId(author.tobytes()), score, source, model)


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


def error_response(payload: Any, reason: str) -> dict[str, Any]:
    """An empty page, and why."""
    return {"code": 1001, "items": [], "cursor": "", "reason": reason}
