from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from bson import ObjectId

from functions.coldstart import build_guest_feed
from functions.coldstart.candidates import choose, language_factor
from shared.artifacts import Registry
from shared.countries import COUNTRIES, GLOBAL_PARTITION
from shared.errors import Conflict, Refused
from shared.ranking.counters import relations
from shared.ranking.country_ranker import COUNTRY, GLOBAL_KEY, Rankers, scores_from_logits
from shared.ranking.features import FEATURES, PointInTimeCountryRows, PointInTimePosts
from shared.store import schema
from shared.store.guest_feed import Staging
from tests.factories import account, an_id, engagement, post, topics_of, write_users
from tests.networks import HOUR, NOON, QUICK, SHORT

PARTITIONS = sorted([*COUNTRIES, GLOBAL_PARTITION])
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


def contents(rows):
    return [row["content"] for row in rows]


def every_row(network):
    return list(network.store.app.guestfeeditems.find().sort("_id", 1))


# The contract of the rows, on the feed of a whole world.


def test_there_is_a_list_for_every_country_and_one_for_everywhere(world):
    rows = world.store.app.guestfeeditems.aggregate([{"$group": {"_id": "$countryCode", "rows": {"$sum": 1}}}])

    assert {group["_id"]: group["rows"] for group in rows} == dict.fromkeys(PARTITIONS, SHORT.rows_per_country)


def test_every_row_has_exactly_the_fields_of_the_contract_in_their_types(world):
    for row in every_row(world):
        assert row.keys() == FIELDS.keys()
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
    authors = {one["_id"]: one["author"]["id"] for one in world.store.app.contents.find({}, {"author.id": 1})}

    assert all(row["author"] == authors[row["content"]] for row in every_row(world))


def test_countries_have_a_taste_of_their_own(world):
    assert len({tuple(contents(world.feed(country))) for country in ("th", "us", "jp", GLOBAL_PARTITION)}) == 4


@pytest.mark.parametrize("country", ["th", "jp"])
def test_a_score_is_what_the_countrys_model_says_of_the_features_it_was_trained_on(world, history, counters, country):
    candidates, ranker = choose(world.store, history.posts), Rankers(world.registry).of(country, "th")
    assert ranker.name == country
    countries = np.full(len(candidates.post), COUNTRIES.index(country))
    language = relations(countries, history.posts.language[candidates.post])
    described = PointInTimePosts(counters, candidates.post, np.zeros(len(candidates.post)), ranker.decay)
    logits = ranker.logits(FEATURES.matrix(PointInTimeCountryRows(described, countries, language)))
    scores = scores_from_logits(logits) * candidates.quality * language_factor(language, SHORT)
    best = dict(zip([entry.content for entry in candidates.entries], scores.tolist(), strict=True))

    first, *others = world.feed(country)

    assert first["score"] == max(best.values()) == best[first["content"]]
    assert all(row["score"] <= best[row["content"]] for row in others)


# What is in, and in which order, on a village without models: popularity ranks.


def test_rows_are_limited_and_the_report_counts_them(village, build):
    report = build(rows_per_country=7)

    assert (report.read, report.written) == (30, 7 * len(PARTITIONS))
    assert report.details == {"countries": 251, "lists": report.details["lists"], "refused_models": 0}
    assert village.store.app.guestfeeditems.count_documents({}) == 7 * len(PARTITIONS)


def test_without_a_model_engagements_and_age_rank(village, build):
    build(per_author_ratio=1.0)

    liked = [an_id(f"p{number}") for number in range(0, 30, 3)]
    assert contents(village.feed("th"))[:4] == liked[:4]


def test_a_second_run_at_the_same_tick_gives_identical_rows(village, build):
    build()
    before = every_row(village)
    build()

    assert every_row(village) == before


@pytest.mark.parametrize("visibility", ["hidden", "deleted", "illegal"])
def test_what_is_not_published_never_shows(village, build, visibility):
    village.store.app.contents.update_one({"_id": an_id("p0")}, {"$set": {"visibility": visibility}})

    build()

    assert an_id("p0") not in {row["content"] for row in every_row(village)}


