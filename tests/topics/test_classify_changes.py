"""What each kind of change does to the annotations of a post."""

from dataclasses import replace

import pytest
from bson import Timestamp

from functions.topics import classify_content
from functions.topics.options import Topics
from shared.change import Change
from shared.errors import BadEvent
from tests.changes import START, TEXT, change_event, deleted, edited, ids, inserted, moment, state
from tests.factories import an_id
from tests.topics.texts import CATS, MOVIE, STUB, VIETNAMESE, hash_of


@pytest.fixture
def queried(databases):
    """Collections of the application that were read or written inside a `with`, according to the server."""

    class Watch(set[str]):
        def __enter__(self):
            databases.app.command("profile", 2)
            return self

        def __exit__(self, *_):
            databases.app.command("profile", 0)
            commands = databases.app["system.profile"].find({"op": {"$ne": "x"}})
            self |= {command["ns"].rpartition(".")[2] for command in commands}

    return Watch()


def test_another_text_replaces_all_annotations(classify, kept, paths):
    classify(inserted("one", TEXT, second=1))
    report = classify(edited("one", CATS, second=2))

    assert report.as_dict() == {"read": 1, "written": 1}
    assert paths(kept("one")) == ["pets", "pets/cats"]
    assert kept("one")["textHash"] == hash_of(CATS)


def test_a_text_without_topics_leaves_none_of_the_old(classify, kept):
    classify(inserted("one", TEXT, second=1))
    classify(edited("one", VIETNAMESE, second=2))

    row = kept("one")
    assert (row["language"], row["topics"], row["topicScores"]) == ("vi", [], [])
    assert "vector" not in row


def test_the_same_text_is_not_annotated_again(classify, kept, embedded, noon):
    classify(inserted("one", TEXT, second=1))
    before = kept("one")

    report = classify(edited("one", TEXT, second=9))

    assert report.as_dict() == {"read": 1, "written": 0}
    assert len(embedded) == 1
    assert kept("one") == before | {"clusterTime": Timestamp(START + 9, 1), "contentUpdatedAt": moment(9)}


def test_an_older_change_is_neither_annotated_nor_kept(classify, kept, embedded, snapshot):
    classify(edited("one", CATS, second=9))
    before = snapshot()

    assert classify(inserted("one", TEXT, second=1)).as_dict() == {"read": 1, "written": 0}
    assert snapshot() == before
    assert embedded == [CATS]


def test_the_same_text_by_another_model_is_annotated_again(classify, kept, embedded, annotator):
    classify(inserted("one", TEXT, second=1))
    classify(edited("one", TEXT, second=2), by=replace(annotator, version="newer"))

    assert kept("one")["model"] == "newer"
    assert len(embedded) == 2


@pytest.mark.parametrize(
    "change",
    [
        deleted("one", second=2),
        edited("one", TEXT, second=2, visibility="deleted"),
        edited("one", TEXT, second=2, visibility="hidden"),
        edited("one", TEXT, second=2, visibility=None),
        edited("one", None, second=2),
        edited("one", "", second=2),
        edited("one", " \n\t\u3000", second=2),
        edited("one", None, second=2, payload=None),
        change_event("replace", "one", {"_id": an_id("one")}, second=2),
    ],
    ids=["deleted", "withdrawn", "hidden", "no visibility", "no text", "empty", "spaces", "no payload", "no fields"],
)
def test_of_a_post_that_is_gone_or_says_nothing_only_that_is_kept(classify, kept, change, noon):
    classify(inserted("one", TEXT, second=1))

    report = classify(change)

    assert (report.read, report.written, report.removed) == (1, 0, 1)
    row = kept("one")
    assert row.keys() == STUB
    assert (row["clusterTime"], row["removedAt"]) == (Timestamp(START + 2, 1), noon)


def test_a_post_that_comes_back_is_annotated_again(classify, kept, paths, embedded):
    classify(inserted("one", TEXT, second=1))
    classify(edited("one", TEXT, second=2, visibility="deleted"))
    classify(edited("one", TEXT, second=3))

    assert paths(kept("one")) == ["sports", "sports/football"]
    assert "removedAt" not in kept("one")
    assert len(embedded) == 2


