"""Suggestions of users to follow: social proof, popularity, and who is never suggested."""

import json
from importlib import import_module

import pytest
from bson import ObjectId
from msgspec.structs import replace

from functions.feed import recommend_people
from functions.feed.options import PeopleOptions
from functions.feed.store.relationships import Relationships
from functions.stats import refresh_creator_stats
from functions.stats.options import CreatorStats
from shared.errors import NotFound
from shared.store import open_store
from tests.factories import account, an_id, follow, post, user, write_users
from tests.networks import HOUR, NOON

handler = import_module("functions.feed.handlers.recommend_people").handler

SOCIAL_ONLY, POPULAR_ONLY = PeopleOptions(popularity_ratio=0.0), PeopleOptions(popularity_ratio=1.0)


@pytest.fixture
def friends(store, databases):
    """Me → ann, bob; ann → cas, dan; bob → cas; everybody has an account of the same country."""
    app = databases.app
    everyone = ("me", "ann", "bob", "cas", "dan", "star", "quiet")
    write_users(app, *everyone, now=NOON)
    pairs = [("me", "ann"), ("me", "bob"), ("ann", "cas"), ("ann", "dan"), ("bob", "cas")]
    app.relationships.insert_many([follow(who, whom, at=NOON - 9 * HOUR) for who, whom in pairs])
    app.contents.insert_many([post("hit", now=NOON, author="star", likes=90), post("dull", now=NOON, author="quiet")])
    refresh_creator_stats.run(store, CreatorStats(), now=NOON)
    return store


def suggested(store, who="me", options=SOCIAL_ONLY, limit=20):
    return recommend_people.run(store, options, str(an_id(f"account of {who}")), limit=limit)


def users(suggestions):
    return [suggestion.user for suggestion in suggestions]


def test_users_with_more_social_proof_come_first(friends):
    suggestions = suggested(friends)

    assert users(suggestions)[:2] == [an_id("cas"), an_id("dan")]
    assert set(suggestions[0].through) == {an_id("ann"), an_id("bob")}
    assert suggestions[0].score > suggestions[1].score > 0


def test_follows_have_a_direction(friends, databases):
    databases.app.relationships.insert_one(follow("star", "me", at=NOON))
    databases.app.relationships.insert_one(follow("fan of ann", "ann", at=NOON))

    assert an_id("fan of ann") not in users(suggested(friends)), "who follows ann is not whom ann follows"


def test_popular_people_of_the_country_fill_up_and_come_first_if_asked_to(friends):
    social_proof, popular = suggested(friends), suggested(friends, options=POPULAR_ONLY)

    assert an_id("star") in users(social_proof)
    assert users(popular)[0] == an_id("star")
    assert (popular[0].engagements, popular[0].through) == (90, ())


def test_the_popular_of_ones_country_come_before_those_of_others(friends, databases):
    app = databases.app
    app.users.insert_one(user("tokyo", now=NOON))
    app.accounts.insert_one(account("account of tokyo", now=NOON, country="jp"))
    app.contents.insert_one(post("huge", now=NOON, author="tokyo", likes=900))
    refresh_creator_stats.run(friends, CreatorStats(full_every=HOUR), now=NOON + HOUR)

    own_country = [an_id("star"), an_id("quiet")]

    assert next(recommend_people.popular(friends, None, 1)) == an_id("tokyo")
    assert list(recommend_people.popular(friends, "th", 5)) == [*own_country, an_id("tokyo")]
    assert users(suggested(friends, options=POPULAR_ONLY))[:3] == [*own_country, an_id("tokyo")]


@pytest.mark.parametrize("code", ["TH", "th"])
def test_a_country_is_the_same_however_it_is_spelt(friends, databases, code):
    databases.analytics.creatorStats.update_one({"_id": an_id("quiet")}, {"$set": {"geolocation.countryCode": code}})

    assert an_id("quiet") in list(recommend_people.popular(friends, "th", 2))[:2]


EXCLUDED = {
    "oneself": ("star", {"ownerAccount": an_id("account of me")}),
    "who is hidden": ("star", {"visibility": "hidden"}),
    "who is gone": ("star", None),
    "who is hidden, though near": ("cas", {"visibility": "hidden"}),
}


@pytest.mark.parametrize(("who", "change"), EXCLUDED.values(), ids=EXCLUDED)
def test_excluded_users_are_never_suggested(friends, databases, who, change):
    if change is None:
        databases.app.users.delete_one({"_id": an_id(who)})
    else:
        databases.app.users.update_one({"_id": an_id(who)}, {"$set": change})

    assert an_id(who) not in users(suggested(friends))
    assert an_id("me") not in users(suggested(friends))


def test_who_is_followed_or_blocked_either_way_is_never_suggested(friends, databases):
    block = {"following": False, "blocking": True}
    databases.app.relationships.insert_many(
        [follow("me", "cas", at=NOON, **block), follow("dan", "me", at=NOON, **block)]
    )

    suggestions = users(suggested(friends))

    assert not set(suggestions) & {an_id(who) for who in ("ann", "bob", "cas", "dan")}


