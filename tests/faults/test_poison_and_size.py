"""Documents that are too large, malformed or wrongly dated, through the real relay and the real handler."""

import hashlib
import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.json_util import RELAXED_JSON_OPTIONS, dumps
from bson.raw_bson import RawBSONDocument

from functions.topics.handlers.classify_content import handler
from relay.follow import Follower
from relay.meter import Meter, logger
from relay.sinks import Here
from relay.watched import watched
from shared.runtime.changes import MAX_KEPT
from tests.changes import START, TEXT, deleted, edited, ids, inserted, nested, relayed, state
from tests.factories import an_id, post
from tests.relay.conftest import QUICK, Receiver, position_of
from tests.waiting import allowed, until

MB = 2**20
HOUR = timedelta(hours=1)
SECRET = "what nobody else may read"
CATS = "The cat slept on the sofa all day with her kittens"
BROKEN = b"\xff\xfe\xed\xa0\x80\xc0"  # invalid bytes, half a surrogate pair, and a character that is cut off


class Annotated(Receiver):
    """The real handler, which keeps the events that it was sent."""

    def send(self, events):
        outcome = Here(handler).send(events)
        super().send(events)
        return outcome


@pytest.fixture
def running(store, deployed):
    """Runs the relay with the real handler inside a `with`, and checks that nothing ends it; gives the handler."""

    @contextmanager
    def start():
        received, stop, contents = Annotated(), threading.Event(), watched()[0]
        thread = threading.Thread(target=Follower(store, contents, received, QUICK, stop).run, daemon=True)
        thread.start()
        try:
            until(lambda: position_of(store).get("token"))
            yield received
            assert thread.is_alive(), "nothing of this ends the relay"
        finally:
            stop.set()
            thread.join(allowed(15))

    return start


@pytest.fixture
def relay_log(monkeypatch):
    """The warnings and errors that the relay logs: (message, code)."""
    lines = []
    for level in ("error", "warning"):
        monkeypatch.setattr(logger, level, lambda message, **details: lines.append((message, details.get("code"))))
    return lines


@pytest.fixture
def row(databases):
    """The annotation of a post, by its name."""
    return lambda name: databases.app.contentinfo.find_one({"contentId": an_id(name)})


@pytest.fixture
def parked(databases):
    return lambda: list(databases.analytics.parkedChanges.find())


# Size


