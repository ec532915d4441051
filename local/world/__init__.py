"""A social network that never was, with a truth to measure against.

Lives here: the options and sizes of a world, the drawing of its people, posts, acts and exposures, and the writing of
them into three databases: what the application would hold, what an upstream text pipeline would leave, and the truth
that no function may read (later engagements, tastes, topics, who is a bot).
Does not live here: the server (`local.mongod`), imports of real events, indexes of our own (`shared.store.schema`).

What is planted: tastes by country and by person, language match, followed authors, heavy-tailed quality of posts,
exponential decay with age, each person's own mix of likes, comments, recasts and quotes. Reading times of people are
heavy-tailed and grow with interest; bots read and scroll regularly, and in a hard world some of them imitate people.

    world = build_world(SIZES["S"], now=now)
    counts = write_world(world, client["app-db"], client["analytics-db"], client["truth-db"])
"""

from local.world.sizes import SIZES, WorldOptions
from local.world.worlds import World, build_world
from local.world.writing import WorldCounts, write_world

__all__ = ["SIZES", "World", "WorldCounts", "WorldOptions", "build_world", "write_world"]
