"""The most specific topics of every post.

A post with the topics "sports" and "football", a child of "sports", counts for "football" alone: otherwise one
engagement would count once for each level.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from bson import ObjectId

from shared.columns import Columns, IntArray, KeyArray, expand_ranges, id_keys, lookup, object_ids, unique_ids

Parents = Mapping[ObjectId, list[ObjectId]]  # the topics directly above each topic


@dataclass(frozen=True, slots=True)
class LeafTopics:
    """Pairs of a post and one of its most specific topics, in the order of the posts' keys.

    posts   (n_pairs,) key of the post
    topics  (n_pairs,) index into `names`
    names   (n_topics,) id of each topic as a string
    """

    posts: KeyArray
    topics: IntArray
    names: tuple[str, ...]

    @classmethod
    def of(cls, pairs: Columns, parents: Parents) -> "LeafTopics":
        """The pairs without topics that are above another topic of the same post.

        pairs  columns content and topic, (n,) ids
        """
        ids = unique_ids(pairs["topic"])
        post_keys, posts = np.unique(id_keys(pairs["content"]), return_inverse=True)
        topics = lookup(id_keys(pairs["topic"]), id_keys(ids))
        cells = posts * len(ids) + topics
        implied = [np.empty(0, np.int64)]
        for below, above in _lineage(object_ids(ids), parents):
            implied.append(posts[topics == below] * len(ids) + above)
        leaves = np.setdiff1d(cells, np.concatenate(implied))
        return cls(post_keys[leaves // max(len(ids), 1)], leaves % max(len(ids), 1), tuple(map(str, object_ids(ids))))

    def of_posts(self, keys: KeyArray) -> tuple[IntArray, IntArray]:
        """All pairs of these posts: (n_pairs,) indices into `keys` and (n_pairs,) indices into `names`.

        keys  (n,) of posts, of which one may come several times
        """
        first = np.searchsorted(self.posts, keys, "left")
        count = np.searchsorted(self.posts, keys, "right") - first
        post, pair = expand_ranges(first, count)
        return post, self.topics[pair]


def _lineage(ids: list[ObjectId], parents: Parents) -> list[tuple[int, int]]:
    """(below, above) for every topic and each of its ancestors, as indices into `ids`; in a circle of parents each is
    above all others."""
    index = {topic: i for i, topic in enumerate(ids)}
    lineage: list[tuple[int, int]] = []
    for topic in ids:
        visited, pending = {topic}, list(parents.get(topic, ()))
        while pending:
            above = pending.pop()
            if above not in visited:
                visited.add(above)
                pending.extend(parents.get(above, ()))
        lineage.extend((index[topic], index[above]) for above in visited - {topic} if above in index)
    return lineage
