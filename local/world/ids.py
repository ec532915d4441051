"""Ids and dates of documents; the same world has the same ones."""

from datetime import datetime
from zlib import crc32

import numpy as np
from bson import ObjectId

from local.world.worlds import World
from shared.columns import FloatArray


def object_ids(world: World, purpose: str, at: FloatArray) -> list[ObjectId]:
    """(n,) ids with their moments [s from now] in the first bytes, as real ones, and random bytes of each purpose."""
    rng = np.random.default_rng([world.options.seed, crc32(purpose.encode())])
    raw = np.empty((len(at), 12), np.uint8)
    seconds = (int(world.now.timestamp()) + np.floor(at)).astype(">u4")
    raw[:, :4] = seconds.view(np.uint8).reshape(-1, 4)
    raw[:, 4:] = rng.integers(0, 256, (len(at), 8), np.uint8)
    encoded = raw.tobytes()
    return [ObjectId(encoded[i : i + 12]) for i in range(0, len(encoded), 12)]


def dates(world: World, at: FloatArray) -> list[datetime]:
    """(n,) moments [s from now] as naive dates in UTC, to the millisecond.

    Naive, since the encoder calls a method of each aware date, and a world has millions.
    """
    milliseconds = int(world.now.timestamp()) * 1000 + np.rint(at * 1000).astype(np.int64)
    naive: list[datetime] = milliseconds.astype("datetime64[ms]").tolist()
    return naive


class Identities:
    """Ids that documents of several collections share, one list per kind, in the order of the world's rows."""

    __slots__ = ("accounts", "authors", "credentials", "posts", "topics", "users")

    def __init__(self, world: World) -> None:
        joined_at = world.people.joined_at
        self.users = object_ids(world, "users", joined_at)
        self.accounts = object_ids(world, "accounts", joined_at)
        self.credentials = object_ids(world, "credentials", joined_at + 60)
        self.authors = [self.users[person] for person in world.authors.person]
        self.posts = object_ids(world, "contents", world.posts.created_at)
        self.topics = object_ids(world, "topics", np.full(world.people.taste.shape[1], -86_400 * world.options.days))