def test_nobody_of_a_withdrawn_account_is_suggested(friends, databases):
    databases.app.accounts.update_one({"_id": an_id("account of cas")}, {"$set": {"visibility": "deleted"}})
    databases.app.accounts.update_one({"_id": an_id("account of dan")}, {"$unset": {"visibility": ""}})
    databases.app.accounts.delete_one({"_id": an_id("account of star")})

    suggestions = users(suggested(friends))

    assert not {an_id("cas"), an_id("star")} & set(suggestions)
    assert an_id("dan") in suggestions, "an account without visibility is published"


def test_who_was_followed_long_ago_is_not_suggested_anew(friends, databases):
    databases.analytics.creatorStats.insert_many([{"_id": an_id(who), "score": 99.0} for who in ("ann", "bob")])

    suggestions = suggested(friends, options=PeopleOptions(max_follows=1))

    assert len(Relationships(friends).follows_and_blocks([an_id("me")], 1).followed) == 1
    assert not set(users(suggestions)) & {an_id("ann"), an_id("bob")}


def test_users_who_are_followed_already_take_no_slot(friends, databases):
    databases.app.relationships.insert_one(follow("me", "cas", at=NOON))

    suggestions = suggested(friends, options=replace(SOCIAL_ONLY, candidates=1))

    assert (suggestions[0].user, suggestions[0].through) == (an_id("dan"), [an_id("ann")])


def test_who_is_hidden_leads_nowhere(friends, databases):
    databases.app.users.update_one({"_id": an_id("ann")}, {"$set": {"visibility": "hidden"}})

    suggestions = suggested(friends)

    assert (suggestions[0].user, suggestions[0].through) == (an_id("cas"), [an_id("bob")])
    assert not any(an_id("ann") in suggestion.through for suggestion in suggestions)


def test_pages_are_suggested_like_people(friends, databases):
    databases.app.users.update_one({"_id": an_id("cas")}, {"$set": {"type": "page"}})

    assert users(suggested(friends))[0] == an_id("cas")


def test_who_asks_with_the_id_of_a_user_is_no_account(friends):
    with pytest.raises(NotFound, match="accountId"):
        recommend_people.run(friends, SOCIAL_ONLY, str(an_id("me")), limit=20)


def test_no_more_are_suggested_than_are_asked_for(friends):
    assert suggested(friends, limit=1) == suggested(friends)[:1]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1, "many", None])
def test_what_is_no_number_counts_as_none(friends, databases, wrong):
    databases.analytics.creatorStats.update_many({}, {"$set": {"score": wrong, "creatorLikedCount": wrong}})

    suggestions = suggested(friends, options=PeopleOptions())

    assert an_id("star") in users(suggestions)
    assert json.dumps(recommend_people.suggestions(suggestions), allow_nan=False)
    assert all(row["engagements"] == 0 for row in recommend_people.follow_scores(suggestions, now=NOON)["result"])


def test_a_follow_that_was_taken_back_leads_nowhere(friends, databases):
    databases.app.relationships.update_one(
        {"user": an_id("me"), "followedUser": an_id("bob")}, {"$set": {"following": False}}
    )

    suggestions = suggested(friends)

    assert suggestions[0].through == [an_id("ann")] == suggestions[1].through
    assert an_id("bob") not in users(suggestions)[:2]


def test_all_users_of_an_account_count_as_one(friends, databases):
    databases.app.users.insert_one(user("my page", now=NOON, account="account of me"))
    databases.app.relationships.insert_one(follow("my page", "star", at=NOON))

    assert not set(users(suggested(friends))) & {an_id("my page"), an_id("star")}


def test_the_order_stays_and_equal_ones_stand_by_their_ids(friends):
    suggestions = suggested(friends, options=replace(SOCIAL_ONLY, candidates=50))

    tied = [suggestion for suggestion in suggestions if suggestion.score == 0]
    assert tied == sorted(tied, key=lambda suggestion: suggestion.user)
    assert suggestions == suggested(friends, options=replace(SOCIAL_ONLY, candidates=50))


def test_who_follows_nobody_gets_the_popular(friends):
    assert users(suggested(friends, "quiet"))[0] == an_id("star")


def test_there_is_no_such_account(friends):
    with pytest.raises(NotFound, match="accountId"):
        suggested(friends, "a stranger")


@pytest.fixture
def crowd(friends, databases):
    """Ann followed 10,000 others long ago, 10,000 follow me since, and 2,000 creators of elsewhere are more popular
    than 1,000 of here: whoever reads by the wrong index reads them all."""
    hub = [follow("ann", f"one of many {n}", at=NOON, _id=ObjectId(f"{n:024x}")) for n in range(10_000)]
    fans = [follow(f"fan {n}", "me", at=NOON, _id=ObjectId(f"e{n:023x}")) for n in range(10_000)]
    domestic = [{"_id": an_id(f"here {n}"), "score": 0.1, "geolocation": {"countryCode": "TH"}} for n in range(1_000)]
    foreign = [{"_id": an_id(f"there {n}"), "score": 9.0, "geolocation": {"countryCode": "jp"}} for n in range(2_000)]
    databases.app.relationships.insert_many([*hub, *fans])
    databases.analytics.creatorStats.insert_many([*domestic, *foreign])
    databases.app.users.insert_many([{"_id": row["_id"], "visibility": "publish"} for row in [*domestic, *foreign]])
    return friends


