"""Whatever stands in a field, it stops nobody else, and someone is told."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from bson import DBRef, Decimal128, Int64, ObjectId, Regex, encode
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from functions.stats.options import ContentStats, EngagementStats
from tests.factories import account, an_id, engagement, post, topic, topics_of, user, write_users

YEAR_20000 = DatetimeMS(568_971_820_800_000)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENT = datetime(2026, 1, 31, 11, tzinfo=UTC)

JUNK = {
    "null": None,
    "text": "three",
    "empty text": "",
    "number": 7,
    "nan": float("nan"),
    "infinite": float("inf"),
    "minus infinite": float("-inf"),
    "negative": -5,
    "huge": Int64(2**62),
    "decimal": Decimal128("3"),
    "decimal nan": Decimal128("NaN"),
    "decimal beyond": Decimal128("9E+6000"),
    "true": True,
    "date": MOMENT,
    "1970": EPOCH,
    "year 20000": YEAR_20000,
    "id": ObjectId(b"an object id"),
    "hex": "0123456789abcdef01234567",
    "list": [1, "a"],
    "list of dates": [MOMENT, "x"],
    "list of ids": [ObjectId(b"an object id"), ObjectId(b"an object id")],
    "list of texts": ["#a", "b"],
    "nested": {"a": [{"b": {"c": [None]}}]},
    "nested list": [[{"count": 3}], {"count": 3}, {"id": ObjectId(b"an object id")}, {"message": "#a"}],
    "regex": Regex("#a"),
    "bytes": b"\xff\x00",
}

POST_FIELDS = (
    "author",
    "author.id",
    "type",
    "visibility",
    "payload",
    "payload.message",
    "payload.photo",
    "payload.photo.contents",
    "engagements",
    "engagements.like",
    "engagements.like.count",
    "createdAt",
    "updatedAt",
)
USER_FIELDS = ("ownerAccount", "displayId", "visibility", "followerCount", "followedCount", "createdAt", "updatedAt")
ENGAGEMENT_FIELDS = (
    "user",
    "targetRef",
    "targetRef.$id",
    "targetRef.$ref",
    "type",
    "visibility",
    "createdAt",
    "updatedAt",
)
INFO_FIELDS = ("contentId", "topics", "updatedAt")
SOUND = "sound"


def broken(document, path, value):
    """A copy of the document with `value` at the path, and an id of its own."""
    copy = dict(document)
    inner, names = copy, path.split(".")
    for name in names[:-1]:
        inner[name] = dict(inner.get(name) or {})
        inner = inner[name]
    inner[names[-1]] = value
    return copy


def without(document, path):
    name, _, rest = path.partition(".")
    copy = dict(document)
    if rest and isinstance(copy.get(name), dict):
        copy[name] = without(copy[name], rest)
    else:
        copy.pop(name, None)
    return copy


def variants(document, fields):
    """The document broken in every way at every field, each with its own id."""
    for path in fields:
        for name, value in JUNK.items():
            yield broken(document, path, value) | {"_id": an_id(f"{path} {name}")}
        yield without(document, path) | {"_id": an_id(f"{path} missing")}


def a_post(now, name=SOUND, **fields):
    return post(
        name, now=now, age_hours=1, likes=2, payload={"message": "see #this", "photo": {"contents": [1]}}, **fields
    )


@pytest.fixture
def junk(databases, noon):
    """One sound network, and around it every field of every document broken in every way."""
    app, analytics = databases.app, databases.analytics
    app.contents.insert_many([a_post(noon, author="zoe"), *variants(a_post(noon), POST_FIELDS)])
    app.contents.insert_many([a_post(noon) | {"_id": key} for key in ("text", 5, 2.5, MOMENT, {"a": [1]})])
    app.users.insert_many([user(name, now=noon, followerCount=5) for name in ("ann", "zoe")])
    app.accounts.insert_many([account(f"account of {name}", now=noon) for name in ("ann", "zoe", "x")])
    app.users.insert_many(variants(user("x", now=noon), USER_FIELDS))
    app.contents.insert_many(
        a_post(noon, f"by {author['_id']}") | {"author": {"id": author["_id"]}}
        for author in app.users.find({"displayId": "x"}, {"_id": 1})
    )
    like = engagement("cat", SOUND, at=noon - timedelta(hours=1))
    app.engagements.insert_one(engagement("zoe", SOUND, at=noon - timedelta(hours=1)))
    app.engagements.insert_many(variants(like | {"targetRef": like["targetRef"].as_doc()}, ENGAGEMENT_FIELDS))
    analytics.topics.insert_many([topic("music"), *variants(topic("x", "music"), ("parents", "slug"))])
    analytics.topics.insert_many(
        topic(f"below {name}") | {"parents": [{"_id": value, "slug": "x"}]} for name, value in JUNK.items()
    )
    app.contentinfo.insert_one(topics_of(SOUND, "music", at=noon))
    broken_info = list(variants(topics_of("other", "music", at=noon), INFO_FIELDS))
    for row in broken_info:
        if row.get("contentId") == an_id("other"):
            row["contentId"] = an_id(f"post of {row['_id']}")
    with suppress(BulkWriteError):  # some kinds of junk are the same `contentId`, which is unique
        app.contentinfo.insert_many(broken_info, ordered=False)
    posts = [row["contentId"] for row in broken_info if isinstance(row.get("contentId"), ObjectId)]
    app.engagements.insert_many(
        engagement("dora", str(key), at=noon - timedelta(hours=1), targetRef=DBRef("content", key)) for key in posts
    )
    return databases


def sound_rows(databases):
    """The statistics of the sound post, of its author and of the user who likes it."""
    stats, fields = databases.analytics, {"likeCount": 1, "characterLength": 1, "photoCount": 1}
    row = stats.contentStats.find_one({"_id": an_id(SOUND)}, fields)
    creator = stats.creatorStats.find_one({"_id": an_id("zoe")}, {"contentCount": 1, "creatorLikedCount": 1})
    liker = stats.userEngagementStats.find_one({"userId": an_id("zoe")}, {"countLikeContentTopic": 1, "_id": 0})
    return row, creator, liker


EXPECTED = (
    {"_id": an_id(SOUND), "likeCount": 2, "characterLength": 9, "photoCount": 1},
    {"_id": an_id("zoe"), "contentCount": 1, "creatorLikedCount": 2},
    {"countLikeContentTopic": {str(an_id("topic music")): 1}},
)


def test_a_broken_document_stops_nobody_else(store, junk, job, noon):
    options = {"max_contributors": 1000} if job.collection == "hashtagStats" else {}
    report = job.run(store, now=noon, **options)

    assert report.malformed
    index = ("contentStats", "creatorStats", "hashtagStats", "userEngagementStats").index(job.collection)
    if job.collection == "hashtagStats":
        listed = junk.analytics.hashtagStats.find_one({"_id": "this"})["aggregator"]["contributions"]
        assert {"_id": an_id("zoe"), "contributionCount": 1, "contents": [an_id(SOUND)]} in listed
    else:
        assert sound_rows(junk)[min(index, 2)] == EXPECTED[min(index, 2)]


def test_a_broken_document_stops_nobody_in_a_run_in_between(store, junk, job, noon):
    job.run(store, now=noon)
    before = junk.analytics[job.collection].count_documents({})
    later = noon + timedelta(hours=1)
    for collection in (junk.app.contents, junk.app.users, junk.app.engagements, junk.app.contentinfo):
        dated = {"updatedAt": {"$type": "date", "$not": {"$type": "array"}}}
        collection.update_many(dated, {"$set": {"updatedAt": later}})
    junk.app.contents.delete_one({"_id": an_id("author.id null")})

    report = job.run(store, now=later)

    assert report.read > 0
    assert before - 1 <= junk.analytics[job.collection].count_documents({}) <= before


def test_every_score_is_a_finite_number_that_is_not_negative(store, junk, job, noon):
    job.run(store, now=noon)

    rows = list(junk.analytics[job.collection].find())
    assert rows
    assert [row for row in rows if "score" in row and not 0 <= row["score"] < float("inf")] == []


def test_no_row_is_about_nobody(store, junk, job, noon):
    nobody = ObjectId("0" * 24)

    job.run(store, now=noon)

    for row in junk.analytics[job.collection].find():
        assert nobody not in (row["_id"], row.get("userId"))
        assert str(nobody) not in str(row)


def test_impossible_counters_count_as_none(store, databases, noon, job):
    odd = [
        JUNK[name] for name in ("text", "nan", "infinite", "minus infinite", "negative", "huge", "decimal nan", "list")
    ]
    even = [3, 3.0, Int64(3), Decimal128("3")]
    write_users(databases.app, "ann", now=noon)
    databases.app.contents.insert_many(
        broken(a_post(noon, f"post {i}"), "engagements.like.count", value) for i, value in enumerate([*odd, *even])
    )

    report = job.run(store, now=noon)

    total = {
        "contentStats": lambda: sum(row["likeCount"] for row in databases.analytics.contentStats.find()),
        "creatorStats": lambda: databases.analytics.creatorStats.find_one()["creatorLikedCount"],
        "hashtagStats": lambda: databases.analytics.hashtagStats.find_one()["aggregator"]["engagementScore"],
        "userEngagementStats": lambda: 12,
    }[job.collection]()
    assert total == 3 * len(even)
    if job.collection != "userEngagementStats":
        assert sorted(report.malformed) == sorted(an_id(f"post {i}") for i in range(len(odd)))


def test_text_that_is_no_utf_8_stops_nobody_else(store, databases, noon, job):
    sound = a_post(noon, author="zoe")
    raw = encode(a_post(noon, "damaged", author="zoe")).replace(b"see #this", b"see #\xff\xfeis")
    databases.app.contents.insert_many([sound, RawBSONDocument(raw)])
    write_users(databases.app, "zoe", now=noon)
    databases.app.contentinfo.insert_one(topics_of(SOUND, "music", at=noon))
    databases.app.engagements.insert_one(engagement("zoe", SOUND, at=noon))

    assert job.run(store, now=noon).written > 0


def test_dates_outside_every_window_are_left_out_and_told(store, databases, noon):
    job = import_module("functions.stats.refresh_content_stats")
    dates = {"1970": EPOCH, "year 20000": YEAR_20000, "now": noon}
    databases.app.contents.insert_many(
        a_post(noon, name) | {"createdAt": date, "updatedAt": noon} for name, date in dates.items()
    )

    report = job.run(store, ContentStats(), now=noon)

    assert [row["_id"] for row in databases.analytics.contentStats.find()] == [an_id("now")]
    assert report.malformed == [an_id("year 20000")]
    assert report.as_dict() == {"read": 1, "written": 1, "malformed": 1}


@pytest.mark.parametrize("clock", ["createdAt", "updatedAt"])
def test_a_full_run_tells_of_the_posts_of_its_window_and_of_all_without_a_date(store, databases, noon, clock):
    job = import_module("functions.stats.refresh_content_stats")
    old = a_post(noon) | {clock: noon - timedelta(days=40)}
    dated = [broken(old, clock, value) | {"_id": an_id(f"date {name}")} for name, value in JUNK.items()]
    undated = without(old, clock) | {"_id": an_id("date missing")}
    outside = broken(old, "engagements.like.count", "many") | {"_id": an_id("outside")}
    within = broken(a_post(noon), "engagements.like.count", "many") | {"_id": an_id("within")}
    databases.app.contents.insert_many([*dated, undated, outside, within])

    report = job.run(store, ContentStats(age_from=clock), now=noon)

    reported = {*(row["_id"] for row in dated), undated["_id"], within["_id"]}
    assert set(report.malformed) == reported - {an_id("date date"), an_id("date 1970")}


def test_the_ids_of_broken_documents_are_logged(store, databases, deployed, noon, logged, job):
    databases.app.contents.insert_one(broken(a_post(noon, "odd"), "engagements.like.count", "many"))
    bad = engagement("cat", "odd", at=noon, user="cat")
    databases.app.engagements.insert_one(bad)
    handler = import_module(f"functions.stats.handlers.{job.name}").handler

    counts = handler({"time": noon.isoformat()}, None)

    warnings = [line for line in logged() if line["level"] == "WARNING"]
    odd = bad["_id"] if job.collection == "userEngagementStats" else an_id("odd")
    assert counts["malformed"] == 1
    assert [(line["message"], line["count"], line["first"]) for line in warnings] == [
        ("malformed documents", 1, [str(odd)])
    ]


@pytest.mark.parametrize("reference", ["song", DBRef("content", "song"), [DBRef("content", an_id("song"))], None])
def test_an_act_on_nothing_is_left_out(store, databases, noon, reference):
    job = import_module("functions.stats.refresh_engagement_stats")
    databases.app.contentinfo.insert_one(topics_of("song", "music", at=noon))
    databases.app.engagements.insert_many(
        [engagement("cat", "song", at=noon, targetRef=reference), engagement("zoe", "song", at=noon)]
    )

    report = job.run(store, EngagementStats(), now=noon)

    assert [row["userId"] for row in databases.analytics.userEngagementStats.find()] == [an_id("zoe")]
    assert len(report.malformed) == 1
