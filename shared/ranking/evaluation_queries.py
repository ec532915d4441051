"""Evaluation queries: candidates for one account at a moment of the past, and which of them it engaged with later."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from shared.clock import hours
from shared.columns import BoolArray, Float32Array, FloatArray, IntArray
from shared.ml import ranking
from shared.ranking.counters import Counters, relations
from shared.ranking.country_ranker import Ranker
from shared.ranking.decay import PopularityDecay
from shared.ranking.examples import account_post_pairs, among
from shared.ranking.features import FEATURES
from shared.ranking.history import Events, History
from shared.ranking.options import Coldstart
from shared.ranking.point_in_time import PointInTimeCountryRows, PointInTimePosts

# Posts that the candidates of all queries are drawn from, so that the features of each are computed once per country.
POOL = 1_500


@dataclass(frozen=True, slots=True)
class EvaluationQueries:
    """Queries of accounts of one country: posts that existed at a moment, and which of them are relevant.

    country    index into COUNTRIES, or UNKNOWN_COUNTRY
    person     (n_queries,) one number per account
    posts      (n_queries, n_candidates) row of `described`
    filled     (n_queries, n_candidates) False in columns without a candidate, which repeat the query's first one
    relevant   (n_queries, n_candidates) whether the account engaged with the post in the holdout
    described  (n_posts,) position among the posts of the history
    moments    (n_posts,) the same posts, as they were known at the beginning of the holdout
    """

    country: int
    person: IntArray
    posts: IntArray
    filled: BoolArray
    relevant: BoolArray
    described: IntArray
    moments: PointInTimeCountryRows
    _matrices: dict[PopularityDecay, Float32Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.posts)

    def matrix(self, decay: PopularityDecay) -> Float32Array:
        """(n_posts, n_features) for models that have learnt this decay."""
        if decay not in self._matrices:
            posts = replace(self.moments.posts, decay=decay)
            self._matrices[decay] = FEATURES.matrix(replace(self.moments, posts=posts))
        return self._matrices[decay]

    def logits(self, ranker: Ranker) -> FloatArray:
        """(n_queries, n_candidates) the ranker's logits, higher ranks first."""
        return ranker.logits(self.matrix(ranker.decay))[self.posts]

    def ndcg(self, ranker: Ranker) -> FloatArray:
        """(n_queries,) NDCG@10 of the ranker's order, 0..1."""
        return self.ndcg_of(self.logits(ranker))

    def ndcg_of(self, scores: FloatArray) -> FloatArray:
        """(n_queries,) NDCG@10 of the order by these scores, (n_queries, n_candidates); 0..1."""
        return ranking.ndcg(np.where(self.filled, scores, -np.inf), self.relevant)


def draw_queries(
    history: History,
    interacted: IntArray,
    counters: Counters,
    options: Coldstart,
    until: float,
    rng: np.random.Generator,
) -> Iterator[EvaluationQueries]:
    """Queries of every country in which an account engaged with a post in the holdout; also of UNKNOWN_COUNTRY.

    interacted  (n_pairs,) what `interacted_pairs` gives for the beginning of the holdout
    until       end of the holdout [hours, 0 is now]
    """
    cut = -hours(options.holdout)
    existing = np.flatnonzero((history.posts.created <= cut) & (history.posts.created > cut - hours(options.window)))
    later = _later_engagements(history, interacted, cut, until)
    if len(existing) < 2 or not len(later):
        return
    pool = rng.choice(existing, min(POOL, len(existing)), replace=False)
    posts_of = _posts_by_account(history.engagements)
    for country in np.unique(later.country).tolist():
        rows = list(_draw_candidates(later.where(later.country == country), posts_of, pool, options, rng))
        if rows:
            person, posts, filled, relevant = (np.array(column) for column in zip(*rows, strict=True))
            yield _described(country, person, posts, filled, relevant, counters, cut)


def _later_engagements(history: History, interacted: IntArray, cut: float, until: float) -> Events:
    """Engagements of known accounts after `cut` until `until`, with posts from before it that are new to them."""
    engagements = history.engagements
    later = engagements.where(
        (engagements.at > cut)
        & (engagements.at <= until)
        & (history.posts.created[engagements.post] <= cut)
        & (engagements.account >= 0)
    )
    return later.where(~among(account_post_pairs(later, history), interacted))


def _posts_by_account(engagements: Events) -> Callable[[int], IntArray]:
    """A function from an account's number to the posts that it engaged with, (n_engagements,)."""
    order = np.argsort(engagements.account, kind="stable")
    accounts, posts = engagements.account[order], engagements.post[order]

    def posts_of(account: int) -> IntArray:
        first, end = np.searchsorted(accounts, [account, account + 1])
        return posts[first:end]

    return posts_of


def _draw_candidates(
    later: Events, posts_of: Callable[[int], IntArray], pool: IntArray, options: Coldstart, rng: np.random.Generator
) -> Iterator[tuple[int, IntArray, BoolArray, BoolArray]]:
    """Each account, its candidates in random order, which columns they fill, and which of them are relevant.

    All rows are of one length; an account that engaged with most of the pool, as in a small network, has fewer
    candidates.
    """
    length = min(options.candidates, len(pool))
    accounts = np.unique(later.account)
    if len(accounts) > options.max_queries_per_country:
        accounts = rng.choice(accounts, options.max_queries_per_country, replace=False)
    later_posts_of, column = _posts_by_account(later), np.arange(length)
    for account in accounts.tolist():
        relevant = np.unique(later_posts_of(account))
        irrelevant = rng.permutation(pool[~np.isin(pool, posts_of(account))])
        size = min(length, len(relevant) + len(irrelevant))
        relevant = relevant[: max(size // 2, 1)]
        candidates = np.concatenate([relevant, irrelevant[: size - len(relevant)]])
        if len(candidates) > len(relevant):
            order = rng.permutation(len(candidates))
            posts = np.full(length, candidates[order[0]])
            posts[: len(candidates)] = candidates[order]
            is_relevant = np.zeros(length, bool)
            is_relevant[: len(candidates)] = order < len(relevant)
            yield account, posts, column < len(candidates), is_relevant


def _described(
    country: int,
    person: IntArray,
    posts: IntArray,
    filled: BoolArray,
    relevant: BoolArray,
    counters: Counters,
    cut: float,
) -> EvaluationQueries:
    distinct, rows = np.unique(posts, return_inverse=True)
    countries = np.full(len(distinct), country)
    languages = relations(countries, counters.posts.language[distinct])
    moments = PointInTimeCountryRows(
        PointInTimePosts(counters, distinct, np.full(len(distinct), cut)), countries, languages
    )
    return EvaluationQueries(country, person, rows.reshape(posts.shape), filled, relevant, distinct, moments)
