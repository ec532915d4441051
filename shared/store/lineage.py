"""What published posts repeat or quote, link by link; the part of the rule of `visibility` that asks no database.

For example: the post {_id: ObjectId, author: {id: ObjectId}, isRecast: true, originalPost: {_id: ObjectId, …}}
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bson import ObjectId

MAX_CHAIN_LENGTH = 64  # posts; the network's own interface makes no longer one, and a post above it is not shown


class Link(NamedTuple):
    """One published post: its author, and the post that it repeats or quotes; None where it does neither."""

    author: ObjectId
    original: ObjectId | None
    recast: bool


class Lineage(NamedTuple):
    """A post, what it repeats or quotes, and so on down the chain.

    posts     the post itself first
    repeated  what a reader sees of it: itself, or the first post down the chain that is no recast
    root      the last post of the chain; of a cycle the one with the least id
    """

    posts: Sequence[ObjectId]
    repeated: ObjectId
    root: ObjectId


def lineage(post: ObjectId, links: Mapping[ObjectId, Link]) -> Lineage | None:
    """The chain of a published post; None where a post of it is not published, where recasts repeat nothing, and where
    it is longer than MAX_CHAIN_LENGTH.

    links  every published post that the chain may lead to
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
    end = chain[chain.index(post) :]  # the last one, or a cycle
    if all(links[item].recast for item in end):
        return None
    return Lineage(chain, next(item for item in chain if not links[item].recast), min(end))
