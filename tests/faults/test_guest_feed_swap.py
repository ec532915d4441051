"""Whatever happens to a run that publishes the guest feed, readers see one complete generation."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from functions.coldstart import build_guest_feed
from functions.coldstart.options import GuestFeedOptions
from shared.artifacts import Registry
from shared.countries import COUNTRIES
from shared.errors import Conflict, Refused
from shared.ranking.options import Coldstart
from shared.store import Store, connect, schema
from shared.store.guest_feed import STAGING, Staging
from tests.factories import an_id, post, write_users

ROOT = Path(__file__).parents[2]
ROWS = 6
PARTITIONS = len(COUNTRIES) + 1
FEED = GuestFeedOptions(rows_per_country=ROWS)

# Where a run is killed: the method of a generation that is being built, and whether before or after its body.
STEPS = [("put", "before"), ("put", "after"), ("index", "before"), ("index", "after"), ("check", "after")]
STEPS += [("publish", "before"), ("publish", "after")]

KILLED_RUN = """
import os, signal, sys
from datetime import datetime
from functions.coldstart import build_guest_feed
from shared.artifacts import Registry
from shared.ranking.options import Coldstart
from functions.coldstart.options import GuestFeedOptions
from shared.config import settings
from shared.store import open_store
from shared.store.guest_feed import Staging

step, when, calls, now = sys.argv[1], sys.argv[2], int(sys.argv[3]), datetime.fromisoformat(sys.argv[4])
body, count = getattr(Staging, step), 0

def deadly(*arguments):
    global count
    count += 1
    if count == calls and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = body(*arguments)
    if count == calls:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(Staging, step, deadly)