@pytest.mark.parametrize(
    "document",
    [state("one", None, type="image"), state("one", None, type="short", originalPost={}), state("one", payload=[])],
    ids=["image", "recast", "payload of another type"],
)
def test_a_post_without_a_text_is_no_fault(classify, kept, embedded, document):
    report = classify(change_event("insert", "one", document))

    assert report.malformed == []
    assert kept("one").keys() == STUB
    assert embedded == []


@pytest.mark.parametrize("message", [5, True, ["x"], {"$ne": None}, {"text": "x"}], ids=repr)
def test_a_text_of_another_type_is_reported_and_the_others_go_on(classify, kept, message):
    report = classify(inserted("bad", message), inserted("good", TEXT))

    assert list(report.malformed) == ids("bad")
    assert (report.read, report.written) == (2, 1)
    assert kept("bad").keys() == STUB
    assert kept("good")["language"] == "en"


def test_a_like_does_not_concern_us_and_costs_no_query(classify, kept, queried):
    like = {"updatedFields": {"engagements.like.count": 1, "updatedAt": 1}, "removedFields": []}

    with queried:
        report = classify(
            *[change_event("update", f"post {n}", state(f"post {n}"), updateDescription=like) for n in range(50)]
        )

    assert report.as_dict() == {"read": 0, "written": 0, "unconcerned": 50}
    assert queried == set()
    assert kept() == []


def test_the_server_would_have_seen_a_query(classify, queried, databases):
    databases.app.contents.insert_one(state("one"))

    with queried:
        classify(change_event("insert", "one"))

    assert {"contents", "contentinfo"} <= queried


def test_a_change_of_which_nobody_told_what_it_touched_is_looked_at(classify, kept):
    classify(change_event("update", "one", state("one"), updateDescription={"updatedFields": {}}))

    assert kept("one")["language"] == "en"


@pytest.mark.parametrize("kind", ["insert", "update", "replace"])
def test_a_change_without_a_document_is_read_as_it_is_now(classify, kept, paths, databases, kind):
    databases.app.contents.insert_one(state("there", CATS, second=7))

    report = classify(change_event(kind, "there"), change_event(kind, "gone"))

    assert (report.read, report.written, report.removed) == (2, 1, 1)
    assert paths(kept("there")) == ["pets", "pets/cats"]
    assert kept("there")["contentUpdatedAt"] == moment(7)
    assert kept("there")["clusterTime"].time > START + 1, "as of the read, not of the change"
    assert kept("gone").keys() == STUB


def test_what_was_read_is_not_undone_by_an_older_change(classify, kept, databases):
    databases.app.contents.insert_one(state("one", CATS))
    classify(change_event("update", "one", second=5))

    classify(edited("one", TEXT, second=4), deleted("one", second=3))

    assert kept("one")["textHash"] == hash_of(CATS)


@pytest.mark.parametrize("key", ["a name", 7], ids=repr)
def test_a_key_that_no_post_has_is_refused(store, annotator, key, noon):
    with pytest.raises(BadEvent, match=r"documentKey\._id: a post has an ObjectId"):
        classify_content.run(store, annotator, Topics(), [Change("contents", key, "delete")], now=noon)


def test_no_changes_are_a_quiet_success(classify, snapshot):
    before = snapshot()

    assert classify().as_dict() == {"read": 0, "written": 0}
    assert snapshot() == before


def test_many_posts_of_one_batch_are_annotated_in_parts(classify, kept, embedded):
    report = classify(*[inserted(f"post {n}", TEXT) for n in range(7)], options=Topics(batch=3))

    assert report.written == len(kept()) == len(embedded) == 7


def test_of_several_changes_of_one_post_only_the_last_is_annotated(classify, kept, embedded):
    report = classify(edited("one", MOVIE, second=3), inserted("one", TEXT, second=1), edited("one", CATS, second=2))

    assert report.as_dict() == {"read": 1, "written": 1}
    assert embedded == [MOVIE]
