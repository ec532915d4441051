"""Whatever becomes of a stored snapshot, the last good version answers, says why, and the next run mends it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pymongo import MongoClient

from functions.feed import recommend_home, refresh_catalogue
from functions.feed.feed_ranker import FeedRanker
from functions.feed.post_index import NAME
from functions.feed.recommend_home import HomeRequest
from shared.artifacts import Artifact, Manifest, Snapshots
from shared.artifacts.snapshots import FAMILY, MAX_LISTED, MAX_TRIED, PART_BYTES, Head, packed
from shared.config import Home
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
def snapshots(store: Store, monkeypatch: pytest.MonkeyPatch) -> Snapshots:
    """A version that is live and the one before it, in several parts each."""
    monkeypatch.setattr("shared.artifacts.snapshots.PART_BYTES", 2_000)
    made = Snapshots(store.analytics, [SIGNING_KEY.encode()])
    for at in (BEFORE, LIVE):
        made.publish("x", arrays(at), PRINT, at=at)
    assert store.analytics.snapshots.count_documents({}) == 1 + 2 * 3
    return made


def served(snapshots: Snapshots, known: str = "", now: datetime = LIVE) -> tuple[datetime | None, int]:
    """The version that a reader gets, and how many were refused."""
    found, refused = snapshots.newest("x", PRINT, now=now, known=known)
    if found is None:
        return None, len(refused)
    assert found[1].keys() == {"hour", "random"}
    assert float(found[1]["hour"][0]) == found[0].at.timestamp()
    return found[0].at, len(refused)


def mended(snapshots: Snapshots) -> None:
    """The next run publishes, and readers have its version without a refusal."""
    later = LIVE + HOUR / 12
    live, _ = snapshots.live("x", now=later)
    assert live is None or live.at <= later, "no run is late because of what is damaged"
    snapshots.publish("x", arrays(later), PRINT, at=later)

    assert served(snapshots, now=later) == (later, 0)


def damage(store: Store, which: str, change: dict[str, Any]) -> None:
    """Change a stored document in place, as no code of ours does."""
    assert store.analytics.snapshots.update_one({"_id": which}, change).matched_count == 1


@pytest.mark.parametrize("field", HEAD)
def test_a_head_with_any_field_lost_or_changed_leaves_what_is_whole(
    store: Store, snapshots: Snapshots, field: str
) -> None:
    kept = store.analytics.snapshots.find_one({"_id": "x"})
    assert kept is not None
    for change in [{"$unset": {field: 1}}, *({"$set": {field: value}} for value in VALUES)]:
        damage(store, "x", change)
        changed = store.analytics.snapshots.find_one({"_id": "x"})
        found = served(snapshots)
        store.analytics.snapshots.replace_one({"_id": "x"}, kept)

        assert found == (LIVE, int(str(changed) != str(kept))), change
    damage(store, "x", {"$unset": {field: 1}})
    mended(snapshots)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("field", PART)
def test_a_part_with_any_field_lost_or_changed_leaves_the_version_before(
    store: Store, snapshots: Snapshots, field: str, number: int
) -> None:
    which = f"x {LIVE:%Y%m%dT%H%M%SZ} {number}"
    kept = store.analytics.snapshots.find_one({"_id": which})
    assert kept is not None
    for change in [{"$unset": {field: 1}}, *({"$set": {field: value}} for value in VALUES[number::3])]:
        damage(store, which, change)
        changed = store.analytics.snapshots.find_one({"_id": which})
        found = served(snapshots)
        held = snapshots.newest("x", PRINT, now=LIVE, known=f"{BEFORE:%Y%m%dT%H%M%SZ}")
        store.analytics.snapshots.replace_one({"_id": which}, kept)
        if str(changed) != str(kept):
            assert found == (BEFORE, 1), change
            assert (held[0], len(held[1])) == (None, 1), "who has it goes on with it"
    damage(store, which, {"$unset": {field: 1}})
    mended(snapshots)


def test_a_byte_that_flips_anywhere_in_a_part_is_noticed(store: Store, snapshots: Snapshots) -> None:
    which = f"x {LIVE:%Y%m%dT%H%M%SZ} 1"
    kept = store.analytics.snapshots.find_one({"_id": which})
    assert kept is not None
    whole = kept["artifact"]
    for place in range(0, len(whole), max(len(whole) // 40, 1)):
        flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        damage(store, which, {"$set": {"artifact": flipped}})
        assert served(snapshots) == (BEFORE, 1)
    mended(snapshots)


def test_parts_that_are_lost_or_exchanged_leave_the_version_before(store: Store, snapshots: Snapshots) -> None:
    parts = store.analytics.snapshots
    ids = [f"x {LIVE:%Y%m%dT%H%M%SZ} {number}" for number in range(3)]
    first, second = (parts.find_one({"_id": one}) for one in ids[:2])
    assert first is not None
    assert second is not None
    for one, other in ((ids[0], second), (ids[1], first)):
        parts.replace_one({"_id": one}, other | {"_id": one})
    assert served(snapshots) == (BEFORE, 1)
    parts.update_one({"_id": "x"}, {"$set": {"signature": "x"}})
    assert served(snapshots) == (BEFORE, 2), "nor where the order is told by nobody else"

    parts.delete_one({"_id": ids[2]})
    assert served(snapshots) == (BEFORE, 2)
    mended(snapshots)


def test_without_any_good_version_there_is_none_and_the_reasons(store: Store, snapshots: Snapshots) -> None:
    store.analytics.snapshots.update_many({"artifact": {"$exists": True}}, {"$set": {"artifact": b"x"}})

    assert served(snapshots) == (None, 2)
    mended(snapshots)


@pytest.mark.parametrize("version", ["20270131T120000Z", "99991231T235959Z", "99999999T999999Z", "x"])
def test_what_claims_to_be_of_the_future_is_passed_over_and_goes(
    store: Store, snapshots: Snapshots, version: str
) -> None:
    part = store.analytics.snapshots.find_one({"_id": f"x {LIVE:%Y%m%dT%H%M%SZ} 0"})
    assert part is not None
    store.analytics.snapshots.insert_many([part | {"_id": f"x {version} {number}"} for number in range(200)])
    assert served(snapshots) == (LIVE, 0)
    damage(store, "x", {"$set": {"version": version}})
    assert served(snapshots) == (LIVE, 1)

    mended(snapshots)
    assert store.analytics.snapshots.count_documents({}) == 1 + 2 * 3


@pytest.mark.parametrize("name", ["x z{}", "x 20990101T{:06}Z 0", "x 2026-{} 0"])
def test_names_that_are_no_version_take_no_versions_place(store: Store, snapshots: Snapshots, name: str) -> None:
    store.analytics.snapshots.delete_one({"_id": "x"})
    store.analytics.snapshots.insert_many([{"_id": name.format(number)} for number in range(MAX_LISTED + 1)])

    assert served(snapshots) == (LIVE, 0)
    mended(snapshots)


def test_some_versions_without_a_good_part_are_passed_over(store: Store, snapshots: Snapshots) -> None:
    store.analytics.snapshots.delete_one({"_id": "x"})
    broken = [LIVE + timedelta(seconds=second) for second in range(1, MAX_TRIED)]
    store.analytics.snapshots.insert_many([{"_id": f"x {at:%Y%m%dT%H%M%SZ} 0"} for at in broken])

    assert served(snapshots, now=LIVE + HOUR / 60) == (LIVE, len(broken))
    mended(snapshots)


def test_a_signed_head_of_the_future_holds_nothing_back(store: Store, snapshots: Snapshots) -> None:
    snapshots.publish("x", arrays(LIVE), PRINT, at=LIVE + timedelta(days=400))

    assert served(snapshots) == (LIVE, 1)
    mended(snapshots)


def test_more_parts_than_readers_take_are_not_published(snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.artifacts.snapshots.MAX_PARTS", 2)

    with pytest.raises(Refused, match="more than 2 parts"):
        snapshots.publish("x", arrays(LIVE), PRINT, at=LIVE + HOUR)


def test_a_run_that_died_between_two_parts_leaves_what_was_live(
    store: Store, snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Snapshots, "_make_live", die)
        with pytest.raises(KeyboardInterrupt):
            snapshots.publish("x", arrays(LIVE), PRINT, at=LIVE + HOUR / 60)
    assert served(snapshots) == (LIVE, 0)
    store.analytics.snapshots.delete_one({"_id": f"x {LIVE + HOUR / 60:%Y%m%dT%H%M%SZ} 1"})
    damage(store, "x", {"$unset": {"signature": 1}})

    assert served(snapshots) == (LIVE, 2)
    mended(snapshots)


# Functions of the version before, which signed no heads, beside those of this one.


def publish_unsigned(store: Store, at: datetime) -> None:
    """As the version before did."""
    version, model = f"{at:%Y%m%dT%H%M%SZ}", packed(arrays(at))
    manifest = Manifest(FAMILY, "x", version, at, (at, at), ("hour", "random"), PRINT)
    sealed = Artifact(manifest, model).seal([SIGNING_KEY.encode()])
    snapshots = store.analytics.snapshots
    snapshots.replace_one({"_id": f"x {version} 0"}, sealed, upsert=True)
    snapshots.update_one({"_id": "x"}, {"$setOnInsert": {"version": ""}}, upsert=True)
    live = {"version": version, "parts": 1, "at": at}
    snapshots.update_one({"_id": "x", "version": {"$lte": version}}, {"$set": live})


def read_unsigned(store: Store, snapshots: Snapshots) -> datetime:
    """As the version before did: by the head's three fields, without its signature."""
    head = store.analytics.snapshots.find_one({"_id": "x"})
    assert head is not None
    old = Head(head["version"], head["parts"], head["at"])
    assert snapshots.load("x", old, PRINT)
    return old.at


