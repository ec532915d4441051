"""Whatever is damaged in a stored snapshot, the last good version is used and reported, and the next run repairs it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from functions.feed import recommend_home, refresh_catalogue
from functions.feed.feed_ranker import FeedRanker
from functions.feed.options import Home
from functions.feed.post_index import NAME
from functions.feed.requests import HomeRequest
from shared.artifacts import Artifact, Manifest
from shared.artifacts.snapshots import FAMILY, MAX_LISTED, MAX_PARTS, MAX_TRIED, PART_BYTES, Head, Snapshots, packed
from shared.errors import Refused, StaleModel, Unavailable
from shared.store import Store
from tests.conftest import SIGNING_KEY
from tests.factories import an_id
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, Network, opened, write_village

PRINT = "0123456789ab"
BEFORE, LIVE = NOON - HOUR, NOON
FAR = datetime(9999, 1, 1)  # noqa: DTZ001 - as a driver without zones would write it
VALUES: list[Any] = [
    None, True, -1, 0, 7, 10**15, 1e308, float("nan"), float("inf"), "", "x", "20260131T120000Z", "99991231T235959Z",
    FAR, datetime(1, 1, 1), b"x", [], ["x"], [None] * 1_000, {}, {"$gt": ""}, {"a": {"b": [1]}},  # noqa: DTZ001
]  # fmt: skip
HEAD = ("layout", "version", "parts", "at", "digests", "signature")
PART = ("account", "model", "artifact", "features", "trainedAt", "family", "version", "windowFrom", "windowTo",
        "fingerprint", "metrics", "libraries", "layout", "sha256", "signature")  # fmt: skip


def arrays(at: datetime) -> dict[str, Any]:
    return {"hour": np.array([at.timestamp()]), "random": np.random.default_rng(0).random(500)}


@pytest.fixture
def snapshots(store: Store) -> Snapshots:
    """A version that is live and the one before it, in several parts each."""
    snapshots = Snapshots(store.analytics, [SIGNING_KEY.encode()], part_bytes=2_000)
    for at in (BEFORE, LIVE):
        snapshots.publish("x", arrays(at), PRINT, at=at)
    assert store.analytics.snapshots.count_documents({}) == 1 + 2 * 3
    return snapshots


def served(snapshots: Snapshots, known: str = "", now: datetime = LIVE) -> tuple[datetime | None, int]:
    """The moment of the version that a reader gets, and how many versions were refused."""
    newest, refused = snapshots.newest("x", PRINT, now=now, known=known)
    if newest is None:
        return None, len(refused)
    head, stored = newest
    assert stored.keys() == {"hour", "random"}
    assert float(stored["hour"][0]) == head.at.timestamp()
    return head.at, len(refused)


def repaired(snapshots: Snapshots) -> None:
    """Assert that the next run publishes, and that readers then get its version without a refusal."""
    later = LIVE + HOUR / 12
    live, _ = snapshots.live("x", now=later)
    assert live is None or live.at <= later, "no run is late because of what is damaged"
    snapshots.publish("x", arrays(later), PRINT, at=later)

    assert served(snapshots, now=later) == (later, 0)


def damage(store: Store, key: str, change: dict[str, Any]) -> None:
    """Change a stored document in place, as no code of ours does."""
    assert store.analytics.snapshots.update_one({"_id": key}, change).matched_count == 1


@pytest.mark.parametrize("field", HEAD)
def test_after_any_field_of_the_head_is_lost_or_changed_the_newest_complete_version_is_used(
    store: Store, snapshots: Snapshots, field: str
) -> None:
    kept = store.analytics.snapshots.find_one({"_id": "x"})
    assert kept is not None
    for change in [{"$unset": {field: 1}}, *({"$set": {field: value}} for value in VALUES)]:
        damage(store, "x", change)
        changed = store.analytics.snapshots.find_one({"_id": "x"})
        served_version = served(snapshots)
        store.analytics.snapshots.replace_one({"_id": "x"}, kept)

        assert served_version == (LIVE, int(str(changed) != str(kept))), change
    damage(store, "x", {"$unset": {field: 1}})
    repaired(snapshots)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("field", PART)
def test_after_any_field_of_a_part_is_lost_or_changed_the_version_before_is_used(
    store: Store, snapshots: Snapshots, field: str, number: int
) -> None:
    key = f"x {LIVE:%Y%m%dT%H%M%SZ} {number}"
    kept = store.analytics.snapshots.find_one({"_id": key})
    assert kept is not None
    for change in [{"$unset": {field: 1}}, *({"$set": {field: value}} for value in VALUES[number::3])]:
        damage(store, key, change)
        changed = store.analytics.snapshots.find_one({"_id": key})
        served_version = served(snapshots)
        held = snapshots.newest("x", PRINT, now=LIVE, known=f"{BEFORE:%Y%m%dT%H%M%SZ}")
        store.analytics.snapshots.replace_one({"_id": key}, kept)
        if str(changed) != str(kept):
            assert served_version == (BEFORE, 1), change
            assert (held[0], len(held[1])) == (None, 1), "a reader that has it goes on with it"
    damage(store, key, {"$unset": {field: 1}})
    repaired(snapshots)


def test_a_byte_that_flips_anywhere_in_a_part_is_noticed(store: Store, snapshots: Snapshots) -> None:
    key = f"x {LIVE:%Y%m%dT%H%M%SZ} 1"
    kept = store.analytics.snapshots.find_one({"_id": key})
    assert kept is not None
    content = kept["artifact"]
    for place in range(0, len(content), max(len(content) // 40, 1)):
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        damage(store, key, {"$set": {"artifact": flipped}})
        assert served(snapshots) == (BEFORE, 1)
    repaired(snapshots)


def test_after_parts_are_lost_or_exchanged_the_version_before_is_used(store: Store, snapshots: Snapshots) -> None:
    parts = store.analytics.snapshots
    ids = [f"x {LIVE:%Y%m%dT%H%M%SZ} {number}" for number in range(3)]
    first, second = (parts.find_one({"_id": key}) for key in ids[:2])
    assert first is not None
    assert second is not None
    for key, other in ((ids[0], second), (ids[1], first)):
        parts.replace_one({"_id": key}, other | {"_id": key})
    assert served(snapshots) == (BEFORE, 1)
    parts.update_one({"_id": "x"}, {"$set": {"signature": "x"}})
    assert served(snapshots) == (BEFORE, 2), "nor where no head holds the order"

    parts.delete_one({"_id": ids[2]})
    assert served(snapshots) == (BEFORE, 2)
    repaired(snapshots)


def test_without_any_good_version_there_is_none_and_the_reasons(store: Store, snapshots: Snapshots) -> None:
    store.analytics.snapshots.update_many({"artifact": {"$exists": True}}, {"$set": {"artifact": b"x"}})

    assert served(snapshots) == (None, 2)
    repaired(snapshots)


@pytest.mark.parametrize("version", ["20270131T120000Z", "99991231T235959Z", "99999999T999999Z", "x"])
def test_versions_of_the_future_are_passed_over_and_deleted(store: Store, snapshots: Snapshots, version: str) -> None:
    part = store.analytics.snapshots.find_one({"_id": f"x {LIVE:%Y%m%dT%H%M%SZ} 0"})
    assert part is not None
    store.analytics.snapshots.insert_many([part | {"_id": f"x {version} {number}"} for number in range(200)])
    assert served(snapshots) == (LIVE, 0)
    damage(store, "x", {"$set": {"version": version}})
    assert served(snapshots) == (LIVE, 1)

    repaired(snapshots)
    assert store.analytics.snapshots.count_documents({}) == 1 + 2 * 3


@pytest.mark.parametrize("name", ["x z{}", "x 20990101T{:06}Z 0", "x 2026-{} 0"])
def test_ids_without_a_version_do_not_count_as_versions(store: Store, snapshots: Snapshots, name: str) -> None:
    store.analytics.snapshots.delete_one({"_id": "x"})
    store.analytics.snapshots.insert_many([{"_id": name.format(number)} for number in range(MAX_LISTED + 1)])

    assert served(snapshots) == (LIVE, 0)
    repaired(snapshots)


def test_several_versions_without_a_good_part_are_passed_over(store: Store, snapshots: Snapshots) -> None:
    store.analytics.snapshots.delete_one({"_id": "x"})
    broken = [LIVE + timedelta(seconds=second) for second in range(1, MAX_TRIED)]
    store.analytics.snapshots.insert_many([{"_id": f"x {at:%Y%m%dT%H%M%SZ} 0"} for at in broken])

    assert served(snapshots, now=LIVE + HOUR / 60) == (LIVE, len(broken))
    repaired(snapshots)


def test_a_signed_head_of_the_future_delays_nothing(store: Store, snapshots: Snapshots) -> None:
    snapshots.publish("x", arrays(LIVE), PRINT, at=LIVE + timedelta(days=400))

    assert served(snapshots) == (LIVE, 1)
    repaired(snapshots)


def test_more_parts_than_readers_take_are_not_published(store: Store) -> None:
    size = len(packed(arrays(LIVE))) // (MAX_PARTS + 1)
    snapshots = Snapshots(store.analytics, [SIGNING_KEY.encode()], part_bytes=size)

    with pytest.raises(Refused, match="more than 50 parts"):
        snapshots.publish("x", arrays(LIVE), PRINT, at=LIVE)
    assert store.analytics.snapshots.count_documents({}) == 0


def test_a_run_that_died_between_two_parts_leaves_the_live_version(
    store: Store, snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    later, replace = LIVE + HOUR / 60, Collection.replace_one
    parts = [f"x {later:%Y%m%dT%H%M%SZ} {number}" for number in range(3)]

    def die_at_the_second(collection: Any, query: dict[str, Any], *arguments: Any, **named: Any) -> Any:
        if query["_id"] == parts[1]:
            raise KeyboardInterrupt
        return replace(collection, query, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Collection, "replace_one", die_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            snapshots.publish("x", arrays(LIVE), PRINT, at=later)
    assert store.analytics.snapshots.distinct("_id", {"_id": {"$in": parts}}) == parts[:1]
    assert served(snapshots) == (LIVE, 0)
    damage(store, "x", {"$unset": {"signature": 1}})

    assert served(snapshots) == (LIVE, 2)
    repaired(snapshots)


# Functions of an earlier version, which signed no heads, beside those of this version.


def publish_unsigned(store: Store, at: datetime) -> None:
    """Publish as the earlier version did."""
    version, model = f"{at:%Y%m%dT%H%M%SZ}", packed(arrays(at))
    manifest = Manifest(FAMILY, "x", version, at, (at, at), ("hour", "random"), PRINT)
    sealed = Artifact(manifest, model).seal([SIGNING_KEY.encode()])
    snapshots = store.analytics.snapshots
    snapshots.replace_one({"_id": f"x {version} 0"}, sealed, upsert=True)
    snapshots.update_one({"_id": "x"}, {"$setOnInsert": {"version": ""}}, upsert=True)
    live = {"version": version, "parts": 1, "at": at}
    snapshots.update_one({"_id": "x", "version": {"$lte": version}}, {"$set": live})


def read_unsigned(store: Store, snapshots: Snapshots) -> datetime:
    """Read as the earlier version did: by three fields of the head, without its signature."""
    head = store.analytics.snapshots.find_one({"_id": "x"})
    assert head is not None
    old = Head(head["version"], head["parts"], head["at"])
    assert snapshots.load("x", old, PRINT)
    return old.at


def test_a_deployment_is_upgraded_in_place_and_rolled_back(store: Store) -> None:
    snapshots = Snapshots(store.analytics, [SIGNING_KEY.encode()])
    publish_unsigned(store, BEFORE)
    assert served(snapshots) == (BEFORE, 1), "what the earlier version published is served, and the head reported"

    snapshots.publish("x", arrays(LIVE), PRINT, at=LIVE)
    assert served(snapshots) == (LIVE, 0)
    assert read_unsigned(store, snapshots) == LIVE

    back = LIVE + HOUR
    publish_unsigned(store, back)
    assert read_unsigned(store, snapshots) == back
    assert served(snapshots, now=back) == (back, 1)
    assert snapshots.live("x", now=back)[0] == Head(f"{back:%Y%m%dT%H%M%SZ}", 1, back)


# The post index of the personal feeds.


@pytest.fixture
def village(mongo_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Network]:
    with opened(mongo_uri, client) as network:
        write_village(network.store)
        yield network


def home_of(feed_ranker: FeedRanker, now: datetime) -> int:
    """How many posts the home of an account has."""
    account, request = str(an_id("account of thai")), HomeRequest(max_results=100)
    return len(recommend_home.run(feed_ranker, Home(), account, request, now=now).items)


def refresh(network: Network, now: datetime) -> Any:
    return refresh_catalogue.run(network.store, network.registry, network.snapshots, QUICK, QUICK_MEMBERS, now=now)


@pytest.mark.parametrize("change", [{"$set": {"artifact": b"x"}}, {"$unset": {"fingerprint": 1}}])
def test_a_home_is_served_warm_and_cold_of_the_last_good_catalogue(village: Network, change: dict[str, Any]) -> None:
    refresh(village, BEFORE)
    warm = FeedRanker(village.store, village.registry, village.snapshots, QUICK_MEMBERS)
    posts = home_of(warm, BEFORE)
    refresh(village, LIVE)
    damage(village.store, f"{NAME} {LIVE:%Y%m%dT%H%M%SZ} 0", change)

    for feed_ranker in (warm, FeedRanker(village.store, village.registry, village.snapshots, QUICK_MEMBERS)):
        assert home_of(feed_ranker, LIVE) == posts > 0
        assert feed_ranker.details() == {"refused_models": 1}

    assert refresh(village, LIVE + HOUR).written == 30
    assert home_of(warm, LIVE + HOUR) > 0
    assert warm.details() == {}


def test_a_damaged_head_is_reported_by_the_refresh_that_repairs_it(village: Network) -> None:
    refresh(village, LIVE)
    far = {"at": LIVE + timedelta(days=10**5), "version": "99991231T235959Z", "parts": 10**9}
    damage(village.store, NAME, {"$set": far})
    cold = FeedRanker(village.store, village.registry, village.snapshots, QUICK_MEMBERS)
    assert home_of(cold, LIVE) > 0
    assert cold.details() == {"refused_models": 1}

    assert refresh(village, LIVE + HOUR).details["refused_models"] == 1
    assert refresh(village, LIVE + 2 * HOUR).details["refused_models"] == 0


def test_a_home_without_any_good_catalogue_is_unavailable_and_not_failed(village: Network) -> None:
    refresh(village, LIVE)
    village.store.analytics.snapshots.update_many({}, {"$set": {"signature": "forged"}})
    cold = FeedRanker(village.store, village.registry, village.snapshots, QUICK_MEMBERS)

    with pytest.raises(Unavailable, match="no catalogue"):
        home_of(cold, LIVE)
    assert cold.details() == {"refused_models": 2}


def test_a_version_that_is_loaded_by_its_head_is_complete_or_refused(store: Store, snapshots: Snapshots) -> None:
    head = snapshots.head("x")
    assert head is not None
    for parts in (0, -1, 51, 10**9):
        with pytest.raises(StaleModel):
            snapshots.load("x", Head(head.version, parts, head.at), PRINT)
    assert PART_BYTES == 12 * 2**20
