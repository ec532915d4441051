"""Whatever is wrong with the data or with a stored model: no bad model becomes live, and guests get a feed."""

import os
import pickle
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64
from pymongo import MongoClient

from functions.artifacts import promote_artifact
from functions.coldstart import build_guest_feed, train_coldstart
from shared.countries import COUNTRIES
from shared.documents import Document
from shared.errors import Conflict
from shared.ranking.country_ranker import COUNTRY, GLOBAL, GLOBAL_KEY, Rankers
from shared.ranking.features import FEATURES
from shared.ranking.options import Coldstart
from tests.factories import account, an_id, engagement, exposure, post
from tests.networks import (
    HOUR,
    NOON,
    QUICK,
    SHORT,
    Network,
    copy_artifacts,
    opened,
    write_three_countries,
    write_village,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def world(mongo_uri: str, client: MongoClient[Document]) -> Iterator[Network]:
    """Three countries and their models; read only."""
    with opened(mongo_uri, client) as network:
        write_three_countries(network)
        train_coldstart.run(network.store, network.registry, QUICK, now=NOON)
        yield network


@pytest.fixture
def village(mongo_uri: str, client: MongoClient[Document]) -> Iterator[Network]:
    with opened(mongo_uri, client) as network:
        write_village(network.store)
        yield network


def train(network: Network, options: Coldstart = QUICK, now: datetime = NOON) -> Any:
    return train_coldstart.run(network.store, network.registry, options, now=now)


def build(network: Network) -> Any:
    return build_guest_feed.run(network.store, network.registry, SHORT, QUICK, now=NOON)


def feed(network: Network) -> list[Document]:
    return list(network.store.app.guestfeeditems.find().sort("_id", 1))


def models(network: Network) -> list[list[Document]]:
    return [
        list(network.store.analytics[f"mlArtifacts_{name}"].find().sort("account", 1)) for name in ("country", "global")
    ]


NUMBERS = [
    float("nan"), float("inf"), float("-inf"), -0.0, -7, 10**18, Int64(2**63 - 1), 1.7e308, Decimal128("NaN"),
    Decimal128("Infinity"), Decimal128("9.9E+6144"), "12", None, True, [], {"$numberInt": "1"},
]  # fmt: skip


def test_impossible_numbers_never_reach_the_feed(village: Network) -> None:
    app, filtering = village.store.app, village.store.analytics.contentfiltering
    for number, value in enumerate(NUMBERS):
        counters = {kind: {"count": value} for kind in ("like", "comment", "recast", "quote")}
        payload = {"message": value, "photo": {"contents": value}}
        app.contents.update_one({"_id": an_id(f"p{number}")}, {"$set": {"engagements": counters, "payload": payload}})
        quality = {"junkOutput": {"class": "junk", "score": value}, "textDiversity": value, "prDetect": value}
        filtering.insert_one({"contentId": an_id(f"p{number}"), **quality})
    train(village)

    build(village)

    rows = feed(village)
    assert len(rows) == SHORT.rows_per_country * (len(COUNTRIES) + 1)
    assert all(isinstance(row["score"], float) and 0 < row["score"] < 1e6 for row in rows)


def test_counters_without_engagements_raise_no_post(village: Network) -> None:
    build(village)
    before = feed(village)
    village.store.app.contents.update_one({"_id": an_id("p1")}, {"$set": {"engagements.like.count": 10**15}})

    build(village)

    assert feed(village) == before


def bomb() -> bytes:
    compressor = zlib.compressobj(9)
    return b"".join(compressor.compress(bytes(2**20)) for _ in range(70)) + compressor.flush()


class Trap:
    """Sets `sprung` when it is unpickled."""

    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Trap, "sprung", True)


ARTIFACTS: dict[str, Document] = {
    "a pickle": {"$set": {"artifact": pickle.dumps(Trap())}, "$unset": {"sha256": "", "signature": "", "layout": ""}},
    "a wrong hash": {"$set": {"sha256": "0" * 64}},
    "a wrong signature": {"$set": {"signature": "0" * 64}},
    "no signature": {"$unset": {"signature": ""}},
    "other features": {"$set": {"fingerprint": "0123456789ab"}},
    "an older layout": {"$set": {"layout": 0}},
    "a bomb": {"$set": {"artifact": bomb()}},
    "no bytes": {"$unset": {"artifact": ""}},
}