def test_old_and_future_posts_never_show(village, build):
    village.store.app.contents.insert_many(
        [post("old", now=NOON, age_hours=31 * 24, author="o"), post("future", now=NOON, age_hours=-1, author="f")]
    )
    write_users(village.store.app, "o", "f", now=NOON)
    village.store.app.engagements.insert_many(
        [engagement("thai", what, at=NOON - HOUR / 4) for what in ("old", "future")]
    )

    build(rows_per_country=100)

    assert {row["content"] for row in every_row(village)} == {an_id(f"p{n}") for n in range(30)}


def test_an_author_of_many_does_not_fill_the_list(village, build):
    write_users(village.store.app, "one", "other", now=NOON)
    village.store.app.contents.update_many({}, {"$set": {"author.id": an_id("one")}})
    village.store.app.contents.update_one({"_id": an_id("p5")}, {"$set": {"author.id": an_id("other")}})
    build(per_author_ratio=1.0)
    assert an_id("p5") not in contents(village.feed("th"))

    build(per_author_ratio=0.5)

    assert contents(village.feed("th"))[1:3].count(an_id("p5")) == 1


@pytest.fixture
def tongues(village):
    """Five equal posts: in Chinese, English, Thai, a language nobody named, and one that no country reads."""
    village.store.app.contents.delete_many({})
    named = {"chinese": "ZH-Hant", "english": "EN", "thai": "th", "silent": "n/a", "klingon": "tlh"}
    village.store.app.contents.insert_many([post(name, now=NOON, author=name) for name in named])
    write_users(village.store.app, *(name for name in named if name != "thai"), now=NOON)
    village.store.app.contentinfo.insert_many(
        [topics_of(name, at=NOON, language=language) for name, language in named.items()]
    )
    return {an_id(name): name for name in named}


def test_a_country_of_several_languages_reads_each_in_full(village, build, tongues):
    build(foreign_language=0.001)

    def scores(country):
        rows = village.feed(country)
        return {tongues[row["content"]]: row["score"] / rows[0]["score"] for row in rows}

    full = {"chinese": 1, "english": 1, "thai": 0.001, "silent": 0.75, "klingon": 0.001}
    assert scores("sg") == pytest.approx(full)
    assert scores("th") == pytest.approx(full | {"chinese": 0.001, "thai": 1})
    assert scores("jp") == pytest.approx(full | {"chinese": 0.001})
    assert scores(GLOBAL_PARTITION) == pytest.approx(dict.fromkeys(full, 1))


def test_a_foreign_post_ranks_below_however_popular_it_is(village, build, tongues):
    village.store.app.engagements.delete_many({})
    village.store.app.engagements.insert_many(
        [engagement(f"reader {n}", "klingon", at=NOON - HOUR / 2) for n in range(50)]
    )

    build()

    assert [tongues[one] for one in contents(village.feed("th"))].index("klingon") > 2
    assert tongues[contents(village.feed(GLOBAL_PARTITION))[0]] == "klingon"


def test_malformed_posts_stop_nothing_and_never_show(village, build):
    write_users(village.store.app, "ann", now=NOON)
    odd = [post("odd id", now=NOON) | {"_id": "odd"}, post("no author", now=NOON) | {"author": {"id": "ann"}}]
    village.store.app.contents.insert_many([*odd, post("array date", now=NOON) | {"createdAt": [NOON]}])
    build(rows_per_country=100)

    assert {row["content"] for row in every_row(village)} == {an_id(f"p{n}") for n in range(30)}


def test_a_country_with_enough_acts_but_no_model_has_its_own_taste(village, build):
    app, before = village.store.app, int(build().details["lists"])
    app.accounts.insert_one(account("account of gaucho", now=NOON, country="ar"))
    app.engagements.insert_many(
        [engagement("gaucho", "p7", at=NOON - HOUR / 2 - timedelta(seconds=n)) for n in range(QUICK.country_positives)]
    )

    report = build()

    assert report.details["lists"] == before + 1
    assert contents(village.feed("ar"))[0] == an_id("p7")


# Publishing.


def test_the_live_feed_has_the_indexes_of_the_schema_and_keeps_them_over_swaps(village, build):
    wanted = {index.name for index in schema.GUEST_FEED.indexes} | {"_id_"}

    for minutes in (0, 30):
        build(now=NOON + timedelta(minutes=minutes))
        assert set(village.store.app.guestfeeditems.index_information()) == wanted
        assert village.staging() == []