def test_a_change_above_16_megabytes_is_sent_as_its_key_and_the_next_one_follows(
    store, running, row, parked, relay_log, noon
):
    """An insert and updates whose event, with the document, is too large for the server."""
    contents, large = store.app.contents, "x" * (16 * MB - 2_000)
    with running() as received:
        contents.insert_one({"_id": an_id("large"), "visibility": "publish", "payload": {"message": TEXT, "x": large}})
        contents.insert_one(state("after the insert"))
        contents.insert_one({"_id": an_id("long"), "visibility": "publish", "payload": {"message": f"{TEXT} {large}"}})
        contents.update_one({"_id": an_id("large")}, {"$set": {"payload": {"message": CATS, "x": "y" * 15 * MB}}})
        contents.insert_one(state("after the update"))
        contents.update_one(
            {"_id": an_id("long")}, {"$set": {"payload.message": f"{CATS} " * (15 * MB // len(CATS + " "))}}
        )
        contents.insert_one(state("last"))
        until(lambda: row("last"))

    keys = [change["documentKey"]["_id"] for change in received.changes]
    assert keys == [
        an_id(name) for name in ("large", "after the insert", "long", "large", "after the update", "long", "last")
    ]
    for change in received.of(an_id("long")):
        assert change.keys() == {"operationType", "clusterTime", "ns", "documentKey"}
    assert all("fullDocument" in change for name in ("after the insert", "last") for change in received.of(an_id(name)))
    assert row("large")["topicScores"][0]["path"].startswith("pets"), "as it is now"
    assert row("long")["topicState"] == "named"
    assert parked() == []
    assert relay_log == []


@pytest.mark.parametrize("megabytes", [1, 6])
def test_a_key_of_megabytes_does_not_end_the_relay(store, running, row, parked, relay_log, noon, megabytes):
    """At six megabytes the event is too large for the server: the relay goes on behind it, from the documents."""
    contents, now = store.app.contents, datetime.now(UTC)
    with running():
        contents.insert_one(state("before", updatedAt=now))
        until(lambda: position_of(store).get("at") and row("before"))
        contents.insert_one({"_id": "k" * megabytes * MB, "payload": {"message": SECRET}, "updatedAt": now})
        contents.insert_one(state("after", updatedAt=now))
        until(lambda: row("after"))
        contents.insert_one(state("later", updatedAt=now))
        until(lambda: row("later"))
        until(parked)

    (change,) = parked()
    assert (change["event"], change["reason"]) == (None, "documentKey._id: a post has an ObjectId, not str")
    assert relay_log == ([("history lost", 10334), ("reconciled", None)] if megabytes > 5 else [])


def test_a_large_key_that_the_receiver_refuses_is_parked_without_it(store, follow, noon):
    receiver = Receiver(refuses=lambda event: len(event.key) > MAX_KEPT)
    with follow(receiver):
        store.app.contents.insert_one({"_id": "k" * MB, "payload": {"message": SECRET}})
        store.app.contents.insert_one(post("after", now=noon))
        until(lambda: receiver.of(an_id("after")))

    (change,) = store.analytics.parkedChanges.find()
    assert (change["event"], change["reason"], len(change["_id"])) == (None, "refused", 64)


# Poison


def raw(document, placeholder):
    """The document with bytes that are not UTF-8 in place of the placeholder."""
    data = bson.encode(document)
    assert len(placeholder) == len(BROKEN)
    assert placeholder.encode() in data
    return RawBSONDocument(data.replace(placeholder.encode(), BROKEN))


def with_message(name, message, **fields):
    return {"_id": an_id(name), "visibility": "publish", "payload": {"message": message}, **fields}


# Posts that have a text, whatever else is malformed.
SOUND = {
    "broken text": raw(with_message("broken text", f"{TEXT} XXXXXX"), "XXXXXX"),
    "a broken field": raw(with_message("a broken field", TEXT) | {"XXXXXX": 1}, "XXXXXX"),
    "a zero": with_message("a zero", f"{TEXT} \x00 \ufffe \uffff \U0010ffff"),
    "operators": with_message("operators", TEXT, **{"$where": "sleep(9)", "a.b": 1, "__proto__": {"x": 1}}),
    "operators beside": with_message("operators beside", TEXT)
    | {"payload": {"message": TEXT, "$ne": None, "a.b": 1, "__proto__": {"message": SECRET}}},
    "depth beside": with_message("depth beside", TEXT) | {"payload": {"message": TEXT, "deep": nested(170)}},
    "numbers": with_message("numbers", TEXT, updatedAt=float("nan"), n=[float("inf"), -0.0, Decimal128("NaN"), 2**62]),
    "a decimal date": with_message("a decimal date", TEXT, updatedAt=Decimal128("1e6000")),
    "code": with_message("code", Code(TEXT)),
    "an object for a date": with_message("an object for a date", TEXT, updatedAt={"$gt": ""}),
}
# Posts without a valid text: there is nothing to annotate, and nothing to replay.
TEXTLESS = {
    "a number": 5,
    "a huge number": Int64(2**62),
    "nan": float("nan"),
    "a decimal": Decimal128("NaN"),
    "an operator": {"$ne": None},
    "a list": [TEXT],
    "a hundred levels": nested(100),
    "as deep as can be": nested(178),
    "a pattern": Regex("^(a+)+$", "i"),
    "bytes": Binary(b"12", 4),
    "the ends": [MinKey(), MaxKey(), Timestamp(1, 2)],
    "a reference": {"$ref": 5, "$id": 6},
}
# Posts whose change cannot be read, except for the key.
UNREADABLE = {"a date that is none": {"$date": SECRET}, "an id that is none": {"$oid": SECRET}}
# Documents that are no posts.
KEYS = {
    "a sub-document": {"a": 1, "b": [1]},
    "a number": 7,
    "a huge number": Int64(2**62),
    "text": "a slug",
    "no number": float("nan"),
    "a decimal": Decimal128("Infinity"),
    "bytes": Binary(b"12", 4),
    "a date": datetime(2026, 1, 1, tzinfo=UTC),
    "yes": True,
    "nothing": None,
    "code": Code("f()"),
    "a time": Timestamp(1, 2),
}


def test_malformed_documents_are_annotated_where_they_have_a_text_and_the_relay_goes_on(
    store, running, row, parked, relay_log, databases
):
    contents = store.app.contents
    with running():
        for document in SOUND.values():
            contents.insert_one(document)
        for name, message in TEXTLESS.items():
            contents.insert_one(with_message(name, message))
        for name in SOUND.keys() - {"broken text"}:
            contents.update_one({"_id": an_id(name)}, {"$set": {"visibility": "publish", "payload.also": nested(90)}})
        contents.insert_one(state("last"))
        until(lambda: row("last"))

    for name in SOUND:
        assert row(name)["topicState"] == "named", name
    assert [name for name in TEXTLESS if "removedAt" not in row(name)] == []
    assert databases.app.contentinfo.count_documents({}) == len(SOUND) + len(TEXTLESS) + 1
    assert parked() == []
    assert relay_log == []


def test_documents_that_are_no_posts_or_cannot_be_read_are_parked_without_their_text_and_the_relay_goes_on(
    store, running, row, parked, relay_log, logged, databases
):
    contents = store.app.contents
    with running() as received:
        for key in KEYS.values():
            contents.insert_one({"_id": key, "payload": {"message": SECRET}})
        contents.insert_one(raw({"_id": "XXXXXX", "payload": {"message": SECRET}}, "XXXXXX"))
        for name, message in UNREADABLE.items():
            contents.insert_one(with_message(name, message))
        contents.insert_one(state("last"))
        until(lambda: row("last"))
        until(lambda: len(parked()) == len(KEYS) + 1 + len(UNREADABLE))
        until(lambda: sum(map(len, received.batches)) == len(parked()) + 1)
        events = [event for batch in received.batches for event in batch if event.key != str(an_id("last"))]
        hashes = {
            hashlib.sha256(json.dumps(json.loads(event.text), sort_keys=True).encode()).hexdigest() for event in events
        }

    reasons = sorted(change["reason"] for change in parked())
    assert {reason.partition(":")[0] for reason in reasons} == {"documentKey._id", "fullDocument"}
    assert sum(reason.startswith("fullDocument") for reason in reasons) == len(UNREADABLE)
    assert {change["_id"] for change in parked()} == hashes
    assert {change["function"] for change in parked()} == {"classify_content"}
    assert SECRET not in str(parked())
    assert SECRET not in str(logged())
    assert databases.app.contentinfo.distinct("contentId") == ids("last")
    assert relay_log == []


# Clocks


@pytest.fixture
def clock(monkeypatch):
    """Sets the clocks of the relay and of the handler wrong by a time span."""

    def wrong_by(span):
        class Wrong(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + span

        for module in ("shared.runtime.changes", "relay.meter", "relay.follow"):
            monkeypatch.setattr(f"{module}.datetime", Wrong)

    return wrong_by


each_hour = pytest.mark.parametrize("hours", [-1, 1], ids=["behind", "ahead"])


@each_hour
def test_with_a_clock_that_is_an_hour_wrong_the_servers_time_decides(store, running, row, clock, parked, hours):
    clock(HOUR * hours)
    contents = store.app.contents
    with running() as received:
        contents.insert_one(state("one", TEXT, updatedAt=datetime.now(UTC)))
        until(lambda: row("one"))
        contents.update_one({"_id": an_id("one")}, {"$set": {"payload.message": CATS, "updatedAt": datetime.now(UTC)}})
        contents.insert_one(state("last"))
        until(lambda: row("last") and received.of(an_id("last")))
        first, second = received.of(an_id("one"))
        assert row("one")["topicScores"][0]["path"].startswith("pets")
        handler(relayed(*[json.loads(batch[0].text) for batch in received.batches[:1]]), None)  # the insert again

    assert row("one")["topicScores"][0]["path"].startswith("pets")
    assert row("one")["clusterTime"] == second["clusterTime"] > first["clusterTime"]
    assert parked() == []


@each_hour
def test_changes_whose_time_is_an_hour_from_ours_are_processed_in_their_order(
    store, deployed, databases, row, parked, hours
):
    second = int((datetime.now(UTC) + HOUR * hours).timestamp()) - START

    handler(relayed(edited("one", CATS, second=second + 1)), None)
    handler(relayed(inserted("one", TEXT, second=second)), None)
    handler(relayed(deleted("two", second=second + 2), edited("two", CATS, second=second + 1)), None)
    handler(relayed(inserted("two", CATS, second=second)), None)

    assert row("one")["topicScores"][0]["path"].startswith("pets")
    assert "removedAt" in row("two")
    assert parked() == []


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1901, 12, 13, 20, 45, 51, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        DatetimeMS(2**62),
        DatetimeMS(-(2**62)),
        Int64(2**31),
        -1,
        Timestamp(2**32 - 1, 2**32 - 1),
    ],
    ids=str,
)
def test_whatever_the_date_of_a_post_is_the_last_change_counts(store, deployed, row, moment, parked):
    newer, older = "2026-01-01T00:00:00Z", moment
    event = edited("one", CATS, second=2)
    event["fullDocument"]["updatedAt"] = json.loads(dumps(older, json_options=RELAXED_JSON_OPTIONS))

    for batch in ([inserted("one", TEXT, updatedAt=datetime.fromisoformat(newer)), event], [event], [inserted("one")]):
        handler(relayed(*batch), None)
        assert row("one")["topicScores"][0]["path"].startswith("pets")
    assert parked() == []


@pytest.mark.parametrize("hours", [-2, -1, 0, 1], ids=str)
def test_the_lag_is_never_negative(clock, hours):
    meter = Meter("contents", up_to=datetime.now(UTC))
    clock(HOUR * hours)

    assert max(3600 * hours, 0) <= meter.lag_s < max(3600 * hours, 0) + 60
