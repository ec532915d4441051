"""Reading ahead: how far, in which order, and how it ends."""

import threading
from itertools import count

import pytest

from relay.prefetch import Prefetch
from tests.waiting import allowed, until

SOON_S = allowed(30.0)


@pytest.fixture
def ahead():
    """Starts reading ahead, until the test ends."""
    opened = []

    def start(source, limit=5, max_weight=1_000_000):
        opened.append(Prefetch(iter(source), limit, max_weight, lambda item: item if isinstance(item, int) else 1))
        return opened[-1]

    yield start
    for prefetch in opened:
        prefetch.close()


class Source:
    """Numbers without end, and how many of them were asked for."""

    def __init__(self):
        self.asked = 0

    def __iter__(self):
        for number in count():
            self.asked = number + 1
            yield number


def everything(prefetch, limit=3):
    items = []
    while (taken := prefetch.take(limit, SOON_S)) is not None:
        assert 1 <= len(taken) <= limit
        items += taken
    return items


def test_all_comes_in_order_and_then_none(ahead):
    numbers = ahead(range(1_000))

    assert everything(numbers) == list(range(1_000))
    assert numbers.take(1, 0) is None
    assert numbers.take(1, SOON_S) is None


@pytest.mark.parametrize("buffered", [1, 2, 7, 1_000])
@pytest.mark.parametrize("limit", [1, 3, 1_000])
def test_whatever_the_sizes_nothing_is_lost_or_reordered(ahead, buffered, limit):
    assert everything(ahead(range(300), buffered), limit) == list(range(300))


def test_nothing_at_all_is_the_end(ahead):
    assert ahead([]).take(1, SOON_S) is None


def test_it_reads_no_further_than_it_may(ahead):
    source = Source()
    numbers = ahead(source, 5)
    until(lambda: source.asked == 6)

    assert numbers.take(2, SOON_S) == [0, 1]
    until(lambda: source.asked == 8)

    for _ in range(10):  # however often it checks, the buffer is full
        threading.Event().wait(0.03)
        assert source.asked == 8


def test_nor_further_than_the_weight_allows(ahead):
    source = Source()
    numbers = ahead(source, 1_000, max_weight=10)
    until(lambda: source.asked == 6)  # 0 + 1 + 2 + 3 + 4 is 10; the next is read and has to wait

    assert numbers.take(3, SOON_S) == [0, 1, 2]
    assert numbers.take(1_000, SOON_S) in ([3, 4], [3, 4, 5])


def test_what_is_too_heavy_by_itself_comes_all_the_same(ahead):
    assert everything(ahead([50, 60, 70], max_weight=10)) == [50, 60, 70]


def test_where_nothing_comes_it_says_so_in_time(ahead):
    gate = threading.Event()

    def late():
        gate.wait(SOON_S)
        yield "at last"

    numbers = ahead(late())

    assert numbers.take(1, 0.01) == []
    gate.set()
    assert numbers.take(1, SOON_S) == ["at last"]


def test_what_is_there_is_not_held_back_until_there_is_more(ahead):
    gate = threading.Event()

    def slow():
        yield "one"
        gate.wait(SOON_S)

    assert ahead(slow()).take(100, SOON_S) == ["one"]
    gate.set()


@pytest.mark.parametrize("before", [0, 1, 5, 6, 20])
def test_a_failure_comes_after_what_was_read_before_it_and_again_each_time(ahead, before):
    def failing():
        yield from range(before)
        raise OSError("lost")

    numbers, taken = ahead(failing()), list[int]()

    while len(taken) < before:
        taken += numbers.take(3, SOON_S)

    assert taken == list(range(before))
    for _ in range(2):
        with pytest.raises(OSError, match="lost"):
            numbers.take(3, SOON_S)


def test_closing_ends_a_reader_that_waits_for_room():
    source = Source()
    numbers = Prefetch(iter(source), 1, 100, lambda item: item)
    until(lambda: source.asked == 2)

    numbers.close()

    assert source.asked == 2
    assert numbers.take(5, 0) == [0]
    assert numbers.take(5, 0) is None, "the reader has ended"


def test_closing_ends_what_is_read_from(ahead):
    ended = threading.Event()

    def source():
        try:
            yield from count()
        finally:
            ended.set()

    ahead(source(), 2).close()

    assert ended.wait(SOON_S)


def test_closing_twice_is_closing(ahead):
    numbers = ahead(range(3))
    numbers.close()
    numbers.close()