def test_a_deployment_is_upgraded_in_place_and_rolled_back(store: Store) -> None:
    snapshots = Snapshots(store.analytics, [SIGNING_KEY.encode()])
    publish_unsigned(store, BEFORE)
    assert served(snapshots) == (BEFORE, 1), "what the version before published is served, and it is said"

    snapshots.publish("x", arrays(LIVE), PRINT, at=LIVE)
    assert served(snapshots) == (LIVE, 0)
    assert read_unsigned(store, snapshots) == LIVE

    back = LIVE + HOUR
    publish_unsigned(store, back)
    assert read_unsigned(store, snapshots) == back
    assert served(snapshots, now=back) == (back, 1)
    assert snapshots.live("x", now=back)[0] == Head(f"{back:%Y%m%dT%H%M%SZ}", 1, back)


# The catalogue of members' feeds.


@pytest.fixture
def village(mongo_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Network]:
    with opened(mongo_uri, client) as network:
        write_village(network.store)
        yield network


def home_of(feed_ranker: FeedRanker, now: datetime) -> int:
    """How many posts the home of an account has."""
    return len(recommend_home.run(feed_ranker, Home(), HomeRequest(str(an_id("account of thai")), 100), now=now).items)


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


def test_a_damaged_head_is_told_by_the_refresh_that_mends_it(village: Network) -> None:
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


def test_a_version_that_is_asked_for_by_its_head_is_whole_or_refused(store: Store, snapshots: Snapshots) -> None:
    head = snapshots.head("x")
    assert head is not None
    for parts in (0, -1, 51, 10**9):
        with pytest.raises(StaleModel):
            snapshots.load("x", Head(head.version, parts, head.at), PRINT)
    assert PART_BYTES == 12 * 2**20
