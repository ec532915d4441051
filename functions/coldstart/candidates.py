"""Posts that may stand in a guest feed, and what their quality and language do to their scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.columns import FloatArray, id_keys, is_valid, lookup, object_ids
from shared.config import GuestFeed
from shared.ranking.chains import read_repost_chains
from shared.ranking.counters import ENGLISH
from shared.ranking.history import Posts
from shared.ranking.quality import quality
from shared.store import Store
from shared.store.guest_feed import Entry


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
    quality: FloatArray
    entries: list[Entry]


def choose(store: Store, posts: Posts) -> Candidates:
    """Every post that guests may see; of what is repeated here and is not here itself, the newest recast."""
    chains = read_repost_chains(store, posts)
    newest_first = np.arange(len(posts))[::-1]
    lone = chains.visible & posts.recast & (lookup(chains.repeated, id_keys(posts.ids)) < 0)
    first = newest_first[lone[newest_first]]
    keep = chains.visible & ~posts.recast
    keep[first[np.unique(chains.repeated[first], return_index=True)[1]]] = True
    post = np.flatnonzero(keep)
    columns = (posts.ids, posts.author_ids, posts.originals, posts.original_authors)
    named = is_valid(posts.originals[post]).tolist(), is_valid(posts.original_authors[post]).tolist()
    rows = zip(*(object_ids(column[post]) for column in columns), *named, strict=True)
    entries = [
        Entry(content, author, original if refers else None, by if refers and is_known else None)
        for content, author, original, by, refers, is_known in rows
    ]
    return Candidates(post, posts.author[post], quality(store.posts.quality(), id_keys(posts.ids))[post], entries)


def language_factor(relation: FloatArray, options: GuestFeed) -> FloatArray:
    """(n,) 1 for a language of the country and for English, less for an unknown one, next to nothing for another."""
    factor = np.where(relation >= ENGLISH, 1.0, options.foreign_language)
    return np.where(np.isnan(relation), options.unknown_language, factor)


def spread(scores: FloatArray, author: NDArray[np.int64], ratio: float) -> FloatArray:
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
