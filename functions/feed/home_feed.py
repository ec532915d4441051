"""What the home of an account is chosen from, and the choice: candidates are retrieved, ranked and re-ranked."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from bson import ObjectId

from functions.feed.candidate_sources import (
    Candidates,
    GuestFeedReader,
    excluded_posts,
    past_interactions,
    retrieve_candidates,
)
from functions.feed.diversify import diversify
from functions.feed.feed_ranker import FeedRanker
from functions.feed.options import Home
from functions.feed.post_index import PostIndex
from functions.feed.scoring import ScoreParts, Scoring, Viewer
from functions.feed.store.relationships import Relationships
from shared.columns import BoolArray, FloatArray, IdArray, IntArray
from shared.store.deadline import TaskGroup

Visible = Callable[[IntArray], IntArray]  # those of some posts, positions in the index, that may be shown now


@dataclass(frozen=True, slots=True)
class Round:
    """Candidates, ranked, and which of them are chosen.

    parts     what their scores are made of
    logits    (n,) scores, with the quality of the posts [log odds]
    selected  rows of the chosen ones, in their order
    refused   rows of those that turned out not to be visible
    """

    candidates: Candidates
    parts: ScoreParts
    logits: FloatArray
    selected: list[int]
    refused: list[int]


@dataclass(frozen=True, slots=True)
class HomeFeed:
    """What the home of a viewer is chosen from.

    followed  users that the viewer follows
    blocked   users with whom it has a block
    excluded  (n_posts,) posts that may not become candidates
    """

    post_index: PostIndex
    viewer: Viewer
    guest_feed: GuestFeedReader
    followed: Collection[ObjectId]
    blocked: Collection[ObjectId]
    excluded: BoolArray
    options: Home
    now: datetime

    @classmethod
    def start(
        cls, tasks: TaskGroup, feed_ranker: FeedRanker, viewer: Viewer, options: Home, *, now: datetime
    ) -> Callable[[IdArray], "HomeFeed"]:
        """Begin to read it. Returns the call that waits for it, which takes the (n,) ids of further posts that may not
        be shown. Unavailable before a post index exists."""
        store, post_index = feed_ranker.store, feed_ranker.scoring.post_index
        interactions = tasks.submit(past_interactions, store, viewer, options, now=now)
        follows_and_blocks = tasks.submit(Relationships(store).follows_and_blocks, viewer.users, options.max_follows)
        guest_feed = GuestFeedReader(store.guest_feed, post_index, viewer.country)
        first_rows = tasks.submit(guest_feed.read, options.trending)

        def finish(ids: IdArray) -> HomeFeed:
            first_rows.result()
            users = follows_and_blocks.result()
            not_again = np.concatenate([ids, interactions.result()])
            excluded = excluded_posts(post_index, not_again, [*users.blocked, *viewer.users])
            return cls(post_index, viewer, guest_feed, users.followed, users.blocked, excluded, options, now)

        return finish

    def rounds(self, scoring: Scoring, number: int, visible: Visible) -> Iterator[Round]:
        """The posts to show, the best first, until there are so many of them or no candidates are left; each round is
        without the posts, and what repeats them, of the rounds before."""
        post_index, excluded = self.post_index, self.excluded.copy()
        while number > 0 and len((candidates := self.candidates(excluded)).post):
            chosen = self.ranked(candidates, scoring, number, visible)
            yield chosen
            number -= len(chosen.selected)
            if number > 0:
                excluded |= np.isin(post_index.canonical_id, post_index.canonical_id[candidates.post[chosen.selected]])
                excluded[candidates.post[chosen.refused]] = True

    def candidates(self, excluded: BoolArray) -> Candidates:
        """The candidates of all sources but for these posts, (n_posts,)."""
        return retrieve_candidates(
            self.post_index, self.viewer, self.guest_feed, self.followed, excluded, self.options, self.now
        )

    def ranked(self, candidates: Candidates, scoring: Scoring, number: int, visible: Visible) -> Round:
        """Candidates in the order of their scores, re-ranked for diversity, and at most so many of them chosen."""
        parts = scoring.parts(self.viewer, candidates.post, self.now)
        logits = parts.logits + np.log(self.post_index.quality[candidates.post])
        chosen = diversify(self.post_index, candidates, logits, self.options, number, visible)
        return Round(candidates, parts, logits, *chosen)
