"""Upserts of keys that several writers insert at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from shared.store.upserts import MAX_ATTEMPTS, upsert_all


@pytest.fixture
def rows(databases):
    collection = databases.analytics.anything
    collection.create_index("key", unique=True)
    return collection


def test_what_changed_is_counted(rows):
    rows.insert_many([{"key": 1, "n": 0}, {"key": 2, "n": 5}])

    writes = [UpdateOne({"key": key}, {"$set": {"n": 5}}, upsert=True) for key in (1, 2, 3)]

    assert upsert_all(rows, writes) == 2
    assert upsert_all(rows, writes) == upsert_all(rows, []) == 0


def test_many_that_make_the_same_keys_at_once_leave_one_each(rows):
    barrier = Barrier(16)

    def make(number):
        barrier.wait()
        return upsert_all(rows, [UpdateOne({"key": n}, [{"$set": {"by": number}}], upsert=True) for n in range(30)])

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(make, range(16))) == 16 * 30, "each wrote, the last one stayed"

    assert sorted(row["key"] for row in rows.find()) == list(range(30))


def test_a_key_that_is_refused_for_good_is_raised_in_the_end(rows, monkeypatch):
    rows.create_index("slug", unique=True)
    rows.insert_one({"key": 1, "slug": "taken"})
    calls = []
    bulk_write = type(rows).bulk_write

    def count(*arguments, **named):
        calls.append(arguments)
        return bulk_write(*arguments, **named)

    monkeypatch.setattr(type(rows), "bulk_write", count)

    with pytest.raises(BulkWriteError):
        upsert_all(rows, [UpdateOne({"key": n}, {"$set": {"slug": "taken"}}, upsert=True) for n in (2, 3)])

    assert len(calls) == MAX_ATTEMPTS


def test_only_refused_writes_are_repeated(rows, monkeypatch):
    rows.create_index("slug", unique=True)
    rows.insert_one({"key": 0, "slug": "c"})
    sizes = []
    bulk_write = type(rows).bulk_write

    def freed_after_the_first(collection, writes, **named):
        sizes.append(len(writes))
        try:
            return bulk_write(collection, writes, **named)
        finally:
            rows.delete_one({"key": 0})

    monkeypatch.setattr(type(rows), "bulk_write", freed_after_the_first)
    writes = [UpdateOne({"key": n}, {"$set": {"slug": slug}}, upsert=True) for n, slug in enumerate("abcde", start=1)]

    assert upsert_all(rows, writes) == 5
    assert sizes == [5, 1]
    assert "".join(row["slug"] for row in rows.find().sort("key", 1)) == "abcde"


def test_any_other_refusal_is_raised_at_once(rows):
    with pytest.raises(BulkWriteError) as caught:
        upsert_all(rows, [UpdateOne({"key": 1}, {"$set": {"_id": []}}, upsert=True)])

    assert [refused["code"] for refused in caught.value.details["writeErrors"]] != [11000]