def test_withdrawn_users_take_no_slot_however_many_they_are(friends, databases):
    """Among the popular users, among friends of friends, and among the followed users themselves."""
    app = databases.app
    stars = [f"star {n}" for n in range(40)]
    app.users.insert_many(
        [user(star, now=NOON, visibility="deleted" if int(star[5:]) % 2 else "publish") for star in stars]
    )
    app.accounts.insert_many([account(f"account of {star}", now=NOON, visibility="deleted") for star in stars])
    databases.analytics.creatorStats.insert_many([{"_id": an_id(star), "score": 99.0} for star in stars])
    app.relationships.insert_many([follow("ann", star, at=NOON) for star in stars])
    app.relationships.insert_many([follow("bob", star, at=NOON) for star in stars])
    app.users.insert_one(user("gone", now=NOON))
    app.accounts.insert_one(account("account of gone", now=NOON, visibility="deleted"))
    app.relationships.insert_many([follow("me", "gone", at=NOON), follow("gone", "dan", at=NOON)])

    social_proof = suggested(friends, options=replace(SOCIAL_ONLY, candidates=3))
    popular = suggested(friends, options=replace(POPULAR_ONLY, candidates=3))

    assert users(social_proof)[:2] == [an_id("cas"), an_id("dan")]
    assert social_proof[1].through == [an_id("ann")], "gone leads nowhere"
    assert {an_id("star"), an_id("quiet")} <= set(users(popular))
    assert not set(users(social_proof) + users(popular)) & {an_id(star) for star in stars}


@pytest.mark.parametrize("country", ["th", ""])
def test_a_crowd_costs_a_bounded_number_of_documents(crowd, databases, country):
    options = PeopleOptions(follows_each=100, candidates=50)
    databases.app.accounts.update_one({"_id": an_id("account of me")}, {"$set": {"geolocation.countryCode": country}})
    profiled = (databases.app, databases.analytics)
    for database in profiled:
        database.command("profile", 2)

    assert suggested(crowd, options=options)

    for database in profiled:
        database.command("profile", 0)
    examined = {"docsExamined": {"$exists": True}}
    queries = [query for database in profiled for query in database["system.profile"].find(examined)]
    collections = {query["ns"].rpartition(".")[2] for query in queries}
    assert collections == {"accounts", "users", "relationships", "creatorStats"}
    assert [query["ns"] for query in queries if "COLLSCAN" in query.get("planSummary", "")] == []
    assert max(query["docsExamined"] for query in queries) <= 400
    sorted_by_server = [query["ns"] for query in queries if query.get("hasSortStage")]
    assert [name for name in sorted_by_server if name.endswith("creatorStats")] == []


def test_of_the_follows_of_one_the_newest_lead_on(crowd, databases):
    newest = follow("ann", "a discovery", at=NOON, _id=ObjectId("f" * 24))
    databases.app.relationships.insert_one(newest)

    friends = Relationships(crowd).friends_of_friends([an_id("ann")], set(), 1, 10)

    assert friends == [(an_id("a discovery"), 1, [an_id("ann")])]


def call(event):
    return json.loads(json.dumps(handler(event, None), allow_nan=False))


def test_the_handler_answers_old_and_new_callers(deployed, databases):
    open_store()
    write_users(databases.app, "me", "star", now=NOON)
    databases.analytics.creatorStats.insert_one({"_id": an_id("star"), "score": float("nan"), "creatorLikedCount": 3})

    for field in ("accountId", "userId"):
        answer = call({field: str(an_id("account of me"))})

        assert answer["code"] == 200
        assert answer["result"] == [{"userId": str(an_id("star")), "engagements": 3, "index": 0}]


@pytest.mark.parametrize(
    "event", [{}, {"accountId": None}, {"userId": "zz"}, {"accountId": {"$ne": None}}, {"accountId": 7}]
)
def test_without_an_id_nobody_is_suggested_and_no_id_is_made_up(deployed, event):
    answer = call(event)

    assert (answer["code"], answer["result"]) == (1001, [])
    assert answer["reason"].startswith(next(iter(event), "accountId"))


def test_both_contracts_are_served(friends):
    suggestions = suggested(friends)

    payload = recommend_people.suggestions(suggestions)["payload"]
    assert payload[0] == {
        "user": str(an_id("cas")),
        "score": 1.0,
        "aggregator": {"name": "following", "user": [str(user) for user in suggestions[0].through]},
    }
    assert payload[-1]["aggregator"] == {"name": "trending"}
