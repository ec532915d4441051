"""The post index is published whole, read back as it was, and answers searches."""

import numpy as np
import pytest

from functions.feed import refresh_catalogue
from functions.feed.post_index import FINGERPRINT, NAME, PostIndex
from functions.feed.post_index_builder import fit_line
from shared.artifacts.snapshots import Snapshots
from shared.columns import object_ids
from shared.config import load
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY
from shared.errors import StaleModel
from tests.factories import an_id, engagement, post
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS


def refresh(network, now=NOON, snapshots=None):
    snapshots = snapshots or network.snapshots
    return refresh_catalogue.run(network.store, network.registry, snapshots, QUICK, QUICK_MEMBERS, now=now)


def post_index_of(network):
    return PostIndex(**network.snapshots.load(NAME, network.snapshots.head(NAME), FINGERPRINT))


def test_every_published_post_is_in_the_index(village):
    village.store.app.contents.insert_one(post("hidden", now=NOON, visibility="hidden"))

    report = refresh(village)

    post_index = post_index_of(village)
    assert report.as_dict() == {
        "read": 30,
        "written": 30,
        "kilobytes": report.details["kilobytes"],
        "refused_models": 0,
    }
    assert set(object_ids(post_index.ids)) == {an_id(f"p{n}") for n in range(30)}
    assert (np.diff(post_index.created) >= 0).all()
    positions = post_index.positions(post_index.ids[::-1])
    assert positions.tolist() == list(range(29, -1, -1))


def test_a_second_run_at_the_same_moment_changes_nothing(village):
    refresh(village)
    before = list(village.store.analytics.snapshots.find().sort("_id", 1))

    refresh(village)

    assert list(village.store.analytics.snapshots.find().sort("_id", 1)) == before


def test_a_late_run_leaves_the_newer_index(village):
    refresh(village)
    head = village.snapshots.head(NAME)

    assert refresh(village, NOON - HOUR).details == {"skipped": "a later run is done"}
    assert village.snapshots.head(NAME) == head


def test_the_previous_version_stays_for_readers(village):
    versions = []
    for hour in range(3):
        refresh(village, NOON + hour * HOUR)
        versions.append(village.snapshots.head(NAME))

    assert len(village.snapshots.load(NAME, versions[1], FINGERPRINT)["ids"]) == 30
    with pytest.raises(StaleModel, match="a part is missing"):
        village.snapshots.load(NAME, versions[0], FINGERPRINT)


def test_an_empty_network_has_an_empty_index(village):
    village.store.app.contents.delete_many({})
    village.store.app.engagements.delete_many({})

    refresh(village)

    post_index = post_index_of(village)
    assert len(post_index) == 0
    assert post_index.positions(np.frombuffer(an_id("p").binary, "V12")).tolist() == [-1]
    assert post_index.by_authors([an_id("ann")], 5, np.zeros(0, bool)).tolist() == []


def test_a_country_with_enough_engagements_has_its_own_logits_and_others_the_base_countrys(world):
    post_index = post_index_of(world)
    post = np.arange(len(post_index))
    own, vietnam = (post_index.country_logits(post, COUNTRIES.index(code)) for code in ("jp", "vn"))

    assert COUNTRIES.index("jp") in post_index.countries.tolist()
    assert UNKNOWN_COUNTRY in post_index.countries.tolist()
    assert COUNTRIES.index("vn") not in post_index.countries.tolist()
    assert np.isfinite(own).all()
    assert np.isfinite(vietnam).all()
    assert not np.allclose(own, vietnam)


def test_authors_posts_come_newest_first_and_later_ones_are_counted(village):
    refresh(village)
    post_index = post_index_of(village)

    authors, none = [an_id("author 3"), an_id("a stranger"), an_id("author 4")], np.zeros(len(post_index), bool)
    newest = post_index.by_authors(authors, 2, none)

    assert object_ids(post_index.ids[newest]) == [an_id(name) for name in ("p3", "p13", "p4", "p14")]
    excluded = np.isin(np.arange(len(post_index)), newest[:1])
    assert object_ids(post_index.ids[post_index.by_authors(authors, 2, excluded)])[:2] == [an_id("p13"), an_id("p23")]
    by_author_3 = newest[:2]
    assert post_index.newer_posts_by_author[by_author_3].tolist() == [0, 1]
    last_post_at = post_index.last_post_at[post_index.author[by_author_3]]
    assert last_post_at.tolist() == [post_index.created[by_author_3[0]]] * 2


def test_withdrawn_engagements_do_not_count(village):
    village.store.app.engagements.update_many({}, {"$set": {"visibility": "deleted"}})

    refresh(village)

    assert post_index_of(village).popularity.sum() == 0


def test_a_snapshot_that_was_tampered_with_is_refused(village):
    refresh(village)
    parts = village.store.analytics.snapshots
    for damage in ({"artifact": b"x"}, {"signature": "x"}, {"fingerprint": "other"}):
        part = parts.find_one({"family": "snapshot"})
        parts.update_one({"_id": part["_id"]}, {"$set": damage})

        with pytest.raises(StaleModel):
            post_index_of(village)
        parts.replace_one({"_id": part["_id"]}, part)


def test_an_index_larger_than_a_document_is_stored_in_parts(village):
    in_parts = Snapshots(village.store.analytics, load(village.environment).artifact_keys, part_bytes=1_000)

    refresh(village, snapshots=in_parts)

    assert village.snapshots.head(NAME).parts > 3
    assert len(post_index_of(village)) == 30


def test_new_engagements_count_at_the_next_run(village):
    refresh(village)
    village.store.app.engagements.insert_one(engagement("thai", "p1", at=NOON + HOUR))
    refresh(village, NOON + 2 * HOUR)
    post_index = post_index_of(village)

    (position,) = post_index.positions(np.frombuffer(an_id("p1").binary, "V12")).tolist()

    assert post_index.popularity[position] == 1


def test_without_points_a_line_is_the_identity():
    assert fit_line(np.empty(0), np.empty(0)).tolist() == [1, 0]
    assert fit_line(np.ones(5), np.arange(5.0)).tolist() == [1, 0]
