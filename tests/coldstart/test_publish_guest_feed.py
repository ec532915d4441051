"""How the guest feed is published: checks, takedowns, failures and runs beside each other."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from functions.coldstart import build_guest_feed
from shared.errors import Conflict, Refused
from shared.store import schema
from shared.store.guest_feed import Staging
from tests.coldstart.conftest import contents, every_row
from tests.factories import an_id, post, write_users
from tests.networks import NOON, QUICK, SHORT


def test_the_live_feed_has_the_indexes_of_the_schema_and_keeps_them_over_swaps(village, build):
    expected = {index.name for index in schema.GUEST_FEED.indexes} | {"_id_"}

    for minutes in (0, 30):
        build(now=NOON + timedelta(minutes=minutes))
        assert set(village.store.app.guestfeeditems.index_information()) == expected
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


@pytest.mark.parametrize("rows_left", [0, 14])
def test_a_feed_that_shrank_too_much_is_refused_and_loses_only_what_was_withdrawn(village, build, rows_left):
    build(rows_per_country=30)
    app, shown = village.store.app, {an_id(f"p{n}") for n in range(29)}
    app.contents.update_many({"_id": {"$nin": [an_id(f"p{n}") for n in range(rows_left)]}}, UNREADABLE)
    app.contents.update_one({"_id": an_id("p29")}, {"$set": {"visibility": "deleted"}})

    with pytest.raises(Refused, match=f"ad has {rows_left} rows and needs 15"):
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
    monkeypatch.setattr(
        Staging, "put", lambda self, country, *rows: 0 if country == "th" else put(self, country, *rows)
    )

    with pytest.raises(Refused, match="th has 0 rows and needs 1"):
        build()

    assert every_row(village) == []


def test_a_feed_that_shrank_to_the_least_part_of_it_is_published(village, build):
    build(rows_per_country=30)
    village.store.app.contents.update_many({"_id": {"$nin": [an_id(f"p{n}") for n in range(14)]}}, UNREADABLE)

    build(rows_per_country=30, min_rows_ratio=0.4)

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

    def twice(self, country, ranked, *rest):
        rows = list(ranked)
        put(self, country, rows, *rest)
        return put(self, country, rows, *rest)  # the same ids again

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
