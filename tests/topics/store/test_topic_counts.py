"""How many posts each topic had lately."""

from datetime import timedelta

import pytest

from functions.topics.store.topic_counts import TopicCounts
from functions.topics.store.topic_tree import PostCounts, TopicTree
from shared.store import schema
from tests.factories import an_id, post

DAY, WEEK = timedelta(days=1), timedelta(days=7)


@pytest.fixture
def ids(store, noon):
    return TopicTree(store).resolve(
        {path: {"name": path.title()} for path in ("pets", "sports", "sports/golf")}, now=noon
    )


@pytest.fixture
def described(store, ids, noon):
    """Write a post of that age with these topics."""

    def write(name, days, *paths, **fields):
        store.app.contents.insert_one(post(name, now=noon, age_hours=24 * days, **fields))
        topics = [ids.get(path, path) for path in paths]
        store.app.contentinfo.insert_one({"contentId": an_id(name), "topics": topics, "updatedAt": noon})

    return write


def counted(store):
    return {topic.path: topic.counts and (topic.counts.recent, topic.counts.before) for topic in TopicTree(store).all()}


def test_posts_count_in_their_window_for_all_their_topics(store, described, noon):
    described("new", 1, "sports", "sports/golf")
    described("twice", 2, "sports", "sports")
    described("older", 9, "sports", "sports/golf")
    described("ancient", 15, "sports")
    described("hidden", 1, "sports", visibility="hidden")
    described("odd", 1, 7, None, "x")
    assert set(counted(store).values()) == {None}

    TopicCounts(store).refresh(now=noon)

    assert counted(store) == {"pets": (0, 0), "sports": (2, 1), "sports/golf": (1, 1)}
    assert next(iter(TopicTree(store).all())).counts == PostCounts(0, 0, WEEK, noon)


def test_counts_of_a_later_moment_stay_and_the_same_run_writes_nothing(store, described, noon, snapshot):
    described("new", 1, "pets")
    TopicCounts(store).refresh(now=noon)
    before = snapshot()

    TopicCounts(store).refresh(now=noon)
    TopicCounts(store).refresh(now=noon - DAY)

    assert snapshot() == before
    TopicCounts(store).refresh(now=noon + 7 * DAY)
    assert counted(store)["pets"] == (0, 1)


@pytest.mark.parametrize("junk", [None, 7, "x", [], {"recent": -1}, {"recent": 1, "before": 1, "hours": "x"}])
def test_junk_in_place_of_counts_is_none_and_is_replaced(store, described, noon, junk):
    described("new", 1, "pets")
    store.analytics.topics.update_many({}, {"$set": {"posts": junk}})
    assert set(counted(store).values()) == {None}

    TopicCounts(store).refresh(now=noon)

    assert counted(store)["pets"] == (1, 0)


def test_the_tree_is_in_order_and_without_malformed_topics(store, ids):
    store.analytics.topics.insert_many([{"_id": 7, "path": "food"}, {"path": 5}, {"slug": "foreign"}])
    store.analytics.topics.update_one({"path": "pets"}, {"$set": {"name": 9}})

    assert [(each.path, each.name, each.level) for each in TopicTree(store).all()] == [
        ("pets", "pets", 0), ("sports", "Sports", 0), ("sports/golf", "Sports/Golf", 1)
    ]  # fmt: skip


def test_the_window_is_read_by_its_index_and_annotations_by_theirs(store, described, databases, noon):
    schema.apply(databases.app, databases.analytics)
    for n in range(30):
        described(f"new {n}", 1, "pets")
        described(f"old {n}", 100, "pets")
    store.app.command("profile", 2)
    try:
        TopicCounts(store).refresh(now=noon)
    finally:
        store.app.command("profile", 0)

    [read] = store.app["system.profile"].find({"command.aggregate": "contents"})
    store.app["system.profile"].drop()
    assert "COLLSCAN" not in str(read)
    assert read["docsExamined"] <= 30 * 2
