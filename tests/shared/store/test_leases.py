"""Leases: one run of a job at a time, by the server's clock."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from bson.datetime_ms import DatetimeMS

from shared.errors import Conflict
from shared.store.leases import MAX_RUN_TIME, Leases

OVER_AT_ONCE = timedelta(milliseconds=-1)


@pytest.fixture
def leases(store):
    return store.leases


@pytest.fixture
def hasty(store):
    """Leases whose term is over when it begins."""
    return Leases(store.analytics, lasts=OVER_AT_ONCE)


def test_of_two_holders_the_second_is_refused_by_name(leases):
    with leases.hold("job"), pytest.raises(Conflict, match="another run of job"), leases.hold("job"):
        pass


def test_different_jobs_do_not_meet(leases):
    with leases.hold("one"), leases.hold("other"):
        pass


def test_a_lease_is_given_back_whatever_happens(leases):
    with pytest.raises(KeyError), leases.hold("job"):
        raise KeyError

    with leases.hold("job"):
        pass


def test_a_lease_that_ran_out_can_be_taken_over(leases, hasty):
    with hasty.hold("job"), leases.hold("job") as second:
        second.renew()


def test_a_holder_that_lost_the_lease_cannot_renew_it(leases, hasty):
    with hasty.hold("job") as first, leases.hold("job"), pytest.raises(Conflict, match="passed to another run"):
        first.renew()


def test_a_holder_that_lost_the_lease_does_not_end_that_of_another(leases, hasty):
    first = hasty.hold("job")
    first.__enter__()
    with leases.hold("job") as second:
        first.__exit__(None, None, None)
        second.renew()


def test_a_lease_that_ran_out_unnoticed_can_still_be_renewed(leases, hasty, store):
    with hasty.hold("job") as first:
        assert leases.extend("job", first.holder)
        with pytest.raises(Conflict), leases.hold("job"):
            pass


def test_of_many_that_ask_at_once_one_holds(leases):
    barrier = Barrier(8)

    def ask(_):
        barrier.wait()
        try:
            with leases.hold("job"):
                barrier.wait()
                return True
        except Conflict:
            barrier.wait()
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, range(8))) == [False] * 7 + [True]


def test_a_lease_by_a_clock_that_is_a_little_ahead_is_held(store, leases):
    """The same holds for one taken by a command that began a moment after the command that waited for it."""
    until = datetime.now(UTC) + MAX_RUN_TIME + timedelta(seconds=30)
    store.analytics.leases.insert_one({"_id": "job", "holder": "another", "until": until})

    with pytest.raises(Conflict), leases.hold("job"):
        pass


def test_a_holder_that_comes_back_takes_its_own_lease_again_at_once(store):
    with store.leases.hold("job", "me"):
        store.leases.extend("job", "me")
        with store.leases.hold("job", "me"), pytest.raises(Conflict), store.leases.hold("job", "another"):
            pass


@pytest.mark.parametrize("until", [None, "later", 7, [], {"a": 1}, DatetimeMS(2**60)], ids=repr)
def test_a_lease_that_ends_at_an_impossible_date_is_free(store, leases, until):
    store.analytics.leases.insert_one({"_id": "job", "holder": "nobody", "until": until})

    with leases.hold("job") as lease:
        lease.renew()
