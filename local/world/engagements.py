"""Engagements: who engages with which post, how and when."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.random import Generator

from local.world.browsing import browse
from local.world.draws import DAY, choose_by_row, to_milliseconds
from local.world.follows import Follows
from local.world.people import People
from local.world.posts import NO_POST, Authors, Posts
from local.world.sizes import WorldOptions
from local.world.timelines import Timelines
from local.world.vocabulary import REPORT
from shared.columns import BoolArray, FloatArray, IntArray
from shared.engagement_kinds import ENGAGEMENT_KINDS

FOLLOWING_RATIO = 0.35  # of the engagements begin at a followed author, the others by browsing
FOLLOWING_TRIES = 3  # authors that a person looks at
FOLLOWED_VISIBLE = 10 * DAY  # age of posts that a follower may engage with [s]
NEWEST_RATIO = 0.45  # of these engagements go to the newest post, of the others as many to the next, and so on
SURPLUS = 1.20  # drawn over asked for: duplicates are removed afterwards


@dataclass(frozen=True, slots=True)
class Engagements:
    """One row per engagement, oldest first.

    at      (n,) moment [s from now]
    person  (n,) index into People
    post    (n,) index into Posts
    kind    (n,) index into ENGAGEMENT_KINDS
    """

    at: FloatArray
    person: IntArray
    post: IntArray
    kind: IntArray

    def __len__(self) -> int:
        return len(self.at)

    def where(self, rows: BoolArray | IntArray | slice) -> Self:
        """The selected rows."""
        return type(self)(self.at[rows], self.person[rows], self.post[rows], self.kind[rows])

    def counts_by_post(self, posts: int) -> IntArray:
        """(posts, n_kinds) engagements of each kind that each post received [count]."""
        cells = np.bincount(self.post * len(ENGAGEMENT_KINDS) + self.kind, minlength=posts * len(ENGAGEMENT_KINDS))
        return cells.reshape(posts, len(ENGAGEMENT_KINDS))


def draw_engagements(
    rng: Generator, options: WorldOptions, people: People, authors: Authors, posts: Posts, follows: Follows
) -> tuple[Engagements, Engagements]:
    """Draw (past, held_out): the engagements that the application knows at now, and those of the days after.

    Held out are engagements with posts that exist at now, by people who had not interacted with the post before,
    without reports.
    """
    at, person = _moments(rng, options, people)
    following = rng.random(len(at)) < (FOLLOWING_RATIO if options.tastes == "planted" else 0.0)
    post = np.full(len(at), NO_POST)
    post[following] = _follow(rng, authors, posts, follows, at[following], person[following])
    post[~following] = browse(rng, options, people, posts, at[~following], person[~following])
    rows = (post != NO_POST) & (at > posts.created_at[post])
    kind = choose_by_row(rng, people.habits[person[rows]])
    drawn = Engagements(at[rows], person[rows], post[rows], kind)
    return _split(_first_of_each(drawn, options), options)


def _moments(rng: Generator, options: WorldOptions, people: People) -> tuple[FloatArray, IntArray]:
    """(at, person), both (n,): moments in ascending order [s from now], slightly denser towards the end, and people."""
    span = options.days + options.holdout_days
    n = int(options.engagements * span / options.days * SURPLUS)
    at = to_milliseconds(np.sort(rng.random(n) ** 0.9 * span - options.days) * DAY)
    return at, rng.choice(options.users, n, p=people.activity)


def _follow(
    rng: Generator, authors: Authors, posts: Posts, follows: Follows, at: FloatArray, person: IntArray
) -> IntArray:
    """(n,) a recent post of an author whom each person follows; NO_POST where the tried ones have no recent one."""
    lines = Timelines.of(posts.author, posts.created_at, len(authors.person))
    post = np.full(len(at), NO_POST)
    for _ in range(FOLLOWING_TRIES):
        open_rows = np.flatnonzero(post == NO_POST)
        slot = (rng.random(len(open_rows)) * follows.counts()[person[open_rows]]).astype(np.int64)
        author = follows.author[follows.starts[person[open_rows]] + slot]
        published = lines.earlier(author, at[open_rows])
        has_posts = published > 0
        open_rows, author, published = open_rows[has_posts], author[has_posts], published[has_posts]
        newest = lines.at_position(author, published - 1)
        is_recent = at[open_rows] - posts.created_at[newest] < FOLLOWED_VISIBLE
        back = rng.geometric(NEWEST_RATIO, int(is_recent.sum()))
        post[open_rows[is_recent]] = lines.at_position(author[is_recent], np.maximum(0, published[is_recent] - back))
    return post


def _first_of_each(engagements: Engagements, options: WorldOptions) -> Engagements:
    """The first engagement of each person, post and kind."""
    pair = engagements.person * options.contents + engagements.post
    _, first = np.unique(pair * len(ENGAGEMENT_KINDS) + engagements.kind, return_index=True)
    return engagements.where(np.sort(first))


def _split(drawn: Engagements, options: WorldOptions) -> tuple[Engagements, Engagements]:
    """(past, held_out); of the past only the latest `options.engagements` are kept."""
    past = drawn.at <= 0
    pair = drawn.person * options.contents + drawn.post
    held_out = ~past & ~np.isin(pair, pair[past]) & (drawn.kind != REPORT)
    return drawn.where(np.flatnonzero(past)[-options.engagements :]), drawn.where(held_out)
