"""The contract of the rows of the guest feed, and which model ranks them, on a network with models."""

from typing import Any

import numpy as np
import pytest
from bson import ObjectId
from msgspec.structs import replace

from functions.coldstart import build_guest_feed
from functions.coldstart.candidates import language_factor, select_candidates
from shared.artifacts import Registry
from shared.countries import COUNTRIES, GLOBAL_PARTITION
from shared.ranking.counters import relations
from shared.ranking.country_ranker import COUNTRY, GLOBAL_KEY, Rankers, scores_from_logits
from shared.ranking.features import FEATURES
from shared.ranking.point_in_time import PointInTimeCountryRows, PointInTimePosts
from tests.coldstart.conftest import PARTITIONS, contents, every_row
from tests.networks import NOON, QUICK, SHORT

FIELDS: dict[str, Any] = {
    "_id": ObjectId,
    "content": ObjectId,
    "score": float,
    "countryCode": str,
    "type": str,
    "createdAt": type(NOON),
    "updatedAt": type(NOON),
    "author": ObjectId,
    "originalContent": ObjectId | None,
    "originalAuthor": ObjectId | None,
}


def test_there_is_a_list_for_every_country_and_one_for_everywhere(world):
    rows = world.store.app.guestfeeditems.aggregate([{"$group": {"_id": "$countryCode", "rows": {"$sum": 1}}}])

    assert {group["_id"]: group["rows"] for group in rows} == dict.fromkeys(PARTITIONS, SHORT.rows_per_country)


def test_every_row_has_exactly_the_fields_of_the_contract_in_their_types(world):
    for row in every_row(world):
        assert row.keys() - {"factors"} == FIELDS.keys()
        for name, kind in FIELDS.items():
            assert isinstance(row[name], kind), (name, row[name])


def test_every_row_is_of_its_generation(world):
    for row in every_row(world):
        assert row["type"] == "content"
        assert row["createdAt"] == row["updatedAt"] == NOON
        assert row["countryCode"] == row["countryCode"].lower()


def test_within_a_country_ids_ascend_as_scores_descend_and_no_post_comes_twice(world):
    for partition in PARTITIONS:
        rows = world.feed(partition)
        scores = [row["score"] for row in rows]
        assert scores == sorted(scores, reverse=True)
        assert np.isfinite(scores).all()
        assert min(scores) > 0
        assert len(set(contents(rows))) == len(rows)


def test_every_post_and_every_post_it_quotes_is_published(world):
    rows = every_row(world)
    named = {row[field] for row in rows for field in ("content", "originalContent")} - {None}

    assert world.store.app.contents.count_documents({"_id": {"$in": [*named]}, "visibility": "publish"}) == len(named)
    assert all((row["originalContent"] is None) == (row["originalAuthor"] is None) for row in rows)


def test_the_author_of_a_row_is_that_of_its_post(world):
    authors = {row["_id"]: row["author"]["id"] for row in world.store.app.contents.find({}, {"author.id": 1})}

    assert all(row["author"] == authors[row["content"]] for row in every_row(world))


def test_countries_have_a_taste_of_their_own(world):
    assert len({tuple(contents(world.feed(country))) for country in ("th", "us", "jp", GLOBAL_PARTITION)}) == 4


@pytest.mark.parametrize("country", ["th", "jp"])
def test_a_score_is_what_the_countrys_model_says_of_the_features_it_was_trained_on(world, history, counters, country):
    candidates, ranker = select_candidates(world.store, history.posts), Rankers(world.registry).of(country, "th")
    assert ranker.name == country
    countries = np.full(len(candidates.post), COUNTRIES.index(country))
    language = relations(countries, history.posts.language[candidates.post])
    described = PointInTimePosts(counters, candidates.post, np.zeros(len(candidates.post)), ranker.decay)
    logits = ranker.logits(FEATURES.matrix(PointInTimeCountryRows(described, countries, language)))
    scores = scores_from_logits(logits) * candidates.quality * language_factor(language, SHORT)
    best = dict(zip([entry.content for entry in candidates.entries], scores.tolist(), strict=True))

    first, *later_rows = world.feed(country)

    assert first["score"] == max(best.values()) == best[first["content"]]
    assert all(row["score"] <= best[row["content"]] for row in later_rows)


def lend(world, registry, *names):
    database = registry.database
    for name in names:
        database[name].insert_many(world.store.analytics[name].find())


def test_the_model_of_a_country_answers_else_the_base_countrys_else_that_of_all(world, fresh):
    assert Rankers(fresh).of("th", "th").name == "popularity"

    lend(world, fresh, "mlArtifacts_global")
    assert Rankers(fresh).of("ad", "th").name == GLOBAL_KEY

    lend(world, fresh, "mlArtifacts_country")
    own = sorted(fresh.owners(COUNTRY))
    assert {key: Rankers(fresh).of(key, "th").name for key in own} == {key: key for key in own}
    assert Rankers(fresh).of("ad", "th").name == "th"


def test_a_model_signed_by_someone_else_is_not_used_and_the_run_says_so(world, village):
    lend(world, village.registry, "mlArtifacts_global", "mlArtifacts_country")
    stranger = Registry(village.store.analytics, [b"the key of someone else"])
    options = replace(SHORT, rows_per_country=3)

    refused = build_guest_feed.run(village.store, stranger, options, QUICK, now=NOON)
    by_popularity = [contents(village.feed(country)) for country in PARTITIONS]
    village.store.analytics.mlArtifacts_country.delete_many({})
    village.store.analytics.mlArtifacts_global.delete_many({})
    build_guest_feed.run(village.store, stranger, options, QUICK, now=NOON)

    assert int(refused.details["refused_models"]) > 1
    assert [contents(village.feed(country)) for country in PARTITIONS] == by_popularity