store = open_store()
registry = Registry(store.analytics, settings().artifact_keys)
build_guest_feed.run(store, registry, GuestFeedOptions(rows_per_country=6), Coldstart(), now=now)
"""


@pytest.fixture
def network(store: Store, noon: datetime) -> Store:
    """Ten posts of ten people, and a feed of them that was published an hour before noon."""
    store.app.contents.insert_many(
        [post(f"post {n}", author=f"author {n}", now=noon, age_hours=2 + n, likes=n) for n in range(10)]
    )
    write_users(store.app, *(f"author {n}" for n in range(10)), now=noon)
    publish(store, noon - timedelta(hours=1))
    return store


def publish(store: Store, now: datetime) -> None:
    build_guest_feed.run(store, Registry(store.analytics, [b"k" * 16]), FEED, Coldstart(), now=now)


def generations(store: Store) -> dict[datetime, int]:
    """Rows of the live feed by the moment of their generation."""
    groups = store.app.guestfeeditems.aggregate([{"$group": {"_id": "$createdAt", "rows": {"$sum": 1}}}])
    return {group["_id"].astimezone(UTC): group["rows"] for group in groups}


def staged(store: Store) -> list[str]:
    return store.app.list_collection_names(filter={"name": {"$regex": f"^{STAGING}"}})


def expire_leases(store: Store) -> None:
    """As if the terms of killed runs were over."""
    store.analytics.leases.update_many({}, {"$set": {"until": datetime(2000, 1, 1, tzinfo=UTC)}})


@pytest.mark.parametrize(("step", "when"), STEPS)
def test_a_run_that_is_killed_leaves_one_complete_generation_and_the_next_run_repairs(
    network: Store, environment: dict[str, str], noon: datetime, step: str, when: str
) -> None:
    arguments = [step, when, "120" if step == "put" else "1", noon.isoformat()]
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment
    run = subprocess.run([sys.executable, "-c", KILLED_RUN, *arguments], cwd=ROOT, env=variables, check=False)

    assert run.returncode == -signal.SIGKILL
    published = noon if (step, when) == ("publish", "after") else noon - timedelta(hours=1)
    assert generations(network) == {published: ROWS * PARTITIONS}
    with pytest.raises(Conflict):
        publish(network, noon)

    expire_leases(network)
    publish(network, noon + timedelta(minutes=30))

    assert generations(network) == {noon + timedelta(minutes=30): ROWS * PARTITIONS}
    assert staged(network) == []
    indexes = {index.name for index in schema.GUEST_FEED.indexes}
    assert indexes <= set(network.app.guestfeeditems.index_information())


def test_of_two_runs_at_once_one_publishes_and_the_other_gives_way(network: Store, config: Any, noon: datetime) -> None:
    other = connect(config)
    outcomes: list[str] = []
    barrier = threading.Barrier(2)

    def run(store: Store) -> None:
        barrier.wait()
        try:
            publish(store, noon)
            outcomes.append("published")
        except Conflict:
            outcomes.append("gave way")

    threads = [threading.Thread(target=run, args=(store,)) for store in (network, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.client.close()

    assert sorted(outcomes) == ["gave way", "published"]
    assert generations(network) == {noon: ROWS * PARTITIONS}


def test_a_run_whose_lease_was_taken_over_does_not_publish(
    network: Store, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Staging.check

    def slow_check(self: Staging, *arguments: Any) -> int:
        rows = check(self, *arguments)
        taken = {"holder": "another run", "until": datetime(2100, 1, 1, tzinfo=UTC)}
        network.analytics.leases.update_one({"_id": build_guest_feed.NAME}, {"$set": taken})
        return rows

    monkeypatch.setattr(Staging, "check", slow_check)

    with pytest.raises(Conflict):
        publish(network, noon)

    assert generations(network) == {noon - timedelta(hours=1): ROWS * PARTITIONS}
    lease = network.analytics.leases.find_one({"_id": build_guest_feed.NAME})
    assert lease is not None
    assert lease["holder"] == "another run"


def test_a_feed_of_unreadable_posts_is_refused_and_the_old_one_stays(network: Store, noon: datetime) -> None:
    network.app.contents.update_many({}, {"$set": {"createdAt": noon.isoformat()}})

    with pytest.raises(Refused, match="has 0 rows"):
        publish(network, noon)

    assert generations(network) == {noon - timedelta(hours=1): ROWS * PARTITIONS}
    assert staged(network) == []


def test_a_feed_without_posts_is_emptied(network: Store, noon: datetime) -> None:
    network.app.contents.update_many({}, {"$set": {"visibility": "hidden"}})

    publish(network, noon)

    assert generations(network) == {}
    assert staged(network) == []


def test_a_feed_that_shrank_by_more_than_half_is_refused(network: Store, noon: datetime) -> None:
    unreadable = {"$set": {"createdAt": noon.isoformat()}}
    network.app.contents.update_many({"_id": {"$ne": an_id("post 1")}}, unreadable)

    with pytest.raises(Refused, match="has 1 rows and needs 3"):
        publish(network, noon)

    assert generations(network) == {noon - timedelta(hours=1): ROWS * PARTITIONS}


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_feed_with_an_impossible_score_is_refused(
    network: Store, noon: datetime, monkeypatch: pytest.MonkeyPatch, score: float
) -> None:
    put = Staging.put

    def spoilt(self: Staging, country: str, ranked: Any, *more: Any) -> int:
        return put(self, country, [(entry, score if country == "th" else value) for entry, value in ranked], *more)

    monkeypatch.setattr(Staging, "put", spoilt)

    with pytest.raises(Refused, match="not finite and positive"):
        publish(network, noon)

    assert generations(network) == {noon - timedelta(hours=1): ROWS * PARTITIONS}


def test_a_post_that_is_hidden_while_the_feed_is_built_is_removed_from_it(
    network: Store, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Staging.index

    def meanwhile(self: Staging) -> None:
        index(self)
        network.app.contents.update_one({"_id": an_id("post 0")}, {"$set": {"visibility": "illegal"}})

    monkeypatch.setattr(Staging, "index", meanwhile)

    publish(network, noon)

    assert network.app.guestfeeditems.count_documents({"content": an_id("post 0")}) == 0
    assert generations(network) == {noon: (ROWS - 1) * PARTITIONS}


def test_a_run_that_comes_late_leaves_the_newer_feed(network: Store, noon: datetime) -> None:
    publish(network, noon - timedelta(hours=2))

    assert generations(network) == {noon - timedelta(hours=1): ROWS * PARTITIONS}


def pages(client: MongoClient[dict[str, Any]], database: str, stop: threading.Event) -> Iterator[list[dict[str, Any]]]:
    """The pages of a guest who reads a country's feed by cursor, again and again."""
    feed = client[database].guestfeeditems
    while not stop.is_set():
        last = None
        while True:
            query = {"countryCode": "th"} | ({"_id": {"$gt": last}} if last else {})
            page = retried(lambda query=query: list(feed.find(query).sort("score", -1).limit(2)))
            if not page:
                break
            yield page
            last = page[-1]["_id"]


def retried(read: Any) -> Any:
    """The result of a read; one that a swap interrupts is repeated once, as any client does."""
    try:
        return read()
    except PyMongoError:
        return read()


def test_a_swap_leaves_no_gap_or_empty_partial_or_mixed_page_for_readers(
    network: Store, mongo_uri: str, noon: datetime
) -> None:
    stop, n_pages, faults = threading.Event(), [0], list[str]()

    def read_pages() -> None:
        with MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
            for page in pages(client, network.app.name, stop):
                n_pages[0] += 1
                if len(page) != 2:
                    faults.append(f"a page of {len(page)}")
                if len({row["createdAt"] for row in page}) != 1:
                    faults.append("a page of two generations")
                if page[0]["score"] < page[1]["score"]:
                    faults.append("a page out of order")

    reader = threading.Thread(target=read_pages)
    reader.start()
    try:
        for minutes in range(1, 6):
            publish(network, noon + timedelta(minutes=minutes))
    finally:
        stop.set()
        reader.join()

    assert faults == []
    assert n_pages[0] > 10


def test_a_cursor_that_outlives_a_generation_goes_on_at_the_next_rank(network: Store, noon: datetime) -> None:
    def feed(after: Any = None) -> list[Any]:
        query = {"countryCode": "th"} | ({"_id": {"$gt": after}} if after else {})
        return list(network.app.guestfeeditems.find(query).sort("_id", 1))

    third = feed()[2]["_id"]
    publish(network, noon)

    assert [row["_id"] for row in feed(after=third)] == [row["_id"] for row in feed()[3:]]
