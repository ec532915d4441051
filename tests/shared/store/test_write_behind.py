"""Writing behind and reading ahead: order, limits and errors."""

from threading import Event
from time import sleep
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pymongo import ReplaceOne, UpdateOne

from shared.store.write_behind import WriteBehind, bulk_write_behind, read_ahead
from tests.waiting import allowed


def test_writes_are_made_in_the_order_of_the_calls():
    written: list[int] = []
    write = WriteBehind(max_pending=2)

    for number in range(20):
        write(written.append, number)
    write.finish()

    assert written == list(range(20))


def test_an_error_of_a_write_is_raised_by_the_next_wait():
    write = WriteBehind()

    write(int, "no number")

    with pytest.raises(ValueError, match="no number"):
        write.finish()


def test_a_call_waits_while_too_many_writes_are_unfinished():
    finished: list[int] = []
    write = WriteBehind(max_pending=2)

    for number in range(200):
        write(finished.append, number)
        assert len(finished) >= number - 1


def test_all_writes_are_made_in_batches(databases):
    numbers = databases.analytics.numbers

    assert bulk_write_behind(numbers, (ReplaceOne({"_id": i}, {}, upsert=True) for i in range(25)), 10, threads=2) == 25

    assert numbers.count_documents({}) == 25
    assert bulk_write_behind(numbers, [], 10) == 0


def test_no_write_goes_on_behind_an_error_in_making_the_next():
    begun, unfinished = Event(), set[int]()

    def bulk_write(batch: list[Any], *, ordered: bool) -> None:
        unfinished.add(len(batch))
        begun.set()
        sleep(0.2)
        unfinished.clear()

    def writes():
        yield UpdateOne({}, {})
        assert begun.wait(allowed(10))
        raise ValueError("no more can be made")

    with pytest.raises(ValueError, match="no more can be made"):
        bulk_write_behind(cast(Any, SimpleNamespace(bulk_write=bulk_write)), writes(), 1)

    assert begun.is_set()
    assert not unfinished


def test_parts_of_every_source_come_in_the_order_of_the_source():
    parts = list(read_ahead(iter([1, 2, 3]), iter("ab"), iter(())))

    assert [part for part in parts if isinstance(part, int)] == [1, 2, 3]
    assert [part for part in parts if isinstance(part, str)] == ["a", "b"]


def test_the_next_part_is_read_while_one_is_used():
    reads_second = Event()

    def source():
        yield 1
        reads_second.set()
        yield 2

    parts = read_ahead(source())

    assert next(parts) == 1
    assert reads_second.wait(allowed(10))
    assert list(parts) == [2]


def test_an_error_of_a_source_is_raised_and_ends_the_others():
    def broken():
        yield 1
        raise ValueError("the server is gone")

    with pytest.raises(ValueError, match="the server is gone"):
        list(read_ahead(broken(), iter(range(1_000_000))))
