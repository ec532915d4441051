"""Decoding the changes that each source sends, and refusing what is malformed."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from bson import ObjectId

from layers.build import ROOT
from shared.change import Change, ClusterTime
from shared.errors import BadEvent
from shared.runtime.change_events import arrivals, change_of, is_queue
from tests.changes import START, as_json, change_event, ids, inserted, keys, queued, relayed, state
from tests.factories import an_id

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SAMPLES = sorted((ROOT / "events/topics/classify_content").glob("*.json"))
WITHOUT_DOCUMENT = {"atlas_delete", "atlas_update_without_document", "documentdb_delete", "relay_key_only"}
OF_THE_INSERT = [path for path in SAMPLES if path.stem not in WITHOUT_DOCUMENT | {"atlas_like"}]


def sample(path):
    return json.loads(path.read_text())


def changes_in(event, now=NOW):
    return [arrival.change for arrival in arrivals(event, "contents", now=now)]


def decode(raw, now=NOW):
    return change_of(raw, "contents", now=now)


# Decoding


@pytest.mark.parametrize("path", OF_THE_INSERT, ids=lambda path: path.stem)
def test_an_inserted_post_is_the_same_change_however_it_travelled(path):
    (change,) = changes_in(sample(path))

    assert (change.collection, change.key, change.kind) == ("contents", ObjectId("6204bb1f5c1a4f0012a3b4c5"), "insert")
    assert change.document["_id"] == change.key
    assert change.document["visibility"] == "publish"
    assert change.document["payload"] == {
        "message": "The striker scored twice and our club won the cup final #football"
    }
    assert change.document["updatedAt"] == datetime(2022, 2, 10, 7, 13, 36, 123000, tzinfo=UTC)
    assert change.document["updatedAt"].utcoffset() == timedelta()
    assert change.cluster_time == ClusterTime(1644477216, 2)
    assert change.updated is None


def test_the_samples_with_a_whole_document_agree_on_all_of_it():
    documents = [
        changes_in(sample(ROOT / f"events/topics/classify_content/{name}.json"))[0].document
        for name in ("atlas_plain", "atlas_extended", "atlas_canonical", "documentdb", "sqs_atlas", "sqs_documentdb")
    ]

    assert all(document == documents[0] for document in documents)
    assert documents[0]["author"]["id"] == ObjectId("61f0a3d27c9e8d0013b2c1d0")
    assert documents[0]["engagements"] == {"like": {"count": 0, "refs": []}}


@pytest.mark.parametrize("path", [path for path in SAMPLES if not path.stem.startswith("sqs")], ids=lambda p: p.stem)
def test_sqs_around_it_changes_nothing(path):
    assert changes_in(queued(sample(path))) == changes_in(sample(path))
    assert [arrival.message for arrival in arrivals(queued(sample(path)), "contents", now=NOW)] == ["m0"]


@pytest.mark.parametrize(("levels", "name"), [(1, "relay"), (3, "documentdb")])
def test_sqs_with_several_messages_keeps_their_order_and_their_ids(levels, name):
    event = queued(*[sample(ROOT / f"events/topics/classify_content/{name}.json") for _ in range(levels)])

    assert [arrival.message for arrival in arrivals(event, "contents", now=NOW)] == [f"m{n}" for n in range(levels)]


@pytest.mark.parametrize(
    ("name", "kind", "second"),
    [
        ("atlas_delete", "delete", 1644477300),
        ("documentdb_delete", "delete", 1644477300),
        ("relay_key_only", "insert", 1644477216),
        ("atlas_update_without_document", "update", 1644477216),
    ],
)
def test_a_change_without_a_document_still_has_its_key_and_its_time(name, kind, second):
    (change,) = changes_in(sample(ROOT / f"events/topics/classify_content/{name}.json"))

    assert (change.key, change.kind, change.document) == (ObjectId("6204bb1f5c1a4f0012a3b4c5"), kind, None)
    assert change.cluster_time.seconds == second


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ({"T": 5, "I": 2}, ClusterTime(5, 2)),
        ({"$timestamp": {"t": 5, "i": 2}}, ClusterTime(5, 2)),
        ({"$timestamp": {"t": {"$numberLong": "5"}, "i": {"$numberInt": "2"}}}, ClusterTime(5, 2)),
        ({"T": {"$numberLong": "5"}, "I": 0}, ClusterTime(5, 0)),
        (None, None),
    ],
    ids=str,
)
def test_the_cluster_time_is_read_in_each_of_its_forms(raw, decoded):
    assert decode(change_event("insert", "one") | {"clusterTime": raw}).cluster_time == decoded


def test_extended_json_tells_an_id_from_its_hex_digits_and_plain_json_does_not():
    digits = {"_id": str(an_id("one"))}
    as_id, as_text = change_event("insert", "one"), change_event("insert", "one", documentKey=digits)
    plain = change_event("insert", "one", documentKey=digits) | {"clusterTime": {"T": 5, "I": 2}}

    assert [decode(raw).has_text_key for raw in (as_id, as_text, plain)] == [False, True, False]
    assert {decode(raw).key for raw in (as_id, as_text, plain)} == {an_id("one")}


def test_a_change_without_a_cluster_time_has_none():
    assert decode(change_event("insert", "one", second=None)).cluster_time is None


@pytest.mark.parametrize(
    ("description", "updated"),
    [
        ({"updatedFields": {"payload.message": "x", "updatedAt": 1}}, ["payload.message", "updatedAt"]),
        ({"removedFields": ["payload"], "updatedFields": None}, ["payload"]),
        ({"truncatedArrays": [{"field": "payload.link", "newSize": 1}, "junk"]}, ["payload.link"]),
        ({"updatedFields": {}, "removedFields": []}, None),
        ({}, None),
        ({"updatedFields": ["payload"]}, None),
        ({"removedFields": "payload"}, None),
        ({"truncatedArrays": 5}, None),
        ("payload", None),
        (None, None),
    ],
    ids=str,
)
def test_paths_that_an_update_touched_are_known_only_where_it_says_so(description, updated):
    change = decode(change_event("update", "one", updateDescription=description))

    assert change.updated == (None if updated is None else frozenset(updated))


@pytest.mark.parametrize(
    ("paths", "touches"),
    [
        (["payload"], True),
        (["payload.message"], True),
        (["payload.message.0"], True),
        (["visibility"], True),
        (["payloads"], False),
        (["engagements.like.count", "updatedAt"], False),
    ],
    ids=str,
)
def test_an_update_touches_what_lies_in_or_around_its_paths(paths, touches):
    assert Change("contents", 1, "update", updated=frozenset(paths)).touches("payload", "visibility") == touches
    assert Change("contents", 1, "replace", updated=frozenset(paths)).touches("payload", "visibility")


def test_text_is_read_as_a_date_or_an_id_only_where_such_things_stand():
    moment = "2026-01-01T00:00:00.000Z"
    plain = {"_id": "f" * 24, "updatedAt": moment, "payload": {"message": moment, "link": [{"id": "e" * 24}]}}

    document = decode(change_event("insert", "one") | {"fullDocument": plain}).document

    assert document["_id"] == ObjectId("f" * 24)
    assert document["payload"] == {"message": moment, "link": [{"id": ObjectId("e" * 24)}]}
    assert document["updatedAt"] == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("2026-01-01T07:00:00+07:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00"),
        ("10000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"),
        ("yesterday", "yesterday"),
        ("", ""),
        ("\ud800", "\ud800"),
        (1767225600, 1767225600),
        (None, None),
    ],
    ids=ascii,
)
def test_a_date_is_an_aware_moment_or_stays_what_it_was(text, decoded):
    change = decode(change_event("insert", "one") | {"fullDocument": {"updatedAt": text}})

    assert change.document == {"updatedAt": decoded}


@pytest.mark.parametrize(
    ("key", "decoded"),
    [
        ({"$oid": "f" * 24}, ObjectId("f" * 24)),
        ("f" * 24, ObjectId("f" * 24)),
        ("F" * 24, ObjectId("f" * 24)),
        ("a name", "a name"),
        ("x" * 24, "x" * 24),
        (7, 7),
        ({"$numberLong": "7"}, 7),
    ],
    ids=str,
)
def test_a_key_is_what_is_stored_as_the_id(key, decoded):
    assert decode(change_event("delete", "one") | {"documentKey": {"_id": key}}).key == decoded


def test_an_offset_is_no_other_moment():
    document = state("one", second=60)
    elsewhere = document["updatedAt"].astimezone(timezone(timedelta(hours=7)))
    moved = as_json(document) | {"updatedAt": elsewhere.isoformat()}

    assert (
        decode(change_event("insert", "one") | {"fullDocument": moved}).document["updatedAt"] == document["updatedAt"]
    )


# Refusing


REFUSED = [
    ("operationType", {"operationType": None}),
    ("operationType", {"operationType": ["insert"]}),
    ("operationType", {"operationType": {"$ne": "insert"}}),
    (r"ns\.coll", {"ns": {"db": "app-db", "coll": "users"}}),
    (r"ns\.coll", {"ns": {"db": "app-db"}}),
    (r"ns\.coll", {"ns": "app-db.contents"}),
    (r"ns\.coll", {"ns": None}),
    (r"documentKey\._id", {"documentKey": None}),
    (r"documentKey\._id", {"documentKey": "f" * 24}),
    (r"documentKey\._id", {"documentKey": {}}),
    (r"documentKey\._id", {"documentKey": {"_id": None}}),
    (r"documentKey\._id", {"documentKey": {"_id": True}}),
    (r"documentKey\._id", {"documentKey": {"_id": 1.5}}),
    (r"documentKey\._id", {"documentKey": {"_id": ["f" * 24]}}),
    (r"documentKey\._id", {"documentKey": {"_id": {"$ne": None}}}),
    (r"documentKey\._id", {"documentKey": {"_id": {"$gt": ""}}}),
    (r"documentKey\._id", {"documentKey": {"_id": {"$where": "sleep(1000)"}}}),
    (r"documentKey\._id", {"documentKey": {"_id": {"$regex": "^(a+)+$"}}}),
    (r"documentKey\._id", {"documentKey": {"_id": {"$regularExpression": {"pattern": ".*", "options": ""}}}}),
    (r"documentKey\._id", {"documentKey": {"_id": {"$code": "while(1);"}}}),
    (r"documentKey\._id", {"documentKey": {"_id": {"__proto__": {"_id": 1}}}}),
    (r"documentKey\._id", {"documentKey": {"_id.a": "f" * 24}}),
    ("documentKey", {"documentKey": {"_id": {"$oid": 5}}}),
    ("documentKey", {"documentKey": {"_id": {"$oid": "short"}}}),
    ("documentKey", {"documentKey": {"_id": {"$numberLong": "9" * 5000}}}),
    ("fullDocument", {"fullDocument": "text"}),
    ("fullDocument", {"fullDocument": [{}]}),
    ("fullDocument", {"fullDocument": {"updatedAt": {"$date": "soon"}}}),
    ("fullDocument", {"fullDocument": {"x": {"$binary": None, "$type": "00"}}}),
    ("clusterTime", {"clusterTime": True}),
    ("clusterTime", {"clusterTime": 5}),
    ("clusterTime", {"clusterTime": "2026-01-01T00:00:00Z"}),
    ("clusterTime", {"clusterTime": {"$date": "2026-01-01T00:00:00Z"}}),
    ("clusterTime", {"clusterTime": {}}),
    ("clusterTime", {"clusterTime": {"T": 5}}),
    ("clusterTime", {"clusterTime": {"T": True, "I": 1}}),
    ("clusterTime", {"clusterTime": {"T": "5", "I": 1}}),
    ("clusterTime", {"clusterTime": {"T": -1, "I": 1}}),
    ("clusterTime", {"clusterTime": {"T": 5, "I": -1}}),
    ("clusterTime", {"clusterTime": {"T": 2**32, "I": 1}}),
    ("clusterTime", {"clusterTime": {"T": 5, "I": 2**32}}),
    ("clusterTime", {"clusterTime": {"$timestamp": {"t": 2**32, "i": 1}}}),
    ("clusterTime", {"clusterTime": {"$timestamp": {"t": True, "i": "1"}}}),
    ("clusterTime: lies in the future", {"clusterTime": {"T": 2**32 - 1, "I": 1}}),
]


@pytest.mark.parametrize(("named", "wrong"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_named(named, wrong):
    with pytest.raises(BadEvent, match=named):
        decode(inserted("one") | wrong)


@pytest.mark.parametrize("raw", [None, 5, "text", [], True], ids=repr)
def test_a_change_that_is_no_object_is_refused(raw):
    with pytest.raises(BadEvent, match="change: an object is needed"):
        decode(raw)


def test_the_servers_clock_may_run_ahead_of_ours_by_a_day():
    just = int((NOW + timedelta(days=1)).timestamp())

    assert decode(change_event("delete", "one", second=just - START)).cluster_time.seconds == just
    with pytest.raises(BadEvent, match="clusterTime: lies in the future"):
        decode(change_event("delete", "one", second=just - START + 1))


@pytest.mark.parametrize(
    ("event", "named"),
    [
        (None, "event: an object is needed"),
        ("text", "event: an object is needed"),
        ([], "event: an object is needed"),
        ({}, "event: holds no change"),
        ({"time": "2026-01-01T00:00:00Z"}, "event: holds no change"),
        ({"Records": [{"eventSource": "aws:kinesis"}]}, "event: holds no change"),
        ({"Records": "none"}, "event: holds no change"),
        ({"eventSource": "aws:docdb"}, r"event\.events: needs a list"),
        ({"eventSource": "aws:docdb", "events": {"event": {}}}, r"event\.events: needs a list"),
        ({"changes": None}, r"event\.changes: needs a list"),
        ({"changes": {"0": {}}}, r"event\.changes: needs a list"),
    ],
    ids=str,
)
def test_an_event_without_changes_is_refused(event, named):
    with pytest.raises(BadEvent, match=named):
        changes_in(event)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("{", "body: is not JSON"),
        ("", "body: is not JSON"),
        (None, "body: is not JSON"),
        (5, "body: is not JSON"),
        ({"detail": {}}, "body: is not JSON"),
        ("9" * 5000, "body: is not JSON"),
        ("5", "event: an object is needed"),
        ('{"changes": 5}', r"event\.changes: needs a list"),
        ("[" * 100_000, "body: nested too deeply"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "body: nested too deeply"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_message_that_holds_none_is_refused_alone(body, named):
    event = queued(relayed(inserted("one")), "{}", relayed(inserted("two")))
    event["Records"][1]["body"] = body

    first, wrong, last = arrivals(event, "contents", now=NOW)

    assert keys([first.change, last.change]) == ids("one", "two")
    assert wrong.message == "m1"
    assert isinstance(wrong.change, BadEvent)
    assert re.match(named, str(wrong.change))


def test_only_what_sqs_sent_is_a_queues():
    assert is_queue(queued(relayed()))
    assert is_queue({"Records": []})
    assert not any(map(is_queue, [None, {}, {"Records": None}, {"Records": [None]}, {"Records": [{}]}, relayed()]))
