"""Which posts are liked by the same people, as directions: two posts that share their public point the same way.

The strongest singular vectors of the matrix of accounts and posts, each side scaled by the root of its count, so that
neither the busy nor the popular outweigh the others. An account points where the posts point that it engaged with or
read.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import svds

from shared.columns import Float32Array, FloatArray, IntArray
from shared.ranking.history import READ, Events, History

EMBEDDING_SIZE = 32
AT_ONCE = 2  # directions that are made: much of it lets others run
_NOISE = 1e-4  # of the arithmetic, which is another each time
_MIN_SHARED = 2  # accounts, or posts, without which nothing is shared


class ItemEmbeddings:
    """How alike a post is to what an account did before, as of any moment."""

    def __init__(self, history: History, recent: int, step_hours: float) -> None:
        """recent      events of an account that count, its latest
        step_hours  directions are made anew each such time, and hold until the next
        """
        self._events = both(history)
        self._shape = (len(history.accounts.ids), len(history.posts))
        self._recent, self._step = recent, step_hours
        self._at = cache(self._made)

    def scores(self, account: IntArray, post: IntArray, at: FloatArray) -> FloatArray:
        """(n,) cosine, -1..1; nan where there is nothing to tell by."""
        found = np.full(len(post), np.nan)
        steps = np.floor(at / self._step).astype(np.int64)
        all_steps = np.unique(steps).tolist()
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for step, (posts, accounts) in zip(all_steps, threads.map(self._at, all_steps), strict=True):
                rows = np.flatnonzero(steps == step)
                found[rows] = cosines(accounts[account[rows]], posts[post[rows]])
        return found

    def posts_now(self) -> Float32Array:
        """(n_posts, DIMENSIONS) directions as of now."""
        return self._at(0)[0]

    @cached_property
    def recent(self) -> Events:
        """The last events of each account as of now, account by account, the oldest first."""
        own = latest(self._events, self._recent)
        return own.where(np.argsort(own.account, kind="stable"))

    def _made(self, step: int) -> tuple[Float32Array, Float32Array]:
        """Of every post and every account, as of the beginning of a step."""
        events = self._events.where(self._events.at < step * self._step)
        posts = item_factors(events, self._shape)
        own = latest(events, self._recent)
        sums = _matrix(own.account, own.post, self._shape) @ posts
        return posts, unit(np.asarray(sums))


def both(history: History) -> Events:
    """What known accounts engaged with, and what they read, in the order of time."""
    read = history.seen.where(history.seen.kind == READ)
    parts = [events.where(events.account >= 0) for events in (history.engagements, read)]
    joined = Events(
        *(
            np.concatenate([getattr(one, name) for one in parts])
            for name in ("post", "account", "country", "at", "kind")
        )
    )
    return joined.where(np.argsort(joined.at, kind="stable"))


def latest(events: Events, number: int) -> Events:
    """The last events of each account, at most so many."""
    newest_first = np.lexsort((-events.at, events.account))
    account = events.account[newest_first]
    rank = np.arange(len(account)) - np.searchsorted(account, account)
    return events.where(np.sort(newest_first[rank < number]))


def item_factors(events: Events, shape: tuple[int, int]) -> Float32Array:
    """(n_posts, DIMENSIONS) rows of length 1, of length 0 for posts that nobody touched."""
    matrix = _matrix(events.account, events.post, shape)
    by_account, by_post = (np.asarray(matrix.sum(axis)).ravel() for axis in (1, 0))
    most = min(EMBEDDING_SIZE, int((by_account > 0).sum()) - 1, int((by_post > 0).sum()) - 1)
    found = np.zeros((shape[1], EMBEDDING_SIZE), np.float32)
    if most < _MIN_SHARED:
        return found
    scaled = sparse.diags(1 / np.sqrt(by_account + 1)) @ matrix @ sparse.diags(1 / np.sqrt(by_post + 1))
    _, strength, across = svds(scaled.astype(np.float32), k=most, random_state=0)
    weighed = (across * strength[:, None]).T
    largest = np.take_along_axis(weighed, np.abs(weighed).argmax(0)[None], 0)
    found[:, :most] = weighed * np.sign(largest)  # either sign would do: the same one each time
    found[by_post == 0] = 0
    found = unit(found)
    found[np.abs(found) < _NOISE] = 0
    return found


def unit(vectors: NDArray[np.floating]) -> Float32Array:
    """(n, d) rows of length 1; those of next to no length become 0."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Float32Array = np.zeros(vectors.shape, np.float32)
    np.divide(vectors, length, out=found, where=length > 1e-6)
    return found


def cosines(one: NDArray[np.floating], other: NDArray[np.floating]) -> FloatArray:
    """(n,) of rows of length 1; nan where either has length 0.

    >>> cosines(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])).tolist()
    [1.0, nan]
    """
    found = np.einsum("nd,nd->n", one, other, dtype=np.float64)
    return np.where(one.any(1) & other.any(1), found, np.nan)


def _matrix(account: IntArray, post: IntArray, shape: tuple[int, int]) -> "sparse.csr_matrix":
    """1 where an account touched a post, however often."""
    pairs = np.sort(account * shape[1] + post)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    ones = np.ones(len(pairs), np.float32)
    return sparse.csr_matrix((ones, (pairs // shape[1], pairs % shape[1])), shape=shape)
