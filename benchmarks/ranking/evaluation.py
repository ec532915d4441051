"""What a ranker is given: queries to order, and the network as it was known before."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import scipy.sparse as sparse

from benchmarks.bench_database import BenchDatabase
from benchmarks.ranking.queries import NetworkQueries
from functions.feed.item_embeddings import engagements_and_reads
from shared.columns import BoolArray, FloatArray
from shared.ranking.history import History

MIN_WARM_ENGAGEMENTS = 3  # before the cut, from which on an account is warm
ENGAGEMENT_WEIGHT = 4.0  # of an engagement over a reading, for the libraries


@dataclass(frozen=True)
class Evaluation:
    """Queries to order, and what was known before. No slots: what several rankers need is computed once.

    bench    database of the network, with all models trained
    now      moment before which everything is known
    history  of the network until then
    seed     of the random baseline
    """

    bench: BenchDatabase
    now: datetime
    history: History
    queries: NetworkQueries
    seed: int

    @cached_property
    def warm(self) -> BoolArray:
        """(n_queries,) whether the account had at least MIN_WARM_ENGAGEMENTS before."""
        engagements = np.bincount(
            self.history.engagements.account[self.history.engagements.account >= 0],
            minlength=len(self.history.accounts.ids),
        )
        return np.asarray(engagements[self.queries.account] >= MIN_WARM_ENGAGEMENTS)

    @cached_property
    def interactions(self) -> "sparse.csr_matrix":
        """(n_accounts, n_posts) sums of readings, 1 each, and engagements, ENGAGEMENT_WEIGHT each."""
        shape = (len(self.history.accounts.ids), len(self.history.posts))
        engagements = self.history.engagements.where(self.history.engagements.account >= 0)
        parts = ((engagements_and_reads(self.history), 1.0), (engagements, ENGAGEMENT_WEIGHT - 1))
        return sum(
            sparse.csr_matrix((np.full(len(events), weight), (events.account, events.post)), shape=shape)
            for events, weight in parts
        )


Score = Callable[[Evaluation], FloatArray]  # (n_queries, n_candidates), higher ranks first
