"""How well rankers order posts for what people did later: from several moments of the past on (rolling origin).

A model that learnt from what was before a cut is judged by what people did in the time after it, the holdout; earlier
cuts, each with a model of its own, are added until enough people are judged by. Where most of what there is happened
lately, as in a young network, all of these times are shorter in proportion.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from shared.clock import hours
from shared.columns import Float32Array, FloatArray, IntArray
from shared.config import Coldstart
from shared.ml import ranking
from shared.ranking.counters import Counters, relations
from shared.ranking.country_ranker import Ranker
from shared.ranking.decay import PopularityDecay
from shared.ranking.examples import among, pairs, touched_until
from shared.ranking.features import FEATURES, PointInTimeCountryRows, PointInTimePosts
from shared.ranking.history import Events, History

# A holdout is at most this part of the time since the median engagement: a quarter of the age of a network whose days
# are alike.
_MAX_PART_LENGTH = 0.5

# Posts that the candidates of all lists are drawn from, so that each is described once a country.
POOL = 1_500


@dataclass(frozen=True, slots=True)
class EvaluationQueries:
    """For people of one country, posts that were there at the beginning of the holdout, and which they chose later.

    person     (n_lists,) one number per account
    posts      (n_lists, n_candidates) row of `described`
    filled     (n_lists, n_candidates) whether a column is a candidate: who had fewer repeats the first one after them
    chosen     (n_lists, n_candidates)
    described  (n_posts,) position among the posts of the history
    moments    (n_posts,) the same, as they were known at the beginning of the holdout
    """

    country: int
    person: IntArray
    posts: IntArray
    filled: NDArray[np.bool_]
    chosen: NDArray[np.bool_]
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
        """(n_lists, n_candidates) what the ranker says."""
        return ranker.logits(self.matrix(ranker.decay))[self.posts]

    def ndcg(self, ranker: Ranker) -> FloatArray:
        """(n_lists,) NDCG@10 of the ranker's order."""
        return self.ndcg_of(self.logits(ranker))

    def ndcg_of(self, scores: FloatArray) -> FloatArray:
        """(n_lists,) NDCG@10 of the order by these scores, (n_lists, n_candidates)."""
        return ranking.ndcg(np.where(self.filled, scores, -np.inf), self.chosen)


@dataclass(frozen=True, slots=True)
class Cut:
    """A moment of the past, and what models that learnt from before it are judged by.

    options  whose holdout reaches from this moment until now
    touched  what `touched_until` gives for it
    queries  of what people did in the holdout after it
    """

    options: Coldstart
    touched: IntArray
    queries: list[EvaluationQueries]

    @property
    def at(self) -> float:
        """[hours, 0 is now]"""
        return -hours(self.options.holdout)

    def __len__(self) -> int:
        return sum(map(len, self.queries))


def rolling_cuts(history: History, counters: Counters, options: Coldstart, enough: int) -> list[Cut]:
    """The latest cut, and earlier ones, each a holdout before the one after it, the latest first: as many as it takes
    to judge by so many lists, at least one, and none farther back than the options say or than the first engagement.

    How many there are does not depend on what comes out, so that the error of a decision is that of one look.
    """
    first, part = history.engagements.at.min(initial=0.0), _part_of_lengths(history, options)
    shortened = replace(options, holdout=options.holdout * part, horizon=options.horizon * part)
    cuts: list[Cut] = []
    while True:
        number = len(cuts) + 1
        holdout = shortened.holdout * number
        if cuts and (
            sum(map(len, cuts)) >= enough
            or options.holdout * number > options.longest_holdout
            or not first < -hours(holdout) < cuts[-1].at
        ):
            return cuts
        of_cut = _with_history(history, replace(shortened, holdout=holdout), options.least_positives)
        touched = touched_until(history, -hours(holdout))
        until = -hours(shortened.holdout * len(cuts))
        queries = list(holdout_lists(history, touched, counters, of_cut, until, np.random.default_rng(len(cuts))))
        cuts.append(Cut(of_cut, touched, queries))


def _part_of_lengths(history: History, options: Coldstart) -> float:
    """0..1, by which the holdout and the horizon are shortened: 1 unless the holdout is more than `_MAX_PART_LENGTH` of
    the time since the median engagement. The median, so that a few engagements long ago make no network old."""
    if not len(history.engagements):
        return 1.0
    longest = -float(np.median(history.engagements.at)) * _MAX_PART_LENGTH
    return longest / hours(options.holdout) if longest < hours(options.holdout) else 1.0


