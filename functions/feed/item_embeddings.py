"""Embeddings of posts by co-engagement: a matrix factorisation (truncated SVD) in which posts that the same accounts
engage with are close.

The item factors are the strongest singular vectors of the matrix of accounts and posts. Each side is scaled by the root
of its count, so that neither active accounts nor popular posts dominate. The vector of an account is the sum of the
item factors of the posts that it engaged with or read.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from shared.columns import Float32Array, FloatArray, IntArray, rank_within
from shared.ranking.history import READ, Events, History

N_FACTORS = 32
RECENT_POSTS = 200  # that an account engaged with or read last, of which its profile and its vector are made
THREADS = 2  # decompositions at once: most of their work is done without the lock of the interpreter
_NOISE = 1e-4  # numerical noise, which differs from run to run: smaller values become 0
_MIN_RANK = 2  # factors without which accounts and posts have nothing in common


class ItemEmbeddings:
    """Similarity of posts to what accounts engaged with before, as of any moment."""

    def __init__(self, history: History, recent: int, step_hours: float) -> None:
        """Nothing is computed until it is needed.

        recent      the latest events of an account that its vector is made of  [count]
        step_hours  the factors are computed anew at the beginning of each step, and are used until the next  [hours]
        """
        self._events = engagements_and_reads(history)
        self._shape = (len(history.accounts.ids), len(history.posts))
        self._recent, self._step_hours = recent, step_hours
        self._factors = cache(self._compute)

    def scores(self, account: IntArray, post: IntArray, at: FloatArray) -> FloatArray:
        """(n,) cosine of each account and post at each moment, -1..1; nan where one of them has no vector.

        account, post  (n,) numbers in the history
        at             (n,) [hours, 0 is the moment of the history]
        """
        similarity = np.full(len(post), np.nan)
        steps = np.floor(at / self._step_hours).astype(np.int64)
        distinct_steps = np.unique(steps).tolist()
        with ThreadPoolExecutor(THREADS) as threads:
            factors = zip(distinct_steps, threads.map(self._factors, distinct_steps), strict=True)
            for step, (items, users) in factors:
                rows = np.flatnonzero(steps == step)
                similarity[rows] = cosines(users[account[rows]], items[post[rows]])
        return similarity

    def item_factors_now(self) -> Float32Array:
        """(n_posts, N_FACTORS) item factors as of the moment of the history, rows of length 1 or 0."""
        return self._factors(0)[0]

    @cached_property
    def recent(self) -> Events:
        """The latest events of each account as of the moment of the history, by account, the oldest first."""
        events = latest_events(self._events, self._recent)
        return events.where(np.argsort(events.account, kind="stable"))

    def _compute(self, step: int) -> tuple[Float32Array, Float32Array]:
        """Item factors (n_posts, N_FACTORS) and vectors of accounts (n_accounts, N_FACTORS), from the events before the
        beginning of a step; rows of length 1 or 0."""
        events = self._events.where(self._events.at < step * self._step_hours)
        items = item_factors(events, self._shape)
        recent = latest_events(events, self._recent)
        sums = _matrix(recent.account, recent.post, self._shape) @ items
        return items, unit(np.asarray(sums))


def engagements_and_reads(history: History) -> Events:
    """What known accounts engaged with, and what they read, in the order of time."""
    reads = history.impressions.where(history.impressions.kind == READ)
    parts = [events.where(events.account >= 0) for events in (history.engagements, reads)]
    joined = Events(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("post", "account", "country", "at", "kind")
        )
    )
    return joined.where(np.argsort(joined.at, kind="stable"))


def latest_events(events: Events, limit: int) -> Events:
    """At most `limit` events of each account, its latest, in the order of `events`."""
    newest_first = np.lexsort((-events.at, events.account))
    return events.where(np.sort(newest_first[rank_within(events.account[newest_first]) < limit]))


def item_factors(events: Events, shape: tuple[int, int]) -> Float32Array:
    """(n_posts, N_FACTORS) item factors: rows of length 1, or of length 0 for posts without events.

    shape  (n_accounts, n_posts)
    """
    matrix = _matrix(events.account, events.post, shape)
    by_account, by_post = (np.asarray(matrix.sum(axis)).ravel() for axis in (1, 0))
    rank = min(N_FACTORS, int((by_account > 0).sum()) - 1, int((by_post > 0).sum()) - 1)
    factors = np.zeros((shape[1], N_FACTORS), np.float32)
    if rank < _MIN_RANK:
        return factors
    scaled = sparse.diags(1 / np.sqrt(by_account + 1)) @ matrix @ sparse.diags(1 / np.sqrt(by_post + 1))
    _, singular_values, right_vectors = svds(scaled.astype(np.float32), k=rank, random_state=0)
    weighted = (right_vectors * singular_values[:, None]).T
    largest = np.take_along_axis(weighted, np.abs(weighted).argmax(0)[None], 0)
    factors[:, :rank] = weighted * np.sign(largest)  # the sign of a singular vector is arbitrary: fix it
    factors[by_post == 0] = 0
    factors = unit(factors)
    factors[np.abs(factors) < _NOISE] = 0
    return factors


def unit(vectors: NDArray[np.floating]) -> Float32Array:
    """(n, d) the vectors scaled to length 1; those shorter than 1e-6 become 0."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Float32Array = np.zeros(vectors.shape, np.float32)
    np.divide(vectors, length, out=scaled, where=length > 1e-6)
    return scaled


def cosines(left: NDArray[np.floating], right: NDArray[np.floating]) -> FloatArray:
    """(n,) cosine, -1..1, of each two rows of two (n, d) arrays of rows of length 1 or 0; nan where either is 0.

    >>> cosines(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])).tolist()
    [1.0, nan]
    """
    products = np.einsum("nd,nd->n", left, right, dtype=np.float64)
    return np.where(left.any(1) & right.any(1), products, np.nan)


def _matrix(account: IntArray, post: IntArray, shape: tuple[int, int]) -> "sparse.csr_matrix":
    """(n_accounts, n_posts) sparse, 1 where an account has an event with a post, however many."""
    pairs = np.sort(account * shape[1] + post)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    ones = np.ones(len(pairs), np.float32)
    return sparse.csr_matrix((ones, (pairs // shape[1], pairs % shape[1])), shape=shape)
