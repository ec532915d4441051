"""Candidate generation (retrieval) for the home page: posts of followed authors, posts similar by co-engagement or by
text, trending posts of the country, and posts of new authors."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from functions.feed.options import Home
from functions.feed.post_index import PostIndex
from functions.feed.scoring import Viewer
from shared.clock import epoch_hours, hours
from shared.columns import BoolArray, IdArray, IntArray, id_array, id_keys
from shared.countries import COUNTRIES, GLOBAL_PARTITION, UNKNOWN_COUNTRY
from shared.store import Store
from shared.store.guest_feed import GuestFeed

CandidateSource = Literal["following", "alike", "meaning", "trending", "new"]

MIN_READ = 50  # rows of the guest feed that are read at once where the first ones do not suffice


@dataclass(frozen=True, slots=True)
class Candidates:
    """Distinct candidates: (n,) positions in the post index, and for each the sources that had it, the first one
    first."""

    post: IntArray
    sources: list[list[CandidateSource]]


class GuestFeedReader:
    """Reads the guest feed of a country row by row, as far as the rounds of one page need it."""

    def __init__(self, feed: GuestFeed, post_index: PostIndex, country: int) -> None:
        """`country` is an index into COUNTRIES, or UNKNOWN_COUNTRY, which gets the feed of all countries."""
        self._feed, self._post_index = feed, post_index
        self._partition = GLOBAL_PARTITION if country == UNKNOWN_COUNTRY else COUNTRIES[country]
        self._posts: IntArray = np.empty(0, np.int64)
        self._after: ObjectId | None = None
        self._at_end = False

    def read(self, limit: int) -> None:
        """Read at most `limit` further rows, and keep those of posts that are in the post index."""
        posts, self._after = self._feed.page(self._partition, limit, self._after)
        positions = self._post_index.positions(id_array(posts))
        self._posts, self._at_end = np.concatenate([self._posts, positions[positions >= 0]]), self._after is None

    def first(self, limit: int, excluded: BoolArray) -> IntArray:
        """(n_found,) positions of the first posts, at most `limit`, that are not excluded, (n_posts,); best first.

        Reads on where the rows so far do not suffice.
        """
        while len(posts := self._posts[~excluded[self._posts]]) < limit and not self._at_end:
            self.read(max(2 * (limit - len(posts)), MIN_READ))
        return posts[:limit]


def past_interactions(store: Store, viewer: Viewer, options: Home, *, now: datetime) -> IdArray:
    """(n,) ids of the posts that the account or its users saw or engaged with, the latest of each."""
    impressions = store.exposures.of_viewers([viewer.account, *viewer.users], options.seen_limit, now=now)
    engagements = store.engagements.of_account(viewer.account, viewer.users, options.seen_limit)
    return id_array([*impressions, *engagements])


def excluded_posts(post_index: PostIndex, ids: IdArray, authors: Sequence[ObjectId]) -> BoolArray:
    """(n_posts,) whether a post may not become a candidate: it was not visible when the index was built; it is one of
    these posts, repeats or quotes one, or has the same canonical id; or one of these authors wrote it or a post of its
    chain.

    ids  (n,) of posts, in the index or not
    """
    positions = post_index.positions(ids)
    positions = positions[positions >= 0]
    excluded: BoolArray = ~post_index.visible
    canonical_ids = np.unique(np.concatenate([id_keys(ids), post_index.canonical_id[positions]]))
    excluded[post_index.by_canonical_id(canonical_ids)] = True
    excluded[positions] = True
    excluded[post_index.reposts_of(ids)] = True
    return excluded | post_index.involves_authors(authors)


def retrieve_candidates(
    post_index: PostIndex,
    viewer: Viewer,
    guest_feed: GuestFeedReader,
    followed: Collection[ObjectId],
    excluded: BoolArray,
    options: Home,
    now: datetime,
) -> Candidates:
    """Candidates of all sources, of each canonical id the first one; none only where no source has any.

    followed  users that the viewer follows
    excluded  (n_posts,) posts that may not become candidates
    """
    sources: dict[int, list[CandidateSource]] = {}
    canonical_ids: set[int] = set()
    for source, posts in posts_by_source(post_index, viewer, guest_feed, followed, excluded, options, epoch_hours(now)):
        for post, canonical_id in zip(posts.tolist(), post_index.canonical_id[posts].tolist(), strict=True):
            if canonical_id not in canonical_ids:
                canonical_ids.add(canonical_id)
                sources[post] = [source]
            elif post in sources:
                sources[post].append(source)
    return Candidates(np.array(list(sources), np.int64), list(sources.values()))


def posts_by_source(
    post_index: PostIndex,
    viewer: Viewer,
    guest_feed: GuestFeedReader,
    followed: Collection[ObjectId],
    excluded: BoolArray,
    options: Home,
    hour: float,
) -> Iterator[tuple[CandidateSource, IntArray]]:
    """Each source with the (n_found,) positions of its posts that are not excluded, the source that says most about the
    viewer first.

    excluded  (n_posts,)
    hour      the moment [hours since 1970]
    """
    by_followed = post_index.by_authors(sorted(followed), options.per_author, excluded)
    yield "following", by_followed[hour - post_index.created[by_followed] <= hours(options.max_age_followed)]
    oldest = int(np.searchsorted(post_index.created, hour - hours(options.max_age_discovered)))
    if viewer.personal is not None:
        own = post_index.positions(viewer.personal.profile.posts)
        own = own[own >= 0]
        yield "alike", nearest(post_index.item_factors, own, oldest, options.alike, excluded)
        yield "meaning", nearest(post_index.text_embeddings, own, oldest, options.meaning, excluded)
    yield "trending", guest_feed.first(options.trending, excluded)
    recent = np.arange(
        int(np.searchsorted(post_index.created, hour - hours(options.max_age_discovered) / 7)), len(post_index)
    )
    by_new_author = post_index.engagements_of_author[post_index.author[recent]] <= options.new_author_max_engagements
    yield "new", recent[by_new_author & ~excluded[recent]]


def nearest(vectors: NDArray[Any], own: IntArray, oldest: int, limit: int, excluded: BoolArray) -> IntArray:
    """(n_found,) positions of at most `limit` posts with the largest product with the sum of the vectors of some posts,
    above 0, the largest first.

    vectors   (n_posts, d) embeddings, 0 where there is none
    own       (n,) positions of those posts, which are left out
    oldest    position of the first post that may be found
    excluded  (n_posts,) posts that are left out
    """
    total = vectors[own].sum(0, dtype=np.float32)
    length = np.linalg.norm(total)
    if not length:
        return np.empty(0, np.int64)
    similarity = vectors[oldest:].astype(np.float32) @ (total / length)
    similarity[own[own >= oldest] - oldest] = 0
    similarity[excluded[oldest:]] = 0
    best = (
        np.argpartition(-similarity, min(limit, len(similarity) - 1))[:limit]
        if len(similarity)
        else np.empty(0, np.int64)
    )
    best = best[similarity[best] > 0]
    nearest_first: IntArray = oldest + best[np.argsort(-similarity[best], kind="stable")]
    return nearest_first
