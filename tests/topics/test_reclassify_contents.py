"""The walk over all posts: those whose change event was missed, that an older model named, or that are gone."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from bson import ObjectId, Timestamp
from bson.raw_bson import RawBSONDocument

from functions.topics import reclassify_contents
from functions.topics.annotate import open_annotator
from functions.topics.options import Topics
from functions.topics.store.content_info import AnnotationRow, ContentInfo
from shared.artifacts import Registry
from shared.change import ClusterTime, Order
from shared.config import Options
from shared.documents import object_id
from shared.errors import Conflict
from shared.text.embedding import embed
from tests.changes import TEXT, deleted, ids, inserted, state
from tests.conftest import SIGNING_KEY
from tests.factories import an_id, topics_of
from tests.shared.store.test_contents import invalid_text
from tests.topics.texts import CATS, MOVIE, STUB, THAI, hash_of

HOUR = timedelta(hours=1)


@pytest.fixture
def run(store, annotator, noon):
    """Run the job, some hours after noon."""

    def at(hour=0, by=annotator, page_size=reclassify_contents.PAGE_SIZE, **options):
        return reclassify_contents.run(store, by, Topics(**options), now=noon + hour * HOUR, page_size=page_size)

    return at


@pytest.fixture
def contents(databases):
    return databases.app.contents


def numbered(n, text=TEXT, **fields):
    return state("any", text, **fields) | {"_id": ObjectId(bytes([n]) * 12)}


def texts_of(kept, *names):
    return [kept(name)["textHash"] for name in names]


def test_posts_that_no_change_told_of_are_annotated(run, contents, kept, paths):
    contents.insert_many([state("match", TEXT), state("cats", CATS), state("thai", THAI)])

    assert run().as_dict() == {"read": 3, "written": 3, "finished": 1}

    assert paths(kept("match")) == ["sports", "sports/football"]
    assert paths(kept("cats")) == ["pets", "pets/cats"]
    assert kept("thai")["language"] == "th"


def test_a_second_run_writes_nothing_but_its_own_mark(run, contents, databases, snapshot, embedded):
    contents.insert_many([state("match"), state("empty", ""), state("blank", " \n"), state("image", None)])
    contents.insert_many([state("gone", visibility="deleted"), state("number", 5), state("list", ["x"])])
    databases.app.contentinfo.insert_one(topics_of("orphan", at=state("x")["updatedAt"]))
    assert (run().written, run(1).as_dict()) == (1, {"read": 3, "written": 0, "finished": 1})
    before = snapshot()
    embedded.clear()

    run(1)

    assert snapshot() == before
    assert embedded == []


def test_nothing_to_do_is_a_quiet_success(run, kept):
    assert run().as_dict() == {"read": 0, "written": 0, "finished": 1}
    assert kept() == []


def test_what_an_older_model_annotated_is_annotated_anew(run, contents, kept, embedded, annotator):
    contents.insert_many([state("match", TEXT), state("cats", CATS)])
    run()
    newer = replace(annotator, version="newer")
    run(by=newer)

    assert len(embedded) == 4
    assert {row["model"] for row in kept()} == {"newer"}
    assert run(by=newer).written == 0


def test_what_another_program_left_is_annotated_anew(run, contents, databases, kept, noon):
    left = topics_of("match", "sports", at=noon, translatedEN="x")
    databases.app.contentinfo.insert_one(left)
    contents.insert_one(state("match"))

    assert run().written == 1

    assert (kept("match")["_id"], kept("match")["textHash"]) == (left["_id"], hash_of(TEXT))
    assert len(databases.app.contentinfo.distinct("_id")) == 1


def test_a_text_that_was_edited_without_a_change_is_annotated_anew(run, contents, kept, paths, embedded):
    contents.insert_many([state("one", TEXT), state("same", MOVIE)])
    run()
    contents.update_one({"_id": an_id("one")}, {"$set": {"payload.message": CATS}})
    embedded.clear()

    assert run().written == 1

    assert paths(kept("one")) == ["pets", "pets/cats"]
    assert embedded == [CATS]


@pytest.mark.parametrize(
    "end",
    [
        {"visibility": "deleted"},
        {"visibility": "hidden"},
        {"payload": {}},
        {"payload.message": ""},
        {"payload.message": "  "},
        {"payload.message": 5},
        None,
    ],
    ids=str,
)
def test_of_a_post_that_is_gone_or_silent_without_a_change_nothing_is_kept(run, contents, kept, end):
    contents.insert_many([state("one"), state("other")])
    run()
    if end is None:
        contents.delete_one({"_id": an_id("one")})
    else:
        contents.update_one({"_id": an_id("one")}, {"$set": end})

    assert (run().removed, run().removed) == (1, 0)

    assert kept("one").keys() == STUB
    assert kept("other")["language"] == "en"


def test_an_orphan_that_another_program_left_is_removed(run, databases, kept, noon):
    databases.app.contentinfo.insert_many([topics_of(name, "sports", at=noon) for name in ("one", "two")])

    assert run().as_dict() == {"read": 2, "written": 0, "removed": 2, "finished": 1}
    assert [row.keys() for row in kept()] == [STUB] * 2


def test_a_post_that_came_back_without_a_change_is_annotated(run, contents, kept, classify):
    classify(deleted("one", second=5))
    contents.insert_one(state("one"))

    assert run().written == 1
    assert "removedAt" not in kept("one")


def test_a_post_without_a_text_leaves_no_mark(run, contents, kept):
    contents.insert_many([state("image", None), state("blank", "  "), state("list", ["x"])])

    assert run().removed == 0
    assert kept() == []


def test_a_run_looks_at_so_many_posts_and_the_next_goes_on_there(run, contents, kept, embedded):
    contents.insert_many([numbered(n) for n in range(1, 8)])

    reports = [run(max_reclassified=3, page_size=2).as_dict() for _ in range(4)]

    assert reports == [
        {"read": 3, "written": 3, "finished": 0},
        {"read": 3, "written": 3, "finished": 0},
        {"read": 1, "written": 1, "finished": 1},
        {"read": 3, "written": 0, "finished": 0},
    ]
    assert len(kept()) == len(embedded) == 7


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_newest_posts_come_first(run, contents, kept, limit):
    contents.insert_many([numbered(n) for n in range(1, 8)])

    assert run(max_reclassified=limit).read == limit

    assert [row["contentId"] for row in kept()] == [ObjectId(bytes([n]) * 12) for n in range(8 - limit, 8)]


def test_posts_and_what_is_kept_of_others_are_walked_together(run, contents, databases, kept):
    contents.insert_many([numbered(n) for n in (1, 2, 3, 4, 9, 12)])
    orphans = [ObjectId(bytes([n]) * 12) for n in (2, 5, 6, 7, 8, 10, 11)]
    databases.app.contentinfo.insert_many([{"contentId": post, "language": "en"} for post in orphans])

    assert run(page_size=2).as_dict() == {"read": 12, "written": 6, "removed": 6, "finished": 1}

    assert len(kept()) == 12
    assert [row["contentId"].binary[0] for row in kept() if "removedAt" not in row] == [1, 2, 3, 4, 9, 12]


def test_none_are_looked_at_where_none_shall_be(run, contents, kept):
    contents.insert_one(state("one"))

    assert run(max_reclassified=0).as_dict()["read"] == 0
    assert kept() == []


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_a_run_that_is_cut_short_is_completed_by_the_next(run, contents, kept, embedded, monkeypatch, end):
    contents.insert_many([numbered(n) for n in range(1, 8)])
    batches = []

    def dies(texts):
        batches.append(texts)
        if len(batches) == 3:
            raise end
        return embed(texts)

    with monkeypatch.context() as patch:
        patch.setattr("functions.topics.annotate.embed", dies)
        with pytest.raises(end):
            run(page_size=2)
    assert [row["contentId"].binary[0] for row in kept()] == [4, 5, 6, 7], "two pages were done"
    embedded.clear()

    report = run(page_size=2)

    assert report.as_dict() == {"read": 3, "written": 3, "finished": 1}, "it goes on where the other ended"
    assert (len(embedded), len(kept())) == (3, 7)


def test_a_page_that_is_cut_short_keeps_what_was_done_of_it(run, contents, kept, embedded, monkeypatch):
    contents.insert_many([numbered(n) for n in range(1, 7)])
    batches = []

    def dies(texts):
        batches.append(texts)
        if len(batches) == 3:
            raise KeyboardInterrupt
        return embed(texts)

    with monkeypatch.context() as patch:
        patch.setattr("functions.topics.annotate.embed", dies)
        with pytest.raises(KeyboardInterrupt):
            run(batch=2)
    assert len(kept()) == 4
    embedded.clear()

    assert run(batch=2).as_dict() == {"read": 6, "written": 2, "finished": 1}
    assert len(embedded) == 2


def test_what_a_change_wrote_meanwhile_stays(run, contents, store, annotator, kept, monkeypatch, noon):
    contents.insert_many([state("one", TEXT), state("two", TEXT), state("three", TEXT)])

    def overtaken(texts):
        """While the old texts are embedded, one post is edited and another deleted, and the changes arrive first."""
        monkeypatch.setattr("functions.topics.annotate.embed", embed)
        with contents.database.client.start_session() as session:
            contents.update_one({"_id": an_id("one")}, {"$set": {"payload.message": CATS}}, session=session)
            contents.delete_one({"_id": an_id("two")}, session=session)
            order = Order(ClusterTime(session.operation_time.time, session.operation_time.inc), None)
        fields = annotator.annotate([CATS])[0]
        content_info = ContentInfo(store)
        content_info.put([AnnotationRow(an_id("one"), hash_of(CATS), annotator.version, order, fields)], now=noon)
        content_info.withdraw({an_id("two"): order}, now=noon)
        return embed(texts)

    monkeypatch.setattr("functions.topics.annotate.embed", overtaken)

    assert run().written == 1

    assert texts_of(kept, "one", "three") == [hash_of(CATS), hash_of(TEXT)]
    assert kept("two").keys() == STUB


def test_a_change_from_before_the_look_comes_too_late(run, contents, kept, classify, embedded):
    contents.insert_one(state("one", CATS, second=9))
    run()

    classify(inserted("one", TEXT, second=1), deleted("two", second=2))

    assert texts_of(kept, "one") == [hash_of(CATS)]
    assert embedded == [CATS]


def test_runs_do_not_run_beside_each_other(run, store, contents, kept):
    contents.insert_one(state("one"))

    with store.leases.hold("reclassify_contents"), pytest.raises(Conflict, match="reclassify_contents"):
        run()

    assert kept() == []


def test_changes_may_arrive_while_it_walks(run, contents, kept, classify):
    names = [f"post {n}" for n in range(12)]
    contents.insert_many([state(name, f"{TEXT} {name}", second=3) for name in names])

    with ThreadPoolExecutor(4) as pool:
        walk = pool.submit(run, page_size=2)
        late = [deleted(name, second=2) for name in names] + [inserted(name, CATS, second=1) for name in names]
        list(pool.map(classify, late * 3))
        walk.result()
    run()

    assert texts_of(kept, *names) == [hash_of(f"{TEXT} {name}") for name in names]


def test_strange_texts_do_not_stop_the_others(run, contents, kept):
    contents.insert_one(RawBSONDocument(invalid_text(an_id("bytes"))))
    texts = {"nul": "nul \x00 in between", "long": "long " * 200_000, "good": TEXT}
    contents.insert_many([state(name, text, updatedAt="soon") for name, text in texts.items()])

    assert run().as_dict() == {"read": 4, "written": 4, "finished": 1}
    assert run().written == 0
    assert kept("good")["topicState"] == "named"


def test_the_mark_says_how_far_it_has_come(run, store, contents, databases, noon):
    contents.insert_many([numbered(n) for n in range(1, 5)])

    run(max_reclassified=3)

    (mark,) = databases.analytics.watermarks.find()
    assert mark == {"_id": "reclassify_contents", "cursor": ObjectId(bytes([2]) * 12), "until": noon}
    run(1)
    assert store.watermarks.cursor("reclassify_contents", object_id) is None


def test_a_state_is_as_new_as_the_read(run, contents, kept):
    with contents.database.client.start_session() as session:
        contents.insert_one(state("one"), session=session)
        before = session.operation_time
    run()

    assert kept("one")["clusterTime"] >= before > Timestamp(1, 1)
    assert kept("one")["contentUpdatedAt"] == state("one")["updatedAt"]


def test_posts_whose_ids_are_no_object_ids_are_passed_over(run, contents, kept):
    contents.insert_many([state("one"), state("x") | {"_id": "text"}, state("x") | {"_id": 5}])

    assert run().read == 1
    assert [row["contentId"] for row in kept()] == ids("one")


def test_topics_that_were_lost_and_made_again_are_named_by_their_new_ids(store, annotator, contents, databases, noon):
    registry = Registry(store.analytics, [SIGNING_KEY.encode()])
    contents.insert_many([state("match", TEXT), state("cats", CATS)])

    def run():
        return reclassify_contents.run(store, open_annotator(store, registry, Options(), now=noon), Topics(), now=noon)

    assert (run().written, run().written) == (2, 0)
    databases.analytics.topics.delete_many({})

    assert (run().written, run().written) == (2, 0)

    named = {topic for row in databases.app.contentinfo.find() for topic in row["topics"]}
    assert named
    assert named <= set(databases.analytics.topics.distinct("_id"))


def test_rows_under_ids_as_text_go_with_what_their_posts_are_now(run, contents, databases, kept, noon):
    """One beside a good row, one of a post without, one of a post that is gone, and what is no id."""
    contents.insert_many([state("one"), state("other")])
    run()
    databases.app.contentinfo.delete_one({"contentId": ids("other")[0]})
    as_text = [str(ids("one")[0]), str(ids("other")[0]).upper(), str(ids("gone")[0])]
    left = [{"contentId": text, "language": "th"} for text in as_text]
    databases.app.contentinfo.insert_many([*left, {"contentId": "no id", "language": "th"}])

    report = run()

    assert (report.written, report.removed) == (1, 2)
    assert kept("one")["language"] == kept("other")["language"] == "en"
    assert databases.app.contentinfo.distinct("contentId", {"contentId": {"$type": "string"}}) == ["no id"]
