"""Suggests users to follow: friends of friends, and users who are popular in the account's country."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId

from functions.feed.options import PeopleOptions
from functions.feed.store.accounts import MemberAccounts
from functions.feed.store.popular_creators import PopularCreators
from functions.feed.store.relationships import Relationships
from shared.countries import SPELLINGS, country_of
from shared.errors import NotFound
from shared.store import Store

# Returns those of some users that may be suggested.
Eligible = Callable[[Sequence[ObjectId]], set[ObjectId]]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A user to follow.

    score        0..1, higher is better
    engagements  with the recent posts of the user  [count]
    through      up to three users that the account follows and that follow this user; empty without any
    """

    user: ObjectId
    score: float
    engagements: int
    through: Sequence[ObjectId]


def run(store: Store, options: PeopleOptions, account: str, *, limit: int) -> list[Suggestion]:
    """At most `limit` users who may be shown, the best first, in the same order each time.

    None of them is a user of the account, is followed by it, or has a block with it. NotFound for an unknown account.
    """
    relationships = Relationships(store)
    member = MemberAccounts(store).member(ObjectId(account))
    if member is None:
        raise NotFound(f"accountId: there is no account {account}")
    follows_and_blocks = relationships.follows_and_blocks(member.users, options.max_follows)
    excluded = {*member.users, *follows_and_blocks.followed, *follows_and_blocks.blocked}

    def eligible(users: Sequence[ObjectId]) -> set[ObjectId]:
        """Those of these users that may be shown, and are not among the older follows, which `excluded` lacks."""
        return store.visibility.users(users) - relationships.followed_among(users, member.users)

    friends = friends_of_friends(store, follows_and_blocks.followed, excluded, eligible, options)
    social_proof = {user: count / len(follows_and_blocks.followed) for user, count, _ in friends}
    ranked = popular(store, country_of(member.country_code), options.candidates)
    candidates = (user for user in ranked if user not in excluded)
    scores = blended(social_proof, position_scores(first_eligible(candidates, eligible, options.candidates)), options)
    best = list(scores)[:limit]
    creators = PopularCreators(store).among(best)
    engagements = {user: creator.engagements for user, creator in creators.items()}
    through = {user: followed for user, _, followed in friends}
    return [Suggestion(user, scores[user], engagements.get(user, 0), through.get(user, ())) for user in best]


def friends_of_friends(
    store: Store, followed: Collection[ObjectId], excluded: Set[ObjectId], eligible: Eligible, options: PeopleOptions
) -> list[tuple[ObjectId, int, list[ObjectId]]]:
    """Eligible users that most of the followed users follow: the user, through how many of them, and up to three of
    these. Followed users that may not be shown do not count."""
    relationships, visible = Relationships(store), sorted(store.visibility.users(followed))
    while True:
        friends = relationships.friends_of_friends(visible, excluded, options.follows_each, options.candidates)
        suggestible = eligible([user for user, _, _ in friends])
        if len(suggestible) == len(friends) or len(friends) < options.candidates:
            return [friend for friend in friends if friend[0] in suggestible]
        excluded = excluded | {user for user, _, _ in friends if user not in suggestible}


def first_eligible(users: Iterator[ObjectId], eligible: Eligible, limit: int) -> list[ObjectId]:
    """The first users that may be suggested, at most `limit`, in their order."""
    selected: list[ObjectId] = []
    ahead = limit
    while len(selected) < limit and (batch := list(islice(users, ahead))):
        suggestible = eligible(batch)
        selected += [user for user in batch if user in suggestible]
        ahead *= 2  # fewer queries where few are eligible
    return selected[:limit]


def popular(store: Store, country: str | None, batch: int) -> Iterator[ObjectId]:
    """Popular users of a country, then those of all countries, each once, the most popular first; only the latter for
    an unknown country.

    batch  users that are read at once
    """
    spellings = [code for code in SPELLINGS if country and country_of(code) == country]
    yielded: set[ObjectId] = set()
    for countries in ([*spellings, *map(str.upper, spellings)], None) if spellings else (None,):
        for creator in PopularCreators(store).ranked(countries, batch):
            if creator.user not in yielded:
                yielded.add(creator.user)
                yield creator.user


def position_scores(users: Sequence[ObjectId]) -> dict[ObjectId, float]:
    """Scores of n users by position: 1 for the first, down in equal steps to 1 / n for the last, so that a very popular
    user does not dominate.

    >>> list(position_scores([ObjectId("a" * 24), ObjectId("b" * 24)]).values())
    [1.0, 0.5]
    """
    return {user: 1 - position / len(users) for position, user in enumerate(users)}


def blended(
    social_proof: Mapping[ObjectId, float], popular: Mapping[ObjectId, float], options: PeopleOptions
) -> dict[ObjectId, float]:
    """Score of every user of either, 0..1, the best first; equal ones in the order of their ids.

    social_proof  part of the followed users that follow the user, 0..1
    popular       1 for the most popular, 0..1
    returns       r · popular + (1 - r) · social_proof, where r is the option `popularity_ratio`
    """
    ratio = options.popularity_ratio
    scores = {
        user: ratio * popular.get(user, 0) + (1 - ratio) * social_proof.get(user, 0)
        for user in {*social_proof, *popular}
    }
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))


def follow_scores(suggested: Sequence[Suggestion], *, now: datetime) -> dict[str, Any]:
    """The answer of /ds_service/suggest_follow_score, and of a direct call."""
    result = [
        {"userId": str(suggestion.user), "engagements": suggestion.engagements, "index": index}
        for index, suggestion in enumerate(suggested)
    ]
    return {"code": 200, "statusCode": 200, "predicted_at": str(now), "result": result, "remark": "OK"}


def suggestions(suggested: Sequence[Suggestion]) -> dict[str, Any]:
    """The answer of /v2/data-services/suggest/users."""
    return {"payload": [_suggestion(suggestion) for suggestion in suggested]}


def error_response(payload: Any, reason: str) -> dict[str, Any]:
    """The answer of a direct call that failed: nobody, and the reason."""
    remark = "Sorry, nobody can be suggested"
    return {"code": 1001, "statusCode": 1001, "result": [], "remark": remark, "reason": reason}


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    following = {"name": "following", "user": [str(user) for user in suggestion.through]}
    return {
        "user": str(suggestion.user),
        "score": suggestion.score,
        "aggregator": following if suggestion.through else {"name": "trending"},
    }
