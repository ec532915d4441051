"""People to follow: whom those follow whom one follows, and who is popular in one's country."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from shared.config import People
from shared.network.countries import SPELLINGS, country_of
from shared.store import Store

MOST = 100


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody to follow.

    score        0..1, higher is better
    engagements  with the recent posts of that user
    through      some of those whom one follows and who follow that user; empty where popularity alone speaks
    """

    user: ObjectId
    score: float
    engagements: int
    through: Sequence[ObjectId]


def run(store: Store, options: People, account: str, *, most: int) -> list[Suggestion]:
    """At most so many published users, the best first, in an order that stays: none of the account's own, none that it
    follows, none that it blocks or is blocked by. NotFound where there is no such account."""
    country = country_of(store.accounts.country_code(ObjectId(account)))
    users = store.accounts.users_of(ObjectId(account))
    bonds = store.relationships.bonds(users, options.most_follows)
    barred = {*users, *bonds.followed, *bonds.blocked}
    hops = store.relationships.second_hand(sorted(bonds.followed), barred, options.follows_each, options.candidates)
    near = {user: number / len(bonds.followed) for user, number, _ in hops}
    scores = blended(near, places(popular_near(store, country, options.candidates + len(barred))), options)
    found = [user for user in scores if user not in barred]
    shown = store.accounts.published(found) - store.relationships.followed_among(found, users)
    best = [user for user in found if user in shown][:most]
    creators = store.popular_creators.among(best)
    engagements = {user: creator.engagements for user, creator in creators.items()}
    through = {user: some for user, _, some in hops}
    return [Suggestion(user, scores[user], engagements.get(user, 0), through.get(user, ())) for user in best]


def popular_near(store: Store, country: str | None, most: int) -> list[ObjectId]:
    """The popular of a country; after them those of all, where it is not known or has too few."""
    spelt = [code for code in SPELLINGS if country and country_of(code) == country]
    here = store.popular_creators.first([*spelt, *map(str.upper, spelt)], most) if spelt else []
    everywhere = store.popular_creators.first(None, most) if len(here) < most else []
    return list(dict.fromkeys(one.user for one in (*here, *everywhere)))


def places(users: Sequence[ObjectId]) -> dict[ObjectId, float]:
    """1 for the first, evenly down to almost 0 for the last, so that one star does not dwarf all others.

    >>> list(places([ObjectId("a" * 24), ObjectId("b" * 24)]).values())
    [1.0, 0.5]
    """
    return {user: 1 - place / len(users) for place, user in enumerate(users)}


def blended(
    near: Mapping[ObjectId, float], popular: Mapping[ObjectId, float], options: People
) -> dict[ObjectId, float]:
    """The score of everybody in either, the best first; equal ones in the order of their ids.

    near     part of those whom one follows who follow that user, 0..1
    popular  1 for the most popular, 0..1
    returns  r · popular + (1 - r) · near, where r is the `popularity_ratio`
    """
    share = options.popularity_ratio
    scores = {user: share * popular.get(user, 0) + (1 - share) * near.get(user, 0) for user in {*near, *popular}}
    return dict(sorted(scores.items(), key=lambda one: (-one[1], one[0])))


def follow_scores(found: Sequence[Suggestion], *, now: datetime) -> dict[str, Any]:
    """As callers of /ds_service/suggest_follow_score read it."""
    result = [
        {"userId": str(one.user), "engagements": one.engagements, "index": index} for index, one in enumerate(found)
    ]
    return {"code": 200, "statusCode": 200, "predicted_at": str(now), "result": result, "remark": "OK"}


def suggestions(found: Sequence[Suggestion]) -> dict[str, Any]:
    """As callers of /v2/data-services/suggest/users read it."""
    return {"payload": [_suggestion(one) for one in found]}


def sorry(payload: Any, reason: str) -> dict[str, Any]:
    """What callers expect where nothing can be said, and why."""
    remark = "Sorry, nobody can be suggested"
    return {"code": 1001, "statusCode": 1001, "result": [], "remark": remark, "reason": reason}


def _suggestion(one: Suggestion) -> dict[str, Any]:
    near = {"name": "following", "user": [str(user) for user in one.through]}
    return {"user": str(one.user), "score": one.score, "aggregator": near if one.through else {"name": "trending"}}
