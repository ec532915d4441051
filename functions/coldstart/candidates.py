"""Posts that may stand in a guest feed, and what their quality and language do to their scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.config import GuestFeed
from shared.network.counters import ENGLISH
from shared.network.history import Posts
from shared.store import Store
from shared.store.columns import Columns, distinct, id_keys, known, object_ids, positions
from shared.store.guest_feed import Entry

Floats = NDArray[np.float64]

_NO_KEY = id_keys(np.zeros(1, "V12"))[0]
# Added to what an upstream filter says, so that its worst word pushes a post down without wiping out its order.
_LEAST = 0.01


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


def quality(said: Columns, posts: NDArray[np.uint64]) -> Floats:
    """(n_posts,) factor of the upstream filter: sense · diversity · promotion, positive.

    sense      0..1, low for junk. The filter's score counts as its certainty about the class that it names, so that the
               result is the same whether it means that or the chance of not being junk
    diversity  0..1, of the words
    promotion  1 where it found none, 1/2 where it is in doubt, 1/4 where it is sure
    Where the filter said nothing, a part counts as the mean of what it said of others; 1 where it said nothing of any.
    """
    certainty = np.clip(said["junk_score"], 0.0, 1.0)
    certainty = np.maximum(certainty, 1 - certainty)
    sense = np.where(said["junk"] == 1, 1 - certainty, np.where(said["junk"] == 0, certainty, np.nan))
    promotion = np.select([said["promotion"] == value for value in (0.0, 0.5, 1.0)], [1.0, 0.5, 0.25], np.nan)
    at = positions(id_keys(said["content"]), posts)
    factor = np.ones(len(posts))
    for part in (sense + _LEAST, np.clip(said["diversity"], 0.0, 1.0) + _LEAST, promotion):
        found = np.full(len(posts), np.nan)
        found[at[at >= 0]] = part[at >= 0]
        mean = np.nanmean(found) if np.isfinite(found).any() else 1.0
        factor *= np.where(np.isfinite(found), found, mean)
    return factor


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
