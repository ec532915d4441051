"""What the application says now comes before what a tombstone noted: posts and users of others are described again,
and what an erased account makes later is noted."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from bson import ObjectId

from functions.stats import refresh_creator_stats, refresh_engagement_stats
from functions.stats.options import CreatorStats, EngagementStats
from functions.topics import reclassify_contents
from functions.topics.annotate import open_annotator
from functions.topics.options import Topics
from local.functions import pipeline
from shared.artifacts import Registry
from shared.config import settings
from shared.documents import Document, object_id
from shared.store import Store, schema
from tests.factories import account, an_id, engagement, exposure, post, topic, topics_of, user
from tests.privacy.conftest import HOUR, NOW, TEXT, Town, deletions, insertion
from tests.privacy.test_nothing_is_left import NEXT

STATISTICS = ("refresh_content_stats", "refresh_creator_stats")


def in_statistics(town: Town, name: str) -> bool:
    return town.store.analytics.contentStats.count_documents({"_id": an_id(name)}) > 0


def test_a_post_of_another_author_that_was_gone_during_an_erasure_comes_back(town: Town) -> None:
    app = town.store.app
    town.fill()
    town.call("reclassify_contents")
    archived = app.contents.find_one_and_delete({"_id": an_id("by bob 1")})
    assert archived is not None
    town.erase()
    assert app.contentinfo.count_documents({"contentId": an_id("by bob 1")}) == 0

    app.contents.insert_one(archived)
    for stem in ("reclassify_contents", *STATISTICS):
        town.call(stem, at=NEXT)

    assert app.contentinfo.count_documents({"contentId": an_id("by bob 1")}) == 1
    assert in_statistics(town, "by bob 1")
    assert not in_statistics(town, "by ann")


def move_page(town: Town) -> None:
    owner = {"ownerAccount": an_id("account of bob")}
    town.store.app.users.update_one({"_id": an_id("page of ann")}, {"$set": owner})


def move_post(town: Town) -> None:
    town.store.app.contents.update_one({"_id": an_id("of her page")}, {"$set": {"author.id": an_id("bob")}})


@pytest.mark.parametrize(("move", "is_before"), [(move_page, True), (move_page, False), (move_post, True)])
def test_what_moved_to_another_is_not_erased(town: Town, move: Callable[[Town], None], is_before: bool) -> None:
    """Though the account's engagements, links and statistics still name it."""
    town.fill()
    town.store.app.engagements.insert_one(
        engagement("page of ann", "by bob 1", at=NOW - HOUR, account=an_id("account of ann"))
    )
    for stem in ("extract_reading_features", *STATISTICS):
        town.call(stem)
    if is_before:
        move(town)
    town.store.app.feeditems.insert_one(
        exposure("page of ann", "by bob 1", at=NOW, viewer=an_id("page of ann"), seenCredential="device of page")
    )
    town.erase()
    if not is_before:
        move(town)

    for stem in STATISTICS:
        town.call(stem, at=NEXT)

    assert in_statistics(town, "of her page")
    assert not in_statistics(town, "by ann")
    is_of_another = is_before and move is move_page
    assert ("device of page" not in town.store.erasures.credentials()) == is_of_another


PLACEHOLDERS: dict[str, Document] = {
    "a placeholder": {"$set": {"author.id": an_id("deleted user"), "updatedAt": NOW}},
    "bob": {"$set": {"author.id": an_id("bob"), "updatedAt": NOW}},
    "nobody": {"$unset": {"author": ""}, "$set": {"updatedAt": NOW}},
}


@pytest.mark.parametrize("author", PLACEHOLDERS)
@pytest.mark.parametrize("is_written_later", [False, True], ids=["noted at once", "noted later"])
def test_a_post_that_is_given_to_another_after_the_erasure_stays_erased(
    town: Town, author: str, is_written_later: bool
) -> None:
    """As applications do that anonymise what an account leaves behind; also one written after the erasure."""
    app = town.store.app
    town.fill()
    app.accounts.insert_one(account("account of deleted user", now=NOW))
    app.users.insert_one(user("deleted user", now=NOW))
    names = {"by ann", "of her page"}
    if not is_written_later:
        town.erase()
    else:
        kept = list(app.contents.find({"_id": {"$in": list(map(an_id, names))}}))
        app.contents.delete_many({"_id": {"$in": list(map(an_id, names))}})
        town.erase()
        app.contents.insert_many(kept)
        for name in names:
            town.call("classify_content", payload=insertion(name))
    app.contents.update_many({"_id": {"$in": list(map(an_id, names))}}, PLACEHOLDERS[author])
    town.delete("users", "accounts")
    others = ("reclassify_contents", "refresh_hashtag_stats", "build_guest_feed", "train_topics", "complete_erasures")
    for stem in (*others, *STATISTICS):
        town.call(stem, at=NEXT)
    for name in names:
        town.call("classify_content", payload=insertion(name))

    assert town.remaining(*names) == set()