def why_skipped(history: History, cuts: Sequence[Cut]) -> str:
    """For the report of a training that came to no ranker, or to nobody to judge it by."""
    if not len(history.engagements):
        return "no engagement to learn from"
    if history.engagements.at.min() == history.engagements.at.max():
        return "all engagements are of one moment"
    if not any(map(len, cuts)):
        return "nobody engaged with anything new after a cut, so that there is nobody to judge by"
    return "no engagement before the latest cut that examples can be made of"


def _with_history(history: History, options: Coldstart, least: int) -> Coldstart:
    """The options with the shortest time for examples, as long as they say or twice that and so on, in which so many
    engagements lie; as long as the window where that is not enough."""
    span, end = options.examples_span, -hours(options.holdout)
    engagements = history.engagements.at[history.engagements.at <= end]
    while span < options.window and (engagements > end - hours(span)).sum() < least:
        span = min(span * 2, options.window)
    return replace(options, examples_span=span)


def holdout_lists(
    history: History, touched: IntArray, counters: Counters, options: Coldstart, until: float, rng: np.random.Generator
) -> Iterator[EvaluationQueries]:
    """Lists of every country in which someone chose something in the holdout; nobody's country too.

    touched  what `touched_until` gives for the beginning of the holdout
    until    when what is judged by ends [hours, 0 is now]
    """
    cut = -hours(options.holdout)
    there = np.flatnonzero((history.posts.created <= cut) & (history.posts.created > cut - hours(options.window)))
    later = _later(history, touched, cut, until)
    if len(there) < 2 or not len(later):
        return
    pool = rng.choice(there, min(POOL, len(there)), replace=False)
    own = _by_actor(history.engagements)
    for country in np.unique(later.country).tolist():
        queries = list(_lists(later.where(later.country == country), own, pool, options, rng))
        if queries:
            person, posts, filled, chosen = (np.array(part) for part in zip(*queries, strict=True))
            yield _described(country, person, posts, filled, chosen, counters, cut)


def _later(history: History, touched: IntArray, cut: float, until: float) -> Events:
    """What known people did between two moments with posts from before that they had not touched."""
    engagements = history.engagements
    after = engagements.where(
        (engagements.at > cut)
        & (engagements.at <= until)
        & (history.posts.created[engagements.post] <= cut)
        & (engagements.account >= 0)
    )
    return after.where(~among(pairs(after, history), touched))


def _by_actor(engagements: Events) -> Callable[[int], IntArray]:
    """Posts that an actor ever touched, by actor."""
    order = np.argsort(engagements.account, kind="stable")
    accounts, posts = engagements.account[order], engagements.post[order]

    def of(account: int) -> IntArray:
        first, end = np.searchsorted(accounts, [account, account + 1])
        return posts[first:end]

    return of


def _lists(
    later: Events, own: Callable[[int], IntArray], pool: IntArray, options: Coldstart, rng: np.random.Generator
) -> Iterator[tuple[int, IntArray, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Each person's candidates in any order, which columns they fill, and which of them were chosen; all of one length,
    and fewer candidates for who has touched most of the pool, as in a small network."""
    length = min(options.candidates, len(pool))
    accounts = np.unique(later.account)
    if len(accounts) > options.lists_per_country:
        accounts = rng.choice(accounts, options.lists_per_country, replace=False)
    chosen_by, column = _by_actor(later), np.arange(length)
    for account in accounts.tolist():
        chosen = np.unique(chosen_by(account))
        others = rng.permutation(pool[~np.isin(pool, own(account))])
        size = min(length, len(chosen) + len(others))
        chosen = chosen[: max(size // 2, 1)]
        candidates = np.concatenate([chosen, others[: size - len(chosen)]])
        if len(candidates) > len(chosen):
            mixed = rng.permutation(len(candidates))
            posts = np.full(length, candidates[mixed[0]])
            posts[: len(candidates)] = candidates[mixed]
            is_chosen = np.zeros(length, bool)
            is_chosen[: len(candidates)] = mixed < len(chosen)
            yield account, posts, column < len(candidates), is_chosen


def _described(
    country: int,
    person: IntArray,
    posts: IntArray,
    filled: NDArray[np.bool_],
    chosen: NDArray[np.bool_],
    counters: Counters,
    cut: float,
) -> EvaluationQueries:
    distinct, rows = np.unique(posts, return_inverse=True)
    countries = np.full(len(distinct), country)
    languages = relations(countries, counters.posts.language[distinct])
    moments = PointInTimeCountryRows(
        PointInTimePosts(counters, distinct, np.full(len(distinct), cut)), countries, languages
    )
    return EvaluationQueries(country, person, rows.reshape(posts.shape), filled, chosen, distinct, moments)