@pytest.mark.parametrize("damage", ARTIFACTS.values(), ids=ARTIFACTS)
def test_a_malicious_artifact_is_refused_and_the_last_good_model_ranks(
    world: Network, village: Network, damage: Document
) -> None:
    copy_artifacts(world.store.analytics, village.store.analytics)
    village.store.analytics.mlArtifacts_global.update_one({}, damage)

    rankers = Rankers(village.registry)
    model = rankers.own(GLOBAL, GLOBAL_KEY)

    expected = Rankers(world.registry).own(GLOBAL, GLOBAL_KEY)
    assert model is not None
    assert expected is not None
    assert model.model == expected.model
    assert len(rankers.refused) == 1
    assert not Trap.sprung


def test_without_any_good_model_guests_get_a_feed_by_popularity(world: Network, village: Network) -> None:
    build(village)
    by_popularity = [row["content"] for row in feed(village)]
    copy_artifacts(world.store.analytics, village.store.analytics)
    for name in ("mlArtifacts_country", "mlArtifacts_global", "artifactVersions"):
        stored = village.store.analytics[name]
        stored.update_many({"artifact": {"$exists": True}}, {"$set": {"artifact": pickle.dumps(Trap())}})

    report = build(village)

    assert report.details["refused_models"] > 1
    assert [row["content"] for row in feed(village)] == by_popularity
    assert not Trap.sprung


def nothing(network: Network) -> None:
    network.store.app.engagements.delete_many({})


def one_user(network: Network) -> None:
    network.store.app.engagements.delete_many({"user": {"$ne": an_id("thai")}})


def one_class(network: Network) -> None:
    """All viewers liked every post that they have seen, which is the only one."""
    network.store.app.contents.delete_many({"_id": {"$ne": an_id("p29")}})
    network.store.app.contents.update_many({}, {"$set": {"createdAt": NOON - 100 * HOUR}})
    engagements = [engagement(f"fan {n}", "p29", at=NOON - (n + 1) * HOUR) for n in range(90)]
    network.store.app.engagements.insert_many(engagements)
    network.store.app.feeditems.insert_many([exposure(f"fan {n}", "p29", at=NOON - (n + 1) * HOUR) for n in range(90)])


def constant(network: Network) -> None:
    """Thirty accounts like equal posts of one moment, each a post of its own, twice."""
    crowd = [f"fan {n}" for n in range(30)]
    posts = [post(f"equal {n}", now=NOON, age_hours=90, author=f"someone {n}") for n in range(120)]
    network.store.app.contents.insert_many(posts)
    network.store.app.accounts.insert_many([account(f"account of {who}", now=NOON) for who in crowd])
    network.store.app.engagements.insert_many(
        [engagement(who, f"equal {n}", at=NOON - ago * HOUR) for n, who in enumerate(crowd) for ago in (60, 20)]
    )


def all_missing(network: Network) -> None:
    """Nobody's engagements name an account, a user or a post."""
    network.store.app.engagements.update_many({}, {"$unset": {"account": "", "user": "", "targetRef": ""}})


@pytest.mark.parametrize("starve", [nothing, one_user, one_class, constant, all_missing])
def test_data_without_anything_to_learn_changes_no_model_and_guests_get_a_feed(village: Network, starve: Any) -> None:
    starve(village)

    report = train(village)

    countries, everyone = models(village)
    assert report.details.get("skipped") or report.details["weight"] == 0
    assert report.details["promoted"] == 0
    assert everyone == []
    assert {model["account"]: model["aliasOf"] for model in countries} == dict.fromkeys(COUNTRIES, "th") | {
        "th": GLOBAL_KEY
    }
    build(village)
    assert village.feed("th")