def test_a_reader_goes_on_at_the_next_rank_after_a_swap(village, build):
    build()
    fourth = village.feed("th")[3]["_id"]

    build(now=NOON + timedelta(minutes=30))

    later = village.feed("th")
    assert [row for row in later if row["_id"] > fourth] == later[4:]
    assert {row["createdAt"] for row in later} == {NOON + timedelta(minutes=30)}


def test_a_network_without_a_post_is_refused_in_a_sentence(village, build):
    village.store.app.contents.delete_many({})

    with pytest.raises(Refused, match="there is no post that may be shown"):
        build()

    assert every_row(village) == []
    assert village.staging() == []


def set_everywhere(collection, **fields):
    return lambda app: app[collection].update_many({}, {"$set": fields})


TAKEDOWNS = {
    "posts withdrawn": set_everywhere("contents", visibility="deleted"),
    "posts deleted": lambda app: app.contents.delete_many({}),
    "authors withdrawn": set_everywhere("users", visibility="deleted"),
    "authors deleted": lambda app: app.users.delete_many({}),
    "accounts withdrawn": set_everywhere("accounts", visibility="deleted"),
    "accounts deleted": lambda app: app.accounts.delete_many({}),
    "originals gone": set_everywhere("contents", isQuote=True, originalPost={"_id": an_id("gone")}),
}


@pytest.mark.parametrize("take_down", TAKEDOWNS.values(), ids=TAKEDOWNS)
def test_a_takedown_of_everything_empties_the_feed(village, build, take_down):
    build()
    rows = len(every_row(village))
    take_down(village.store.app)

    report = build(now=NOON + timedelta(minutes=30))

    assert (report.written, report.removed) == (0, rows)
    assert report.details["skipped"] == "no post of the window may be shown"
    assert every_row(village) == []
    assert village.staging() == []


def test_while_nothing_may_be_shown_builds_go_on_and_what_is_restored_comes_back(village, build):
    build()
    before = contents(every_row(village))
    for minutes, visibility in ((30, "deleted"), (60, "deleted"), (90, "publish")):
        village.store.app.users.update_many({}, {"$set": {"visibility": visibility}})
        build(now=NOON + timedelta(minutes=minutes))
        assert bool(every_row(village)) == (visibility == "publish")

    assert len(every_row(village)) == len(before)


UNREADABLE = {"$set": {"createdAt": "2026-01-01"}}


@pytest.mark.parametrize("left", [0, 14])
def test_a_feed_that_shrank_too_much_is_refused_and_loses_only_what_was_withdrawn(village, build, left):
    build(rows_per_country=30)
    app, shown = village.store.app, {an_id(f"p{n}") for n in range(29)}
    app.contents.update_many({"_id": {"$nin": [an_id(f"p{n}") for n in range(left)]}}, UNREADABLE)
    app.contents.update_one({"_id": an_id("p29")}, {"$set": {"visibility": "deleted"}})

    with pytest.raises(Refused, match=f"ad has {left} rows and needs 15"):
        build(rows_per_country=30, now=NOON + timedelta(minutes=30))

    assert set(contents(every_row(village))) == shown
    assert {row["createdAt"] for row in every_row(village)} == {NOON}


@pytest.mark.parametrize("clock", ["createdAt", "updatedAt"])
def test_rows_of_posts_that_are_too_old_to_be_chosen_do_not_count_as_what_must_be_there(village, clock):
    def build(now):
        options = replace(SHORT, rows_per_country=30)
        return build_guest_feed.run(village.store, village.registry, options, replace(QUICK, age_from=clock), now=now)

    build(NOON)
    young = [an_id(f"p{n}") for n in range(3)]
    village.store.app.contents.update_many({"_id": {"$nin": young}}, {"$set": {clock: NOON - QUICK.window}})

    build(NOON + timedelta(minutes=30))

    assert set(contents(every_row(village))) == set(young)


def test_a_network_that_fell_silent_keeps_its_feed_but_for_what_is_withdrawn(village, build):
    build(rows_per_country=30)
    village.store.app.contents.update_one({"_id": an_id("p0")}, {"$set": {"visibility": "deleted"}})

    report = build(rows_per_country=30, now=NOON + 2 * QUICK.window)

    assert report.details["skipped"] == "no post of the window may be shown"
    assert set(contents(every_row(village))) == {an_id(f"p{n}") for n in range(1, 30)}


