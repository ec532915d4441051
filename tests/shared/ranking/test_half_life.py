"""The half-life of popularity is estimated from the network itself."""

import numpy as np
import pytest

from shared.countries import UNKNOWN_COUNTRY
from shared.ranking.accounts import Accounts
from shared.ranking.counters import Counters
from shared.ranking.decay import PopularityDecay
from shared.ranking.half_life import estimate_decay
from shared.ranking.history import Events, History, PostColumns
from shared.ranking.options import Coldstart
from shared.store.posts import UNKNOWN_LANGUAGE
from tests.networks import NOON

POSTS, DAYS = 400, 30.0


def history_with(engagements: int, half_life: float, floor: float = 0.0, seed: int = 5) -> History:
    """Posts all over a month, and engagements that each follow popularity times decay."""
    rng = np.random.default_rng(seed)
    created = np.sort(rng.uniform(-24 * DAYS, 0, POSTS))
    moments = np.sort(rng.uniform(-24 * DAYS / 2, 0, engagements))
    popularity, post = np.zeros(POSTS), np.zeros(engagements, np.int64)
    for number, at in enumerate(moments.tolist()):
        existing = np.flatnonzero(created < at)
        weight = np.exp(PopularityDecay(half_life, floor).logits(popularity[existing], at - created[existing]))
        post[number] = existing[np.searchsorted(np.cumsum(weight), rng.random() * weight.sum())]
        popularity[post[number]] += 1
    ids = np.frombuffer(rng.bytes(12 * POSTS), "V12")
    none, zeros = np.zeros(0, np.int64), np.zeros(POSTS, np.int32)
    posts = PostColumns(
        ids, created, np.arange(POSTS), ids, zeros, zeros, np.full(POSTS, UNKNOWN_LANGUAGE), none, none,
        np.zeros(0, np.uint64), np.zeros(POSTS, bool), np.zeros(POSTS, "V12"), np.zeros(POSTS, "V12"),
    )  # fmt: skip
    unknown = np.full(engagements, UNKNOWN_COUNTRY)
    events = Events(post, unknown, unknown, moments, np.zeros(engagements, np.int64))
    accounts = Accounts(np.zeros(0, "V12"), np.zeros(0, np.uint64), np.zeros(0, "V12"), none, none)
    return History(NOON, posts, accounts, events, events.where(none))


def estimated(history: History) -> PopularityDecay:
    return estimate_decay(history, Counters(history), Coldstart())


@pytest.mark.parametrize("half_life", [8.0, 30.0, 96.0])
def test_a_planted_half_life_is_found_again(half_life: float) -> None:
    decay = estimated(history_with(1_500, half_life))

    assert half_life / 1.5 < decay.half_life_hours < half_life * 1.5
    assert decay.floor <= 0.001


def test_engagements_with_old_posts_do_not_stretch_the_half_life() -> None:
    decay = estimated(history_with(1_500, 8.0, floor=0.01))

    assert 5.0 < decay.half_life_hours < 14.0
    assert 0.001 < decay.floor <= 0.03


def test_without_an_engagement_it_is_a_day_and_a_few_move_it_little() -> None:
    assert estimated(history_with(0, 96.0)) == PopularityDecay(24.0)
    assert 6.0 < estimated(history_with(4, 768.0)).half_life_hours < 96.0


def test_the_same_history_gives_the_same_decay() -> None:
    history = history_with(300, 30.0)

    assert estimated(history) == estimated(history)


def test_decayed_popularity_halves_with_every_half_life_down_to_its_floor() -> None:
    ages = np.array([-5.0, 0.0, 30.0, 60.0, 1e6])

    faded = np.exp(PopularityDecay(30.0, 0.01).logits(np.full(5, 3.0), ages))

    np.testing.assert_allclose(faded, 4.0 * np.array([1.01, 1.01, 0.51, 0.26, 0.01]))
