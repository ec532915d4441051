"""Served pages of the home feed: what led to each cursor, and when it expires."""

import math
from datetime import timedelta

import numpy as np
import pytest
from bson import ObjectId

from functions.feed.store.home_pages import BLOCK, HomePages
from shared.columns import id_array, id_keys
from shared.errors import BadEvent
from tests.factories import an_id

CAT, DOG = an_id("account of cat"), an_id("account of dog")
VALID = timedelta(hours=1)


@pytest.fixture
def pages(store):
    return HomePages(store)


def beginning(pages, noon):
    return pages.first(expires_at=noon + VALID)


def posts_of(given):
    return [ObjectId(key.tobytes()) for key in given.posts]


@pytest.mark.parametrize("size", [1, 7, 100, BLOCK, BLOCK + 1])
def test_all_served_posts_are_known_however_long_the_paging_goes_on(pages, databases, noon, size):
    state, served = beginning(pages, noon), []
    for _ in range(math.ceil(4 * BLOCK / size)):
        posts = [ObjectId() for _ in range(size)]
        cursor = pages.add(CAT, state, posts)
        served += posts
        state = pages.given(CAT, cursor, now=noon)
        assert len(cursor) <= 2_000

    assert sorted(posts_of(state)) == sorted(served)
    largest = max(len(page["contents"]) for page in databases.analytics.homePages.find())
    assert largest <= 12 * max(BLOCK, size), "no document grows with the paging"


def test_a_cursor_asked_twice_goes_two_ways(pages, noon):
    first = pages.add(CAT, beginning(pages, noon), [an_id("a")])
    ways = [pages.add(CAT, pages.given(CAT, first, now=noon), [an_id(name)]) for name in ("b", "c")]

    assert posts_of(pages.given(CAT, first, now=noon)) == [an_id("a")]
    for cursor, name in zip(ways, ("b", "c"), strict=True):
        assert posts_of(pages.given(CAT, cursor, now=noon)) == [an_id("a"), an_id(name)]


def test_a_cursor_is_of_one_account_and_of_its_time(pages, databases, noon):
    cursor = pages.add(CAT, beginning(pages, noon), [ObjectId() for _ in range(BLOCK)])
    late = pages.add(CAT, pages.given(CAT, cursor, now=noon + VALID / 2), [an_id("b")])

    for account, given_cursor, now in [
        (DOG, cursor, noon),
        (CAT, "none", noon),
        (CAT, "", noon),
        (CAT, cursor, noon + VALID),
        (CAT, late, noon + VALID),
    ]:
        with pytest.raises(BadEvent, match="cursor"):
            pages.given(account, given_cursor, now=now)
    databases.analytics.homePages.delete_one({"_id": cursor})
    with pytest.raises(BadEvent, match="too old"):
        pages.given(CAT, late, now=noon)


def test_ids_come_as_arrays(pages, noon):
    cursor = pages.add(CAT, beginning(pages, noon), [an_id("a"), an_id("b")])

    assert np.array_equal(
        id_keys(pages.given(CAT, cursor, now=noon).posts), id_keys(id_array([an_id("a"), an_id("b")]))
    )
    assert len(beginning(pages, noon).posts) == 0
