"""Language and topics of posts as changes tell of them: once, twice, late, shuffled and cut short."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from bson import DatetimeMS, ObjectId, Timestamp
from bson.raw_bson import RawBSONDocument

from functions.topics import classify_content, reclassify_contents
from functions.topics.classify_content import latest_states
from functions.topics.sync_annotations import PostState, sync_annotations
from shared.change import Change, ClusterTime, Order
from shared.config import Topics
from shared.errors import BadEvent
from shared.store.content_info import AnnotationRow
from shared.text.embedding import embed
from shared.text.vectors import unpacked
from tests.changes import START, TEXT, as_json, deleted, edited, ids, inserted, moment, state, told
from tests.factories import an_id
from tests.shared.test_contents import invalid_text

CATS = "The cat slept on the sofa all day with her kittens"
MOVIE = "We watched the new film at the cinema and the actors were great"
THAI = "วันนี้ทีมฟุตบอลไทยชนะการแข่งขันสามประตูต่อศูนย์"
VIETNAMESE = "Hôm nay đội tuyển bóng đá Việt Nam đã thắng trận chung kết với tỷ số ba không"
STUB = {"_id", "contentId", "clusterTime", "contentUpdatedAt", "removedAt", "updatedAt"}


@pytest.fixture
def asked_for(databases):
    """Collections of the application that were read or written inside a `with`, as the server saw it."""

    class Watch(set[str]):
        def __enter__(self):
            databases.app.command("profile", 2)
            return self

        def __exit__(self, *_):
            databases.app.command("profile", 0)
            self |= {one["ns"].rpartition(".")[2] for one in databases.app["system.profile"].find({"op": {"$ne": "x"}})}

    return Watch()


def hash_of(text):
    return PostState(Order(ClusterTime(0, 0), None), text).text_hash


# What is kept of a post


def test_a_new_post_gets_its_language_its_topics_and_its_vector(classify, kept, paths, databases, noon):
    report = classify(inserted("match", TEXT, second=5))

    assert report.as_dict() == {"read": 1, "written": 1}
    row = kept("match")
    assert (row["language"], row["topicState"]) == ("en", "named")
    assert 0.5 < row["languageConfidence"] <= 1
    assert paths(row) == ["sports", "sports/football"], "a topic implies those above it"
    assert [one["path"] for one in row["topicScores"]] == paths(row)
    assert all(0 < one["confidence"] <= 1 for one in row["topicScores"])
    assert (row["clusterTime"], row["contentUpdatedAt"], row["updatedAt"]) == (Timestamp(START + 5, 1), moment(5), noon)
    assert row["textHash"] == hash_of(TEXT)


def test_topics_are_ids_of_the_tree(classify, kept, databases):
    classify(inserted("match", TEXT))

    parent, child = kept("match")["topics"]
    assert isinstance(child, ObjectId)
    topic = databases.analytics.topics.find_one({"_id": child})
    assert (topic["slug"], topic["parents"]) == ("football", [{"_id": parent, "slug": "sports"}])


def test_the_vector_is_1024_bytes_of_a_unit_row(classify, kept):
    classify(inserted("match", TEXT), inserted("cats", CATS), inserted("football", THAI))

    blobs = [kept(name)["vector"] for name in ("match", "cats", "football")]
    match, cats, football = unpacked(blobs)
    assert [len(blob) for blob in blobs] == [1024] * 3
    assert np.linalg.norm(match) == pytest.approx(1, abs=1e-3)
    assert match @ football > match @ cats, "the same meaning in another language is nearer"


def test_no_text_is_kept(classify, databases, snapshot):
    classify(inserted("match", TEXT), inserted("cats", CATS))

    assert "striker" not in str(snapshot())
    assert "kittens" not in str(snapshot())


@pytest.mark.parametrize(
    ("text", "language", "state", "has_vector"),
    [
        (THAI, "th", "named", True),
        (VIETNAMESE, "vi", "unsupported", False),
        ("watching football", "en", "short", True),
        ("!!! 123", "n/a", "unknown", False),
        ("https://example.com/ @somebody", "n/a", "unknown", False),
        ("Thank you all so much, see you again", "en", "none", True),
    ],
)
def test_what_is_known_of_a_text_depends_on_its_language_and_length(
    classify, kept, paths, text, language, state, has_vector
):
    classify(inserted("one", text))

    row = kept("one")
    assert (row["language"], row["topicState"], "vector" in row) == (language, state, has_vector)
    assert (paths(row) != []) == (state == "named")
    assert (row["languageConfidence"] > 0) == (language != "n/a")


def test_fewer_words_than_asked_for_get_no_topics(classify, kept, describer):
    for least, found in ((11, "named"), (12, "short")):
        options = Topics(min_tokens=least)
        classify(inserted("one", TEXT, second=least), by=replace(describer, options=options, version=f"least {least}"))
        assert kept("one")["topicState"] == found


def test_only_the_chosen_languages_get_topics(classify, kept, describer):
    chosen = replace(describer, options=Topics(only_languages="th ja"), version="chosen")

    classify(inserted("english", TEXT), inserted("thai", THAI), by=chosen)

    assert (kept("english")["topicState"], kept("english")["topics"]) == ("excluded", [])
    assert kept("english")["language"] == "en"
    assert kept("thai")["topicState"] == "named"


def test_a_post_has_no_more_topics_than_asked_for(classify, kept, paths, describer):
    several = "The central bank raised interest rates and the stock market fell"
    few = replace(describer, options=Topics(most=1), version="few")

    classify(inserted("one", several), by=few)
    classify(inserted("two", several))

    assert len(paths(kept("one"))) == 2, "one, and the one above it"
    assert len(paths(kept("two"))) > 2


# What a change does


def test_another_text_replaces_all_that_was_known(classify, kept, paths):
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


def test_the_same_text_is_not_described_again(classify, kept, embedded, noon):
    classify(inserted("one", TEXT, second=1))
    before = kept("one")

    report = classify(edited("one", TEXT, second=9))

    assert report.as_dict() == {"read": 1, "written": 0}
    assert len(embedded) == 1
    assert kept("one") == before | {"clusterTime": Timestamp(START + 9, 1), "contentUpdatedAt": moment(9)}


def test_an_older_change_is_neither_described_nor_kept(classify, kept, embedded, snapshot):
    classify(edited("one", CATS, second=9))
    before = snapshot()

    assert classify(inserted("one", TEXT, second=1)).as_dict() == {"read": 1, "written": 0}
    assert snapshot() == before
    assert embedded == [CATS]


def test_the_same_text_by_another_model_is_described_again(classify, kept, embedded, describer):
    classify(inserted("one", TEXT, second=1))
    classify(edited("one", TEXT, second=2), by=replace(describer, version="newer"))

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
        told("replace", "one", {"_id": an_id("one")}, second=2),
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


def test_a_post_that_comes_back_is_described_again(classify, kept, paths, embedded):
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
    report = classify(told("insert", "one", document))

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


def test_a_like_does_not_concern_us_and_costs_no_query(classify, kept, asked_for):
    like = {"updatedFields": {"engagements.like.count": 1, "updatedAt": 1}, "removedFields": []}

    with asked_for:
        report = classify(*[told("update", f"post {n}", state(f"post {n}"), updateDescription=like) for n in range(50)])

    assert report.as_dict() == {"read": 0, "written": 0, "unconcerned": 50}
    assert asked_for == set()
    assert kept() == []


def test_the_server_would_have_seen_a_query(classify, asked_for, databases):
    databases.app.contents.insert_one(state("one"))

    with asked_for:
        classify(told("insert", "one"))

    assert {"contents", "contentinfo"} <= asked_for


def test_a_change_of_which_nobody_told_what_it_touched_is_looked_at(classify, kept):
    classify(told("update", "one", state("one"), updateDescription={"updatedFields": {}}))

    assert kept("one")["language"] == "en"


@pytest.mark.parametrize("kind", ["insert", "update", "replace"])
def test_a_change_without_a_document_is_read_as_it_is_now(classify, kept, paths, databases, kind):
    databases.app.contents.insert_one(state("there", CATS, second=7))

    report = classify(told(kind, "there"), told(kind, "gone"))

    assert (report.read, report.written, report.removed) == (2, 1, 1)
    assert paths(kept("there")) == ["pets", "pets/cats"]
    assert kept("there")["contentUpdatedAt"] == moment(7)
    assert kept("there")["clusterTime"].time > START + 1, "as of the read, not of the change"
    assert kept("gone").keys() == STUB


def test_what_was_read_is_not_undone_by_an_older_change(classify, kept, databases):
    databases.app.contents.insert_one(state("one", CATS))
    classify(told("update", "one", second=5))

    classify(edited("one", TEXT, second=4), deleted("one", second=3))

    assert kept("one")["textHash"] == hash_of(CATS)


@pytest.mark.parametrize("key", ["a name", 7], ids=repr)
def test_a_key_that_no_post_has_is_refused(store, describer, key, noon):
    with pytest.raises(BadEvent, match=r"documentKey\._id: a post has an ObjectId"):
        classify_content.run(store, describer, Topics(), [Change("contents", key, "delete")], now=noon)


def test_no_changes_are_a_quiet_success(classify, snapshot):
    before = snapshot()

    assert classify().as_dict() == {"read": 0, "written": 0}
    assert snapshot() == before


def test_many_posts_of_one_batch_are_described_in_parts(classify, kept, embedded):
    report = classify(*[inserted(f"post {n}", TEXT) for n in range(7)], options=Topics(batch=3))

    assert report.written == len(kept()) == len(embedded) == 7


def test_of_several_changes_of_one_post_only_the_last_is_described(classify, kept, embedded):
    report = classify(edited("one", MOVIE, second=3), inserted("one", TEXT, second=1), edited("one", CATS, second=2))

    assert report.as_dict() == {"read": 1, "written": 1}
    assert embedded == [MOVIE]


# Which of two is the newer


def change(second=None, updated=None, text="a", *, kind="update"):
    time = None if second is None else ClusterTime(second, 1)
    dated = None if updated is None else moment(updated)
    fields = {"payload": {"message": text}, "updatedAt": dated} if text and kind != "delete" else None
    return Change("contents", an_id("one"), kind, fields, cluster_time=time)


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (change(1, 9, "a"), change(2, 1, "b"), "b"),
        (change(1, 1, "a"), change(1, 2, "b"), "b"),
        (change(1, 9, "a"), change(2, kind="delete"), None),
        (change(1, 1, "a"), change(1, 1, "a"), "a"),
        (change(1, None, "a"), change(1, 2, "a"), "a"),
        (change(1, kind="delete"), change(1, kind="delete"), None),
    ],
)
def test_of_two_changes_the_newer_one_counts_in_whatever_order_they_came(first, second, text):
    for changes in ([first, second], [second, first], [first, second, first]):
        (told,) = latest_states(changes).values()
        assert told is not None
        assert told.text == text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (change(9, 9), change(1, text=None)),
        (change(9, 9), change(text=None)),
        (change(9, 9), change(None, 9)),
        (change(9, 9), change(kind="delete")),
        (change(9, kind="delete"), change(1, text=None)),
        (change(1, 1, "a"), change(1, 1, "b")),
        (change(1, 1, "a"), change(1, None, "b")),
        (change(1, 1, "a"), change(1, kind="delete")),
    ],
)
def test_where_two_changes_do_not_tell_which_is_the_newer_the_post_is_read(first, second):
    for changes in ([first, second], [second, first]):
        assert latest_states(changes) == {an_id("one"): None}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ends_in", ["nothing", CATS])
def test_what_one_transaction_did_to_a_post_ends_as_it_ended(classify, kept, databases, ends_in, seed):
    """All changes of a transaction have one cluster time, and a deletion has no date."""
    last = deleted("one", second=2) if ends_in == "nothing" else edited("one", CATS, second=2, updatedAt=moment(1))
    changes = [inserted("one", TEXT, second=2, updatedAt=moment(1)), last]
    if ends_in != "nothing":
        databases.app.contents.insert_one(state("one", CATS, second=1))
    sent = changes * 3
    random.Random(seed).shuffle(sent)

    if seed % 2:
        classify(*sent)
    else:
        for one in sent:
            classify(one)

    if ends_in == "nothing":
        assert kept("one").keys() == STUB
    else:
        assert kept("one")["textHash"] == hash_of(CATS)


def test_a_deletion_that_meets_an_insertion_of_its_transaction_at_the_database_is_not_lost(
    store, describer, classify, kept, noon, monkeypatch
):
    """Another run writes between the look at what is known and the write."""
    known, order = store.content_info.known, Order(ClusterTime(START + 2, 1), moment(1))
    inserted_there = AnnotationRow(an_id("one"), hash_of(TEXT), describer.version, order, {"topics": []})

    def overtaken(posts):
        monkeypatch.setattr(store.content_info, "known", known)
        found = known(posts)
        store.content_info.put([inserted_there], now=noon)
        return found

    monkeypatch.setattr(store.content_info, "known", overtaken)
    report = classify(deleted("one", second=2))

    assert kept("one").keys() == STUB
    assert report.removed == 1


# Without a time


def test_a_change_that_tells_no_time_is_looked_up(classify, kept, databases):
    """Else an insertion that comes late would revive a post that is gone."""
    insertion = told("insert", "one", state("one", TEXT, second=9), second=None)
    databases.app.contents.insert_one(state("one", TEXT, second=9))
    classify(insertion)
    assert kept("one")["textHash"] == hash_of(TEXT)

    databases.app.contents.delete_one({"_id": an_id("one")})
    classify(told("delete", "one", second=None))
    classify(insertion)

    assert kept("one").keys() == STUB


@pytest.mark.parametrize("is_there", [True, False])
def test_a_deletion_that_tells_no_time_is_looked_up(classify, kept, databases, is_there):
    classify(inserted("one", TEXT))
    if is_there:
        databases.app.contents.insert_one(state("one", TEXT))

    classify(told("delete", "one", second=None))

    assert (kept("one").keys() == STUB) == (not is_there)


# Clocks that nobody can trust


STRANGE = {
    "1970": datetime(1970, 1, 1, tzinfo=UTC),
    "the future": datetime(2200, 1, 1, tzinfo=UTC),
    "beyond the calendar": DatetimeMS(2**61),
    "long before it": DatetimeMS(-(2**61)),
    "text": "yesterday",
    "a number": 5,
    "nothing": None,
}


@pytest.mark.parametrize("when", STRANGE)
@pytest.mark.parametrize("newest_first", [True, False])
def test_the_servers_clock_orders_changes_whatever_their_dates_say(classify, kept, when, newest_first):
    changes = [
        edited("one", TEXT, second=1, updatedAt=STRANGE[when]),
        edited("one", MOVIE, second=2),
        edited("one", CATS, second=3, updatedAt=STRANGE[when]),
    ]

    for one in reversed(changes) if newest_first else changes:
        assert classify(one).malformed == []

    row = kept("one")
    assert row["textHash"] == hash_of(CATS)
    known = STRANGE[when] if isinstance(STRANGE[when], datetime) else None
    assert (row["clusterTime"], row["contentUpdatedAt"]) == (Timestamp(START + 3, 1), known)


@pytest.mark.parametrize("when", STRANGE)
def test_a_strange_date_in_the_database_is_no_obstacle(classify, kept, databases, when):
    databases.app.contents.insert_one(state("one", TEXT, updatedAt=STRANGE[when]))

    classify(told("insert", "one"))
    classify(told("update", "one"))

    assert kept("one")["language"] == "en"


def test_a_post_without_any_date_is_described(classify, kept):
    document = {name: value for name, value in state("one").items() if name != "updatedAt"}

    classify(told("insert", "one", document))

    assert kept("one")["contentUpdatedAt"] is None


def test_within_one_tick_of_the_servers_clock_the_date_decides(classify, kept):
    for text, second in ((MOVIE, 2), (CATS, 3), (TEXT, 1)):
        classify(told("update", "one", state("one", text, second=second), second=1))

    assert kept("one")["textHash"] == hash_of(CATS)


# Texts that nobody should write


def test_strange_texts_do_not_stop_the_others(classify, kept):
    texts = [
        "half \ud800 a character",
        "nul \x00 in between",
        "long " * 200_000,
        "\u202e\u200b\ufeff",
        "a\u0301" * 5000,
    ]

    report = classify(*[inserted(f"strange {n}", text) for n, text in enumerate(texts)], inserted("good", TEXT))

    assert report.as_dict() == {"read": 6, "written": 6}
    assert kept("good")["topicState"] == "named"
    assert [kept(f"strange {n}")["textHash"] for n in range(5)] == [hash_of(text) for text in texts]


def test_strange_texts_in_the_database_do_not_stop_the_others(classify, kept, databases):
    keys = ids("bytes", "nul", "long", "good")
    databases.app.contents.insert_one(RawBSONDocument(invalid_text(keys[0])))
    texts = {"nul": "nul \x00 in between", "long": "long " * 200_000, "good": TEXT}
    databases.app.contents.insert_many([state(name, text) for name, text in texts.items()])

    report = classify(*[told("insert", key) for key in keys])

    assert report.as_dict() == {"read": 4, "written": 4}
    assert kept("good")["topicState"] == "named"
    assert kept("bytes")["language"] == "en"


# Twice, late and beside each other


def essence(rows):
    """Rows without what may differ: their ids, and numbers that depend on the batch in their last digit."""
    return [{name: row[name] for name in row if name not in ("_id", "vector", "topicScores")} for row in rows]


def test_one_change_a_thousand_times_from_eight_threads_is_that_change_once(classify, snapshot, embedded):
    classify(inserted("one", TEXT, second=5))
    once = snapshot()

    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda _: classify(inserted("one", TEXT, second=5)), range(999)))

    assert snapshot() == once
    assert {one.written for one in reports} == {0}
    assert len(embedded) == 1


def test_a_thousand_deliveries_at_once_leave_what_one_of_each_leaves(classify, kept, databases):
    changes = [inserted("one", TEXT, second=1), edited("one", CATS, second=2), inserted("two", MOVIE, second=3)]
    changes += [deleted("two", second=4), inserted("three", THAI, second=5)]
    classify(*changes)
    once = essence(kept())
    databases.app.contentinfo.delete_many({})
    many = changes * 200
    random.Random(5).shuffle(many)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(classify, many))

    assert essence(kept()) == once


class History:
    """What happened to five posts: the source as it is in the end, and every change on the way."""

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
        self.events.append((told(kind, name, document, second=self.second), name))

    def deliveries(self, chance):
        """Every change at least once and some more often, in any order; an update may carry its post as it was then, as
        it is now, or not at all."""
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
def truth(store, describer, history, databases, kept, noon):
    """What a look at the source alone finds."""
    reclassify_contents.run(store, describer, Topics(), now=noon)
    found = described(kept())
    databases.app.contentinfo.delete_many({})
    assert sorted(found) == sorted(ids("edited", "untouched", "back"))
    return found


def described(rows):
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

    assert described(kept()) == truth
    assert all(row.keys() == STUB for row in kept() if "removedAt" in row)


@pytest.mark.parametrize("seed", range(5))
def test_changes_beside_each_other_end_there_too(classify, kept, history, truth, seed):
    sent = history.deliveries(random.Random(seed)) * 3

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(classify, sent))

    assert described(kept()) == truth
    assert len(kept()) == 5


def test_a_text_that_is_replaced_while_it_is_confirmed_is_looked_at_again(
    store, describer, classify, kept, noon, monkeypatch
):
    classify(inserted("one", TEXT, second=1))
    known = store.content_info.known
    other = AnnotationRow(
        an_id("one"), hash_of(CATS), describer.version, Order(ClusterTime(START + 5, 1), None), {"topics": []}
    )

    def overtaken(posts):
        monkeypatch.setattr(store.content_info, "known", known)
        found = known(posts)
        store.content_info.put([other], now=noon)
        return found

    monkeypatch.setattr(store.content_info, "known", overtaken)
    classify(edited("one", TEXT, second=9))

    assert (kept("one")["textHash"], kept("one")["clusterTime"]) == (hash_of(TEXT), Timestamp(START + 9, 1))
    assert len(kept("one")["topics"]) == 2


# Cut short


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_of_a_run_that_is_cut_short_what_was_done_stays(classify, kept, embedded, monkeypatch, databases, end):
    changes = [inserted(f"post {n}", f"{TEXT} {n} to nil", second=n + 1) for n in range(8)]
    classify(*changes)
    whole = essence(kept())
    databases.app.contentinfo.delete_many({})
    asked = []

    def dies(texts):
        asked.append(texts)
        if len(asked) == 3:
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


def test_settling_nothing_is_nothing(store, describer, snapshot, noon):
    before = snapshot()

    assert sync_annotations(store, describer, {}, 5, now=noon) == (0, 0)
    assert snapshot() == before


def test_a_later_now_changes_no_row_that_is_right(store, describer, classify, snapshot, noon):
    classify(inserted("one", TEXT, second=1))
    before = snapshot()
    again = Change("contents", an_id("one"), "insert", state("one", TEXT), cluster_time=ClusterTime(START + 1, 1))

    classify_content.run(store, describer, Topics(), [again], now=noon + timedelta(days=1))

    assert snapshot() == before
