"""Two versions of a model that ranks posts, side by side, and what members drawn at random would see of a change."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from itertools import count
from typing import Any

import pytest
from bson import ObjectId
from msgspec import convert

from functions.coldstart import build_guest_feed
from functions.coldstart.options import GuestFeedOptions
from functions.feed import compare_rankings, model_versions
from functions.feed.candidate_features import FEATURES as OF_MEMBERS
from functions.feed.global_personal_ranker import GLOBAL_PERSONAL_KEY, MEMBERS
from functions.feed.requests import Compared, CompareRequest
from shared.artifacts import Artifact
from shared.config import Options
from shared.errors import BadEvent, NotFound, StaleModel
from shared.ranking.country_ranker import COUNTRY, GLOBAL, GLOBAL_KEY, WEIGHT
from shared.ranking.features import FEATURES as OF_COUNTRIES
from shared.ranking.options import Coldstart
from tests.feed.conftest import feed_ranker_of
from tests.feed.test_explain_ranking import databases_of, home_of
from tests.networks import NOON, QUICK, Network

KEYS = ((COUNTRY, "th", OF_COUNTRIES), (GLOBAL, GLOBAL_KEY, OF_COUNTRIES), (MEMBERS, GLOBAL_PERSONAL_KEY, OF_MEMBERS))
OTHER, DAMAGED = "20260101T000000Z", "20260102T000000Z"


def live(network: Network, family: str, key: str, features: Any) -> Artifact:
    artifact, _ = network.registry.load(family, key, features.fingerprint, lambda loaded: loaded)
    assert artifact is not None
    return artifact


@pytest.fixture(scope="module")
def versions(world: Network) -> Iterator[Network]:
    """The world with a guest feed, and of each key an older version without its trees, and one that is damaged."""
    build_guest_feed.run(world.store, world.registry, GuestFeedOptions(rows_per_country=200), QUICK, now=NOON)
    for family, key, features in KEYS:
        artifact = live(world, family, key, features)
        metrics = {**artifact.manifest.metrics, WEIGHT: 0.0}
        world.registry.add(replace(artifact, manifest=replace(artifact.manifest, version=OTHER, metrics=metrics)))
        world.registry.add(replace(artifact, manifest=replace(artifact.manifest, version=DAMAGED), model=b"none"))
    yield world
    world.store.analytics.artifactVersions.delete_many({"version": {"$in": [OTHER, DAMAGED]}})
    world.store.app.guestfeeditems.drop()


@pytest.fixture(autouse=True)
def forget_network() -> Iterator[None]:
    yield
    model_versions.forget()


def always() -> bool:
    return True


def compared(network: Network, family: str, key: str, left: str, right: str, in_time: Any = always, **more: Any) -> Any:
    request = CompareRequest(family=family, key=key, left=left, right=right, **more)
    options = Options({Coldstart: QUICK})
    return compare_rankings.run(feed_ranker_of(network), options, request, in_time, now=NOON)[0]


def live_version(network: Network, family: str, key: str) -> str:
    version = network.registry.live_version(family, key)
    assert version is not None
    return version


def an_account(network: Network) -> str:
    return next(str(row["account"]) for row in network.store.analytics.mlArtifacts.find().sort("account", 1))


def contents(side: list[dict[str, Any]]) -> list[str]:
    return [item["content"] for item in side]


@pytest.mark.parametrize(("family", "key"), [key[:2] for key in KEYS])
def test_equal_versions_show_the_same_to_everybody(versions: Network, family: str, key: str) -> None:
    version = live_version(versions, family, key)

    sides = compared(versions, family, key, version, version, account_id=an_account(versions))
    effect = compared(versions, family, key, version, version, members=30)

    assert sides["left"] == sides["right"]
    assert len(sides["left"]) == compare_rankings.FIRST
    assert all(item["other"] == item["rank"] for item in sides["left"])
    assert effect["overlap"] == 1.0
    assert effect["changed"] == 0


@pytest.mark.parametrize(("family", "key"), [key[:2] for key in KEYS if key[0] != GLOBAL])
def test_different_versions_show_different_posts(versions: Network, family: str, key: str) -> None:
    version = live_version(versions, family, key)

    effect = compared(versions, family, key, version, OTHER, members=40)

    assert effect["compared"] > 10
    low, high = effect["overlapInterval"]
    assert 0 <= low < effect["overlap"] < high <= 1
    assert effect["overlap"] < 1
    low, high = effect["changedInterval"]
    assert 0 <= low <= effect["changed"] / effect["compared"] <= high <= 1
    assert compared(versions, family, key, version, OTHER, members=40) == effect, "the same lot for the same versions"


def test_a_newcomer_of_a_country_sees_the_posts_by_either_version(versions: Network) -> None:
    version = live_version(versions, COUNTRY, "th")

    answer = compared(versions, COUNTRY, "th", version, OTHER)

    left, right = contents(answer["left"]), contents(answer["right"])
    assert answer["ranksFor"]
    assert left != right
    for own, other in ((answer["left"], right), (answer["right"], left)):
        assert [item["rank"] for item in own] == list(range(1, len(own) + 1))
        assert [item["other"] for item in own] == [
            other.index(item["content"]) + 1 if item["content"] in other else None for item in own
        ]


@pytest.mark.parametrize(("family", "key"), [key[:2] for key in KEYS])
def test_the_live_version_ranks_as_the_home_does(versions: Network, family: str, key: str) -> None:
    version, account = live_version(versions, family, key), an_account(versions)

    answer = compared(versions, family, key, version, OTHER, account_id=account)

    home = home_of(versions, account, compare_rankings.FIRST)
    assert contents(answer["left"]) == [item[0] for item in home]
    assert [item["score"] for item in answer["left"]] == pytest.approx([item[1] for item in home])


def test_no_model_of_its_own_is_a_version_too(versions: Network) -> None:
    version = live_version(versions, MEMBERS, GLOBAL_PERSONAL_KEY)

    effect = compared(versions, MEMBERS, GLOBAL_PERSONAL_KEY, version, "none", members=20)

    assert effect["overlap"] < 1


def test_members_are_those_for_whom_a_version_ranks(versions: Network) -> None:
    version = live_version(versions, COUNTRY, "th")
    of_thailand = versions.store.app.accounts.count_documents({"geolocation.countryCode": {"$in": ["TH", "th"]}})
    everybody = versions.store.app.accounts.estimated_document_count()

    effect = compared(versions, COUNTRY, "th", version, OTHER, members=200)

    assert 0 < effect["compared"] < everybody
    assert effect["compared"] >= of_thailand / 4


def test_fewer_members_are_compared_where_time_runs_out(versions: Network) -> None:
    version, asked = live_version(versions, MEMBERS, GLOBAL_PERSONAL_KEY), count()

    effect = compared(versions, MEMBERS, "all", version, OTHER, in_time=lambda: next(asked) < 12, members=200)

    assert 0 < effect["compared"] < 12
    none = compared(versions, MEMBERS, "all", version, OTHER, in_time=lambda: False, members=200)
    assert (none["compared"], none["overlap"]) == (0, None)


@pytest.mark.parametrize(("family", "key"), [key[:2] for key in KEYS])
def test_calls_that_go_on_find_what_one_call_finds(versions: Network, family: str, key: str) -> None:
    version, calls = live_version(versions, family, key), 0
    whole = compared(versions, family, key, version, OTHER, members=40)

    earlier = Compared()
    while True:
        asked, calls = count(), calls + 1
        request = {"in_time": lambda asked=asked: next(asked) < 25, "members": 40, "earlier": earlier}
        answer = compared(versions, family, key, version, OTHER, **request)
        if answer["more"] is None:
            break
        assert answer["more"]["drawn"] > earlier.drawn
        earlier = convert(answer["more"], Compared)

    assert calls > 2
    assert answer["compared"] == whole["compared"]
    assert answer["changed"] == whole["changed"]
    assert answer["overlap"] == pytest.approx(whole["overlap"])


def test_members_are_found_by_the_index(versions: Network) -> None:
    accounts = versions.store.app.accounts
    plan = accounts.find({"_id": {"$gte": ObjectId()}}).sort("_id", 1).limit(1).explain()

    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])


def test_nothing_is_written(versions: Network) -> None:
    before = databases_of(versions)

    for family, key, _ in KEYS:
        version = live_version(versions, family, key)
        compared(versions, family, key, version, OTHER, account_id=an_account(versions))
        compared(versions, family, key, version, OTHER, members=5)

    assert databases_of(versions) == before


def test_what_cannot_be_compared_is_said(versions: Network) -> None:
    account = an_account(versions)
    for family, key, _ in KEYS:
        version = live_version(versions, family, key)
        with pytest.raises(StaleModel):
            compared(versions, family, key, version, DAMAGED, account_id=account)
        with pytest.raises(NotFound, match=r"version: no .* 19990101 is kept"):
            compared(versions, family, key, "19990101", version, account_id=account)
    for family in ("topics", "bots", "personal", "nothing"):
        with pytest.raises(BadEvent, match="rank no posts"):
            compared(versions, family, "all", "none", OTHER)
    with pytest.raises(BadEvent, match="accountId: is needed"):
        compared(versions, MEMBERS, "all", "none", OTHER)
    with pytest.raises(NotFound, match="accountId"):
        compared(versions, MEMBERS, "all", "none", OTHER, account_id=str(ObjectId()))


def test_the_network_is_read_once_in_half_an_hour(versions: Network) -> None:
    options = QUICK
    first = model_versions.open_network(versions.store, options, now=NOON)

    assert model_versions.open_network(versions.store, options, now=NOON) is first
    later = NOON + 2 * model_versions.READ_EVERY
    assert model_versions.open_network(versions.store, options, now=later) is not first


def test_the_network_is_read_again_after_each_erasure(versions: Network) -> None:
    erasures, account = versions.store.analytics.erasures, ObjectId()
    erasures.delete_many({})
    erasures.insert_many(
        [{"_id": ObjectId(), "erasedAt": NOON - timedelta(hours=2)}, {"_id": ObjectId(), "erasedAt": "yesterday"}]
    )
    read = model_versions.open_network(versions.store, QUICK, now=NOON)

    for hours in (3, 1, 0):  # ago; the account is erased late, and twice more
        at = NOON - timedelta(hours=hours)
        erasures.update_one({"_id": account}, {"$set": {"erasedAt": at}}, upsert=True)
        again = model_versions.open_network(versions.store, QUICK, now=NOON)
        assert again is not read
        assert model_versions.open_network(versions.store, QUICK, now=NOON) is again
        read = again


def test_the_handler_raises_what_goes_wrong(deployed: None) -> None:
    handler = import_module("functions.feed.handlers.compare_rankings").handler
    request = {"family": "members", "key": "all", "left": "a", "right": "b"}

    with pytest.raises(BadEvent, match="members: needs a whole number of 0 to 200"):
        handler(request | {"members": 201}, None)
    with pytest.raises(BadEvent, match="left: needs a text"):
        handler({**request, "left": ""}, None)
