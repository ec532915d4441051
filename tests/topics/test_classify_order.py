"""Which of several changes of a post counts: by cluster time, by date, and without either."""

import random
from datetime import UTC, datetime

import pytest
from bson import DatetimeMS, Timestamp

from functions.topics.classify_content import latest_states
from functions.topics.store.content_info import AnnotationRow, ContentInfo
from shared.change import Change, ClusterTime, Order
from tests.changes import START, TEXT, change_event, deleted, edited, inserted, moment, state
from tests.factories import an_id
from tests.topics.texts import CATS, MOVIE, STUB, hash_of


def change(second=None, updated=None, text="a", *, kind="update"):
    time = None if second is None else ClusterTime(second, 1)
    dated = None if updated is None else moment(updated)
    fields = {"payload": {"message": text}, "updatedAt": dated} if text and kind != "delete" else None
    return Change("contents", an_id("one"), kind, fields, cluster_time=time)


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (change(1, 9, "a"), change(2, 1, "b"), "b"),
        (change(1, 1, "a"), change(1, 2, "b"), "b"),
        (change(1, 9, "a"), change(2, kind="delete"), None),
        (change(1, 1, "a"), change(1, 1, "a"), "a"),
        (change(1, None, "a"), change(1, 2, "a"), "a"),
        (change(1, kind="delete"), change(1, kind="delete"), None),
    ],
)
def test_of_two_changes_the_newer_one_counts_in_whatever_order_they_came(first, second, text):
    for changes in ([first, second], [second, first], [first, second, first]):
        (state,) = latest_states(changes).values()
        assert state is not None
        assert state.text == text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (change(9, 9), change(1, text=None)),
        (change(9, 9), change(text=None)),
        (change(9, 9), change(None, 9)),
        (change(9, 9), change(kind="delete")),
        (change(9, kind="delete"), change(1, text=None)),
        (change(1, 1, "a"), change(1, 1, "b")),
        (change(1, 1, "a"), change(1, None, "b")),
        (change(1, 1, "a"), change(1, kind="delete")),
    ],
)
def test_where_two_changes_do_not_tell_which_is_the_newer_the_post_is_read(first, second):
    for changes in ([first, second], [second, first]):
        assert latest_states(changes) == {an_id("one"): None}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ends_in", ["nothing", CATS])
def test_what_one_transaction_did_to_a_post_ends_as_it_ended(classify, kept, databases, ends_in, seed):
    """All changes of a transaction have one cluster time, and a deletion has no date."""
    last = deleted("one", second=2) if ends_in == "nothing" else edited("one", CATS, second=2, updatedAt=moment(1))
    changes = [inserted("one", TEXT, second=2, updatedAt=moment(1)), last]
    if ends_in != "nothing":
        databases.app.contents.insert_one(state("one", CATS, second=1))
    sent = changes * 3
    random.Random(seed).shuffle(sent)

    if seed % 2:
        classify(*sent)
    else:
        for event in sent:
            classify(event)

    if ends_in == "nothing":
        assert kept("one").keys() == STUB
    else:
        assert kept("one")["textHash"] == hash_of(CATS)


def test_a_deletion_that_meets_an_insertion_of_its_transaction_at_the_database_is_not_lost(
    store, annotator, classify, kept, noon, monkeypatch
):
    """Another run writes between the read of the stored annotation and the write."""
    known, order = ContentInfo.known, Order(ClusterTime(START + 2, 1), moment(1))
    inserted_there = AnnotationRow(an_id("one"), hash_of(TEXT), annotator.version, order, {"topics": []})

    def overtaken(content_info, posts):
        monkeypatch.setattr(ContentInfo, "known", known)
        stored = known(content_info, posts)
        content_info.put([inserted_there], now=noon)
        return stored

    monkeypatch.setattr(ContentInfo, "known", overtaken)
    report = classify(deleted("one", second=2))

    assert kept("one").keys() == STUB
    assert report.removed == 1


def test_a_change_that_tells_no_time_is_looked_up(classify, kept, databases):
    """Otherwise an insertion that comes late would bring back a post that is gone."""
    insertion = change_event("insert", "one", state("one", TEXT, second=9), second=None)
    databases.app.contents.insert_one(state("one", TEXT, second=9))
    classify(insertion)
    assert kept("one")["textHash"] == hash_of(TEXT)

    databases.app.contents.delete_one({"_id": an_id("one")})
    classify(change_event("delete", "one", second=None))
    classify(insertion)

    assert kept("one").keys() == STUB


@pytest.mark.parametrize("is_there", [True, False])
def test_a_deletion_that_tells_no_time_is_looked_up(classify, kept, databases, is_there):
    classify(inserted("one", TEXT))
    if is_there:
        databases.app.contents.insert_one(state("one", TEXT))

    classify(change_event("delete", "one", second=None))

    assert (kept("one").keys() == STUB) == (not is_there)


STRANGE = {
    "1970": datetime(1970, 1, 1, tzinfo=UTC),
    "the future": datetime(2200, 1, 1, tzinfo=UTC),
    "beyond the calendar": DatetimeMS(2**61),
    "long before it": DatetimeMS(-(2**61)),
    "text": "yesterday",
    "a number": 5,
    "nothing": None,
}


@pytest.mark.parametrize("when", STRANGE)
@pytest.mark.parametrize("newest_first", [True, False])
def test_the_servers_clock_orders_changes_whatever_their_dates_say(classify, kept, when, newest_first):
    changes = [
        edited("one", TEXT, second=1, updatedAt=STRANGE[when]),
        edited("one", MOVIE, second=2),
        edited("one", CATS, second=3, updatedAt=STRANGE[when]),
    ]

    for event in reversed(changes) if newest_first else changes:
        assert classify(event).malformed == []

    row = kept("one")
    assert row["textHash"] == hash_of(CATS)
    date = STRANGE[when] if isinstance(STRANGE[when], datetime) else None
    assert (row["clusterTime"], row["contentUpdatedAt"]) == (Timestamp(START + 3, 1), date)


@pytest.mark.parametrize("when", STRANGE)
def test_a_strange_date_in_the_database_is_no_obstacle(classify, kept, databases, when):
    databases.app.contents.insert_one(state("one", TEXT, updatedAt=STRANGE[when]))

    classify(change_event("insert", "one"))
    classify(change_event("update", "one"))

    assert kept("one")["language"] == "en"


def test_a_post_without_any_date_is_annotated(classify, kept):
    document = {name: value for name, value in state("one").items() if name != "updatedAt"}

    classify(change_event("insert", "one", document))

    assert kept("one")["contentUpdatedAt"] is None


def test_within_one_tick_of_the_servers_clock_the_date_decides(classify, kept):
    for text, second in ((MOVIE, 2), (CATS, 3), (TEXT, 1)):
        classify(change_event("update", "one", state("one", text, second=second), second=1))

    assert kept("one")["textHash"] == hash_of(CATS)
