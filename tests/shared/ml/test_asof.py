"""Counters as of a moment, against counts by a search through all events."""

import numpy as np
import pytest

from shared.ml.asof import AsOf

DAYS_30 = 720.0


@pytest.fixture
def events():
    """Four thousand events of forty keys over thirty days, some at the same moment."""
    rng = np.random.default_rng(1)
    at = -np.round(rng.random(4000) * DAYS_30, 1)
    return rng.integers(0, 40, 4000), at


@pytest.fixture
def keys_and_moments():
    rng = np.random.default_rng(2)
    return rng.integers(0, 45, 300), -np.round(rng.random(300) * DAYS_30, 1)


def before(events, key, moment):
    keys, at = events
    return at[(keys == key) & (at < moment)]


def test_counts_are_those_of_a_search_through_all_events(events, keys_and_moments):
    counted = AsOf(events[0], events[1], -DAYS_30).count(keys_and_moments[0], keys_and_moments[1])

    assert counted.tolist() == [len(before(events, key, at)) for key, at in zip(*keys_and_moments, strict=True)]
    assert counted.max() > 50


@pytest.mark.parametrize("half_life", [6.0, 24.0, 72.0])
def test_decayed_counts_are_sums_of_halvings(events, keys_and_moments, half_life):
    counted = AsOf(events[0], events[1], -DAYS_30, half_life).count(keys_and_moments[0], keys_and_moments[1])

    each = [
        np.exp2((before(events, key, at) - at) / half_life).sum() for key, at in zip(*keys_and_moments, strict=True)
    ]
    np.testing.assert_allclose(counted, each, rtol=1e-9, atol=1e-12)


def test_old_events_of_one_key_are_not_lost_in_many_new_ones_of_another():
    keys = np.array([1, 1, *[0] * 100_000])
    at = np.array([-700.0, -699.0, *np.linspace(-1, 0, 100_000)])

    counted = AsOf(keys, at, origin=-DAYS_30, half_life_hours=1.0).count(np.array([1]), np.array([-698.0]))

    assert counted.tolist() == [0.25 + 0.5]


def test_the_last_event_is_the_newest_before_the_moment(events, keys_and_moments):
    last = AsOf(events[0], events[1], -DAYS_30).last(keys_and_moments[0], keys_and_moments[1])

    each = [before(events, key, at).max(initial=-np.inf) for key, at in zip(*keys_and_moments, strict=True)]
    np.testing.assert_allclose(last, each)
    assert np.isneginf(last).any()


@pytest.mark.parametrize("half_life", [None, 24.0])
def test_an_event_is_not_before_its_own_moment(half_life):
    counter = AsOf(np.array([0]), np.array([5.0]), origin=0.0, half_life_hours=half_life)
    millisecond = 1 / 3_600_000

    counted = counter.count(np.zeros(3, int), np.array([5.0 - millisecond, 5.0, 5.0 + millisecond]))

    assert counted.round(6).tolist() == [0.0, 0.0, 1.0]


def test_a_moment_before_all_events_or_behind_them_counts_none_or_all(events):
    counters = AsOf(events[0], events[1], -DAYS_30)

    assert counters.count(np.arange(40), np.full(40, -1e6)).sum() == 0
    assert counters.count(np.arange(40), np.full(40, 1e6)).sum() == 4000


@pytest.mark.parametrize("half_life", [None, 24.0])
def test_without_events_everything_is_zero_and_never(half_life):
    nothing = AsOf(np.empty(0, int), np.empty(0), origin=-5.0, half_life_hours=half_life)

    assert nothing.count(np.arange(3), np.zeros(3)).tolist() == [0, 0, 0]
    assert nothing.last(np.arange(3), np.zeros(3)).tolist() == [-np.inf] * 3


def test_millions_of_keys_over_a_month_are_told_apart():
    keys = np.array([0, 3_000_000 * 251, 3_000_000 * 251])
    counters = AsOf(keys, np.array([-1.0, -2.0, -3.0]), origin=-DAYS_30)

    assert counters.count(keys, np.zeros(3)).tolist() == [1, 2, 2]
    assert counters.count(np.array([2**62]), np.zeros(1)).tolist() == [0]


def test_more_keys_than_can_be_told_apart_are_an_error_and_no_wrong_count():
    with pytest.raises(ValueError, match="more than can be told apart"):
        AsOf(np.array([2**40]), np.array([0.0]), origin=-DAYS_30)
