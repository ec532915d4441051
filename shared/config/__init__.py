"""Settings: where the data is, and every tunable.

Lives here: reading the environment once, the options of every job with unit, default and one sentence.
Does not live here: constants that only one module uses.
"""

from shared.config.env import (
    HERE,
    Settings,
    are_known,
    forget_settings,
    load,
    own_server,
    preset,
    presetting,
    settings,
    share_region,
)
from shared.config.feed_options import Coldstart, Exposures, GuestFeed, Home, MeasureFeed, Members, People
from shared.config.options import (
    Artifacts,
    Bots,
    ContentStats,
    CreatorStats,
    EngagementStats,
    HashtagStats,
    Language,
    Options,
    Relay,
    Tokens,
    Topics,
    Weights,
)

__all__ = [
    "HERE",
    "Artifacts",
    "Bots",
    "Coldstart",
    "ContentStats",
    "CreatorStats",
    "EngagementStats",
    "Exposures",
    "GuestFeed",
    "HashtagStats",
    "Home",
    "Language",
    "MeasureFeed",
    "Members",
    "Options",
    "People",
    "Relay",
    "Settings",
    "Tokens",
    "Topics",
    "Weights",
    "are_known",
    "forget_settings",
    "load",
    "own_server",
    "preset",
    "presetting",
    "settings",
    "share_region",
]
