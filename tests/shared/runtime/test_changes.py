"""What becomes of changes: handled, parked, returned to their queue, or raised."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from bson import ObjectId
from pymongo.errors import AutoReconnect

from shared.errors import BadConfig, BadEvent, Conflict, StaleModel, Unavailable
from shared.report import Report
from shared.runtime.changes import on_change
from tests.changes import (
    atlas,
    change_event,
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
)
from tests.factories import an_id

SECRET = "what nobody else may read"


@pytest.fixture
def taken():
    """The batches that the body was called with."""
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
    """The changes that are parked now."""
    return lambda: list(databases.analytics.parkedChanges.find().sort("firstAt", 1))


def failing_with(failures, taken=None):
    """A handler whose body fails for a batch that holds one of these posts.

    failures  by key
    taken     gets the keys of each batch that the body is called with
    """

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


def collection_event(kind, **fields):
    """An event of a change stream about a collection."""
    namespace = {"db": "app-db", "coll": "contents"}
    return {"_id": {"_data": "82"}, "operationType": kind, "ns": namespace, **fields}


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
    assert [(line["error"], line["reason"], line["payload"]) for line in errors] == [
        ("BadEvent", row["reason"], row["_id"])
    ] * 2
    assert SECRET not in str(logged())


def test_the_name_of_what_is_parked_is_the_hash_of_its_payload(handler, parked):
    raw = secret_post(documentKey={"_id": None})

    handler(relayed(raw), None)

    assert parked()[0]["_id"] == hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def test_different_payloads_are_parked_apart_even_where_they_are_nested_too_deeply(handler, parked):
    deep = [change_event("insert", name, second=2) | {"fullDocument": nested(10_000)} for name in ("one", "two")]

    answer = handler(relayed(*deep, {"x": 1}, {"x": 2}), None)

    assert answer["parked"] == 4
    assert [row["times"] for row in parked()] == [1, 1, 1, 1]


def test_what_names_a_document_can_be_sent_again_by_its_key(handler, parked):
    whole = inserted("one", SECRET) | {"fullDocument": {"text": SECRET, "at": {"$date": "x"}}}
    timeless = change_event("insert", "two", second=None) | {"fullDocument": SECRET}

    handler(relayed(whole, timeless, {"operationType": "insert"}), None)

    kept = [row["event"] and json.loads(row["event"]) for row in parked()]
    named = [{**change_event("insert", name), "_id": None} for name in ("one", "two")]
    assert [event and (event["operationType"], event["ns"], event["documentKey"]) for event in kept] == [
        *[(event["operationType"], event["ns"], event["documentKey"]) for event in named],
        None,
    ]
    assert kept[0]["clusterTime"] == whole["clusterTime"]


def test_a_large_key_is_not_kept(handler, parked):
    handler(relayed(change_event("insert", "one") | {"documentKey": {"_id": [SECRET * 1000]}}), None)

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
    *(collection_event(kind) for kind in ("drop", "rename", "dropDatabase", "invalidate")),
    *(
        collection_event(kind)
        for kind in ("create", "createIndexes", "dropIndexes", "modify", "shardCollection", "reshardCollection")
    ),
    collection_event("refineCollectionShardKey", operationDescription={"shardKey": {"a": 1}}),
    collection_event("rename", to={"db": "app-db", "coll": "others"}),
    collection_event("a kind of a later server"),
    collection_event("drop", ns={"db": "app-db", "coll": "others"}),
    collection_event("dropDatabase", ns={"db": "app-db"}),
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


@pytest.mark.parametrize("good", [0, 2])
def test_what_the_body_calls_no_post_is_parked_with_its_reason(deployed, parked, good):
    handler = failing_with({an_id("bad"): BadEvent("documentKey._id: needs a post")})

    answer = handler(relayed(inserted("bad"), *[inserted(f"good {n}") for n in range(good)]), None)

    assert answer == {"read": good, "written": good, "parked": 1}
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
    ("error", "raised"), [(AutoReconnect("x"), Unavailable), (Unavailable("x"), Unavailable)], ids=["driver", "ours"]
)
def test_a_database_that_fails_takes_the_whole_batch_back(deployed, parked, error, raised):
    handler = failing_with({an_id("two"): error})
    changes = [inserted("one"), {"operationType": "poison"}, inserted("two")]

    for event in (relayed(*changes), documentdb(*changes), queued(*map(relayed, changes))):
        with pytest.raises(raised):
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
