"""The most specific topics of every post.

A post that carries "sports" and "football", a child of "sports", counts for "football" alone: counting each level would
count one engagement several times.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from shared.columns import Columns, id_keys, lookup, object_ids, unique_ids

Parents = Mapping[ObjectId, list[ObjectId]]


@dataclass(frozen=True, slots=True)
class LeafTopics:
    """Rows (post, topic) in the order of the post's key.

    posts   (n_rows,) key of the post
    topics  (n_rows,) index into `names`
    names   id of each topic, as a string
    """

    posts: NDArray[np.uint64]
    topics: NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def of(cls, pairs: Columns, parents: Parents) -> "LeafTopics":
        """Leave out a topic where the same post carries one below it."""
        ids = unique_ids(pairs["topic"])
        known, posts = np.unique(id_keys(pairs["content"]), return_inverse=True)
        topics = lookup(id_keys(pairs["topic"]), id_keys(ids))
        row = posts * len(ids) + topics
        implied = [np.empty(0, np.int64)]
        for below, above in _lineage(object_ids(ids), parents):
            implied.append(posts[topics == below] * len(ids) + above)
        leaves = np.setdiff1d(row, np.concatenate(implied))
        return cls(known[leaves // max(len(ids), 1)], leaves % max(len(ids), 1), tuple(map(str, object_ids(ids))))

    def of_posts(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every topic of each of these posts: index into `keys` and index into `names`, both (n_found,)."""
        first = np.searchsorted(self.posts, keys, "left")
        number = np.searchsorted(self.posts, keys, "right") - first
        which = np.repeat(np.arange(len(keys)), number)
        within = np.arange(len(which)) - np.repeat(np.cumsum(number) - number, number)
        return which, self.topics[np.repeat(first, number) + within]


def _lineage(ids: list[ObjectId], parents: Parents) -> list[tuple[int, int]]:
    """(below, above) for every topic and each of its ancestors, as indices; a circle of parents ends where it began."""
    index = {one: i for i, one in enumerate(ids)}
    found: list[tuple[int, int]] = []
    for one in ids:
        seen, ahead = {one}, list(parents.get(one, ()))
        while ahead:
            above = ahead.pop()
            if above not in seen:
                seen.add(above)
                ahead.extend(parents.get(above, ()))
        found.extend((index[one], index[above]) for above in seen - {one} if above in index)
    return found
