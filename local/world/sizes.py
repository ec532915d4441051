"""Options of a world, and those of the usual sizes."""

from dataclasses import dataclass
from typing import Literal

from local.world.vocabulary import COUNTRIES
from shared.errors import BadConfig

MIN_USERS = 20  # of whom ten publish


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """Options of a world; the same options, seed included, draw the same world.

    contents            posts published before now [count]
    engagements         before now, fewer where few people exhaust few posts; held-out ones are extra [count]
    feed_items          exposures before now [count]
    countries           that people come from, of COUNTRIES the first so many [count]
    days, holdout_days  length of the past and of the held-out future [days]
    bot_ratio           of the heavy readers, 0..1
    verified_ratio      of the heavy readers with a full window of views, those that a person has reviewed, 0..1
    with_text           also write what a text pipeline would know: languages and topics
    verdict_true_means  meaning of `verificationStatus: true`
    bots                hard: some bots jitter and pause like people, and some people read at a steady pace
    tastes              none: everybody likes the same topics, reads every language and ignores followed authors
    half_life_hours     after which a post has lost half of its pull [h]; None for `browsing.HALF_LIFE`
    """

    users: int
    contents: int
    engagements: int
    feed_items: int
    countries: int = 10
    days: float = 30.0
    holdout_days: float = 3.0
    bot_ratio: float = 0.12
    verified_ratio: float = 0.6
    seed: int = 7
    with_text: bool = False
    verdict_true_means: Literal["bot", "person"] = "bot"
    bots: Literal["easy", "hard"] = "hard"
    tastes: Literal["planted", "none"] = "planted"
    half_life_hours: float | None = None

    def __post_init__(self) -> None:
        for name in ("contents", "engagements", "feed_items", "days"):
            if getattr(self, name) <= 0:
                raise BadConfig(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("seed", "holdout_days"):
            if getattr(self, name) < 0:
                raise BadConfig(f"{name} must not be below 0, not {getattr(self, name)}")
        if self.half_life_hours is not None and not self.half_life_hours > 0:
            raise BadConfig(f"half_life_hours must be above 0, not {self.half_life_hours}")
        for name in ("bot_ratio", "verified_ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadConfig(f"{name} must lie in 0..1, not {getattr(self, name)}")
        if not 1 <= self.countries <= len(COUNTRIES):
            raise BadConfig(f"countries must lie in 1..{len(COUNTRIES)}, not {self.countries}")
        if self.users < max(MIN_USERS, self.countries):
            raise BadConfig(f"users must be at least {max(MIN_USERS, self.countries)}, not {self.users}")


SIZES: dict[str, WorldOptions] = {
    "XS": WorldOptions(users=200, contents=1_000, engagements=8_000, feed_items=20_000),
    "S": WorldOptions(users=1_000, contents=5_000, engagements=50_000, feed_items=100_000),
    "M": WorldOptions(users=10_000, contents=50_000, engagements=500_000, feed_items=500_000),
    "L": WorldOptions(users=30_000, contents=150_000, engagements=1_500_000, feed_items=1_500_000),
}
