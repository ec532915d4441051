"""The tree of topics, whatever state a run found it in."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from functions.topics.taxonomy import taxonomy
from tests.factories import an_id, topic

HOUR = timedelta(hours=1)
WANTED = {
    "sports": {"name": "Sports", "iab": "483"},
    "sports/football": {"name": "Football", "iab": "533"},
    "sports/tennis": {"name": "Tennis", "iab": None},
    "arts": {"name": "Arts", "iab": None},
    "arts/music": {"name": "Music", "iab": None},
    "arts/music/pop": {"name": "Pop", "iab": None},
    "pets": {"name": "Pets", "iab": None},
    "pets/music": {"name": "Songs of birds", "iab": None},
}


@pytest.fixture
def tree(store):
    return store.topic_tree


@pytest.fixture
def topics(databases):
    return lambda: {one["path"]: one for one in databases.analytics.topics.find({"path": {"$exists": True}})}


def test_the_tree_is_what_is_wanted(tree, topics, noon):
    ids = tree.resolve(WANTED, now=noon)

    found = topics()
    assert found.keys() == ids.keys() == WANTED.keys()
    assert found["sports"] == {
        "_id": ids["sports"],
        "path": "sports",
        "slug": "sports",
        "name": "Sports",
        "iab": "483",
        "parents": [],
        "children": [
            {"_id": ids["sports/football"], "slug": "football"},
            {"_id": ids["sports/tennis"], "slug": "tennis"},
        ],
        "createdAt": noon,
        "updatedAt": noon,
    }
    assert found["arts/music"]["parents"] == [{"_id": ids["arts"], "slug": "arts"}]
    assert found["arts/music"]["children"] == [{"_id": ids["arts/music/pop"], "slug": "pop"}]
    assert found["arts/music/pop"]["children"] == []


def test_one_slug_may_stand_under_two_parents(tree, topics, noon):
    ids = tree.resolve(WANTED, now=noon)

    assert ids["arts/music"] != ids["pets/music"]
    assert topics()["arts/music"]["slug"] == topics()["pets/music"]["slug"] == "music"


def test_a_second_run_writes_nothing(tree, snapshot, noon):
    ids = tree.resolve(WANTED, now=noon)
    before = snapshot()

    assert tree.resolve(WANTED, now=noon + HOUR) == ids
    assert snapshot() == before


def test_what_a_run_that_was_cut_short_left_is_completed(tree, topics, databases, noon):
    ids = tree.resolve(WANTED, now=noon)
    whole = topics()
    half = list(WANTED)[::2]
    databases.analytics.topics.update_many({"path": {"$in": half}}, {"$unset": {"parents": "", "children": ""}})
    databases.analytics.topics.update_one({"path": "arts"}, {"$set": {"children": []}})

    assert tree.resolve(WANTED, now=noon + HOUR) == ids

    repaired = topics()
    assert {path: one | {"updatedAt": noon} for path, one in repaired.items()} == whole
    changed = {path for path, one in repaired.items() if one["updatedAt"] == noon + HOUR}
    assert changed == {*half, "arts"}, "the others were left alone"


def test_a_topic_that_is_missing_comes_back_and_is_known_to_its_relatives(tree, topics, databases, noon):
    ids = tree.resolve(WANTED, now=noon)
    databases.analytics.topics.delete_one({"path": "arts/music"})

    again = tree.resolve(WANTED, now=noon + HOUR)

    assert again.pop("arts/music") != ids.pop("arts/music")
    assert again == ids
    assert topics()["arts"]["children"] == [{"_id": topics()["arts/music"]["_id"], "slug": "music"}]
    assert topics()["arts/music/pop"]["parents"] == [{"_id": topics()["arts/music"]["_id"], "slug": "music"}]


def test_a_name_may_change_and_a_branch_may_grow(tree, topics, noon):
    ids = tree.resolve(WANTED, now=noon)
    grown = WANTED | {"sports": {"name": "All sports", "iab": "483"}, "sports/golf": {"name": "Golf", "iab": None}}

    after = tree.resolve(grown, now=noon + HOUR)

    assert after.items() > ids.items()
    assert topics()["sports"]["name"] == "All sports"
    assert [one["slug"] for one in topics()["sports"]["children"]] == ["football", "golf", "tennis"]
    assert topics()["sports"]["createdAt"] == noon
    assert topics()["sports/football"]["updatedAt"] == noon


def test_two_taxonomies_beside_each_other_come_to_one_tree(tree, topics, snapshot, noon):
    newer = WANTED | {"sports/golf": {"name": "Golf", "iab": None}}
    del newer["sports/tennis"]
    tree.resolve(WANTED, now=noon)
    tree.resolve(newer, now=noon)
    before = snapshot()

    for wanted in (WANTED, newer, WANTED):
        assert tree.resolve(wanted, now=noon + HOUR).keys() == wanted.keys()

    assert snapshot() == before
    assert [one["slug"] for one in topics()["sports"]["children"]] == ["football", "golf", "tennis"]


def test_a_topic_that_nobody_wants_leaves_its_parent_when_it_is_deleted(tree, topics, databases, noon):
    tree.resolve(WANTED, now=noon)
    kept = {path: fields for path, fields in WANTED.items() if path != "sports/tennis"}
    databases.analytics.topics.delete_one({"path": "sports/tennis"})

    tree.resolve(kept, now=noon + HOUR)

    assert [one["slug"] for one in topics()["sports"]["children"]] == ["football"]


def test_topics_that_another_program_left_stay_as_they_are(tree, topics, databases, noon):
    left = [topic("sports"), topic("football", "sports"), topic("music")]
    databases.analytics.topics.insert_many(left)

    ids = tree.resolve(WANTED, now=noon)

    assert list(databases.analytics.topics.find({"path": {"$exists": False}})) == left
    assert ids.keys() == topics().keys() == WANTED.keys()
    assert an_id("topic sports") not in ids.values()


def test_runs_at_the_same_moment_leave_one_tree(tree, topics, snapshot, databases, noon):
    together = Barrier(8)

    def run(_):
        together.wait()
        return tree.resolve(WANTED, now=noon)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, range(8)))

    assert all(ids == found[0] for ids in found)
    assert {path: one["_id"] for path, one in topics().items()} == found[0]
    assert databases.analytics.topics.count_documents({}) == len(WANTED)
    before = snapshot()
    tree.resolve(WANTED, now=noon + HOUR)
    assert snapshot() == before, "nothing is left to repair"


def test_the_taxonomy_that_is_shipped_is_a_tree_of_its_own(tree, topics, noon):
    wanted = {one.path: {"name": one.name, "iab": one.iab or None} for one in taxonomy().topics}

    ids = tree.resolve(wanted, now=noon)

    assert ids.keys() == set(taxonomy().paths)
    by_id = {one["_id"]: one for one in topics().values()}
    for one in topics().values():
        assert all(child["_id"] in by_id and by_id[child["_id"]]["slug"] == child["slug"] for child in one["children"])
        assert [parent["_id"] for parent in one["parents"]] == [
            ids[above] for above in [one["path"].rpartition("/")[0]] if above
        ]


def test_no_topics_are_wanted(tree, topics, noon):
    assert tree.resolve({}, now=noon) == {}
    assert topics() == {}
