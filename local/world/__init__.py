"""A synthetic social network with a known truth to measure against.

The package draws a world's people, posts, engagements and exposures by its options, and writes them into three
databases: what the application would hold, what an upstream text pipeline would write, and the truth that no function
may read (later engagements, tastes, topics, who is a bot). The server is `local.mongod`; indexes of our own are those
of `shared.store.schema`.

Planted effects: tastes by country and by person, match of language, followed authors, heavy-tailed quality of posts,
exponential decay with age, each person's own mix of likes, comments, recasts and quotes. Reading times of people are
heavy-tailed and grow with interest; bots read and scroll regularly, and in a hard world some of them imitate people.

    world = build_world(SIZES["S"], now=now)
    counts = write_world(world, client["app-db"], client["analytics-db"], client["truth-db"])
"""

from local.world.sizes import SIZES, WorldOptions
from local.world.worlds import World, build_world
from local.world.writing import WorldCounts, write_world

__all__ = ["SIZES", "World", "WorldCounts", "WorldOptions", "build_world", "write_world"]
