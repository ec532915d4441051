"""Changes in the form in which they are sent: which fields, and in which groups."""

import json
import random
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from bson import Int64, ObjectId, Timestamp

from relay.events import SOURCE, Event, event_of, grouped, payload, unpacked
from shared.change import ClusterTime
from shared.runtime.change_events import arrivals, change_of
from tests.factories import an_id

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEYS = [ObjectId("6204bb1f5c1a4f0012a3b4c5"), "a slug", "ไทย", "", 5, 0, -1, Int64(2**62)]


def changed(key=None, message="hello", **fields):
    """A change in the form in which the driver returns it."""
    key = an_id("one") if key is None else key
    document = {"_id": key, "visibility": "publish", "payload": {"message": message}, "updatedAt": NOW}
    return {
        "_id": {"_data": "8263"},
        "operationType": "update",
        "clusterTime": Timestamp(1_700_000_000, 7),
        "ns": {"db": "app-db", "coll": "contents"},
        "documentKey": {"_id": key},
        "fullDocument": document,
    } | fields


def sized(key, size):
    """An event of that many bytes, without meaning."""
    return Event("app-db.contents", key, f"{key} {size}", size, "")


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("max_bytes", [240_000, 10], ids=["whole", "by its key"])
def test_what_is_sent_is_read_as_the_same_change(key, max_bytes):
    event = event_of(changed(key), max_bytes)

    batch = unpacked(payload([event, event]))
    first, second = [arrival.change for arrival in arrivals(batch, "contents", now=NOW)]

    assert first == second == change_of(batch["changes"][0], "contents", now=NOW)
    assert (first.key, first.kind, first.cluster_time) == (key, "update", ClusterTime(1_700_000_000, 7))
    assert first.document == (changed(key)["fullDocument"] if max_bytes > 10 else None)
    assert batch["source"] == SOURCE
    assert (event.collection, event.key) == ("app-db.contents", str(key))


def test_a_change_without_a_cluster_time_has_none():
    event = event_of({name: value for name, value in changed().items() if name != "clusterTime"}, 10)

    assert json.loads(event.text).keys() == {"operationType", "ns", "documentKey"}
    assert change_of(json.loads(event.text), "contents", now=NOW).cluster_time is None


@pytest.mark.parametrize("message", ["a" * 3000, "ก" * 1000, "👍" * 750], ids=["letters", "three bytes", "four bytes"])
def test_the_size_is_that_of_its_bytes_and_the_limit_is_exact(message):
    size = event_of(changed(message=message), 1_000_000).size
    whole, bare = event_of(changed(message=message), size), event_of(changed(message=message), size - 1)

    assert size == len(whole.text.encode()) == event_of(changed(message=""), 1_000_000).size + 3000
    assert whole.text != whole.bare
    assert bare.text == bare.bare == whole.bare
    assert bare.size == len(bare.bare.encode())
    assert message not in bare.text


def test_what_stands_beside_the_document_is_without_it_even_where_that_is_small():
    event = event_of(changed(message="what nobody else may read"), 240_000)

    assert json.loads(event.bare).keys() == {"operationType", "clusterTime", "ns", "documentKey"}


def test_the_digest_tells_two_changes_apart():
    digests = {event_of(changed(message=message), 240_000).digest for message in ("a", "b", "b")}

    assert len(digests) == 2
    assert all(len(digest) == 64 for digest in digests)


def test_what_sqs_takes_for_no_character_is_escaped():
    strange = '\ufffe\uffff\x00\x1f"\\ \U0010ffff é'
    event = event_of(changed(message=strange), 240_000)

    assert not {"\ufffe", "\uffff", "\x00", "\x1f"} & set(event.text)
    assert event.size == len(event.text.encode())
    assert json.loads(event.text)["fullDocument"]["payload"]["message"] == strange


def test_groups_are_cut_by_count():
    events = [sized(str(number), 1) for number in range(25)]

    assert [len(group) for group in grouped(events, 10, 1_000_000, 0)] == [10, 10, 5]


def test_groups_are_cut_by_bytes_with_what_stands_around_each():
    events = [sized(str(number), 90) for number in range(7)]

    assert [len(group) for group in grouped(events, 10, 300, 10)] == [3, 3, 1]
    assert [len(group) for group in grouped(events, 10, 299, 10)] == [2, 2, 2, 1]
    assert [len(group) for group in grouped(events, 10, 5, 10)] == [1] * 7


def test_a_document_stands_once_in_a_group_and_the_same_key_elsewhere_is_another():
    first, other = sized("a", 1), Event("app-db.users", "a", "", 1, "")

    assert list(grouped([first, other, first, first], 10, 1_000, 0)) == [[first, other], [first], [first]]


def test_nothing_makes_no_group():
    assert list(grouped([], 10, 1_000, 0)) == []


@pytest.mark.parametrize("seed", range(50))
def test_whatever_comes_groups_are_in_order_and_no_larger_than_they_may_be(seed):
    draw = random.Random(seed)
    limit, max_bytes, overhead = draw.randint(1, 12), draw.randint(50, 500), draw.randint(0, 20)
    events = [sized(str(draw.randrange(30)), draw.randint(1, 200)) for _ in range(draw.randrange(200))]

    groups = list(grouped(events, limit, max_bytes, overhead))

    assert [event for group in groups for event in group] == events
    for group in groups:
        assert 1 <= len(group) <= limit
        assert len(group) == 1 or sum(event.size + overhead for event in group) <= max_bytes
        assert len({event.key for event in group}) == len(group)
    for group, (following, *_) in pairwise(groups):
        assert (
            len(group) == limit
            or sum(event.size + overhead for event in [*group, following]) > max_bytes
            or following.key in {event.key for event in group}
        ), "no group is cut sooner than it must be"
