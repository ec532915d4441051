"""From what each source sends to changes, and what becomes of those that are none."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from bson import ObjectId
from pymongo.errors import AutoReconnect

from layers.build import ROOT
from shared.change import Change, ClusterTime
from shared.errors import BadConfig, BadEvent, Conflict, StaleModel, Unavailable
from shared.report import Report
from shared.runtime.changes import arrivals, change_of, is_queue, on_change
from tests.changes import (
    START,
    as_json,
    atlas,
    deleted,
    documentdb,
    edited,
    ids,
    inserted,
    keys,
    nested,
    queued,
    relayed,
    returned,
    state,
    told,
)
from tests.factories import an_id

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECRET = "what nobody else may read"
SAMPLES = sorted((ROOT / "events/topics/classify_content").glob("*.json"))
WITHOUT_DOCUMENT = {"atlas_delete", "atlas_update_without_document", "documentdb_delete", "relay_key_only"}
OF_THE_INSERT = [path for path in SAMPLES if path.stem not in WITHOUT_DOCUMENT | {"atlas_like"}]


def sample(path):
    return json.loads(path.read_text())


def changes_in(event, now=NOW):
    return [one.change for one in arrivals(event, "contents", now=now)]


def one_of(raw, now=NOW):
    return change_of(raw, "contents", now=now)


# What they mean


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
    assert [one.message for one in arrivals(queued(sample(path)), "contents", now=NOW)] == ["m0"]


@pytest.mark.parametrize(("levels", "name"), [(1, "relay"), (3, "documentdb")])
def test_sqs_with_several_messages_keeps_their_order_and_their_ids(levels, name):
    event = queued(*[sample(ROOT / f"events/topics/classify_content/{name}.json") for _ in range(levels)])

    assert [one.message for one in arrivals(event, "contents", now=NOW)] == [f"m{n}" for n in range(levels)]


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
    ("given", "meant"),
    [
        ({"T": 5, "I": 2}, ClusterTime(5, 2)),
        ({"$timestamp": {"t": 5, "i": 2}}, ClusterTime(5, 2)),
        ({"$timestamp": {"t": {"$numberLong": "5"}, "i": {"$numberInt": "2"}}}, ClusterTime(5, 2)),
        ({"T": {"$numberLong": "5"}, "I": 0}, ClusterTime(5, 0)),
        (None, None),
    ],
    ids=str,
)
def test_the_cluster_time_is_read_in_each_of_its_forms(given, meant):
    assert one_of(told("insert", "one") | {"clusterTime": given}).cluster_time == meant


def test_extended_json_tells_an_id_from_its_hex_digits_and_plain_json_does_not():
    digits = {"_id": str(an_id("one"))}
    as_id, as_text = told("insert", "one"), told("insert", "one", documentKey=digits)
    plain = told("insert", "one", documentKey=digits) | {"clusterTime": {"T": 5, "I": 2}}

    assert [one_of(raw).has_text_key for raw in (as_id, as_text, plain)] == [False, True, False]
    assert {one_of(raw).key for raw in (as_id, as_text, plain)} == {an_id("one")}


def test_a_change_without_a_cluster_time_has_none():
    assert one_of(told("insert", "one", second=None)).cluster_time is None


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
    change = one_of(told("update", "one", updateDescription=description))

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

    document = one_of(told("insert", "one") | {"fullDocument": plain}).document

    assert document["_id"] == ObjectId("f" * 24)
    assert document["payload"] == {"message": moment, "link": [{"id": ObjectId("e" * 24)}]}
    assert document["updatedAt"] == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "read"),
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
def test_a_date_is_an_aware_moment_or_stays_what_it_was(given, read):
    change = one_of(told("insert", "one") | {"fullDocument": {"updatedAt": given}})

    assert change.document == {"updatedAt": read}


@pytest.mark.parametrize(
    ("key", "meant"),
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
def test_a_key_is_what_is_stored_as_the_id(key, meant):
    assert one_of(told("delete", "one") | {"documentKey": {"_id": key}}).key == meant


# What is refused


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
        one_of(inserted("one") | wrong)


@pytest.mark.parametrize("raw", [None, 5, "text", [], True], ids=repr)
def test_a_change_that_is_no_object_is_refused(raw):
    with pytest.raises(BadEvent, match="change: an object is needed"):
        one_of(raw)


def test_the_servers_clock_may_run_ahead_of_ours_by_a_day():
    just = int((NOW + timedelta(days=1)).timestamp())

    assert one_of(told("delete", "one", second=just - START)).cluster_time.seconds == just
    with pytest.raises(BadEvent, match="clusterTime: lies in the future"):
        one_of(told("delete", "one", second=just - START + 1))


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


# What becomes of it


@pytest.fixture
def taken():
    """The batches that the body was given."""
    return []


@pytest.fixture
def handler(deployed, taken):
    @on_change("contents")
    def body(changes):
        taken.append(list(changes.items))
        return Report(len(changes.items), len(changes.items))

    return body


@pytest.fixture
def parked(store, databases):
    """What is parked now."""
    return lambda: list(databases.analytics.parkedChanges.find().sort("firstAt", 1))


def failing_with(failures, taken=None):
    """A handler whose body fails for a batch that holds one of these posts, and that is told what it was given."""

    @on_change("contents")
    def body(changes):
        if taken is not None:
            taken.append(keys(changes.items))
        for change in changes.items:
            if change.key in failures:
                raise failures[change.key]
        return Report(len(changes.items), len(changes.items))

    return body


def secret_post(**wrong):
    return inserted("poison", SECRET) | wrong


def told_of(kind, **fields):
    """An event of a change stream that tells of a collection."""
    space = {"db": "app-db", "coll": "contents"}
    return {"_id": {"_data": "82"}, "operationType": kind, "ns": space, **fields}


POISON = {
    "text": lambda: SECRET,
    "a number": lambda: 5,
    "nothing": lambda: None,
    "a list": lambda: [SECRET],
    "no operation": lambda: {name: value for name, value in secret_post().items() if name != "operationType"},
    "an unknown operation on a document": lambda: secret_post(operationType="upsert"),
    "another collection": lambda: secret_post(ns={"db": "app-db", "coll": "users"}),
    "no key": lambda: secret_post(documentKey={}),
    "an operator for a key": lambda: secret_post(documentKey={"_id": {"$ne": None}}),
    "a wrapper of a wrong type": lambda: secret_post(documentKey={"_id": {"$oid": 5}}),
    "a wrapper of an impossible date": lambda: secret_post(fullDocument={SECRET: {"$date": SECRET}}),
    "a wrapper beside text": lambda: secret_post(fullDocument={"!" + SECRET: 1, "$oid": SECRET}),
    "a huge number in a wrapper": lambda: secret_post(documentKey={"_id": {"$numberLong": "9" * 5000}}),
    "a huge number": lambda: secret_post(clusterTime={"T": 10**4000, "I": 1}),
    "a larger one": lambda: secret_post(clusterTime={"T": 10**5000, "I": 1}),
    "a document that is text": lambda: secret_post(fullDocument=SECRET),
    "half a character for a time": lambda: secret_post(clusterTime="\ud800"),
    "a deep document": lambda: secret_post(fullDocument=nested(10_000)),
    "a deep key": lambda: secret_post(documentKey={"_id": nested(10_000)}),
    "a deep operation": lambda: secret_post(operationType=nested(10_000)),
    "depth alone": lambda: nested(10_000),
}

each_poison = pytest.mark.parametrize("poison", POISON)
each_batch = pytest.mark.parametrize("batch", [documentdb, relayed], ids=["documentdb", "relay"])


@each_batch
@each_poison
def test_poison_is_parked_and_the_others_go_on(handler, taken, parked, logged, batch, poison):
    event = batch(inserted("one"), POISON[poison](), deleted("two", second=2))

    for times in (1, 2):
        answer = handler(event, None)

        assert answer == {"read": 2, "written": 2, "parked": 1}
        assert keys(taken[-1]) == ids("one", "two")
        (row,) = parked()
        assert row["times"] == times

    assert len(row["_id"]) == 64
    assert row["function"] == "test_changes"
    assert ":" in row["reason"], "the reason names a field"
    assert row["lastAt"] > row["firstAt"]
    assert SECRET not in str(row)
    errors = [line for line in logged() if line["level"] == "ERROR"]
    assert [(one["error"], one["reason"], one["payload"]) for one in errors] == [
        ("BadEvent", row["reason"], row["_id"])
    ] * 2
    assert SECRET not in str(logged())


def test_the_name_of_what_is_parked_is_the_hash_of_its_payload(handler, parked):
    raw = secret_post(documentKey={"_id": None})

    handler(relayed(raw), None)

    assert parked()[0]["_id"] == hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def test_different_payloads_are_parked_apart_even_where_they_are_nested_too_deeply(handler, parked):
    deep = [told("insert", name, second=2) | {"fullDocument": nested(10_000)} for name in ("one", "two")]

    answer = handler(relayed(*deep, {"x": 1}, {"x": 2}), None)

    assert answer["parked"] == 4
    assert [row["times"] for row in parked()] == [1, 1, 1, 1]


def test_what_names_a_document_can_be_sent_again_by_its_key(handler, parked):
    whole = inserted("one", SECRET) | {"fullDocument": {"text": SECRET, "at": {"$date": "x"}}}
    timeless = told("insert", "two", second=None) | {"fullDocument": SECRET}

    handler(relayed(whole, timeless, {"operationType": "insert"}), None)

    kept = [row["event"] and json.loads(row["event"]) for row in parked()]
    named = [{**told("insert", name), "_id": None} for name in ("one", "two")]
    assert [one and (one["operationType"], one["ns"], one["documentKey"]) for one in kept] == [
        *[(one["operationType"], one["ns"], one["documentKey"]) for one in named],
        None,
    ]
    assert kept[0]["clusterTime"] == whole["clusterTime"]


def test_a_large_key_is_not_kept(handler, parked):
    handler(relayed(told("insert", "one") | {"documentKey": {"_id": [SECRET * 1000]}}), None)

    assert parked()[0]["event"] is None


def test_half_a_character_in_the_text_is_no_poison(handler, taken):
    handler(relayed(inserted("one", "half \ud800 a character")), None)

    assert taken[0][0].document["payload"]["message"] == "half \ud800 a character"


def test_strange_keys_in_a_document_are_only_keys(handler, taken, parked):
    strange = {
        "__proto__": {"admin": True},
        "constructor": 1,
        "a.b": 1,
        "$where": "sleep(1000)",
        "$set": {"visibility": "deleted"},
        "": 0,
        "visibility": "publish",
    }

    handler(relayed(inserted("one") | {"fullDocument": strange}), None)

    assert taken[0][0].document == strange
    assert parked() == []


def test_a_shape_that_nobody_knows_is_raised(handler, taken, parked, logged):
    with pytest.raises(BadEvent, match="event: holds no change"):
        handler({"hello": "world"}, None)

    assert taken == parked() == []
    assert [line["error"] for line in logged()] == ["BadEvent"]


@pytest.mark.parametrize("event", [documentdb(), relayed(), {"Records": []}], ids=["documentdb", "relay", "sqs"])
def test_no_changes_are_a_quiet_success_and_the_body_is_not_asked(handler, taken, event):
    answer = handler(event, None)

    assert answer in ({"read": 0, "written": 0}, {"batchItemFailures": []})
    assert taken == []


@each_poison
def test_of_sqs_only_the_poisonous_messages_come_back(handler, taken, parked, logged, poison):
    try:
        body = json.dumps(relayed(POISON[poison]()))
    except (RecursionError, ValueError):
        body = '{"changes": [' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "]}"

    answer = handler(queued(relayed(inserted("one")), body, atlas(inserted("two")), body), None)

    assert returned(answer) == ["m1", "m3"]
    assert keys(taken[-1]) == ids("one", "two")
    assert parked() == [], "the queue keeps what it sent"
    assert SECRET not in str(logged())
    assert [line["report"]["returned"] for line in logged() if line["message"] == "done"] == [2]


def test_a_message_fails_as_a_whole_but_its_good_changes_are_handled(handler, taken):
    bad = {"operationType": None}
    event = queued(documentdb(inserted("one"), bad, inserted("two"), bad), documentdb(inserted("three")), relayed(bad))

    assert returned(handler(event, None)) == ["m0", "m2"]
    assert keys(taken[-1]) == ids("one", "two", "three")


NO_DOCUMENT = [
    *(told_of(kind) for kind in ("drop", "rename", "dropDatabase", "invalidate")),
    *(
        told_of(kind)
        for kind in ("create", "createIndexes", "dropIndexes", "modify", "shardCollection", "reshardCollection")
    ),
    told_of("refineCollectionShardKey", operationDescription={"shardKey": {"a": 1}}),
    told_of("rename", to={"db": "app-db", "coll": "others"}),
    told_of("a kind of a later server"),
    told_of("drop", ns={"db": "app-db", "coll": "others"}),
    told_of("dropDatabase", ns={"db": "app-db"}),
    {"operationType": "invalidate", "_id": {"_data": "82"}},
]


@pytest.mark.parametrize("event", NO_DOCUMENT, ids=lambda event: str(event["operationType"]))
@pytest.mark.parametrize("around", [documentdb, relayed])
def test_what_tells_of_no_document_is_counted_and_passed_over(handler, taken, parked, around, event):
    answer = handler(around(event, inserted("one"), event), None)

    assert answer == {"read": 1, "written": 1, "ignored": 2}
    assert keys(taken[-1]) == ids("one")
    assert parked() == []


@pytest.mark.parametrize("event", NO_DOCUMENT, ids=lambda event: str(event["operationType"]))
def test_what_tells_of_no_document_is_a_quiet_success_alone_and_no_failed_message(handler, taken, parked, event):
    assert handler(atlas(event), None) == {"read": 0, "written": 0, "ignored": 1}
    assert handler(queued(atlas(event), relayed(event), documentdb(event)), None) == {"batchItemFailures": []}
    assert taken == []
    assert parked() == []


def test_sqs_is_told_when_all_went_well(handler, taken):
    assert handler(queued(relayed(inserted("one")), relayed(inserted("two"))), None) == {"batchItemFailures": []}
    assert len(taken) == 1, "all messages are one batch"


@each_batch
def test_a_change_that_fails_for_good_is_parked_by_the_kind_of_its_failure(deployed, parked, logged, batch):
    taken: list[list[ObjectId]] = []
    handler = failing_with({an_id("two"): RuntimeError(SECRET)}, taken)

    answer = handler(batch(inserted("one"), inserted("two", SECRET), inserted("three")), None)

    assert answer == {"read": 2, "written": 2, "parked": 1}
    assert taken == [ids("one", "two", "three"), ids("one"), ids("two"), ids("three")], (
        "first together, then each alone"
    )
    (row,) = parked()
    assert row["reason"] == "RuntimeError"
    assert SECRET not in str(row)
    (error,) = [line for line in logged() if line["level"] == "ERROR"]
    assert (error["error"], error["reason"], error["payload"]) == ("Unforeseen", "RuntimeError", row["_id"])
    assert "in body" in error["exception"], "the log says where"
    assert SECRET not in str(logged())


def test_of_sqs_only_the_message_that_fails_for_good_comes_back(deployed, parked):
    handler = failing_with({an_id("two"): RuntimeError(SECRET)})

    answer = handler(queued(*[relayed(inserted(name)) for name in ("one", "two", "three")]), None)

    assert returned(answer) == ["m1"]
    assert parked() == []


@pytest.mark.parametrize("names", [["one"], ["one", "two", "three"]], ids=len)
def test_no_change_stands_in_the_way_of_its_source_not_even_where_every_one_fails(deployed, parked, names):
    """A change stream would send it again for ever, and EventBridge keep it with its text."""
    handler = failing_with({an_id(name): ZeroDivisionError(SECRET) for name in names})
    batch = [inserted(name, SECRET) for name in names]

    for event in (documentdb(*batch), relayed(*batch)):
        assert handler(event, None) == {"read": 0, "written": 0, "parked": len(names)}

    assert [row["reason"] for row in parked()] == ["ZeroDivisionError"] * len(names)
    assert {json.loads(row["event"])["documentKey"]["_id"]["$oid"] for row in parked()} == set(map(str, ids(*names)))
    assert returned(handler(queued(*map(relayed, batch)), None)) == [f"m{n}" for n in range(len(names))]


def test_one_that_came_by_eventbridge_alone_is_parked(deployed, parked):
    handler = failing_with({an_id("one"): ZeroDivisionError(SECRET)})

    assert handler(atlas(inserted("one", SECRET)), None) == {"read": 0, "written": 0, "parked": 1}
    assert [row["reason"] for row in parked()] == ["ZeroDivisionError"]
    assert SECRET not in str(parked())


@pytest.mark.parametrize("others", [0, 2])
def test_what_the_body_calls_no_post_is_parked_with_its_reason(deployed, parked, others):
    handler = failing_with({an_id("bad"): BadEvent("documentKey._id: needs a post")})

    answer = handler(relayed(inserted("bad"), *[inserted(f"good {n}") for n in range(others)]), None)

    assert answer == {"read": others, "written": others, "parked": 1}
    assert [row["reason"] for row in parked()] == ["documentKey._id: needs a post"]


def test_what_another_run_is_doing_is_not_passed_over(deployed, parked):
    handler = failing_with({an_id("one"): Conflict("another run is under way")})

    with pytest.raises(Unavailable, match="another run is under way"):
        handler(relayed(inserted("one"), inserted("two")), None)

    assert parked() == []


def test_a_setting_that_is_missing_for_one_of_several_loses_none(deployed, parked):
    handler = failing_with({an_id("two"): BadConfig("ARTIFACT_KEYS is missing")})

    with pytest.raises(BadConfig):
        handler(relayed(*map(inserted, ("one", "two", "three"))), None)

    assert parked() == []


@pytest.mark.parametrize("names", [["one"], ["one", "two"]], ids=len)
@pytest.mark.parametrize("error", [BadConfig("ARTIFACT_KEYS is missing"), StaleModel("x")], ids=repr)
def test_a_deployment_that_is_not_set_up_loses_no_change(deployed, parked, names, error):
    handler = failing_with(dict.fromkeys(ids("one", "two"), error))

    with pytest.raises(type(error)):
        handler(relayed(*map(inserted, names)), None)

    assert parked() == []


@pytest.mark.parametrize(
    ("error", "told"), [(AutoReconnect("x"), Unavailable), (Unavailable("x"), Unavailable)], ids=["driver", "ours"]
)
def test_a_database_that_fails_takes_the_whole_batch_back(deployed, parked, error, told):
    handler = failing_with({an_id("two"): error})
    changes = [inserted("one"), {"operationType": "poison"}, inserted("two")]

    for event in (relayed(*changes), documentdb(*changes), queued(*map(relayed, changes))):
        with pytest.raises(told):
            handler(event, None)

    assert parked() == []


def test_a_database_that_fails_while_changes_go_one_by_one_takes_the_batch_back_too(deployed, parked):
    handler = failing_with({an_id("one"): RuntimeError("x"), an_id("two"): AutoReconnect("x")})

    with pytest.raises(Unavailable):
        handler(relayed(inserted("one"), inserted("two"), inserted("three")), None)

    assert parked() == []


def test_counts_of_changes_that_went_one_by_one_are_added_up(deployed):
    @on_change("contents")
    def body(changes):
        if len(changes.items) > 1 or changes.items[0].key == an_id("two"):
            raise RuntimeError("x")
        return Report(1, 1, 1, malformed=[changes.items[0].key], details={"unconcerned": 2})

    answer = body(relayed(inserted("one"), inserted("two"), inserted("three")), None)

    assert answer == {"read": 2, "written": 2, "removed": 2, "malformed": 2, "unconcerned": 4, "parked": 1}


def test_a_warm_up_does_nothing(handler, taken, parked, logged):
    assert handler({"source": "serverless-plugin-warmup"}, None) is None

    assert taken == parked() == logged() == []


def test_logs_hold_no_text_of_a_post(handler, taken, logged, capsys):
    changes = [inserted("one", SECRET), edited("two", SECRET), secret_post(operationType=SECRET)]

    for event in (relayed(*changes), documentdb(*changes), queued(*map(relayed, changes)), atlas(changes[0])):
        handler(event, None)

    assert len(logged()) == 7
    assert SECRET not in str(logged()) + capsys.readouterr().out
    assert all(SECRET in str(batch[0].document) for batch in taken)


def test_the_moment_of_a_batch_is_the_moment_it_came(deployed):
    moments = []

    @on_change("contents")
    def body(changes):
        moments.append(changes.time)
        return Report()

    before = datetime.now(UTC)
    body(relayed(inserted("one")), None)

    assert before <= moments[0] <= datetime.now(UTC)


def test_an_offset_is_no_other_moment():
    there = timezone(timedelta(hours=7))
    here = state("one", second=60)
    moved = as_json(here) | {"updatedAt": here["updatedAt"].astimezone(there).isoformat()}

    assert one_of(told("insert", "one") | {"fullDocument": moved}).document["updatedAt"] == here["updatedAt"]
