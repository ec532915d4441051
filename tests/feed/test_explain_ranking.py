"""What an account's home would show, explained: posts, order and scores are those of the home; nothing is written."""

import json
from importlib import import_module
from typing import Any

import pytest
from bson import ObjectId

from functions.coldstart import build_guest_feed
from functions.feed import explain_ranking, recommend_home, refresh_catalogue
from functions.feed.candidate_features import FEATURES
from functions.feed.options import Home
from functions.feed.requests import HomeRequest, ItemsRequest
from shared.documents import Document
from shared.errors import BadEvent, NotFound, Unavailable
from tests.conftest import OF_RUNS
from tests.factories import an_id, follow, write_users
from tests.feed.conftest import feed_ranker_of
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, SHORT, Network

LIMIT = 30


def explained(network: Network, account: str, limit: int = LIMIT) -> Any:
    request = ItemsRequest(max_results=limit)
    answer = explain_ranking.run(feed_ranker_of(network), Home(), account, request, now=NOON)
    return json.loads(json.dumps(answer))


def home_of(network: Network, account: str, limit: int = LIMIT) -> list[tuple[str, float, str, str]]:
    request = HomeRequest(max_results=limit)
    page = recommend_home.run(feed_ranker_of(network), Home(), account, request, paged=False, now=NOON)
    return [(str(item.content), item.score, item.source, item.model) for item in page.items]


def databases_of(network: Network) -> dict[str, list[Document]]:
    databases = (network.store.app, network.store.analytics)
    return {
        f"{database.name}.{name}": list(database[name].find().sort("_id", 1))
        for database in databases
        for name in sorted(database.list_collection_names())
        if name not in OF_RUNS
    }


@pytest.fixture
def town(village: Network) -> Network:
    """A village with a guest feed, in which cat, who has no model, follows author 1 and has a block with author 3."""
    app = village.store.app
    write_users(app, "cat", now=NOON)
    block = follow("author 3", "cat", at=NOON, following=False, blocking=True)
    app.relationships.insert_many([follow("cat", "author 1", at=NOON - 99 * HOUR), block])
    build_guest_feed.run(village.store, village.registry, SHORT, QUICK, now=NOON)
    refresh_catalogue.run(village.store, village.registry, village.snapshots, QUICK, QUICK_MEMBERS, now=NOON)
    return village


def test_posts_order_and_scores_are_those_of_the_home_exactly(world: Network) -> None:
    accounts = [str(row["account"]) for row in world.store.analytics.mlArtifacts.find().sort("account", 1).limit(12)]
    accounts += [str(row["_id"]) for row in world.store.app.accounts.find().sort("_id", 1).limit(8)]

    for account in accounts:
        answer = explained(world, account)
        items = [(item["content"], item["score"], item["sources"][0], answer["model"]) for item in answer["items"]]
        assert items == home_of(world, account)
        assert [item["rank"] for item in answer["items"]] == list(range(1, len(items) + 1))


def test_the_parts_add_up_to_the_score_and_features_are_those_of_the_ranker(world: Network) -> None:
    account = next(str(row["account"]) for row in world.store.analytics.mlArtifacts.find().sort("account", 1))
    answer = explained(world, account)

    assert answer["hasOwnModel"]
    assert answer["model"].startswith("personal ")
    for item in answer["items"]:
        assert {"country", "members"} <= set(item["logits"])
        assert 2.718281828459045 ** sum(item["logits"].values()) == pytest.approx(item["score"])
        assert tuple(item["features"]) == FEATURES.names
        assert item["features"]["countryMargin"] == pytest.approx(item["logits"]["country"], abs=1e-3)


def test_ranks_by_score_alone_follow_the_scores(world: Network) -> None:
    moved = 0
    for row in world.store.analytics.mlArtifacts.find().sort("account", 1).limit(5):
        items = explained(world, str(row["account"]))["items"]
        by_rank = sorted(items, key=lambda item: item["scoreRank"])
        assert [item["score"] for item in by_rank] == sorted((item["score"] for item in items), reverse=True)
        moved += sum(item["rank"] != item["scoreRank"] for item in items)

    assert moved, "re-ranking moves some"


def test_an_account_without_a_model_is_ranked_by_its_country(town: Network) -> None:
    answer = explained(town, str(an_id("account of cat")))

    assert not answer["hasOwnModel"]
    assert answer["items"]
    assert all(item["features"] == {} and set(item["logits"]) == {"country", "quality"} for item in answer["items"])
    sources = {item["content"]: item["sources"] for item in answer["items"]}
    assert sources[str(an_id("p1"))][0] == "following"
    assert any(len(each) > 1 for each in sources.values()), "every source of a post is told"


def test_posts_of_blocked_authors_and_withdrawn_posts_are_absent(town: Network) -> None:
    before = {item["content"] for item in explained(town, str(an_id("account of cat")))["items"]}
    town.store.app.contents.update_one({"_id": an_id("p2")}, {"$set": {"visibility": "deleted"}})

    after = {item["content"] for item in explained(town, str(an_id("account of cat")))["items"]}

    assert str(an_id("p2")) in before - after
    assert not {str(an_id(name)) for name in ("p3", "p13", "p23")} & before


def test_nothing_is_written(town: Network) -> None:
    before = databases_of(town)

    explained(town, str(an_id("account of cat")))

    assert databases_of(town) == before


def test_who_asks_is_told_what_is_missing(village: Network) -> None:
    with pytest.raises(Unavailable, match="catalogue"):
        explained(village, str(an_id("account of thai")))
    refresh_catalogue.run(village.store, village.registry, village.snapshots, QUICK, QUICK_MEMBERS, now=NOON)
    with pytest.raises(NotFound, match="accountId"):
        explained(village, str(ObjectId()))


def test_the_handler_raises_what_goes_wrong(deployed: None) -> None:
    handler = import_module("functions.feed.handlers.explain_ranking").handler

    with pytest.raises(BadEvent, match="accountId: needs an id"):
        handler({}, None)
    with pytest.raises(BadEvent, match="maxResults"):
        handler({"accountId": str(ObjectId()), "maxResults": 101}, None)