@pytest.mark.parametrize("is_known", [True, False], ids=["posts", "gone"])
def test_a_page_that_moved_takes_its_posts_along(town: Town, is_known: bool) -> None:
    town.fill()
    note = {"_id": an_id("account of ann"), "erasedAt": NOW, "users": [an_id("page of ann"), an_id("ann")]}
    note |= {"posts" if is_known else "gone": [an_id("of her page"), an_id("by ann")]}
    town.store.analytics.erasures.insert_one(note)
    move_page(town)

    tombstones = town.store.tombstones
    assert tombstones.read(posts=True).posts == {an_id("by ann")}
    assert tombstones.posts_among([an_id("of her page"), an_id("by ann")]) == {an_id("by ann")}


def test_a_user_that_an_erased_account_makes_later_stays_erased_when_it_is_gone(town: Town) -> None:
    app = town.store.app
    town.fill()
    town.erase()
    app.users.insert_one(user("new page", now=NOW, account="account of ann"))
    app.contents.insert_one(post("late", now=NOW, author="new page", payload={"message": TEXT}))
    town.call("classify_content", payload=insertion("late"))

    town.delete()
    app.users.delete_one({"_id": an_id("new page")})
    app.contents.delete_one({"_id": an_id("late")})
    for events in (deletions(["late"]), insertion("late")):
        town.call("classify_content", payload=events)

    assert town.remaining("late", "new page") == set()
    assert town.store.analytics[schema.ERASURES.name].count_documents(
        {"users": an_id("new page"), "posts": an_id("late")}
    )


@pytest.mark.parametrize("author", [None, "ann", [{"id": an_id("bob")}], {}, {"id": 7}], ids=str)
def test_a_noted_post_with_a_malformed_author_stays_erased_and_stops_no_function(town: Town, author: object) -> None:
    contents = town.store.app.contents
    town.fill()
    town.call("reclassify_contents")
    archived = contents.find_one_and_delete({"_id": an_id("by bob 1")}, {"author": 0})
    assert archived is not None
    town.erase()
    contents.insert_one(archived | ({} if author is None else {"author": author}))

    town.call("classify_content", payload=insertion("by bob 1"))
    for stem in pipeline():
        town.call(stem, at=NEXT)

    assert town.erase()["malformed"] == 1
    assert town.remaining("by bob 1") == set()


@pytest.mark.parametrize("name", ["ann", "by ann"])
def test_no_job_goes_on_behind_what_was_erased_while_it_ran(town: Town, name: str) -> None:
    watermarks, marks = town.store.watermarks, town.store.analytics.watermarks
    town.fill()
    town.erase()

    watermarks.move("reclassify_contents", an_id(name), now=NOW)
    assert marks.count_documents({"cursor": an_id(name)}) == 0
    watermarks.move("reclassify_contents", an_id("bob"), now=NOW)
    assert watermarks.cursor("reclassify_contents", lambda value: value) == an_id("bob")


def test_a_cursor_gives_way_to_the_next_id_that_no_tombstone_names(store: Store) -> None:
    noted = [ObjectId(f"{number:024x}") for number in (*range(5, 8), 2**96 - 1)]
    store.analytics.erasures.insert_one({"_id": ObjectId(), "erasedAt": NOW, "users": noted[:2], "posts": noted[2:]})

    for cursor, expected in ((4, 4), (5, 8), (7, 8), (2**96 - 1, 0)):
        store.watermarks.move("job", ObjectId(f"{cursor:024x}"), now=NOW)
        assert store.watermarks.cursor("job", lambda value: value) == ObjectId(f"{expected:024x}")


def reclassify(store: Store, now: datetime) -> None:
    annotator = open_annotator(store, Registry(store.analytics, settings().artifact_keys), settings().options, now=now)
    reclassify_contents.run(store, annotator, Topics(max_reclassified=2), now=now)


STEPS: dict[str, Callable[[Store, datetime], object]] = {
    "reclassify_contents": reclassify,
    "refresh_creator_stats": lambda store, now: refresh_creator_stats.run(
        store, CreatorStats(), now=now, repeated_a_run=1
    ),
    "refresh_engagement_stats": lambda store, now: refresh_engagement_stats.run(
        store, EngagementStats(), now=now, compared_a_run=1
    ),
}


@pytest.mark.parametrize("job", STEPS)
def test_a_job_gets_behind_users_and_posts_that_were_noted_and_belong_to_others(town: Town, job: str) -> None:
    app, people = town.store.app, [f"person {n}" for n in range(5)]
    app.accounts.insert_many([account(f"account of {who}", now=NOW) for who in people])
    app.users.insert_many([user(who, now=NOW) for who in people])
    app.contents.insert_many([post(f"by {who}", now=NOW, author=who, payload={"message": TEXT}) for who in people])
    app.engagements.insert_many([engagement(who, "by person 0", at=NOW - HOUR) for who in people])
    town.store.analytics.topics.insert_one(topic("goals"))
    app.contentinfo.insert_one(topics_of("by person 0", "goals", at=NOW - HOUR))
    STEPS[job](town.store, NOW)
    town.store.analytics.erasures.insert_one(
        {"_id": an_id("account of ann"), "erasedAt": NOW, "users": list(map(an_id, people))}
        | {"posts": [an_id(f"by {who}") for who in people]}
    )

    cursors = []
    for minutes in range(5, 60, 5):
        STEPS[job](town.store, NOW + timedelta(minutes=minutes))
        cursors.append(town.store.watermarks.cursor(job, object_id))

    comes_to_the_end = cursors.index(None)
    assert len(set(cursors[:comes_to_the_end])) == comes_to_the_end > 0
