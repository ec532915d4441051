"""Groups of sibling topics: the topics below one parent, which share its confidence."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from functions.topics.taxonomy import Taxonomy
from shared.columns import IntArray


@dataclass(frozen=True, slots=True)
class Group:
    """The topics below one parent.

    parent      position in the taxonomy, -1 above the first level
    children    (n_children,) positions in the taxonomy
    prototypes  for each child, and last for none of them, the indices of the prototypes that count for it
    heads       (n_headed,) indices of the heads of those children that have one
    headed      (n_headed,) indices of these children in `children`
    """

    parent: int
    children: IntArray
    prototypes: tuple[IntArray, ...]
    heads: IntArray
    headed: IntArray


def groups_of(tree: Taxonomy, prototype_topic: IntArray, head_topic: IntArray) -> Iterator[Group]:
    """The groups of the taxonomy, that of a parent before those of its children.

    prototype_topic  (n_prototypes,) positions in the taxonomy, -1 for small talk
    head_topic       (n_heads,) positions in the taxonomy, ascending
    A child counts the prototypes of all topics of its branch; none of the children counts those of the parent alone.
    """
    paths = tree.paths
    branches = {
        path: [number for number, other in enumerate(paths) if (other + "/").startswith(path + "/")] for path in paths
    }
    for parent, parent_path in enumerate(("", *paths), start=-1):
        children = np.array([number for number, topic in enumerate(tree.topics) if topic.parent == parent_path])
        if not children.size:
            continue
        of_child = [np.flatnonzero(np.isin(prototype_topic, branches[paths[child]])) for child in children]
        of_none = np.flatnonzero(prototype_topic == parent)
        _, headed, heads = np.intersect1d(children, head_topic, return_indices=True)
        yield Group(parent, children, (*of_child, of_none), heads, headed)
