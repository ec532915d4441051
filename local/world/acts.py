"""Who engages with which post, how and when."""

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
from local.world.vocabulary import ACT_KINDS, REPORT
from shared.columns import BoolArray, FloatArray, IntArray

FOLLOWING_RATIO = 0.35  # of the acts come by a followed author, the others by browsing
FOLLOWING_TRIES = 3
FOLLOWED_VISIBLE = 10 * DAY
NEWEST_RATIO = 0.45  # of those who come by an author take the newest post, and so on backwards
SURPLUS = 1.20  # drawn beyond what is asked for: duplicates fall out


@dataclass(frozen=True, slots=True)
class Acts:
    """One row an act, oldest first: at (n,) [s from now], person (n,), post (n,), kind (n,) index into ACT_KINDS."""

    at: FloatArray
    person: IntArray
    post: IntArray
    kind: IntArray

    def __len__(self) -> int:
        return len(self.at)

    def where(self, chosen: BoolArray | IntArray | slice) -> Self:
        """Only the chosen acts."""
        return type(self)(self.at[chosen], self.person[chosen], self.post[chosen], self.kind[chosen])

    def counts_by_post(self, posts: int) -> IntArray:
        """(posts, n_kinds) how many acts of each kind every post received."""
        cells = np.bincount(self.post * len(ACT_KINDS) + self.kind, minlength=posts * len(ACT_KINDS))
        return cells.reshape(posts, len(ACT_KINDS))


def draw_acts(
    rng: Generator, options: WorldOptions, people: People, authors: Authors, posts: Posts, follows: Follows
) -> tuple[Acts, Acts]:
    """Draw (past, held_out): what the application knows at now, and what happens in the days after.

    Held out are acts on posts that exist at now, by people who had not yet touched that post, reports aside.
    """
    at, person = _moments(rng, options, people)
    following = rng.random(len(at)) < (FOLLOWING_RATIO if options.tastes == "planted" else 0.0)
    post = np.full(len(at), NO_POST)
    post[following] = _follow(rng, authors, posts, follows, at[following], person[following])
    post[~following] = browse(rng, options, people, posts, at[~following], person[~following])
    done = (post != NO_POST) & (at > posts.created_at[post])
    kind = choose_by_row(rng, people.habits[person[done]])
    return _split(_first_of_each(Acts(at[done], person[done], post[done], kind), options), options)


def _moments(rng: Generator, options: WorldOptions, people: People) -> tuple[FloatArray, IntArray]:
    """(at, person), both (n,), in order of time; the network grows slightly busier with age."""
    span = options.days + options.holdout_days
    n = int(options.engagements * span / options.days * SURPLUS)
    at = to_milliseconds(np.sort(rng.random(n) ** 0.9 * span - options.days) * DAY)
    return at, rng.choice(options.users, n, p=people.activity)


def _follow(
    rng: Generator, authors: Authors, posts: Posts, follows: Follows, at: FloatArray, person: IntArray
) -> IntArray:
    """(n,) a recent post of somebody whom each person follows; NO_POST where those tried wrote nothing lately."""
    lines = Timelines.of(posts.author, posts.created_at, len(authors.person))
    found = np.full(len(at), NO_POST)
    for _ in range(FOLLOWING_TRIES):
        waiting = np.flatnonzero(found == NO_POST)
        slot = (rng.random(len(waiting)) * follows.counts()[person[waiting]]).astype(np.int64)
        author = follows.author[follows.starts[person[waiting]] + slot]
        published = lines.earlier(author, at[waiting])
        wrote = published > 0
        waiting, author, published = waiting[wrote], author[wrote], published[wrote]
        newest = lines.at_position(author, published - 1)
        lately = at[waiting] - posts.created_at[newest] < FOLLOWED_VISIBLE
        back = rng.geometric(NEWEST_RATIO, int(lately.sum()))
        found[waiting[lately]] = lines.at_position(author[lately], np.maximum(0, published[lately] - back))
    return found


def _first_of_each(acts: Acts, options: WorldOptions) -> Acts:
    """A person does one kind of thing to a post only once."""
    _, first = np.unique((acts.person * options.contents + acts.post) * len(ACT_KINDS) + acts.kind, return_index=True)
    return acts.where(np.sort(first))


def _split(acts: Acts, options: WorldOptions) -> tuple[Acts, Acts]:
    """(past, held_out); of the past only the latest `engagements` acts are kept."""
    past = acts.at <= 0
    pair = acts.person * options.contents + acts.post
    later = ~past & ~np.isin(pair, pair[past]) & (acts.kind != REPORT)
    return acts.where(np.flatnonzero(past)[-options.engagements :]), acts.where(later)