@pytest.mark.parametrize("starve", [nothing, all_missing])
def test_a_run_without_data_leaves_the_earlier_models(world: Network, village: Network, starve: Any) -> None:
    copy_artifacts(world.store.analytics, village.store.analytics)
    before = models(village)
    starve(village)

    report = train(village, now=NOON + HOUR)

    assert report.details["skipped"] == "no engagement to learn from"
    assert models(village) == before


def test_a_rollback_brings_back_byte_identical_scores(world: Network, village: Network) -> None:
    copy_artifacts(world.store.analytics, village.store.analytics)
    registry = village.registry
    first, _ = registry.load(GLOBAL, GLOBAL_KEY, FEATURES.fingerprint, lambda artifact: artifact)
    other, _ = registry.load(COUNTRY, "th", FEATURES.fingerprint, lambda artifact: artifact)
    assert first is not None
    assert other is not None
    registry.add(replace(first, manifest=replace(first.manifest, version="later"), model=other.model))
    village.store.analytics.mlArtifacts_country.delete_many({})
    build(village)
    before = feed(village)

    promote_artifact.run(registry, GLOBAL, GLOBAL_KEY, "later", now=NOON)
    build(village)
    assert [row["score"] for row in feed(village)] != [row["score"] for row in before]
    promote_artifact.run(registry, GLOBAL, GLOBAL_KEY, first.manifest.version, now=NOON)
    build(village)

    assert feed(village) == before


def test_readers_from_existing_and_impossible_countries_stop_nothing(village: Network) -> None:
    app = village.store.app
    codes = [*COUNTRIES, "XK", "UK", "SU", "an", "zz", "", "EN", "usa", " th ", None, 7, 1.5, True, ["us"], {"a": 1}]
    names = [f"reader {number}" for number in range(len(codes))]
    app.accounts.insert_many(
        [
            account(f"account of {name}", now=NOON, geolocation={"countryCode": code})
            for name, code in zip(names, codes, strict=True)
        ]
    )
    app.engagements.insert_many([engagement(name, "p29", at=NOON - HOUR / 2) for name in names])

    train(village)
    build(village)

    assert sorted(model["account"] for model in models(village)[0]) == list(COUNTRIES)
    assert sorted({row["countryCode"] for row in feed(village)}) == sorted([*COUNTRIES, "en"])
    assert village.feed("xk")[0]["content"] == village.feed("us")[0]["content"] == an_id("p29")


KILLED_RUN = """
import os, signal, sys
from datetime import datetime
from functions.coldstart import train_coldstart
from shared.artifacts import Registry
from shared.config import settings
from shared.store import open_store
from tests.networks import NOON, QUICK

step, calls = sys.argv[1], int(sys.argv[2])
body, count = getattr(Registry, step), 0

def deadly(*arguments, **named):
    global count
    count += 1
    result = body(*arguments, **named)
    if count == calls:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(Registry, step, deadly)
store = open_store()
train_coldstart.run(store, Registry(store.analytics, settings().artifact_keys), QUICK, now=NOON)
"""


@pytest.mark.parametrize(("step", "calls", "live"), [("add", 1, 0), ("promote", 1, 1)])
def test_a_training_that_is_killed_leaves_complete_models_and_the_next_run_works(
    world: Network, mongo_uri: str, client: MongoClient[Document], step: str, calls: int, live: int
) -> None:
    with opened(mongo_uri, client) as network:
        write_three_countries(network)
        variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | network.environment
        arguments = [sys.executable, "-c", KILLED_RUN, step, str(calls)]
        run = subprocess.run(arguments, cwd=ROOT, env=variables, check=False)

        assert run.returncode == -signal.SIGKILL
        assert [len(stored) for stored in models(network)] == [0, live]
        ranker = Rankers(network.registry).of("th", "th")
        assert ranker.name == (GLOBAL_KEY if live else "popularity")
        with pytest.raises(Conflict):
            train(network)

        ended = {"until": datetime.now(UTC) - timedelta(minutes=1)}
        network.store.analytics.leases.update_many({}, {"$set": ended})
        train(network)

        actual, expected = ([model.get("artifact") for model in models(of)[0]] for of in (network, world))
        assert actual == expected
        assert models(network)[1][0]["artifact"] == models(world)[1][0]["artifact"]
