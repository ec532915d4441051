"""What each post of a history repeats or quotes, down to the post that does neither, and whether it may be shown."""

from dataclasses import dataclass

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from shared.columns import id_array, id_keys, is_valid, lookup, object_ids, unique_ids
from shared.documents import NO_ID
from shared.ranking.history import Posts
from shared.store import Store
from shared.store.lineage import Link, lineage


@dataclass(frozen=True, slots=True)
class RepostChains:
    """The chains of n posts, as of the moment that they were read.

    visible   (n,) whether a post may be shown to anybody; the other columns are of those that may
    repeated  (n,) key of the post that a reader sees: itself, or what a recast repeats
    root      (n,) key of the last post of the chain, its own where it has none: posts of one root are one to a reader
    start     (n + 1,) post i leads to posts[start[i]:start[i + 1]], which are by authors[start[i]:start[i + 1]]
    posts, authors  (n_links,) ids, in and out of the history, without the post itself
    owner, owners   (n,) and (n_links,) ids of the accounts of the authors; zeros where there is none
    """

    visible: NDArray[np.bool_]
    repeated: NDArray[np.uint64]
    root: NDArray[np.uint64]
    start: NDArray[np.int64]
    posts: NDArray[np.void]
    authors: NDArray[np.void]
    owner: NDArray[np.void]
    owners: NDArray[np.void]


def read_repost_chains(store: Store, posts: Posts) -> RepostChains:
    """The chains of all posts; only what lies outside the history is read, and who may be shown."""
    leads = np.flatnonzero(is_valid(posts.originals) | posts.recast)
    links = _links(store, posts, leads)
    authors = object_ids(unique_ids(posts.author_ids))
    shown = store.visibility.owners({*authors, *(link.author for link in links.values())})
    row = lookup(id_keys(posts.author_ids), id_keys(id_array(shown)))
    visible = row >= 0
    accounts = id_array(owner or NO_ID for owner in (*shown.values(), None))  # the last one is nobody's
    repeated, root = id_keys(posts.ids), id_keys(posts.ids)
    number = np.zeros(len(posts), np.int64)
    below: list[ObjectId] = []
    for at, post in zip(leads.tolist(), object_ids(posts.ids[leads]), strict=True):
        chain = lineage(post, links)
        visible[at] &= chain is not None and all(links[item].author in shown for item in chain.posts)
        if visible[at] and chain is not None:
            repeated[at], root[at] = id_keys(id_array((chain.repeated, chain.root)))
            number[at] = len(chain.posts) - 1
            below += chain.posts[1:]
    start = np.r_[0, np.cumsum(number)]
    by = [links[item].author for item in below]
    owners = id_array(shown[author] or NO_ID for author in by)
    return RepostChains(visible, repeated, root, start, id_array(below), id_array(by), accounts[row], owners)


def _links(store: Store, posts: Posts, leads: NDArray[np.int64]) -> dict[ObjectId, Link]:
    """Every published post that a chain can lead to, and those that it starts at."""
    named = leads[is_valid(posts.originals[leads])]
    within = np.isin(id_keys(posts.ids), id_keys(posts.originals[named]))
    within[leads] = True
    inside = np.flatnonzero(within)
    refers = is_valid(posts.originals[inside]).tolist()
    columns = zip(
        object_ids(posts.ids[inside]),
        object_ids(posts.author_ids[inside]),
        object_ids(posts.originals[inside]),
        refers,
        posts.recast[inside].tolist(),
        strict=True,
    )
    links = {post: Link(by, of if has else None, recast) for post, by, of, has, recast in columns}
    outside = set(object_ids(posts.originals[named])) - links.keys()
    return store.visibility.links(outside) | links
