"""How well a ranker orders posts for what people did later: the latest days, kept from training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.clock import hours
from shared.config import Coldstart
from shared.ml import ranking
from shared.network.counters import Counters, relations
from shared.network.examples import among, pairs, touched_until
from shared.network.features import FEATURES, Moments, PostsAt
from shared.network.history import Events, History

Index = NDArray[np.int64]
Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Score = Callable[[Matrix], Floats]

# Posts that the candidates of all lists are drawn from, so that each is described once a country.
POOL = 1_500


@dataclass(frozen=True, slots=True)
class Lists:
    """For people of one country, posts that were there at the beginning of the holdout, and which they chose later.

    person     (n_lists,) one number per account
    posts      (n_lists, n_candidates) row of `matrix`
    chosen     (n_lists, n_candidates)
    described  (n_posts,) position among the posts of the history
    matrix     (n_posts, n_features) as they were known at the beginning of the holdout
    """

    country: int
    person: Index
    posts: Index
    chosen: NDArray[np.bool_]
    described: Index
    matrix: Matrix

    def __len__(self) -> int:
        return len(self.posts)

    def ndcg(self, score: Score) -> Floats:
        """(n_lists,) NDCG@10 of that scoring of the matrix."""
        return ranking.ndcg(score(self.matrix)[self.posts], self.chosen)


@dataclass(frozen=True, slots=True)
class Judging:
    """What models are judged by.

    options  with the length that the holdout has
    touched  what `touched_until` gives for its beginning
    """

    options: Coldstart
    touched: Index
    lists: list[Lists]


def judge_by(history: History, counters: Counters, options: Coldstart, least: int) -> Judging:
    """Lists of the shortest holdout, as long as the options have it or twice that and so on, in which at least so many
    people chose something; of the longest where none has."""
    while True:
        touched = touched_until(history, -hours(options.holdout))
        lists = list(holdout_lists(history, touched, counters, options, np.random.default_rng(0)))
        longer = options.holdout * 2
        if sum(map(len, lists)) >= least or longer > options.longest_holdout:
            return Judging(options, touched, lists)
        options = replace(options, holdout=longer)


def holdout_lists(
    history: History, touched: Index, counters: Counters, options: Coldstart, rng: np.random.Generator
) -> Iterator[Lists]:
    """Lists of every country in which someone chose something in the holdout; nobody's country too.

    touched  what `touched_until` gives for the beginning of the holdout
    """
    cut = -hours(options.holdout)
    there = np.flatnonzero((history.posts.created <= cut) & (history.posts.created > cut - hours(options.window)))
    later = _later(history, touched, cut)
    if len(there) < 2 or not len(later):
        return
    pool = rng.choice(there, min(POOL, len(there)), replace=False)
    own = _by_actor(history.acts)
    for country in np.unique(later.country).tolist():
        lists = list(_lists(later.where(later.country == country), own, pool, options, rng))
        if lists:
            person, posts, chosen = (np.array(part) for part in zip(*lists, strict=True))
            yield _described(country, person, posts, chosen, counters, cut)


def _later(history: History, touched: Index, cut: float) -> Events:
    """What known people did in the holdout with posts from before that they had not touched."""
    acts = history.acts
    after = acts.where((acts.at > cut) & (history.posts.created[acts.post] <= cut) & (acts.actor >= 0))
    return after.where(~among(pairs(after, history), touched))


def _by_actor(acts: Events) -> Callable[[int], Index]:
    """Posts that an actor ever touched, by actor."""
    order = np.argsort(acts.actor, kind="stable")
    actors, posts = acts.actor[order], acts.post[order]

    def of(actor: int) -> Index:
        first, end = np.searchsorted(actors, [actor, actor + 1])
        return posts[first:end]

    return of


def _lists(
    later: Events, own: Callable[[int], Index], pool: Index, options: Coldstart, rng: np.random.Generator
) -> Iterator[tuple[int, Index, NDArray[np.bool_]]]:
    """Each person's candidates in any order, and which of them were chosen; all of one length."""
    length = min(options.candidates, len(pool))
    actors = np.unique(later.actor)
    if len(actors) > options.lists_per_country:
        actors = rng.choice(actors, options.lists_per_country, replace=False)
    chosen_by = _by_actor(later)
    for actor in actors.tolist():
        chosen = np.unique(chosen_by(actor))[: max(length // 2, 1)]
        others = rng.permutation(pool[~np.isin(pool, own(actor))])[: length - len(chosen)]
        candidates = np.concatenate([chosen, others])
        if len(candidates) == length:
            mixed = rng.permutation(length)
            yield actor, candidates[mixed], (np.arange(length) < len(chosen))[mixed]


def _described(
    country: int, person: Index, posts: Index, chosen: NDArray[np.bool_], counters: Counters, cut: float
) -> Lists:
    distinct, rows = np.unique(posts, return_inverse=True)
    countries = np.full(len(distinct), country)
    languages = relations(countries, counters.posts.language[distinct])
    moments = Moments(PostsAt(counters, distinct, np.full(len(distinct), cut)), countries, languages)
    return Lists(country, person, rows.reshape(posts.shape), chosen, distinct, FEATURES.matrix(moments))
