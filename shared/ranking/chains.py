"""What each post of a history repeats or quotes, down to the post that does neither, and whether it may be shown."""

from dataclasses import dataclass

import numpy as np
from bson import ObjectId

from shared.columns import (
    BoolArray,
    IdArray,
    IntArray,
    KeyArray,
    id_array,
    id_keys,
    is_valid,
    lookup,
    object_ids,
    unique_ids,
)
from shared.documents import NO_ID
from shared.ranking.history import PostColumns
from shared.store import Store
from shared.store.lineage import Link, lineage


@dataclass(frozen=True, slots=True)
class RepostChains:
    """The chains of n posts, as they were when they were read.

    visible   (n,) whether a post may be shown to anybody, and its chain leads to no erased post; the other columns hold
              for visible posts only
    repeated  (n,) key of the post that a viewer sees: the post itself, or the one that a recast repeats
    root      (n,) key of the last post of the chain, the post's own if it refers to none; a viewer sees posts of one
              root as the same post
    start     (n + 1,) post i refers to posts[start[i]:start[i + 1]], of authors[start[i]:start[i + 1]]
    posts, authors  (n_links,) ids of the posts that a chain leads through, in the history or not, without its first
    owner, owners   (n,) and (n_links,) ids of the accounts of the authors; zeros if there is none
    """

    visible: BoolArray
    repeated: KeyArray
    root: KeyArray
    start: IntArray
    posts: IdArray
    authors: IdArray
    owner: IdArray
    owners: IdArray


def read_repost_chains(store: Store, posts: PostColumns) -> RepostChains:
    """Find the chain of every post; reads only posts outside the history, which of them are erased, and which authors
    may be shown."""
    referring = np.flatnonzero(is_valid(posts.originals) | posts.recast)
    links = _links(store, posts, referring)
    authors = object_ids(unique_ids(posts.author_ids))
    shown = store.visibility.owners({*authors, *(link.author for link in links.values())})
    row = lookup(id_keys(posts.author_ids), id_keys(id_array(shown)))
    visible = row >= 0
    accounts = id_array(owner or NO_ID for owner in (*shown.values(), None))  # the last, at -1, is of no known author
    repeated, root = id_keys(posts.ids), id_keys(posts.ids)
    number = np.zeros(len(posts), np.int64)
    linked: list[ObjectId] = []
    for at, post in zip(referring.tolist(), object_ids(posts.ids[referring]), strict=True):
        chain = lineage(post, links)
        visible[at] &= chain is not None and all(links[item].author in shown for item in chain.posts)
        if visible[at] and chain is not None:
            repeated[at], root[at] = id_keys(id_array((chain.repeated, chain.root)))
            number[at] = len(chain.posts) - 1
            linked += chain.posts[1:]
    start = np.r_[0, np.cumsum(number)]
    linked_authors = [links[item].author for item in linked]
    owners = id_array(shown[author] or NO_ID for author in linked_authors)
    return RepostChains(
        visible, repeated, root, start, id_array(linked), id_array(linked_authors), accounts[row], owners
    )


def _links(store: Store, posts: PostColumns, referring: IntArray) -> dict[ObjectId, Link]:
    """Every published post that a chain begins at or can lead to, without erased ones: a chain that leads to one
    breaks off there, however far that is from the history.

    referring  (n_referring,) positions of the posts that repeat or quote another
    """
    with_original = referring[is_valid(posts.originals[referring])]
    in_chain = np.isin(id_keys(posts.ids), id_keys(posts.originals[with_original]))
    in_chain[referring] = True
    inside = np.flatnonzero(in_chain)
    columns = zip(
        object_ids(posts.ids[inside]),
        object_ids(posts.author_ids[inside]),
        object_ids(posts.originals[inside]),
        is_valid(posts.originals[inside]).tolist(),
        posts.recast[inside].tolist(),
        strict=True,
    )
    links = {
        post: Link(author, original if has_original else None, recast)
        for post, author, original, has_original, recast in columns
    }
    outside = set(object_ids(posts.originals[with_original])) - links.keys()
    further = store.visibility.links(outside)
    erased = store.tombstones.posts_among(further)
    return {post: link for post, link in further.items() if post not in erased} | links
