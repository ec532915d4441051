"""People to follow: whom those follow whom one follows, and who is popular in one's country."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId

from shared.config import People
from shared.countries import SPELLINGS, country_of
from shared.errors import NotFound
from shared.store import Store

MAX_SUGGESTIONS = 100

Eligible = Callable[[Sequence[ObjectId]], set[ObjectId]]


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
    """At most so many users who may be shown, the best first, in an order that stays: none of the account's own, none
    that it follows, none that it blocks or is blocked by. NotFound where there is no such account."""
    member = store.accounts.member(ObjectId(account))
    if member is None:
        raise NotFound(f"accountId: there is no account {account}")
    follows_and_blocks = store.relationships.follows_and_blocks(member.users, options.most_follows)
    excluded = {*member.users, *follows_and_blocks.followed, *follows_and_blocks.blocked}

    def eligible(users: Sequence[ObjectId]) -> set[ObjectId]:
        """Those who may be suggested: shown, and not followed since long ago."""
        return store.visibility.users(users) - store.relationships.followed_among(users, member.users)

    hops = friends_of_friends(store, follows_and_blocks.followed, excluded, eligible, options)
    social_proof = {user: number / len(follows_and_blocks.followed) for user, number, _ in hops}
    people = (one for one in popular(store, country_of(member.country_code), options.candidates) if one not in excluded)
    scores = blended(social_proof, position_scores(first_eligible(people, eligible, options.candidates)), options)
    best = list(scores)[:most]
    creators = store.popular_creators.among(best)
    engagements = {user: creator.engagements for user, creator in creators.items()}
    through = {user: some for user, _, some in hops}
    return [Suggestion(user, scores[user], engagements.get(user, 0), through.get(user, ())) for user in best]


def friends_of_friends(
    store: Store, followed: Collection[ObjectId], excluded: Set[ObjectId], eligible: Eligible, options: People
) -> list[tuple[ObjectId, int, list[ObjectId]]]:
    """Whom most of those follow whom the account follows: who, through how many of them, and some of these. Who may not
    be shown leads nowhere."""
    leading = sorted(store.visibility.users(followed))
    while True:
        hops = store.relationships.friends_of_friends(leading, excluded, options.follows_each, options.candidates)
        sound = eligible([user for user, _, _ in hops])
        if len(sound) == len(hops) or len(hops) < options.candidates:
            return [hop for hop in hops if hop[0] in sound]
        excluded = excluded | {user for user, _, _ in hops if user not in sound}


def first_eligible(people: Iterator[ObjectId], eligible: Eligible, most: int) -> list[ObjectId]:
    """The first of these, at most so many, who may be suggested."""
    found: list[ObjectId] = []
    ahead = most
    while len(found) < most and (some := list(islice(people, ahead))):
        sound = eligible(some)
        found += [user for user in some if user in sound]
        ahead *= 2  # where few are sound, more are asked about at once
    return found[:most]


def popular(store: Store, country: str | None, batch: int) -> Iterator[ObjectId]:
    """The popular of a country, then those of all, each once; of all where the country is not known."""
    spelt = [code for code in SPELLINGS if country and country_of(code) == country]
    met: set[ObjectId] = set()
    for countries in ([*spelt, *map(str.upper, spelt)], None) if spelt else (None,):
        for one in store.popular_creators.ranked(countries, batch):
            if one.user not in met:
                met.add(one.user)
                yield one.user


def position_scores(users: Sequence[ObjectId]) -> dict[ObjectId, float]:
    """1 for the first, evenly down to almost 0 for the last, so that one star does not dwarf all others.

    >>> list(position_scores([ObjectId("a" * 24), ObjectId("b" * 24)]).values())
    [1.0, 0.5]
    """
    return {user: 1 - place / len(users) for place, user in enumerate(users)}


def blended(
    social_proof: Mapping[ObjectId, float], popular: Mapping[ObjectId, float], options: People
) -> dict[ObjectId, float]:
    """The score of everybody in either, the best first; equal ones in the order of their ids.

    social_proof  part of those whom one follows who follow that user, 0..1
    popular  1 for the most popular, 0..1
    returns  r · popular + (1 - r) · near, where r is the `popularity_ratio`
    """
    share = options.popularity_ratio
    scores = {
        user: share * popular.get(user, 0) + (1 - share) * social_proof.get(user, 0)
        for user in {*social_proof, *popular}
    }
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


def error_response(payload: Any, reason: str) -> dict[str, Any]:
    """What callers expect where nothing can be said, and why."""
    remark = "Sorry, nobody can be suggested"
    return {"code": 1001, "statusCode": 1001, "result": [], "remark": remark, "reason": reason}


def _suggestion(one: Suggestion) -> dict[str, Any]:
    social_proof = {"name": "following", "user": [str(user) for user in one.through]}
    return {
        "user": str(one.user),
        "score": one.score,
        "aggregator": social_proof if one.through else {"name": "trending"},
    }
