"""Chains of posts that repeat or quote one another: the part of the rule of `visibility` without a database.

For example: the post {_id: ObjectId, author: {id: ObjectId}, isRecast: true, originalPost: {_id: ObjectId, …}}
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bson import ObjectId

MAX_CHAIN_LENGTH = 64  # posts; the network's own interface makes no longer one, and a post of a longer one is hidden


class Link(NamedTuple):
    """One published post.

    author    its author
    original  the post that it repeats or quotes; None where it does neither
    recast    whether it only repeats `original`
    """

    author: ObjectId
    original: ObjectId | None
    recast: bool


class Lineage(NamedTuple):
    """A post, what it repeats or quotes, and so on down the chain.

    posts     the chain, the post itself first
    repeated  the post that a reader sees: itself, or the first one down the chain that is no recast
    root      the last post of the chain; of a cycle the one with the smallest id
    """

    posts: Sequence[ObjectId]
    repeated: ObjectId
    root: ObjectId


def lineage(post: ObjectId, links: Mapping[ObjectId, Link]) -> Lineage | None:
    """The chain of a post; None where a post of it is not published, where it ends in recasts only, and where it is
    longer than MAX_CHAIN_LENGTH.

    links  by id, every published post that the chain may lead to
    """
    chain: list[ObjectId] = []
    while post not in chain:
        link = links.get(post)
        if link is None or len(chain) == MAX_CHAIN_LENGTH:
            return None
        chain.append(post)
        if link.original is None:
            break
        post = link.original
    end = chain[chain.index(post) :]  # the last post, or the cycle
    if all(links[item].recast for item in end):
        return None
    return Lineage(chain, next(item for item in chain if not links[item].recast), min(end))
