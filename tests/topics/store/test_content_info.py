"""The stored annotations of posts, and which of two states of a post stays."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from bson import ObjectId, Timestamp

from functions.topics.store.content_info import AnnotationRow, ContentInfo, StoredAnnotation
from shared.change import ClusterTime, Order
from tests.changes import moment
from tests.factories import an_id, topics_of

POST = an_id("post")
MINUTE = timedelta(minutes=1)
UNKNOWN = Order(ClusterTime(0, 0), None)
STUB = {"_id", "contentId", "clusterTime", "contentUpdatedAt", "removedAt", "updatedAt"}


@pytest.fixture
def info(store):
    return ContentInfo(store)


@pytest.fixture
def rows(databases):
    return lambda: list(databases.app.contentinfo.find().sort("contentId", 1))


def at(time, updated=None, count=1):
    """The order of a state: its cluster time and its `updatedAt` [s since 1970]; the latter may be unknown."""
    return Order(ClusterTime(time, count), None if updated is None else moment(updated))


def annotation(text, order, post=POST, **fields):
    return AnnotationRow(post, f"hash of {text}", "m1", order, {"language": "en", "topics": [], "text": text} | fields)


def text_of(rows):
    return [row.get("text") for row in rows]


def test_a_row_says_what_was_found_and_of_which_state(info, rows, noon):
    assert info.put([annotation("a", at(5, 7), vector=b"\x00" * 1024)], now=noon) == 1

    (row,) = rows()
    assert isinstance(row.pop("_id"), ObjectId)
    assert row == {
        "contentId": POST,
        "language": "en",
        "topics": [],
        "text": "a",
        "vector": b"\x00" * 1024,
        "textHash": "hash of a",
        "model": "m1",
        "clusterTime": Timestamp(5, 1),
        "contentUpdatedAt": moment(7),
        "updatedAt": noon,
    }
    assert info.known([POST, an_id("other")]) == {POST: StoredAnnotation("hash of a", "m1", at(5, 7))}


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        (at(5, 7), at(6, 1), "second"),  # a later cluster time, whatever updatedAt says
        (at(6, 1), at(5, 7), "first"),
        (at(5, 7, count=1), at(5, 1, count=2), "second"),
        (at(5, 1, count=2), at(5, 7, count=1), "first"),
        (at(5, 1), at(5, 2), "second"),  # the same cluster time: updatedAt decides
        (at(5, 2), at(5, 1), "first"),
        (at(5, 1), at(5, 1), "first"),
        (at(5, None), at(5, 1), "first"),  # unknown which is newer: the writer has to find out
        (at(5, 1), at(5, None), "first"),
        (at(5, None), at(5, None), "first"),
    ],
    ids=str,
)
def test_of_two_states_the_one_that_is_surely_newer_stays(info, rows, noon, first, second, stays):
    assert (second.is_after(first) is True) == (stays == "second"), "as Python decides it"
    info.put([annotation("first", first)], now=noon)
    before = rows()

    written = info.put([annotation("second", second)], now=noon + MINUTE)

    assert text_of(rows()) == [stays]
    assert written == (stays == "second")
    assert rows() == before or stays == "second"
    assert rows()[0]["_id"] == before[0]["_id"], "the row keeps its id"


def test_all_orders_of_arrival_end_in_the_newest(info, rows, databases, noon):
    states = {"a": at(1, 50), "b": at(2, 40), "c": at(2, 45), "gone": at(3, None), "d": at(4, 10)}
    for left_out in ("", "d"):
        for order in itertools.permutations(name for name in states if name != left_out):
            databases.app.contentinfo.delete_many({})
            for name in order:
                if name == "gone":
                    info.withdraw({POST: states[name]}, now=noon)
                else:
                    info.put([annotation(name, states[name])], now=noon)
            assert text_of(rows()) == [None if left_out else "d"]


def test_no_field_of_an_older_annotation_stays(info, rows, noon):
    info.put([annotation("a", at(1), vector=b"x", only_old=1)], now=noon)
    info.put([annotation("b", at(2))], now=noon)

    assert {"vector", "only_old"}.isdisjoint(rows()[0])


def test_of_a_post_that_is_gone_only_its_state_stays(info, rows, noon):
    info.put([annotation("a", at(5, 7))], now=noon)

    assert info.withdraw({POST: at(6)}, now=noon + MINUTE) == 1

    (row,) = rows()
    assert row.keys() == STUB
    assert (row["clusterTime"], row["contentUpdatedAt"]) == (Timestamp(6, 1), None)
    assert row["removedAt"] == row["updatedAt"] == noon + MINUTE
    assert info.known([POST]) == {POST: StoredAnnotation(None, None, at(6), gone=True)}


def test_a_post_that_was_gone_before_it_was_known_stays_gone(info, rows, noon):
    info.withdraw({POST: at(6)}, now=noon)

    assert info.put([annotation("late", at(5, 7))], now=noon) == 0
    assert rows()[0].keys() == STUB


def test_a_post_that_comes_back_is_no_longer_removed(info, rows, noon):
    info.withdraw({POST: at(6)}, now=noon)

    assert info.put([annotation("back", at(7, 1))], now=noon) == 1

    assert "removedAt" not in rows()[0]
    assert text_of(rows()) == ["back"]
    assert not info.known([POST])[POST].gone


def test_an_older_withdrawal_comes_too_late(info, rows, noon):
    info.put([annotation("back", at(7, 1))], now=noon)

    assert info.withdraw({POST: at(6)}, now=noon) == 0
    assert text_of(rows()) == ["back"]


def test_what_is_gone_ages_out(store, databases):
    assert databases.app.contentinfo.index_information()["removedAt_1"]["expireAfterSeconds"] == 15 * 86400


@pytest.mark.parametrize("order", [at(1, 1), at(1, None)], ids=str)
def test_a_row_that_another_program_left_is_taken_over(info, rows, databases, noon, order):
    foreign = topics_of("post", "sports", at=noon, translatedEN="x")
    databases.app.contentinfo.insert_one(foreign)
    assert info.known([POST]) == {POST: StoredAnnotation(None, None, UNKNOWN)}

    assert info.put([annotation("a", order)], now=noon) == 1

    (row,) = rows()
    assert row["_id"] == foreign["_id"]
    assert (row["text"], row["topics"], "translatedEN" in row) == ("a", [], False)


@pytest.mark.parametrize("time", ["soon", 5, None, Timestamp(2**32 - 1, 1)], ids=repr)
def test_a_malformed_cluster_time_counts_as_unknown(info, rows, databases, noon, time):
    databases.app.contentinfo.insert_one(topics_of("post", at=noon, clusterTime=time, contentUpdatedAt=time))
    assert info.known([POST])[POST].order == UNKNOWN

    assert info.put([annotation("a", at(1, 1))], now=noon) == 1


def test_fields_are_values_and_never_expressions(info, rows, noon):
    fields = {"language": "$contentId", "topics": ["$$ROOT", {"$add": [1, 2]}], "vector": {"$literal": 1}}

    info.put([annotation("a", at(1), **fields)], now=noon)

    assert {name: rows()[0][name] for name in fields} == fields


def test_the_same_text_in_a_later_state_is_confirmed_and_its_annotation_stays(info, rows, noon):
    info.put([annotation("a", at(5, 7))], now=noon)
    before = rows()[0]

    assert info.confirm({POST: ("hash of a", at(6, 9))})

    assert rows()[0] == before | {"clusterTime": Timestamp(6, 1), "contentUpdatedAt": moment(9)}


def test_confirming_an_older_state_moves_nothing_back(info, rows, noon):
    info.put([annotation("a", at(5, 7))], now=noon)
    before = rows()

    assert info.confirm({POST: ("hash of a", at(4, 9))})
    assert info.confirm({POST: ("hash of a", at(5, 6))})

    assert rows() == before


@pytest.mark.parametrize("meanwhile", ["edited", "withdrawn", "never there"])
def test_a_text_that_was_replaced_meanwhile_is_not_confirmed(info, rows, noon, meanwhile):
    info.put([annotation("same", at(1), post=an_id("other"))], now=noon)
    if meanwhile != "never there":
        info.put([annotation("a", at(5, 7))], now=noon)
    if meanwhile == "edited":
        info.put([annotation("b", at(6, 8))], now=noon)
    if meanwhile == "withdrawn":
        info.withdraw({POST: at(6)}, now=noon)
    before = [row for row in rows() if row["contentId"] == POST]

    assert not info.confirm({POST: ("hash of a", at(7, 9)), an_id("other"): ("hash of same", at(7, 9))})

    assert [row for row in rows() if row["contentId"] == POST] == before


def test_nothing_to_write_is_nothing_written(info, rows, noon):
    assert info.put([], now=noon) == info.withdraw({}, now=noon) == 0
    assert info.confirm({})
    assert info.known([]) == {}
    assert rows() == []


@pytest.mark.parametrize("newest", ["put", "withdraw"])
def test_many_that_write_a_new_post_at_once_leave_one_row_the_newest(info, rows, noon, newest):
    barrier = Barrier(16)
    last = 15 if newest == "put" else None

    def write(number):
        barrier.wait()
        for post in range(10):
            key = an_id(f"post {post}")
            if number == 15 and newest == "withdraw":
                info.withdraw({key: at(number)}, now=noon)
            else:
                info.put([annotation(number, at(number), post=key)], now=noon)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(16)))

    assert len(rows()) == 10
    assert set(text_of(rows())) == {last}


def test_posts_with_an_annotation_come_newest_first_in_pages(info, databases, noon):
    posts = [ObjectId(bytes([n]) * 12) for n in range(1, 7)]
    info.put([annotation(n, at(1), post=post) for n, post in enumerate(posts)], now=noon)
    info.withdraw({posts[3]: at(2)}, now=noon)
    databases.app.contentinfo.insert_many([{"contentId": "text"}, {"contentId": 5}, {"language": "en"}])

    first = info.kept(3, None)
    second = info.kept(3, first[-1])

    assert first == [posts[5], posts[4], posts[2]]
    assert second == [posts[1], posts[0]]
    assert info.kept(3, second[-1]) == []
