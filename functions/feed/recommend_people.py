"""People to follow: whom those follow whom one follows, and who is popular in one's country."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from shared.config import People
from shared.network.countries import SPELLINGS, country_of
from shared.store import Store
from shared.store.popular_creators import Creator

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
    near = store.relationships.second_hand(sorted(bonds.followed), options.follows_each, options.candidates)
    hops = {user: (number, through) for user, number, through in near if user not in barred}
    popular = {one.user: one for one in popular_near(store, country, options.candidates + len(barred))}
    popular |= store.popular_creators.among([user for user in hops if user not in popular])
    ranked = blended(hops, popular, barred, options)
    published = store.accounts.published([one.user for one in ranked])
    return [one for one in ranked if one.user in published][:most]


def popular_near(store: Store, country: str | None, most: int) -> list[Creator]:
    """The popular of a country; of all where it is not known or has too few."""
    spelt = [code for code in SPELLINGS if country and country_of(code) == country]
    here = store.popular_creators.first([*spelt, *map(str.upper, spelt)], most) if spelt else []
    return here if len(here) >= most else [*here, *store.popular_creators.first(None, most)]


def blended(
    hops: Mapping[ObjectId, tuple[int, Sequence[ObjectId]]],
    popular: Mapping[ObjectId, Creator],
    barred: set[ObjectId],
    options: People,
) -> list[Suggestion]:
    """Everybody in either, the best first; equal ones in the order of their ids.

    The score is r · points / most points + (1 - r) · paths / most paths, where r is the `popularity_ratio`.
    """
    most_paths = max((number for number, _ in hops.values()), default=1)
    most_points = max((one.score for one in popular.values()), default=0.0) or 1.0
    found = []
    for user in {*hops, *popular} - barred:
        number, through = hops.get(user, (0, ()))
        creator = popular.get(user, Creator(user, 0.0, 0))
        share = options.popularity_ratio
        score = share * max(creator.score, 0.0) / most_points + (1 - share) * number / most_paths
        found.append(Suggestion(user, score, creator.engagements, through))
    return sorted(found, key=lambda one: (-one.score, one.user))


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
