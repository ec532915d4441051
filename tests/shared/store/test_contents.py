"""The present state of posts, and pages of the posts that have a text."""

from datetime import UTC, datetime

import pytest
from bson import DatetimeMS, ObjectId, encode
from bson.raw_bson import RawBSONDocument

from shared.change import ClusterTime
from shared.store.batches import IDS_A_BATCH
from tests.factories import an_id, post


@pytest.fixture
def contents(store):
    return store.contents


def numbered(n):
    return ObjectId(bytes([n]) * 12)


def test_the_present_state_of_a_post_is_read(contents, databases, noon):
    databases.app.contents.insert_one(post("one", now=noon, payload={"message": "text", "link": ["x"]}))

    ((order, document),) = contents.now([an_id("one")]).values()

    assert document == {
        "_id": an_id("one"),
        "visibility": "publish",
        "payload": {"message": "text"},
        "updatedAt": document["updatedAt"],
    }
    assert order.updated_at == document["updatedAt"]


def test_a_missing_post_is_none_as_of_now(contents, databases, noon):
    databases.app.contents.insert_one(post("one", now=noon))

    states = contents.now([an_id("one"), an_id("gone")])

    order, document = states[an_id("gone")]
    assert document is None
    assert order.updated_at is None
    assert order.cluster_time == states[an_id("one")][0].cluster_time


def test_the_moment_of_a_read_lies_before_every_later_change_and_not_before_any_earlier(contents, databases, noon):
    for _ in range(20):
        with databases.app.client.start_session() as session:
            databases.app.contents.insert_one(document := {"visibility": "publish"}, session=session)
            before = session.operation_time
            order, _ = contents.now([document["_id"]])[document["_id"]]
            databases.app.contents.delete_one(document, session=session)
            after = session.operation_time

        assert ClusterTime(before.time, before.inc) <= order.cluster_time < ClusterTime(after.time, after.inc)


def test_no_posts_are_asked_for(contents):
    assert contents.now([]) == {}


def test_more_posts_than_one_command_takes_are_read_in_several(contents, databases, noon):
    databases.app.contents.insert_many([post(f"post {n}", now=noon) for n in range(5)])
    gone = [an_id(f"gone {n}") for n in range(IDS_A_BATCH)]

    states = contents.now([*[an_id(f"post {n}") for n in range(3)], *gone, *[an_id(f"post {n}") for n in (3, 4)]])

    assert [document is not None for _, document in states.values()] == [True] * 3 + [False] * len(gone) + [True] * 2


@pytest.mark.parametrize(
    ("stored", "decoded"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        (DatetimeMS(2**62), None),
        ("yesterday", None),
        (5, None),
        (None, None),
    ],
    ids=str,
)
def test_a_malformed_date_is_unknown(contents, databases, noon, stored, decoded):
    databases.app.contents.insert_one(post("one", now=noon, updatedAt=stored))

    order, document = contents.now([an_id("one")])[an_id("one")]

    assert order.updated_at == decoded
    assert document["payload"]["message"] == "hello from one"


def test_text_that_is_not_utf_8_is_read_all_the_same(contents, databases):
    key = numbered(1)
    databases.app.contents.insert_one(RawBSONDocument(invalid_text(key)))

    _, document = contents.now([key])[key]

    assert (
        document["payload"]["message"]
        == "The match report has two bad bytes \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} in it"
    )


def invalid_text(key):
    """BSON of a published post whose message holds two bytes that are not UTF-8."""
    encoded = encode(
        {"_id": key, "visibility": "publish", "payload": {"message": "The match report has two bad bytes ?? in it"}}
    )
    return encoded.replace(b"??", b"\xff\xfe")


def test_posts_with_a_text_come_newest_first_in_pages(contents, databases):
    texts = ["a", "", "b", None, 5, "c", ["d"], " "]
    documents = [{"_id": numbered(n), "visibility": "publish", "payload": {"message": t}} for n, t in enumerate(texts)]
    documents += [
        {"_id": numbered(20), "visibility": "deleted", "payload": {"message": "x"}},
        {"_id": numbered(21), "payload": {"message": "x"}},
        {"_id": numbered(22), "visibility": "publish", "payload": {}},
        {"_id": "text", "visibility": "publish", "payload": {"message": "x"}},
    ]
    databases.app.contents.insert_many(documents)

    first = contents.with_text(2, None)

    assert first == [numbered(7), numbered(6)]
    assert contents.with_text(10, first[-1]) == [numbered(5), numbered(2), numbered(0)]
    assert contents.with_text(10, numbered(0)) == []
