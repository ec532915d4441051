"""Features of posts for countries, counted by hand, and what they may not know."""

from dataclasses import replace
from datetime import timedelta
from math import log

import numpy as np
import pytest
from msgspec import structs

from shared.columns import object_ids
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY
from shared.ranking.counters import ENGLISH, FOREIGN, HOME, N_COUNTRY_BUCKETS, Counters, relations
from shared.ranking.decay import PopularityDecay
from shared.ranking.examples import draw_examples, interacted_pairs
from shared.ranking.features import FEATURES, decayed_popularity_of, popularity_of
from shared.ranking.history import LANGUAGE_CODES, read_history
from shared.ranking.point_in_time import PointInTimeCountryRows, PointInTimePosts
from shared.store.posts import OTHER_LANGUAGE, UNKNOWN_LANGUAGE
from tests.factories import account, an_id, engagement, post, topics_of
from tests.networks import HOUR, NOON, QUICK

TH, US = COUNTRIES.index("th"), COUNTRIES.index("us")


@pytest.fixture
def small(databases):
    """Ann posts twice in Thai, Bob once in English on football; Cat of th, Dan of us and Eve of nowhere react."""
    app = databases.app
    app.contents.insert_many(
        [
            post("first", now=NOON, age_hours=48, payload={"message": "สวัสดี", "photo": {"contents": [{}, {}]}}),
            post("second", now=NOON, age_hours=24),
            post("goal", now=NOON, age_hours=12, author="bob"),
        ]
    )
    app.accounts.insert_many(
        [account("account of cat", now=NOON, country="TH"), account("account of dan", now=NOON, country="us")]
    )
    app.contentinfo.insert_many(
        [topics_of("first", at=NOON, language="th"), topics_of("goal", "football", at=NOON, language="en")]
    )
    app.engagements.insert_many(
        [
            engagement("cat", "first", at=NOON - 40 * HOUR),
            engagement("dan", "first", at=NOON - 30 * HOUR),
            engagement("cat", "first", at=NOON - 20 * HOUR, kind="comment"),
            engagement("cat", "goal", at=NOON - 6 * HOUR),
            engagement("eve", "goal", at=NOON - 2 * HOUR, kind="quote"),
        ]
    )
    return app


def described(store, country, *, at=0.0, now=NOON):
    """Every feature of the posts of `small`, by name of the post and of the feature."""
    history = read_history(store, QUICK, now=now)
    counters, number = Counters(history), len(history.posts)
    countries = np.full(number, country)
    languages = relations(countries, history.posts.language)
    matrix = FEATURES.matrix(
        PointInTimeCountryRows(PointInTimePosts(counters, np.arange(number), np.full(number, at)), countries, languages)
    )
    names = {an_id(name): name for name in ("first", "second", "goal")}
    rows = zip(object_ids(history.posts.ids), matrix.tolist(), strict=True)
    return {names[post]: dict(zip(FEATURES.names, row, strict=True)) for post, row in rows if post in names}


def test_features_are_what_a_count_by_hand_gives(store, small):
    rows = described(store, TH)

    # Th's share of all five engagements, shrunk towards an equal share of each bucket.
    share = (3 + 1) / (5 + N_COUNTRY_BUCKETS)
    mean = (5 + 1) / 3
    author_mean = (3 + 2 * mean) / (2 + 2)
    expected = {
        "likeCount": 2,
        "commentCount": 1,
        "recastCount": 0,
        "quoteCount": 0,
        "photoCount": 2,
        "characterLength": 6,
        "creatorContentCount": 2,
        "creatorLikedCount": 2,
        "creatorCommentedCount": 1,
        "creatorRecastedCount": 0,
        "creatorQuotedCount": 0,
        "ageScore": 0.25,
        "age": 48,
        "recent6": log(2 ** (-40 / 6) + 2 ** (-30 / 6) + 2 ** (-20 / 6) + 0.1),
        "recent24": log(2 ** (-40 / 24) + 2 ** (-30 / 24) + 2 ** (-20 / 24) + 0.1),
        "recent72": log(2 ** (-40 / 72) + 2 ** (-30 / 72) + 2 ** (-20 / 72) + 0.1),
        "decayedPopularity": log(3 + 1) + log(0.25),
        "rate": log((3 + 0.5) / (mean * (1 - 0.25 + 0.02) + 0.5)),
        "rateForAuthor": log((3 + author_mean) / (author_mean * (1 - 0.25 + 0.02) + author_mean)),
        "authorRate": log(author_mean / mean),
        "authorRecent": log(2 ** (-40 / 72) + 2 ** (-30 / 72) + 2 ** (-20 / 72) + 0.5),
        "laterPosts": 1,
        "authorSilence": 24,
        "language": HOME,
        "languageShare": log((2 + 20 / 3) / (3 + 20)),
        "topicRate": np.nan,
        "topicLift": np.nan,
        "topicRateHere": np.nan,
        "authorLift": log((2 + 8 * share) / ((3 + 8) * share)),
        "authorRateHere": log((2 + 2 * mean * share) / (2 + 2) / (mean * share)),
        "postLift": log((2 + 8 * share) / ((3 + 8) * share)),
    }
    assert {name: rows["first"][name] for name in expected} == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True)


