"""Changes that come twice, late, shuffled, concurrently, or whose run is cut short."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from bson import Timestamp

from functions.topics import classify_content, reclassify_contents
from functions.topics.options import Topics
from functions.topics.store.content_info import AnnotationRow, ContentInfo
from functions.topics.sync_annotations import sync_annotations
from shared.change import Change, ClusterTime, Order
from shared.text.embedding import embed
from tests.changes import START, TEXT, as_json, change_event, deleted, edited, ids, inserted, state
from tests.factories import an_id
from tests.topics.texts import CATS, MOVIE, STUB, THAI, VIETNAMESE, hash_of


def essence(rows):
    """Rows without fields that may differ: their ids, and numbers whose last digit depends on the batch."""
    varying = ("_id", "vector", "topicScores", "topicEvidence")
    return [{name: row[name] for name in row if name not in varying} for row in rows]


def test_one_change_a_thousand_times_from_eight_threads_is_that_change_once(classify, snapshot, embedded):
    classify(inserted("one", TEXT, second=5))
    once = snapshot()

    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda _: classify(inserted("one", TEXT, second=5)), range(999)))

    assert snapshot() == once
    assert {report.written for report in reports} == {0}
    assert len(embedded) == 1


def test_a_thousand_deliveries_at_once_leave_what_one_of_each_leaves(classify, kept, databases):
    changes = [inserted("one", TEXT, second=1), edited("one", CATS, second=2), inserted("two", MOVIE, second=3)]
    changes += [deleted("two", second=4), inserted("three", THAI, second=5)]
    classify(*changes)
    once = essence(kept())
    databases.app.contentinfo.delete_many({})
    deliveries = changes * 200
    random.Random(5).shuffle(deliveries)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(classify, deliveries))

    assert essence(kept()) == once


class History:
    """Changes of five posts: they are written to the source collection, and kept as events."""

    def __init__(self, contents):
        self.contents, self.events, self.second = contents, [], 0

    def insert(self, name, text):
        self._write("insert", name, text)

    def edit(self, name, text, visibility="publish"):
        self._write("update", name, text, visibility)

    def delete(self, name):
        self.second += 1
        self.contents.delete_one({"_id": an_id(name)})
        self.events.append((deleted(name, second=self.second), name))

    def _write(self, kind, name, text, visibility="publish"):
        self.second += 1
        document = state(name, text, second=self.second, visibility=visibility)
        self.contents.replace_one({"_id": an_id(name)}, document, upsert=True)
        self.events.append((change_event(kind, name, document, second=self.second), name))

    def deliveries(self, chance):
        """Every event at least once and some several times, in any order; an update may carry the post of then, the
        post of now, or none."""
        sent = []
        for event, name in [*self.events, *chance.choices(self.events, k=len(self.events))]:
            now = self.contents.find_one({"_id": an_id(name)})
            form = chance.choice(["then", "now", "bare"])
            bare = {field: value for field, value in event.items() if field != "fullDocument"}
            if form == "then" or event["operationType"] == "delete":
                sent.append(event)
            elif form == "now" and now is not None and event["operationType"] == "update":
                sent.append(bare | {"fullDocument": as_json(now)})
            else:
                sent.append(bare)
        chance.shuffle(sent)
        return sent


@pytest.fixture
def history(databases):
    happened = History(databases.app.contents)
    happened.insert("edited", TEXT)
    happened.insert("withdrawn", CATS)
    happened.insert("deleted", MOVIE)
    happened.edit("edited", CATS)
    happened.insert("untouched", THAI)
    happened.edit("withdrawn", CATS, "deleted")
    happened.edit("edited", TEXT)
    happened.delete("deleted")
    happened.edit("withdrawn", MOVIE)
    happened.insert("back", VIETNAMESE)
    happened.edit("back", VIETNAMESE, "deleted")
    happened.edit("untouched", None)
    happened.edit("untouched", THAI)
    happened.edit("withdrawn", MOVIE, "deleted")
    happened.edit("back", VIETNAMESE)
    return happened


@pytest.fixture
def truth(store, annotator, history, databases, kept, noon):
    """The annotations that a run over the source collection gives."""
    reclassify_contents.run(store, annotator, Topics(), now=noon)
    expected = annotated(kept())
    databases.app.contentinfo.delete_many({})
    assert sorted(expected) == sorted(ids("edited", "untouched", "back"))
    return expected


def annotated(rows):
    fields = ("language", "languageConfidence", "topicState", "topics", "textHash", "model")
    return {row["contentId"]: {f: row.get(f) for f in fields} for row in rows if "removedAt" not in row}


@pytest.mark.parametrize("seed", range(30))
def test_changes_in_any_order_end_where_a_look_at_the_source_does(classify, kept, history, truth, seed):
    chance = random.Random(seed)
    sent = history.deliveries(chance)

    while sent:
        size = chance.randint(1, 4)
        classify(*sent[:size], options=Topics(batch=2))
        sent = sent[size:]

    assert annotated(kept()) == truth
    assert all(row.keys() == STUB for row in kept() if "removedAt" in row)


@pytest.mark.parametrize("seed", range(5))
def test_changes_beside_each_other_end_there_too(classify, kept, history, truth, seed):
    sent = history.deliveries(random.Random(seed)) * 3

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(classify, sent))

    assert annotated(kept()) == truth
    assert len(kept()) == 5


def test_a_text_that_is_replaced_while_it_is_confirmed_is_looked_at_again(
    store, annotator, classify, kept, noon, monkeypatch
):
    classify(inserted("one", TEXT, second=1))
    known = ContentInfo.known
    other = AnnotationRow(
        an_id("one"), hash_of(CATS), annotator.version, Order(ClusterTime(START + 5, 1), None), {"topics": []}
    )

    def overtaken(content_info, posts):
        monkeypatch.setattr(ContentInfo, "known", known)
        stored = known(content_info, posts)
        content_info.put([other], now=noon)
        return stored

    monkeypatch.setattr(ContentInfo, "known", overtaken)
    classify(edited("one", TEXT, second=9))

    assert (kept("one")["textHash"], kept("one")["clusterTime"]) == (hash_of(TEXT), Timestamp(START + 9, 1))
    assert len(kept("one")["topics"]) == 2


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_of_a_run_that_is_cut_short_what_was_done_stays(classify, kept, embedded, monkeypatch, databases, end):
    changes = [inserted(f"post {n}", f"{TEXT} {n} to nil", second=n + 1) for n in range(8)]
    classify(*changes)
    whole = essence(kept())
    databases.app.contentinfo.delete_many({})
    batches = []

    def dies(texts):
        batches.append(texts)
        if len(batches) == 3:
            raise end
        return embed(texts)

    with monkeypatch.context() as patch:
        patch.setattr("functions.topics.annotate.embed", dies)
        with pytest.raises(end):
            classify(*changes, options=Topics(batch=2))

    assert [row["contentId"] for row in kept()] == sorted(ids("post 0", "post 1", "post 2", "post 3"))
    embedded.clear()

    report = classify(*changes, options=Topics(batch=2))

    assert report.written == len(embedded) == 4, "only the rest"
    assert essence(kept()) == whole


def test_without_states_nothing_is_synchronised(store, annotator, snapshot, noon):
    before = snapshot()

    assert sync_annotations(store, annotator, {}, 5, now=noon) == (0, 0)
    assert snapshot() == before


def test_a_later_now_changes_no_row_that_is_right(store, annotator, classify, snapshot, noon):
    classify(inserted("one", TEXT, second=1))
    before = snapshot()
    again = Change("contents", an_id("one"), "insert", state("one", TEXT), cluster_time=ClusterTime(START + 1, 1))

    classify_content.run(store, annotator, Topics(), [again], now=noon + timedelta(days=1))

    assert snapshot() == before
