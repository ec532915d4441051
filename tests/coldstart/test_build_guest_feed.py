"""Which posts are in the guest feed, and in which order, on a small network without models: popularity ranks."""

from datetime import timedelta

import pytest

from shared.countries import GLOBAL_PARTITION
from tests.coldstart.conftest import PARTITIONS, contents, every_row
from tests.factories import account, an_id, engagement, post, topics_of, write_users
from tests.networks import HOUR, NOON, QUICK


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
        [engagement("thai", name, at=NOON - HOUR / 4) for name in ("old", "future")]
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

    assert [tongues[post_id] for post_id in contents(village.feed("th"))].index("klingon") > 2
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
        [
            engagement("gaucho", "p7", at=NOON - HOUR / 2 - timedelta(seconds=n))
            for n in range(QUICK.min_country_positives)
        ]
    )

    report = build()

    assert report.details["lists"] == before + 1
    assert contents(village.feed("ar"))[0] == an_id("p7")
