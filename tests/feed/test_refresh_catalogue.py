import numpy as np
import pytest

from functions.feed import refresh_catalogue
from functions.feed.post_index import FINGERPRINT, NAME, PostIndex, line_through
from shared.columns import object_ids
from shared.countries import COUNTRIES
from shared.errors import StaleModel
from shared.ranking.history import UNKNOWN_COUNTRY
from tests.factories import an_id, engagement, post
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS


def refresh(network, now=NOON):
    return refresh_catalogue.run(network.store, network.registry, network.snapshots, QUICK, QUICK_MEMBERS, now=now)


def catalogue_of(network):
    return PostIndex(**network.snapshots.load(NAME, network.snapshots.head(NAME), FINGERPRINT))


def test_every_published_post_is_in_the_catalogue(village):
    village.store.app.contents.insert_one(post("hidden", now=NOON, visibility="hidden"))

    report = refresh(village)

    post_index = catalogue_of(village)
    assert report.as_dict() == {
        "read": 30,
        "written": 30,
        "kilobytes": report.details["kilobytes"],
        "refused_models": 0,
    }
    assert set(object_ids(post_index.ids)) == {an_id(f"p{n}") for n in range(30)}
    assert (np.diff(post_index.created) >= 0).all()
    place = post_index.positions(post_index.ids[::-1])
    assert place.tolist() == list(range(29, -1, -1))


def test_a_second_run_at_the_same_moment_changes_nothing(village):
    refresh(village)
    before = list(village.store.analytics.snapshots.find().sort("_id", 1))

    refresh(village)

    assert list(village.store.analytics.snapshots.find().sort("_id", 1)) == before


def test_a_run_that_comes_late_leaves_what_is_newer(village):
    refresh(village)
    head = village.snapshots.head(NAME)

    assert refresh(village, NOON - HOUR).details == {"skipped": "a later run is done"}
    assert village.snapshots.head(NAME) == head


def test_the_version_before_stays_for_who_is_about_to_read_it(village):
    versions = []
    for hour in range(3):
        refresh(village, NOON + hour * HOUR)
        versions.append(village.snapshots.head(NAME))

    assert len(village.snapshots.load(NAME, versions[1], FINGERPRINT)["ids"]) == 30
    with pytest.raises(StaleModel, match="a part is missing"):
        village.snapshots.load(NAME, versions[0], FINGERPRINT)


def test_an_empty_network_has_an_empty_catalogue(village):
    village.store.app.contents.delete_many({})
    village.store.app.engagements.delete_many({})

    refresh(village)

    post_index = catalogue_of(village)
    assert len(post_index) == 0
    assert post_index.positions(np.frombuffer(an_id("p").binary, "V12")).tolist() == [-1]
    assert post_index.by_authors([an_id("ann")], 5, np.zeros(0, bool)).tolist() == []


def test_a_country_with_enough_acts_has_its_own_margins_and_others_the_base_countrys(world):
    post_index = catalogue_of(world)
    post = np.arange(len(post_index))
    own, vietnam = (post_index.country_margins(post, COUNTRIES.index(code)) for code in ("jp", "vn"))

    assert COUNTRIES.index("jp") in post_index.countries.tolist()
    assert UNKNOWN_COUNTRY in post_index.countries.tolist()
    assert COUNTRIES.index("vn") not in post_index.countries.tolist()
    assert np.isfinite(own).all()
    assert np.isfinite(vietnam).all()
    assert not np.allclose(own, vietnam)


def test_authors_posts_come_newest_first_and_later_ones_are_counted(village):
    refresh(village)
    post_index = catalogue_of(village)

    authors, none = [an_id("author 3"), an_id("a stranger"), an_id("author 4")], np.zeros(len(post_index), bool)
    found = post_index.by_authors(authors, 2, none)

    assert object_ids(post_index.ids[found]) == [an_id(name) for name in ("p3", "p13", "p4", "p14")]
    excluded = np.isin(np.arange(len(post_index)), found[:1])
    assert object_ids(post_index.ids[post_index.by_authors(authors, 2, excluded)])[:2] == [an_id("p13"), an_id("p23")]
    found = found[:2]
    assert post_index.newer_posts_by_author[found].tolist() == [0, 1]
    assert post_index.last_post_at[post_index.author[found]].tolist() == [post_index.created[found[0]]] * 2


def test_what_is_taken_back_counts_no_more(village):
    village.store.app.engagements.update_many({}, {"$set": {"visibility": "deleted"}})

    refresh(village)

    assert catalogue_of(village).popularity.sum() == 0


def test_a_snapshot_that_somebody_touched_is_refused(village):
    refresh(village)
    parts = village.store.analytics.snapshots
    for damage in ({"artifact": b"x"}, {"signature": "x"}, {"fingerprint": "other"}):
        kept = parts.find_one({"family": "snapshot"})
        parts.update_one({"_id": kept["_id"]}, {"$set": damage})

        with pytest.raises(StaleModel):
            catalogue_of(village)
        parts.replace_one({"_id": kept["_id"]}, kept)


def test_what_is_larger_than_a_document_is_cut_and_joined(village, monkeypatch):
    monkeypatch.setattr("shared.artifacts.snapshots.PART_BYTES", 1_000)

    refresh(village)

    assert village.snapshots.head(NAME).parts > 3
    assert len(catalogue_of(village)) == 30


def test_new_engagements_count_at_the_next_run(village):
    refresh(village)
    village.store.app.engagements.insert_one(engagement("thai", "p1", at=NOON + HOUR))
    refresh(village, NOON + 2 * HOUR)
    post_index = catalogue_of(village)

    (place,) = post_index.positions(np.frombuffer(an_id("p1").binary, "V12")).tolist()

    assert post_index.popularity[place] == 1


def test_a_line_through_nothing_says_nothing_new():
    assert line_through(np.empty(0), np.empty(0)).tolist() == [1, 0]
    assert line_through(np.ones(5), np.arange(5.0)).tolist() == [1, 0]