def test_topics_lift_a_post_where_the_country_likes_them(store, small):
    goal = described(store, TH)["goal"]

    share, mean = 4 / (5 + N_COUNTRY_BUCKETS), 2.0
    assert goal["topicRate"] == pytest.approx(log((2 + 5 * mean) / (1 + 5) / mean), rel=1e-5)
    assert goal["topicLift"] == pytest.approx(log((1 + 20 * share) / ((2 + 20) * share)), rel=1e-5)
    assert goal["topicRateHere"] == pytest.approx(log((1 + 5 * mean * share) / (1 + 5) / (mean * share)), rel=1e-5)
    assert goal["language"] == ENGLISH


def test_a_language_is_foreign_where_it_is_not_read_and_unknown_where_nobody_named_it(store, small):
    rows = described(store, US)

    assert (rows["first"]["language"], rows["goal"]["language"]) == (FOREIGN, HOME)
    assert np.isnan([rows["second"]["language"], rows["second"]["languageShare"]]).all()


def test_for_an_unknown_country_there_is_no_lift(store, small):
    rows = described(store, UNKNOWN_COUNTRY)

    for row in rows.values():
        assert [row[name] for name in ("postLift", "recentLift", "authorLift")] == [0, 0, 0]
        assert np.isnan(row["language"])
    assert rows["goal"]["topicLift"] == 0


def test_an_engagement_at_the_moment_itself_is_not_known_yet(store, small):
    at_the_like = described(store, TH, at=-6.0)["goal"]
    right_after = described(store, TH, at=-6.0 + 0.001)["goal"]

    assert (at_the_like["likeCount"], right_after["likeCount"]) == (0, 1)


def test_what_happens_later_changes_no_feature_of_an_earlier_moment(store, small):
    before = described(store, TH, at=-24.0)

    later = NOON - 10 * HOUR
    engagements = [engagement(who, what, at=later) for who in ("cat", "dan", "eve") for what in ("first", "second")]
    small.engagements.insert_many(engagements)
    small.contents.insert_one(post("third", now=NOON, age_hours=3))
    after = described(store, TH, at=-24.0)

    assert described(store, TH)["first"]["likeCount"] == 5
    assert after.keys() == before.keys() == {"first", "second", "goal"}
    for name, row in before.items():
        assert row == pytest.approx(after[name], rel=1e-6, nan_ok=True)


def test_no_example_of_the_world_knows_its_future(history, counters):
    """Counters without anything from the last examples' moments on give the same numbers as those with all of it."""
    options = structs.replace(QUICK, examples_span=timedelta(days=4), holdout=timedelta(days=6))
    interacted = interacted_pairs(history, -144.0)
    drawn = draw_examples(history, interacted, options, np.random.default_rng(5), max_positives=2000)
    assert drawn.at.max() <= -144.0
    cut = replace(history, engagements=history.engagements.where(history.engagements.at < -144.0))
    assert len(cut.engagements) < len(history.engagements)

    complete, cut_off = (
        FEATURES.matrix(drawn.point_in_time(counts, PopularityDecay(30.0))) for counts in (counters, Counters(cut))
    )
    np.testing.assert_array_equal(complete, cut_off)


def test_every_feature_of_the_world_is_finite_or_unknown_and_none_is_always_unknown(history, counters):
    number = len(history.posts)
    countries = np.full(number, TH)
    languages = relations(countries, history.posts.language)
    with np.errstate(all="raise", under="ignore"):
        matrix = FEATURES.matrix(
            PointInTimeCountryRows(
                PointInTimePosts(counters, np.arange(number), np.zeros(number)), countries, languages
            )
        )

    assert not np.isinf(matrix).any()
    assert np.isfinite(matrix).any(axis=0).all()


def test_the_twelve_features_of_the_contract_come_first():
    assert FEATURES.names[:12] == (
        "likeCount", "commentCount", "recastCount", "quoteCount", "photoCount", "characterLength",
        "creatorContentCount", "creatorLikedCount", "creatorCommentedCount", "creatorRecastedCount",
        "creatorQuotedCount", "ageScore",
    )  # fmt: skip
    assert len(set(FEATURES.names)) == len(FEATURES.names)


def test_the_baselines_read_their_columns(store, small):
    rows = described(store, TH)
    matrix = np.array([[row[name] for name in FEATURES.names] for row in rows.values()], np.float32)

    assert dict(zip(rows, popularity_of(matrix).tolist(), strict=True)) == {"first": 3, "second": 0, "goal": 2}
    assert max(rows, key=lambda name: rows[name]["decayedPopularity"]) == "goal"
    assert decayed_popularity_of(matrix).tolist() == pytest.approx([rows[n]["decayedPopularity"] for n in rows])


def test_a_country_may_read_several_languages():
    singapore = np.full(6, COUNTRIES.index("sg"))
    languages = [LANGUAGE_CODES.index(code) for code in ("zh", "ta", "en", "th")] + [OTHER_LANGUAGE, UNKNOWN_LANGUAGE]

    relation = relations(singapore, np.array(languages))

    assert relation[:5].tolist() == [HOME, HOME, HOME, FOREIGN, FOREIGN]
    assert np.isnan(relation[5])
