"""Writing the tree of topics, whatever state of it is stored."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from functions.topics.store.topic_tree import TopicTree
from functions.topics.taxonomy import taxonomy
from tests.factories import an_id, topic

HOUR = timedelta(hours=1)
TOPICS = {
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
    return TopicTree(store)


@pytest.fixture
def topics(databases):
    """The stored topics by path."""
    return lambda: {topic["path"]: topic for topic in databases.analytics.topics.find({"path": {"$exists": True}})}


def test_all_topics_are_written_with_their_relatives(tree, topics, noon):
    ids = tree.resolve(TOPICS, now=noon)

    stored = topics()
    assert stored.keys() == ids.keys() == TOPICS.keys()
    assert stored["sports"] == {
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
    assert stored["arts/music"]["parents"] == [{"_id": ids["arts"], "slug": "arts"}]
    assert stored["arts/music"]["children"] == [{"_id": ids["arts/music/pop"], "slug": "pop"}]
    assert stored["arts/music/pop"]["children"] == []


def test_one_slug_may_stand_under_two_parents(tree, topics, noon):
    ids = tree.resolve(TOPICS, now=noon)

    assert ids["arts/music"] != ids["pets/music"]
    assert topics()["arts/music"]["slug"] == topics()["pets/music"]["slug"] == "music"


def test_a_second_run_writes_nothing(tree, snapshot, noon):
    ids = tree.resolve(TOPICS, now=noon)
    before = snapshot()

    assert tree.resolve(TOPICS, now=noon + HOUR) == ids
    assert snapshot() == before


def test_the_work_of_a_run_that_was_cut_short_is_completed(tree, topics, databases, noon):
    ids = tree.resolve(TOPICS, now=noon)
    complete = topics()
    half = list(TOPICS)[::2]
    databases.analytics.topics.update_many({"path": {"$in": half}}, {"$unset": {"parents": "", "children": ""}})
    databases.analytics.topics.update_one({"path": "arts"}, {"$set": {"children": []}})

    assert tree.resolve(TOPICS, now=noon + HOUR) == ids

    repaired = topics()
    assert {path: topic | {"updatedAt": noon} for path, topic in repaired.items()} == complete
    changed = {path for path, topic in repaired.items() if topic["updatedAt"] == noon + HOUR}
    assert changed == {*half, "arts"}, "the others were left alone"


def test_a_topic_that_is_missing_comes_back_and_is_known_to_its_relatives(tree, topics, databases, noon):
    ids = tree.resolve(TOPICS, now=noon)
    databases.analytics.topics.delete_one({"path": "arts/music"})

    again = tree.resolve(TOPICS, now=noon + HOUR)

    assert again.pop("arts/music") != ids.pop("arts/music")
    assert again == ids
    assert topics()["arts"]["children"] == [{"_id": topics()["arts/music"]["_id"], "slug": "music"}]
    assert topics()["arts/music/pop"]["parents"] == [{"_id": topics()["arts/music"]["_id"], "slug": "music"}]


def test_a_name_may_change_and_a_branch_may_grow(tree, topics, noon):
    ids = tree.resolve(TOPICS, now=noon)
    grown = TOPICS | {"sports": {"name": "All sports", "iab": "483"}, "sports/golf": {"name": "Golf", "iab": None}}

    after = tree.resolve(grown, now=noon + HOUR)

    assert after.items() > ids.items()
    assert topics()["sports"]["name"] == "All sports"
    assert [child["slug"] for child in topics()["sports"]["children"]] == ["football", "golf", "tennis"]
    assert topics()["sports"]["createdAt"] == noon
    assert topics()["sports/football"]["updatedAt"] == noon


def test_runs_with_two_taxonomies_agree_on_one_tree(tree, topics, snapshot, noon):
    newer = TOPICS | {"sports/golf": {"name": "Golf", "iab": None}}
    del newer["sports/tennis"]
    tree.resolve(TOPICS, now=noon)
    tree.resolve(newer, now=noon)
    before = snapshot()

    for taxonomy_topics in (TOPICS, newer, TOPICS):
        assert tree.resolve(taxonomy_topics, now=noon + HOUR).keys() == taxonomy_topics.keys()

    assert snapshot() == before
    assert [child["slug"] for child in topics()["sports"]["children"]] == ["football", "golf", "tennis"]


def test_a_deleted_topic_that_is_not_written_again_leaves_its_parent(tree, topics, databases, noon):
    tree.resolve(TOPICS, now=noon)
    kept = {path: fields for path, fields in TOPICS.items() if path != "sports/tennis"}
    databases.analytics.topics.delete_one({"path": "sports/tennis"})

    tree.resolve(kept, now=noon + HOUR)

    assert [child["slug"] for child in topics()["sports"]["children"]] == ["football"]


def test_topics_that_another_program_left_stay_as_they_are(tree, topics, databases, noon):
    foreign = [topic("sports"), topic("football", "sports"), topic("music")]
    databases.analytics.topics.insert_many(foreign)

    ids = tree.resolve(TOPICS, now=noon)

    assert list(databases.analytics.topics.find({"path": {"$exists": False}})) == foreign
    assert ids.keys() == topics().keys() == TOPICS.keys()
    assert an_id("topic sports") not in ids.values()


def test_runs_at_the_same_moment_leave_one_tree(tree, topics, snapshot, databases, noon):
    barrier = Barrier(8)

    def run(_):
        barrier.wait()
        return tree.resolve(TOPICS, now=noon)

    with ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(run, range(8))

    assert all(ids == first for ids in others)
    assert {path: topic["_id"] for path, topic in topics().items()} == first
    assert databases.analytics.topics.count_documents({}) == len(TOPICS)
    before = snapshot()
    tree.resolve(TOPICS, now=noon + HOUR)
    assert snapshot() == before, "nothing is left to repair"


def test_the_taxonomy_that_is_shipped_is_a_tree_of_its_own(tree, topics, noon):
    shipped = {topic.path: {"name": topic.name, "iab": topic.iab or None} for topic in taxonomy().topics}

    ids = tree.resolve(shipped, now=noon)

    assert ids.keys() == set(taxonomy().paths)
    by_id = {stored["_id"]: stored for stored in topics().values()}
    for stored in topics().values():
        children = stored["children"]
        assert all(child["_id"] in by_id and by_id[child["_id"]]["slug"] == child["slug"] for child in children)
        assert [parent["_id"] for parent in stored["parents"]] == [
            ids[path] for path in [stored["path"].rpartition("/")[0]] if path
        ]


def test_without_topics_nothing_is_written(tree, topics, noon):
    assert tree.resolve({}, now=noon) == {}
    assert topics() == {}
