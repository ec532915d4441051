"""Which posts may be in a guest feed, and the factors on their scores."""

import numpy as np
import pytest
from bson import Decimal128, Int64

from functions.coldstart.candidates import language_factor, select_candidates, spread
from functions.coldstart.options import GuestFeedOptions
from shared.columns import id_array, id_keys
from shared.ranking.history import read_history
from shared.ranking.quality import quality
from tests.factories import an_id, post, write_users
from tests.networks import HOUR, NOON, QUICK


def repetition(name, repeated, *, author="ben", **fields):
    original = {"_id": an_id(repeated), "author": {"id": an_id("ann")}}
    return post(name, now=NOON, author=author, isRecast=True, originalPost=original, payload={}) | fields


def quotation(name, quoted, **fields):
    original = {"_id": an_id(quoted), "author": {"id": an_id("ann")}}
    return post(name, now=NOON, author="ben", isQuote=True, originalPost=original) | fields


def entries_of(store):
    """Entries of the candidates by post."""
    candidates = select_candidates(store, read_history(store, QUICK, now=NOON).posts)
    return {entry.content: entry for entry in candidates.entries}


@pytest.fixture
def contents(databases):
    write_users(databases.app, "ann", "ben", now=NOON)
    return databases.app.contents


def test_a_repetition_of_a_post_that_is_in_is_left_out(store, contents):
    contents.insert_many([post("original", now=NOON), repetition("again", "original")])

    assert set(entries_of(store)) == {an_id("original")}


def test_a_repetition_of_an_older_post_stands_for_it_the_newest_once(store, contents):
    old = post("original", now=NOON, age_hours=24 * 40)
    names = {"first": 3, "second": 2, "third": 5}
    again = [repetition(name, "original", createdAt=NOON - ago * HOUR) for name, ago in names.items()]
    contents.insert_many([old, *again])

    entries = entries_of(store)

    assert set(entries) == {an_id("second")}
    assert entries[an_id("second")].original == an_id("original")
    assert entries[an_id("second")].original_author == an_id("ann")


@pytest.mark.parametrize("visibility", ["hidden", "deleted", "illegal", None])
def test_repetitions_and_quotations_of_what_nobody_can_see_are_left_out(store, contents, visibility):
    gone = [post("original", now=NOON, visibility=visibility)] if visibility else []
    contents.insert_many([*gone, repetition("again", "original"), quotation("comment", "original")])

    assert entries_of(store) == {}


def test_a_repetition_of_a_repetition_is_one_of_what_both_repeat(store, contents):
    old = post("original", now=NOON, age_hours=24 * 40)
    again = repetition("again", "original", createdAt=NOON - 3 * HOUR)
    contents.insert_many([old, again, repetition("once more", "again", createdAt=NOON - 2 * HOUR)])

    assert set(entries_of(store)) == {an_id("once more")}


def test_a_repetition_of_a_quotation_stands_for_the_quotation(store, contents):
    old = quotation("comment", "original", createdAt=NOON - 24 * 40 * HOUR)
    contents.insert_many([post("original", now=NOON), old, repetition("again", "comment")])

    assert set(entries_of(store)) == {an_id("original"), an_id("again")}


@pytest.mark.parametrize("age_hours", [2, 24 * 40])
def test_a_quotation_names_the_post_it_quotes_while_that_can_be_seen(store, contents, age_hours):
    contents.insert_many([post("original", now=NOON, age_hours=age_hours), quotation("comment", "original")])

    assert entries_of(store)[an_id("comment")][1:] == (an_id("ben"), an_id("original"), an_id("ann"))


def test_a_quoted_post_without_a_known_author_names_none(store, contents):
    contents.insert_many([post("original", now=NOON), quotation("comment", "original")])
    contents.update_one({"_id": an_id("comment")}, {"$set": {"originalPost.author": "ann"}})

    assert entries_of(store)[an_id("comment")][1:] == (an_id("ben"), an_id("original"), None)


def test_a_repetition_of_nothing_is_left_out(store, contents):
    contents.insert_many([post("p", now=NOON), post("again", now=NOON, isRecast=True)])

    assert set(entries_of(store)) == {an_id("p")}


def test_without_posts_there_are_no_candidates(store):
    assert entries_of(store) == {}


def quality_of(store, databases, rows):
    """(n_rows,) quality of posts that the upstream filter describes so; None is a post that it does not describe."""
    names = [f"p{number}" for number in range(len(rows))]
    described = [{"contentId": an_id(name), **row} for name, row in zip(names, rows, strict=True) if row is not None]
    if described:
        databases.analytics.contentfiltering.insert_many(described)
    return quality(store.posts.quality(), id_keys(id_array(map(an_id, names))))


def test_without_a_filter_all_posts_are_equal(store, databases):
    assert quality_of(store, databases, [None, None]).tolist() == [1.0, 1.0]


def test_good_posts_gain_and_junk_loses_and_what_is_not_judged_stands_between(store, databases):
    good = {"junkOutput": {"class": "not junk", "score": 0.95}, "textDiversity": 0.9, "prDetect": 0}
    junk = {"junkOutput": {"class": "junk", "score": 0.95}, "textDiversity": 0.4, "prDetect": 1}

    factors = quality_of(store, databases, [good, junk, None])

    assert factors[1] < factors[2] < factors[0]
    means = (0.95 + 0.05) / 2 + 0.01, (0.9 + 0.4) / 2 + 0.01, (1 + 0.25) / 2
    assert factors[2] == pytest.approx(np.prod(means))


def test_the_score_of_the_filter_may_mean_its_certainty_or_the_chance_of_sense(store, databases):
    factors = quality_of(store, databases, [{"junkOutput": {"class": "junk", "score": score}} for score in (0.9, 0.1)])

    assert factors.tolist() == pytest.approx([0.11, 0.11])


@pytest.mark.parametrize(("detected", "factor"), [(0, 1.0), (0.5, 0.5), (1, 0.25), (Int64(1), 0.25), (0.0, 1.0)])
def test_promotion_halves_and_quarters(store, databases, detected, factor):
    assert quality_of(store, databases, [{"prDetect": detected}]).tolist() == [factor]


STRANGE = [
    float("nan"),
    float("inf"),
    float("-inf"),
    -1,
    10**300 * 1.0,
    Decimal128("1e6000"),
    "0.5",
    None,
    [],
    {},
    True,
]


def test_whatever_the_filter_says_factors_are_finite_and_positive(store, databases):
    rows = [
        {"junkOutput": {"class": kind, "score": value}, "textDiversity": value, "prDetect": value}
        for kind in ("junk", "not junk", 5, None)
        for value in STRANGE
    ]

    factors = quality_of(store, databases, [*rows, {"junkOutput": "junk"}, None])

    assert np.isfinite(factors).all()
    assert (factors > 0).all()
    assert (factors <= 1.0201).all()


def test_a_language_of_the_country_and_english_count_in_full():
    factors = language_factor(np.array([1.0, 0.5, 0.0, np.nan]), GuestFeedOptions())

    assert factors.tolist() == [1.0, 1.0, 1e-7, 0.75]


def test_an_authors_next_posts_count_less_and_less():
    scores = spread(np.array([1.0, 8.0, 4.0, 2.0, 2.0]), np.array([5, 5, 5, 6, 5]), 0.5)

    assert scores.tolist() == [0.125, 8.0, 2.0, 2.0, 0.5]


def test_no_post_of_an_author_of_many_counts_nothing():
    scores = spread(np.ones(5_000), np.zeros(5_000, np.int64), 0.7)

    assert (scores > 0).all()
