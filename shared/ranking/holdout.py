"""Temporal split: evaluation on later engagements, from several moments of the past on (rolling origin, backtest).

A model that learnt from before a cut is evaluated on the engagements of the time after it, the holdout. Earlier cuts,
each with a model of its own, are added until there are enough queries. If most engagements are recent, as in a young
network, the holdout and the time before an engagement that its example may be of are shortened in proportion.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from shared.clock import hours
from shared.columns import IntArray
from shared.ranking.counters import Counters
from shared.ranking.evaluation_queries import EvaluationQueries, draw_queries
from shared.ranking.examples import interacted_pairs
from shared.ranking.history import History
from shared.ranking.options import Coldstart

# Longest holdout, as a share of the time since the median engagement: a quarter of the age of a network with equally
# many engagements every day.
_MAX_HOLDOUT_RATIO = 0.5


@dataclass(frozen=True, slots=True)
class Cut:
    """A split in time: models learn from before a moment of the past, and are evaluated on queries of after it.

    options           with a holdout that reaches from this moment until now
    interacted_pairs  (n_pairs,) what `interacted_pairs` gives for this moment
    queries           by country, of the holdout after it
    """

    options: Coldstart
    interacted_pairs: IntArray
    queries: list[EvaluationQueries]

    @property
    def at(self) -> float:
        """[hours, 0 is now]"""
        return -hours(self.options.holdout)

    def __len__(self) -> int:
        """Number of queries."""
        return sum(map(len, self.queries))


def rolling_cuts(history: History, counters: Counters, options: Coldstart, min_queries: int) -> list[Cut]:
    """The latest cut and earlier ones, each a holdout before the one after it, the latest first.

    As many as it takes for `min_queries` queries, at least one; none farther back than `max_holdout`, or before the
    first engagement. Their number does not depend on the result of the evaluation, so that the error of a decision is
    that of a single test.
    """
    first, ratio = history.engagements.at.min(initial=0.0), _holdout_ratio(history, options)
    shortened = replace(options, holdout=options.holdout * ratio, horizon=options.horizon * ratio)
    cuts: list[Cut] = []
    while True:
        number = len(cuts) + 1
        holdout = shortened.holdout * number
        if cuts and (
            sum(map(len, cuts)) >= min_queries
            or options.holdout * number > options.max_holdout
            or not first < -hours(holdout) < cuts[-1].at
        ):
            return cuts
        of_cut = _with_enough_examples(history, replace(shortened, holdout=holdout), options.min_positives)
        interacted = interacted_pairs(history, -hours(holdout))
        until = -hours(shortened.holdout * len(cuts))
        queries = list(draw_queries(history, interacted, counters, of_cut, until, np.random.default_rng(len(cuts))))
        cuts.append(Cut(of_cut, interacted, queries))


def _holdout_ratio(history: History, options: Coldstart) -> float:
    """Factor, 0..1, on the holdout and the horizon: below 1 if the holdout is longer than `_MAX_HOLDOUT_RATIO` of the
    time since the median engagement. The median, so that a few engagements long ago do not make a network old."""
    if not len(history.engagements):
        return 1.0
    max_holdout = -float(np.median(history.engagements.at)) * _MAX_HOLDOUT_RATIO
    return max_holdout / hours(options.holdout) if max_holdout < hours(options.holdout) else 1.0


def why_skipped(history: History, cuts: Sequence[Cut]) -> str:
    """The reason, for the report, that a training gave no ranker or had no query to evaluate it on."""
    if not len(history.engagements):
        return "no engagement to learn from"
    if history.engagements.at.min() == history.engagements.at.max():
        return "all engagements are of one moment"
    if not any(map(len, cuts)):
        return "nobody engaged with anything new after a cut, so that there is nobody to judge by"
    return "no engagement before the latest cut that examples can be made of"


def _with_enough_examples(history: History, options: Coldstart, min_positives: int) -> Coldstart:
    """The options with `examples_span` doubled until it holds that many engagements; at most the window."""
    span, end = options.examples_span, -hours(options.holdout)
    engagements = history.engagements.at[history.engagements.at <= end]
    while span < options.window and (engagements > end - hours(span)).sum() < min_positives:
        span = min(span * 2, options.window)
    return replace(options, examples_span=span)
