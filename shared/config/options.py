"""Every tunable, with its unit, its default and one sentence.

`FEEDKEEPER_OPTIONS` overrides them as JSON by section and name; spans are given in hours:
`{"guest_feed": {"rows_per_country": 500}, "content_stats": {"window": 336}}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, Literal, get_args, get_type_hints

from shared.errors import BadConfig


@dataclass(frozen=True, slots=True)
class Weights:
    """Points of one engagement of each kind [points]."""

    like: float = 1.0
    comment: float = 1.0
    recast: float = 1.0
    quote: float = 1.0


@dataclass(frozen=True, slots=True)
class ContentStats:
    window: timedelta = timedelta(days=30)  # how long a post counts, from its creation
    half_life_hours: float = 24.0  # after this time a post's score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = field(default_factory=Weights)  # points per like, comment, recast and quote
    bias: float = 1.0  # points that a post has before anyone engages
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew
    lag_ratio: float = 0.01  # how far a stored score may lag behind its decay
    negligible: float = 0.001  # stored scores below this are left to the next full run


@dataclass(frozen=True, slots=True)
class CreatorStats:
    window: timedelta = timedelta(days=30)  # how long a post counts for its creator, from its creation
    half_life_hours: float = 24.0  # after this time without a new post the age score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = field(default_factory=Weights)  # points per like, comment, recast and quote
    follower_weight: float = 0.01  # points per follower
    bias: float = 1.0  # points that a creator has before anyone engages
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew


@dataclass(frozen=True, slots=True)
class HashtagStats:
    window: timedelta = timedelta(days=14)  # how long a post counts for its hashtags, from its creation
    half_life_hours: float = 24.0  # after this time without a new post the age score has halved
    age_from: Literal["createdAt", "updatedAt"] = "createdAt"  # the moment that a post's age starts at
    weights: Weights = field(default_factory=Weights)  # points per like, comment, recast and quote
    max_contributors: int = 100  # contributors listed per hashtag, the most frequent first
    max_contents: int = 20  # posts listed per contributor
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is computed anew


@dataclass(frozen=True, slots=True)
class EngagementStats:
    overlap: timedelta = timedelta(minutes=5)  # how far a run looks back behind the last one, for late writes
    full_every: timedelta = timedelta(days=1)  # how often everything is counted anew


@dataclass(frozen=True, slots=True)
class Coldstart:
    base_country: str = "us"  # the country whose model serves those that have none


@dataclass(frozen=True, slots=True)
class GuestFeed:
    rows_per_country: int = 2000  # posts in the feed of one country


@dataclass(frozen=True, slots=True)
class Artifacts:
    keep_retired: int = 3  # former versions kept for a rollback, per model


@dataclass(frozen=True, slots=True)
class Options:
    """The sections, one per job or family of jobs."""

    content_stats: ContentStats = field(default_factory=ContentStats)
    creator_stats: CreatorStats = field(default_factory=CreatorStats)
    hashtag_stats: HashtagStats = field(default_factory=HashtagStats)
    engagement_stats: EngagementStats = field(default_factory=EngagementStats)
    coldstart: Coldstart = field(default_factory=Coldstart)
    guest_feed: GuestFeed = field(default_factory=GuestFeed)
    artifacts: Artifacts = field(default_factory=Artifacts)

    @classmethod
    def from_mapping(cls, overrides: Mapping[str, Any]) -> "Options":
        """The defaults with `overrides` on top; BadConfig names an unknown option or a value of the wrong type."""
        result: Options = _override(cls(), overrides, "")
        return result


def _override(section: Any, overrides: Mapping[str, Any], path: str) -> Any:
    if not isinstance(overrides, Mapping):
        raise BadConfig(f"option {path.rstrip('.')}: needs an object of options")
    hints = get_type_hints(type(section))
    unknown = set(overrides) - set(hints)
    if unknown:
        raise BadConfig(f"option {path}{min(unknown)} does not exist")
    changed = {name: _typed(getattr(section, name), hints[name], v, path + name) for name, v in overrides.items()}
    return replace(section, **changed)


def _typed(default: Any, kind: Any, value: Any, path: str) -> Any:
    """`value` as the option's type: hours for a span, one of the choices for a literal."""
    if fields_of(default):
        return _override(default, value, f"{path}.")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is timedelta and is_number and value > 0:
        return timedelta(hours=value)
    if kind is float and is_number:
        return float(value)
    if kind in (int, str, bool) and type(value) is kind:
        return value
    if value in get_args(kind):
        return value
    raise BadConfig(f"option {path}: {value!r} is not a valid value")


def fields_of(value: object) -> tuple[str, ...]:
    """Names of the options of a section; empty for anything else."""
    return tuple(f.name for f in fields(value)) if hasattr(value, "__dataclass_fields__") else ()  # type: ignore[arg-type]
