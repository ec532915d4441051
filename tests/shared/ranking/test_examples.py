"""Training examples: what is drawn, of which moments, and with which weights."""

from datetime import timedelta

import numpy as np
import pytest
from msgspec.structs import replace

from shared.clock import hours
from shared.columns import object_ids
from shared.countries import COUNTRIES
from shared.ranking.examples import (
    KIND_PRIOR,
    SKIPPED_WEIGHT,
    draw_examples,
    interacted_pairs,
    inverse_frequency_weights,
)
from shared.ranking.history import read_history
from tests.factories import account, an_id, engagement, exposure, post
from tests.networks import HOUR, NOON, QUICK

END = -hours(QUICK.holdout)
START = END - hours(QUICK.examples_span)


def draw(history, *, seed=1, max_positives=100_000, **overrides):
    options = replace(QUICK, **overrides)
    interacted = interacted_pairs(history, -hours(options.holdout))
    return draw_examples(history, interacted, options, np.random.default_rng(seed), max_positives=max_positives)


@pytest.fixture
def drawn(history):
    return draw(history, max_skipped_ratio=0.0)


def test_an_engagement_is_predicted_from_up_to_a_day_before(history, drawn):
    engagements = history.engagements.where((history.engagements.at > START) & (history.engagements.at <= END))
    engaged = drawn.label == 1
    for post_number, at in list(zip(drawn.post[engaged].tolist(), drawn.at[engaged].tolist(), strict=True))[:300]:
        later = engagements.at[engagements.post == post_number] - at
        assert ((later >= 0) & (later <= 24)).any()
    assert 0.5 * len(engagements) < engaged.sum() <= len(engagements)


def test_no_example_is_described_after_the_training_time(drawn):
    assert drawn.at.max() <= END
    assert drawn.at.min() > START - hours(QUICK.horizon)


def test_every_post_exists_at_its_moment(history, drawn):
    assert (history.posts.created[drawn.post] < drawn.at).all()


def test_drawn_posts_stand_beside_each_engagement_at_its_moment_in_its_country(drawn):
    engaged, ignored = drawn.label == 1, drawn.label == 0

    assert ignored.sum() == QUICK.negatives * engaged.sum()
    np.testing.assert_array_equal(drawn.at[ignored], np.repeat(drawn.at[engaged], QUICK.negatives))
    np.testing.assert_array_equal(drawn.country[ignored], np.repeat(drawn.country[engaged], QUICK.negatives))


def test_drawn_posts_together_weigh_what_the_engagements_do(drawn):
    assert (drawn.weight > 0).all()
    assert drawn.weight[drawn.label == 0].sum() == pytest.approx(drawn.weight[drawn.label == 1].sum(), rel=0.1)


def test_a_rare_kind_of_engagement_weighs_more(history, drawn):
    engagements = history.engagements.where((history.engagements.at > START) & (history.engagements.at <= END))
    worth = inverse_frequency_weights(engagements, KIND_PRIOR)
    counts = np.bincount(engagements.kind, minlength=4)

    assert (np.diff(worth[np.argsort(counts)]) < 0).all()
    assert set(drawn.weight[drawn.label == 1]) == set(worth[counts > 0])


def test_newer_posts_are_drawn_more_often_and_weighted_back(history, drawn):
    ignored = drawn.label == 0
    age = drawn.at[ignored] - history.posts.created[drawn.post[ignored]]
    youngest, weight = age < np.quantile(age, 0.3), drawn.weight[ignored]

    assert weight[youngest].mean() < weight[~youngest].mean()


def test_the_same_draw_gives_the_same_examples_and_another_one_others(history):
    first, again, other = draw(history), draw(history), draw(history, seed=2)

    np.testing.assert_array_equal(first.at, again.at)
    np.testing.assert_array_equal(first.post, again.post)
    assert first.at.tolist() != other.at.tolist()


def test_no_more_engagements_than_asked_for(history):
    few = draw(history, max_positives=100)

    assert 50 < (few.label == 1).sum() <= 100


def test_a_country_learns_from_its_own(history):
    japan = COUNTRIES.index("jp")
    interacted = interacted_pairs(history, END)
    drawn = draw_examples(history, interacted, QUICK, np.random.default_rng(1), max_positives=1000, country=japan)

    assert set(drawn.country.tolist()) == {japan}
    assert {0.0, 1.0} == set(drawn.label.tolist())


@pytest.fixture
def feed_of_cat(store, databases):
    """Cat saw four posts three days ago, liked one of them then, one a day later, one in the holdout, and one never."""
    app, seen_at = databases.app, NOON - 80 * HOUR
    names = ("then", "later", "in holdout", "never")
    app.contents.insert_many([post(name, now=NOON, age_hours=100) for name in names])
    app.accounts.insert_one(account("account of cat", now=NOON))
    app.feeditems.insert_many([exposure("cat", name, at=seen_at) for name in names])
    app.feeditems.insert_one(exposure("a stranger", "never", at=seen_at - HOUR))
    moments = {"then": seen_at, "later": seen_at + 24 * HOUR, "in holdout": NOON - 5 * HOUR}
    app.engagements.insert_many([engagement("cat", name, at=at) for name, at in moments.items()])
    return read_history(store, QUICK, now=NOON, with_exposures=True)


def test_an_impression_with_an_engagement_is_no_skipped_impression(feed_of_cat):
    drawn = draw(feed_of_cat, max_skipped_ratio=10.0)
    is_skipped = np.isclose(drawn.at, -80.0, atol=1e-9) & (drawn.label == 0)

    ids = object_ids(feed_of_cat.posts.ids)
    assert {ids[number] for number in drawn.post[is_skipped]} == {an_id("never"), an_id("in holdout")}


def test_skipped_impressions_weigh_little_in_all(feed_of_cat):
    drawn = draw(feed_of_cat, max_skipped_ratio=10.0)
    is_skipped = np.isclose(drawn.at, -80.0, atol=1e-9) & (drawn.label == 0)

    positives = drawn.weight[drawn.label == 1].sum()
    assert drawn.weight[is_skipped].sum() == pytest.approx(SKIPPED_WEIGHT * positives)


def test_without_engagements_there_are_no_examples(store, databases):
    databases.app.contents.insert_one(post("p", now=NOON, age_hours=100))
    databases.app.feeditems.insert_one(exposure("cat", "p", at=NOON - 80 * HOUR))

    drawn = draw(read_history(store, QUICK, now=NOON, with_exposures=True))

    assert len(drawn) == 0


def test_interacted_pairs_are_those_until_a_moment(feed_of_cat):
    def number(moment):
        return len(interacted_pairs(feed_of_cat, moment))

    assert [number(-90.0), number(-80.0), number(-56.0), number(0.0)] == [0, 1, 2, 3]
    assert timedelta(hours=48) == QUICK.holdout
