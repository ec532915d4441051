"""Rows of hashtagStats: spellings, totals and limits."""

import unicodedata
from datetime import timedelta
from unittest.mock import ANY

import pytest
from bson import ObjectId, encode
from bson.raw_bson import RawBSONDocument

from functions.stats import refresh_hashtag_stats
from functions.stats.options import HashtagStats
from functions.stats.store.hashtag_stats import HashtagStatistics
from shared.config import Weights
from tests.factories import an_id, post

OPTIONS = HashtagStats()
HOUR = timedelta(hours=1)


def refresh(store, now, options=OPTIONS):
    return refresh_hashtag_stats.run(store, options, now=now)


def says(message, name, now, **fields):
    return post(name, now=now, payload={"message": message}, **fields)


def hashtags(databases):
    return {row["_id"]: row for row in databases.analytics.hashtagStats.find()}


def edit(databases, name, at, **fields):
    databases.app.contents.update_one({"_id": an_id(name)}, {"$set": {"updatedAt": at} | fields})


def test_a_row_is_what_other_programs_read(store, databases, noon):
    databases.app.contents.insert_many(
        [
            says("#Goal!", "a", noon, age_hours=24, likes=1, comments=1),
            says("a #goal again", "b", noon, age_hours=48, recasts=1),
            says("#GOAL", "c", noon, age_hours=72, quotes=3, author="bob"),
        ]
    )

    refresh(store, noon)

    anns = sorted([an_id("a"), an_id("b")], reverse=True)
    assert hashtags(databases) == {
        "goal": {
            "_id": "goal",
            "name": "goal",
            "__v": 0,
            "createdAt": noon - 72 * HOUR,
            "updatedAt": noon - 24 * HOUR,
            "lastContentCreatedAt": noon - 24 * HOUR,
            "useCount": 3,
            "contributorCount": 2,
            "contentFingerprint": ANY,
            "aggregator": {
                "contributions": [
                    {"_id": an_id("ann"), "contributionCount": 2, "contents": anns},
                    {"_id": an_id("bob"), "contributionCount": 1, "contents": [an_id("c")]},
                ],
                "hastagDiversityScore": 2 / 3,
                "engagementScore": 6.0,
                "ageScore": 0.5,
            },
            "score": pytest.approx(2 / 3 * (6 + 1) * 0.5),
            "scoredAt": noon,
        }
    }


def test_each_kind_counts_with_its_own_weight(store, databases, noon):
    databases.app.contents.insert_one(says("#a", "a", noon, likes=1, comments=1, recasts=1, quotes=1))

    refresh(store, noon, HashtagStats(weights=Weights(like=1.0, comment=10.0, recast=100.0, quote=1000.0)))

    assert hashtags(databases)["a"]["aggregator"]["engagementScore"] == 1111.0


def test_every_run_keeps_one_row_per_hashtag(store, databases, noon):
    databases.app.contents.insert_one(says("#a", "a", noon))

    for hour in range(3):
        refresh(store, noon + hour * HOUR)

    assert databases.analytics.hashtagStats.count_documents({}) == 1


@pytest.mark.parametrize("name", ["น้ำท่วม", "ที่นี่", "हिन्दी", "đànẵng", "日本", "año_2026"])
def test_hashtags_of_every_script_keep_their_marks(store, databases, noon, name):
    databases.app.contents.insert_one(says(f"x #{name} y", "a", noon))

    refresh(store, noon)

    assert list(hashtags(databases)) == [name]


def test_spellings_that_look_the_same_are_one_hashtag(store, databases, noon):
    composed, split = (unicodedata.normalize(form, "đànẵng") for form in ("NFC", "NFD"))
    databases.app.contents.insert_many([says(f"#{composed}", "a", noon), says(f"#{split.upper()}", "b", noon)])

    refresh(store, noon)

    assert {name: row["useCount"] for name, row in hashtags(databases).items()} == {composed: 2}


def test_a_post_that_repeats_a_hashtag_uses_it_once(store, databases, noon):
    databases.app.contents.insert_one(says("#Đẹp #goal #Goal #GOAL #goal #đẹp", "a", noon, likes=1))

    refresh(store, noon)

    used = {name: (row["useCount"], row["aggregator"]["engagementScore"]) for name, row in hashtags(databases).items()}
    assert used == {"goal": (1, 1.0), "đẹp": (1, 1.0)}


def test_hidden_posts_do_not_count(store, databases, noon):
    databases.app.contents.insert_many([says("#a", "a", noon), says("#a #b", "b", noon, visibility="hidden")])

    refresh(store, noon)

    assert {name: row["useCount"] for name, row in hashtags(databases).items()} == {"a": 1}


def test_lists_are_capped_though_the_counts_are_not(store, databases, noon):
    databases.app.contents.insert_many(
        says("#a", f"{author} {i}", noon, author=author) for author in ("ann", "bob", "cat") for i in range(4)
    )
    databases.app.contents.insert_one(says("#a", "one more", noon, author="cat"))

    refresh(store, noon, HashtagStats(max_contributors=2, max_contents=3))

    row = hashtags(databases)["a"]
    listed = row["aggregator"]["contributions"]
    assert (row["useCount"], row["contributorCount"]) == (13, 3)
    assert [len(one["contents"]) for one in listed] == [3, 3]
    assert listed[0] == {"_id": an_id("cat"), "contributionCount": 5, "contents": listed[0]["contents"]}


