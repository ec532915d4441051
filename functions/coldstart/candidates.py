"""Posts that may be in a guest feed, and the factors of language and repeated authors on their scores."""

from dataclasses import dataclass

import numpy as np

from functions.coldstart.options import GuestFeedOptions
from shared.columns import FloatArray, IntArray, id_keys, is_valid, lookup, object_ids, rank_within
from shared.ranking.chains import read_repost_chains
from shared.ranking.counters import ENGLISH
from shared.ranking.history import PostColumns
from shared.ranking.quality import quality
from shared.store import Store
from shared.store.guest_feed import Entry


@dataclass(frozen=True, slots=True)
class CountryCandidates:
    """Posts that a guest feed is ranked from.

    post     (n,) position among the posts of the history
    author   (n,) one number per author
    quality  (n,) factor on the score, positive
    entries  (n,) rows of the feed, still without scores
    """

    post: IntArray
    author: IntArray
    quality: FloatArray
    entries: list[Entry]


def select_candidates(store: Store, posts: PostColumns) -> CountryCandidates:
    """Every post that guests may see, without recasts; but for a post outside the history its newest recast."""
    chains = read_repost_chains(store, posts)
    newest_first = np.arange(len(posts))[::-1]
    without_original = chains.visible & posts.recast & (lookup(chains.repeated, id_keys(posts.ids)) < 0)
    recasts = newest_first[without_original[newest_first]]
    keep = chains.visible & ~posts.recast
    keep[recasts[np.unique(chains.repeated[recasts], return_index=True)[1]]] = True
    post = np.flatnonzero(keep)
    columns = (posts.ids, posts.author_ids, posts.originals, posts.original_authors)
    has_ids = is_valid(posts.originals[post]).tolist(), is_valid(posts.original_authors[post]).tolist()
    rows = zip(*(object_ids(column[post]) for column in columns), *has_ids, strict=True)
    entries = [
        Entry(
            content,
            author,
            original if has_original else None,
            original_author if has_original and has_original_author else None,
        )
        for content, author, original, original_author, has_original, has_original_author in rows
    ]
    return CountryCandidates(
        post, posts.author[post], quality(store.posts.quality(), id_keys(posts.ids))[post], entries
    )


def language_factor(relation: FloatArray, options: GuestFeedOptions) -> FloatArray:
    """(n,) factor on the score, 0..1: 1 for a language of the country and for English, `unknown_language` for an
    unknown one, `foreign_language` for any other.

    relation  (n,) HOME, ENGLISH, FOREIGN or nan
    """
    factor = np.where(relation >= ENGLISH, 1.0, options.foreign_language)
    return np.where(np.isnan(relation), options.unknown_language, factor)


def spread(scores: FloatArray, author: IntArray, ratio: float) -> FloatArray:
    """(n,) scores, of each author's second best post times `ratio`, of the third best times its square, and so on.

    >>> spread(np.array([4.0, 3.0, 2.0]), np.array([7, 7, 8]), 0.5).tolist()
    [4.0, 1.5, 2.0]
    """
    order = np.lexsort((-scores, author))
    result = np.empty_like(scores)
    result[order] = scores[order] * ratio ** np.minimum(rank_within(author[order]), 100)
    return result
