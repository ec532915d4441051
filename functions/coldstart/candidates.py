"""Posts that may stand in a guest feed, and what their quality and language do to their scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.config import GuestFeed
from shared.network.counters import ENGLISH
from shared.network.history import Posts
from shared.network.quality import quality
from shared.store import Store
from shared.store.columns import distinct, id_keys, known, object_ids, positions
from shared.store.guest_feed import Entry

Floats = NDArray[np.float64]

_NO_KEY = id_keys(np.zeros(1, "V12"))[0]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Posts to choose from.

    post     (n,) position among the posts of the history
    author   (n,) one number per author
    quality  (n,) factor on the score, positive
    entries  (n,) rows of the feed, their scores yet to be set
    """

    post: NDArray[np.int64]
    author: NDArray[np.int64]
    quality: Floats
    entries: list[Entry]


def choose(store: Store, posts: Posts) -> Candidates:
    """Every post, but for repetitions of one that is in, or that nobody can see any more."""
    original = id_keys(posts.originals)
    refers = original != _NO_KEY
    visible = refers & _visible(store, posts, original, refers)
    within = positions(original, id_keys(posts.ids)) >= 0
    newest_first = np.arange(len(posts))[::-1]
    lone = posts.recast & visible & ~within
    first = newest_first[lone[newest_first]]
    keep = np.zeros(len(posts), bool)
    keep[first[np.unique(original[first], return_index=True)[1]]] = True
    post = np.flatnonzero(keep | ~posts.recast)
    ids, authors = object_ids(posts.ids), object_ids(posts.author_ids)
    originals, original_authors = object_ids(posts.originals), object_ids(posts.original_authors)
    named = visible & known(posts.original_authors)
    entries = [
        Entry(ids[i], authors[i], originals[i] if visible[i] else None, original_authors[i] if named[i] else None)
        for i in post.tolist()
    ]
    return Candidates(post, posts.author[post], quality(store.posts.quality(), id_keys(posts.ids))[post], entries)


def _visible(store: Store, posts: Posts, original: NDArray[np.uint64], refers: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n_posts,) whether the post that each refers to is published, be it in the window or not."""
    shown = id_keys(store.posts.still_published(object_ids(distinct(posts.originals[refers]))))
    return positions(original, shown) >= 0


def language_factor(relation: Floats, options: GuestFeed) -> Floats:
    """(n,) 1 for a language of the country and for English, less for an unknown one, next to nothing for another."""
    factor = np.where(relation >= ENGLISH, 1.0, options.foreign_language)
    return np.where(np.isnan(relation), options.unknown_language, factor)


def spread(scores: Floats, author: NDArray[np.int64], ratio: float) -> Floats:
    """(n,) scores with an author's second post times `ratio`, the third times its square, and so on, best first.

    >>> spread(np.array([4.0, 3.0, 2.0]), np.array([7, 7, 8]), 0.5).tolist()
    [4.0, 1.5, 2.0]
    """
    order = np.lexsort((-scores, author))
    start = np.r_[True, np.diff(author[order]) != 0]
    rank = np.arange(len(order)) - np.maximum.accumulate(np.where(start, np.arange(len(order)), 0))
    result = np.empty_like(scores)
    result[order] = scores[order] * ratio ** np.minimum(rank, 100)
    return result