@pytest.mark.parametrize("clock", ["createdAt", "updatedAt"])
def test_posts_that_change_while_the_window_is_read_count_once(store, databases, noon, clock):
    ages = [i / 20 for i in range(3_000)]
    databases.app.contents.insert_many(says("#a", f"{i}", noon, age_hours=age) for i, age in enumerate(ages))
    read: list[ObjectId] = []

    for tagged in HashtagStatistics(store).posts(HashtagStats(age_from=clock), now=noon):
        if not read:
            databases.app.contents.update_many({"createdAt": {"$lt": noon - 70 * HOUR}}, {"$set": {"updatedAt": noon}})
        read.append(tagged["_id"])

    assert sorted(read) == sorted(an_id(f"{i}") for i in range(3_000))


@pytest.mark.parametrize("act", ["edit", "hide", "delete"])
def test_a_use_that_is_gone_is_forgotten_in_the_same_run_though_it_was_not_listed(store, databases, noon, act):
    options = HashtagStats(max_contributors=1, max_contents=1)
    databases.app.contents.insert_many([says("#a #b", f"{i}", noon, author=f"author {i}") for i in range(5)])
    refresh(store, noon + 9 * HOUR, options)
    listed = hashtags(databases)["a"]["aggregator"]["contributions"][0]["contents"]
    unlisted = next(str(i) for i in range(5) if an_id(str(i)) not in listed)
    if act == "delete":
        databases.app.contents.delete_one({"_id": an_id(unlisted)})
    else:
        fields = {"visibility": "hidden"} if act == "hide" else {"payload.message": "nothing"}
        edit(databases, unlisted, noon + 9 * HOUR, **fields)

    refresh(store, noon + 10 * HOUR, options)

    assert {name: row["useCount"] for name, row in hashtags(databases).items()} == {"a": 4, "b": 4}


def test_a_hashtag_that_nobody_uses_any_more_leaves(store, databases, noon):
    databases.app.contents.insert_many([says("#a", "a", noon), says("#b", "b", noon, age_hours=14 * 24 - 1)])
    refresh(store, noon)
    edit(databases, "a", noon + HOUR, **{"payload.message": "#c"})

    report = refresh(store, noon + 2 * HOUR)

    assert list(hashtags(databases)) == ["c"]
    assert report.removed == 2


def test_a_new_like_raises_the_score(store, databases, noon):
    databases.app.contents.insert_many([says("#a", "a", noon), says("#b", "b", noon)])
    refresh(store, noon)
    edit(databases, "a", noon + HOUR, **{"engagements.like.count": 3})

    refresh(store, noon + HOUR)

    rows = hashtags(databases)
    assert [rows[name]["aggregator"]["engagementScore"] for name in "ab"] == [3.0, 0.0]


def test_time_passes_for_every_hashtag(store, databases, noon):
    databases.app.contents.insert_one(says("#a", "a", noon, age_hours=12))
    refresh(store, noon)

    report = refresh(store, noon + 12 * HOUR)

    assert hashtags(databases)["a"]["score"] == 0.5
    assert report.as_dict() == {"read": 0, "written": 1}


def test_text_that_looks_like_a_query_is_only_text(store, databases, noon):
    databases.app.contents.insert_one(says("#$where #_id #__proto__ # ## #1", "a", noon))

    refresh(store, noon)

    assert sorted(hashtags(databases)) == ["1", "__proto__", "_id"]


def test_what_is_no_hashtag_makes_no_row(store, databases, noon):
    texts = (
        "https://example.org/a#b www.example.org/#c example.io/d/#e [f](#g)",
        "&#39;n&#39; &#8211; #\ufe0f\u20e3 #\u20e3 F#sharp ก่#ข",
        "#real",
    )
    databases.app.contents.insert_many(says(text, f"{n}", noon) for n, text in enumerate(texts))

    refresh(store, noon)

    assert list(hashtags(databases)) == ["real"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("#Straße #STRASSE", "strasse"),
        ("#İstanbul #istanbul", "istanbul"),
        ("＃ＧＯＡＬ ﹟𝗴𝗼𝗮𝗹 &num;goal", "goal"),
        ("#می\u200cخواهم", "می\u200cخواهم"),
        ("#ロング・タグ #ﾛﾝｸﾞ･ﾀｸﾞ", "ロング・タグ"),
        ("#paral·lel #PARAL·LEL", "paral·lel"),
    ],
)
def test_a_hashtag_has_one_spelling(store, databases, noon, written, name):
    databases.app.contents.insert_one(says(written, "a", noon))

    refresh(store, noon)

    assert {name: row["useCount"] for name, row in hashtags(databases).items()} == {name: 1}


@pytest.mark.parametrize("hours", [1, 25], ids=["in between", "full"])
def test_rows_of_other_spellings_leave_with_the_next_run(store, databases, noon, hours):
    databases.app.contents.insert_one(says("#Straße #ok", "a", noon, age_hours=3))
    refresh(store, noon)
    rows = databases.analytics.hashtagStats
    row = rows.find_one_and_delete({"_id": "strasse"})
    rows.insert_many([row | {"_id": name, "name": name} for name in ("straße", "sharp", "\ufe0f\u20e3")])

    refresh(store, noon + hours * HOUR)

    assert {name: row["useCount"] for name, row in hashtags(databases).items()} == {"strasse": 1, "ok": 1}


def test_hashtags_beside_bytes_that_are_no_utf_8_count(store, databases, noon):
    raw = encode(says("a #goal b", "a", noon)).replace(b"a #goal b", b"\xff #goal \xfe")
    databases.app.contents.insert_one(RawBSONDocument(raw))

    refresh(store, noon)

    assert list(hashtags(databases)) == ["goal"]
