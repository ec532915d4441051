"""What the scores of the first rows of a list are made of is stored with them, and adds up to the scores."""

import math

import numpy as np
import pytest

from functions.coldstart.factors import MAX_FEATURES
from shared.countries import COUNTRIES, GLOBAL_PARTITION
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.features import FEATURES, decayed_popularity_of
from shared.ranking.history import History
from tests.coldstart.conftest import PARTITIONS, every_row
from tests.networks import NOON, QUICK, Network

PARTS = ("decay", "model", "quality", "language", "author")


def test_the_parts_of_every_score_multiply_to_it(world):
    for row in every_row(world):
        factors = row["factors"]
        parts = math.prod(factors[name] for name in PARTS)
        assert (factors["engagements"] + 1) * parts == pytest.approx(row["score"], rel=1e-9)
        features = math.prod(feature["factor"] for feature in factors["features"])
        assert features * factors["others"] == pytest.approx(factors["model"], rel=1e-9)


@pytest.mark.parametrize("country", ["th", "us", "ad"])
def test_what_features_add_sums_to_what_the_model_says(
    world: Network, history: History, counters: Counters, country: str
) -> None:
    post = np.flatnonzero(~history.posts.recast)
    scores = CountryScores(history, counters, post, Rankers(world.registry), QUICK)
    number, rows = COUNTRIES.index(country), np.arange(len(post))[::7]
    matrix, ranker = scores.features(number, rows), scores.ranker_of(number)

    contributions = ranker.contributions(matrix)

    assert contributions.shape == (len(rows), len(FEATURES.names) + 1)
    by_model = ranker.logits(matrix) - decayed_popularity_of(matrix)
    np.testing.assert_allclose(contributions.sum(1), by_model, atol=1e-4)
    np.testing.assert_array_equal(ranker.logits(matrix), scores.of(number)[rows])


def test_the_features_of_a_row_are_those_that_change_its_score_most(world):
    (row, *_) = world.feed("th")
    strength = [abs(math.log(feature["factor"])) for feature in row["factors"]["features"]]

    assert 0 < len(strength) <= MAX_FEATURES
    assert strength == sorted(strength, reverse=True)
    assert row["factors"]["ranker"].startswith("th ")


def test_without_a_model_no_feature_adds_anything(village, build):
    build()

    for partition in ("th", GLOBAL_PARTITION):
        for row in village.feed(partition):
            assert row["factors"]["ranker"] == "popularity"
            assert (row["factors"]["model"], row["factors"]["features"]) == (1.0, [])


def test_a_factor_tells_that_a_better_post_of_the_author_stands_above(village, build):
    village.store.app.contents.update_many({}, {"$set": {"author.id": village.store.app.users.find_one()["_id"]}})
    build(per_author_ratio=0.5)

    author = [row["factors"]["author"] for row in village.feed("th")]

    assert author == pytest.approx([0.5**rank for rank in range(len(author))])


@pytest.mark.parametrize("explained", [0, 3])
def test_only_the_first_rows_have_factors_and_no_row_is_another_for_it(village, build, explained):
    build()
    with_all = {row["_id"]: {name: row[name] for name in row.keys() - {"factors"}} for row in every_row(village)}

    build(explained_rows=explained)

    assert {
        row["_id"]: {name: row[name] for name in row.keys() - {"factors"}} for row in every_row(village)
    } == with_all
    for partition in PARTITIONS:
        assert ["factors" in row for row in village.feed(partition)] == [rank < explained for rank in range(10)]
    assert {row["createdAt"] for row in every_row(village)} == {NOON}
