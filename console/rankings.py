"""What functions that have the rankers tell the console: the feed of an account explained, and versions compared."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from bson import ObjectId
from msgspec import Meta, Struct

from console.service import Call
from shared.requests import refused, whole_number

MEMBERS = 200  # that are drawn at random
FAMILIES = ("country", "global", "members")  # whose models rank posts


class RankedPost(Struct, frozen=True, rename="camel"):
    """A post that an account's home would show now.

    rank        from 1 on
    score_rank  what its rank would be by score alone
    sources     of candidates that had it, the first one first
    logits      what is added, by the part that adds it, until the score is reached [log odds]
    features    what the rankers of members read, by name; None where it is not known
    """

    content: str
    rank: int
    score_rank: int
    score: float
    sources: Sequence[str]
    logits: Mapping[str, float]
    features: Mapping[str, float | None]


class AccountFeed(Struct, frozen=True, rename="camel"):
    """What an account's home would show now.

    model          versions that score
    country        its code; empty where it is not known
    has_own_model  whether a model of the account's own scores
    per_author_or_topic  posts of one author or topic that may follow one another
    explore_every  so many slots, one goes to a new author; 0 for none
    """

    model: str
    country: str
    has_own_model: bool
    per_author_or_topic: int
    explore_every: int
    items: Sequence[RankedPost]


class VersionPost(Struct, frozen=True):
    """A post among the first of a version.

    rank   from 1 on
    other  its rank by the other version; None where that shows it further down or not at all
    """

    content: str
    score: float
    rank: int
    other: int | None


class Comparison(Struct, frozen=True, rename="camel"):
    """The first posts by two versions; `ranks_for` says whether one of them ranks for this viewer at all."""

    ranks_for: bool
    left: Sequence[VersionPost]
    right: Sequence[VersionPost]


class Earlier(Struct, frozen=True):
    """What earlier calls have found for members drawn at random.

    drawn     how many accounts were looked at
    compared  members
    overlaps  sum of the parts, each 0..1, of the first posts that both versions show
    changed   members who see another first post
    """

    drawn: Annotated[int, whole_number(0, 2**31)] = 0
    compared: Annotated[int, whole_number(0, MEMBERS)] = 0
    overlaps: Annotated[float, Meta(ge=0, le=MEMBERS), refused(f"needs a number of 0 to {MEMBERS}")] = 0.0
    changed: Annotated[int, whole_number(0, MEMBERS)] = 0


class Effect(Struct, frozen=True, rename="camel"):
    """How two versions differ for members drawn at random.

    compared          members
    overlap           mean part, 0..1, of the first posts that both versions show; None where nobody is compared
    changed           members who see another first post
    …_interval        95 % interval of the mean, and of the part of the members
    more              to go on behind these members; None where all were compared that can be
    """

    compared: int
    overlap: float | None
    overlap_interval: tuple[float, float] | None
    changed: int | None
    changed_interval: tuple[float, float] | None
    more: Earlier | None


def feed_of(call: Call, account: ObjectId) -> AccountFeed:
    """What the home of an account would show now; NotFound for an unknown account."""
    return msgspec.convert(call("explain_ranking", {"accountId": str(account)}), AccountFeed)


def compared(call: Call, family: str, key: str, left: str, right: str, account: ObjectId | None = None) -> Comparison:
    """What two versions show an account first, or somebody new in the country of the key.

    Raises NotFound for an unknown account or version, StaleModel for a version that may not be used, Unavailable where
    there is no answer in time.
    """
    request = _request(family, key, left, right) | ({"accountId": str(account)} if account else {})
    return msgspec.convert(call("compare_rankings", request), Comparison)


def effect(call: Call, family: str, key: str, left: str, right: str, earlier: Earlier) -> Effect:
    """What another version would change for members drawn at random, with those of earlier calls; raises what
    `compared` raises."""
    request = _request(family, key, left, right) | {"members": MEMBERS, "earlier": msgspec.to_builtins(earlier)}
    return msgspec.convert(call("compare_rankings", request), Effect)


def _request(family: str, key: str, left: str, right: str) -> dict[str, object]:
    return {"family": family, "key": key, "left": left, "right": right}