def test_a_country_without_a_row_is_refused_where_others_have_some(village, build, monkeypatch):
    put = Staging.put
    monkeypatch.setattr(Staging, "put", lambda self, country, rows: 0 if country == "th" else put(self, country, rows))

    with pytest.raises(Refused, match="th has 0 rows and needs 1"):
        build()

    assert every_row(village) == []


def test_a_feed_that_shrank_to_the_least_part_of_it_is_published(village, build):
    build(rows_per_country=30)
    village.store.app.contents.update_many({"_id": {"$nin": [an_id(f"p{n}") for n in range(14)]}}, UNREADABLE)

    build(rows_per_country=30, least_rows_ratio=0.4)

    assert len(village.feed("ad")) == 14


def test_a_feed_that_shrank_by_what_was_taken_down_is_published(village, build):
    build(rows_per_country=30)
    few = [an_id(f"p{n}") for n in range(3)]
    village.store.app.contents.update_many({"_id": {"$nin": few}}, {"$set": {"visibility": "deleted"}})

    build(rows_per_country=30, now=NOON + timedelta(minutes=30))

    assert set(contents(village.feed("ad"))) == set(few)


def test_shorter_lists_that_were_asked_for_are_no_shrinking(village, build):
    build(rows_per_country=30)

    build(rows_per_country=5)

    assert len(village.feed("ad")) == 5


def test_a_quoted_post_that_is_hidden_while_the_feed_is_made_takes_its_quote_with_it(village, build, monkeypatch):
    app, check = village.store.app, Staging.check
    quoting = {"isQuote": True, "originalPost": {"_id": an_id("quoted"), "author": {"id": an_id("ann")}}}
    app.contents.insert_one(post("quoted", now=NOON, age_hours=24 * 40))
    write_users(app, "ann", now=NOON)
    app.contents.update_one({"_id": an_id("p0")}, {"$set": quoting})

    def meanwhile(self, *arguments):
        app.contents.update_one({"_id": an_id("quoted")}, {"$set": {"visibility": "deleted"}})
        return check(self, *arguments)

    monkeypatch.setattr(Staging, "check", meanwhile)

    build()

    assert len(every_row(village)) > 0
    assert an_id("p0") not in {row["content"] for row in every_row(village)}
    assert village.staging() == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda rows: rows.delete_one({"countryCode": "th"}), "not every row was written"),
        (lambda rows: rows.update_one({"countryCode": "th"}, {"$set": {"score": "much"}}), "not finite and positive"),
        (lambda rows: rows.update_one({}, {"$set": {"score": 1e-9}}), "the order of _id"),
    ],
    ids=["missing", "no number", "order"],
)
def test_what_went_wrong_in_writing_is_found_in_reading_back(village, build, monkeypatch, spoil, reason):
    index = Staging.index

    def spoilt(self):
        index(self)
        (name,) = village.staging()
        spoil(village.store.app[name])

    monkeypatch.setattr(Staging, "index", spoilt)

    with pytest.raises(Refused, match=reason):
        build()

    assert every_row(village) == []


def test_a_failing_write_is_a_failed_run_that_leaves_nothing_behind(village, build, monkeypatch):
    put = Staging.put

    def twice(self, country, ranked):
        rows = list(ranked)
        put(self, country, rows)
        return put(self, country, rows)  # the same ids again

    monkeypatch.setattr(Staging, "put", twice)

    with pytest.raises(Exception, match="batch op errors"):
        build()

    assert every_row(village) == []
    assert village.staging() == []


def test_what_a_killed_run_left_is_cleared_away(village, build):
    village.store.app["guestfeeditemstemp"].insert_one({"left": "by another program"})
    village.store.app["guestfeeditemstemp_0123"].insert_one({"left": "by a killed run"})

    build()

    assert village.staging() == []


def test_two_runs_never_mix(village, build):
    with village.store.leases.hold(build_guest_feed.NAME), pytest.raises(Conflict):
        build()

    assert every_row(village) == []


# Which model answers.


def lend(world, registry, *names):
    database = registry._versions.database
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
