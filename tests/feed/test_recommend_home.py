"""Pages of the home: their candidates, their order, what they leave out, and the cursor."""

import json
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
from bson import ObjectId
from msgspec.structs import replace

from functions.coldstart import build_guest_feed
from functions.feed import recommend_home, refresh_catalogue
from functions.feed.options import Home
from functions.feed.pages import home
from functions.feed.requests import HomeRequest
from shared.countries import COUNTRIES
from shared.errors import BadEvent, NotFound, Unavailable
from shared.text.vectors import EMBEDDING_SIZE, packed
from tests.factories import an_id, engagement, exposure, follow, post, topics_of, write_users
from tests.feed.conftest import feed_ranker_of, train_accounts
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, SHORT

handler = import_module("functions.feed.handlers.recommend_home").handler
OPTIONS = Home()


def refresh(network):
    refresh_catalogue.run(network.store, network.registry, network.snapshots, QUICK, QUICK_MEMBERS, now=NOON)


def page_of(network, who, limit=25, feed_ranker=None, options=OPTIONS, exclude=(), cursor=""):
    account = str(an_id(f"account of {who}"))
    request = HomeRequest(max_results=limit, exclude=[str(an_id(name)) for name in exclude], cursor=cursor)
    return recommend_home.run(feed_ranker or feed_ranker_of(network), options, account, request, now=NOON)


def contents(page):
    return [item.content for item in page.items]


def posts(*names):
    return [an_id(name) for name in names]


@pytest.fixture
def town(village):
    """A village with a guest feed, in which cat follows author 1 and author 2."""
    app = village.store.app
    write_users(app, "cat", now=NOON)
    app.relationships.insert_many([follow("cat", f"author {n}", at=NOON - 99 * HOUR) for n in (1, 2)])
    build_guest_feed.run(village.store, village.registry, replace(SHORT, rows_per_country=30), QUICK, now=NOON)
    refresh(village)
    return village


def test_a_page_holds_the_followed_and_the_trending_with_its_reasons(town):
    page = page_of(town, "cat", 30)

    sources = {item.content: item.source for item in page.items}
    assert set(sources) == set(posts(*(f"p{n}" for n in range(30))))
    assert {content for content, source in sources.items() if source == "following"} == set(
        posts("p1", "p11", "p21", "p2", "p12", "p22")
    )
    items = home(page)["items"]
    followed = next(item for item in items if item["source"] == "following")
    assert followed["aggregator"] == {"name": "following-cast", "user": [followed["author"]]}
    assert followed["reason"] == "by someone whom you follow"
    assert next(item for item in items if item["source"] == "trending")["aggregator"] == {"name": "trending"}


def test_posts_seen_engaged_with_excluded_or_written_by_the_account_are_not_shown(town):
    app = town.store.app
    app.feeditems.insert_many([exposure("cat", "p1", at=NOON - HOUR), exposure("cat", "p5", at=NOON)])
    app.feeditems.insert_one(exposure("a user id", "p6", at=NOON, viewer=an_id("cat")))
    app.engagements.insert_one(engagement("cat", "p2", at=NOON - HOUR))
    app.engagements.insert_one(engagement("cat", "p3", at=NOON - HOUR, visibility="deleted"))
    app.engagements.insert_one(engagement("cat", "p7", at=NOON - HOUR, account=None))
    app.contents.insert_one(post("mine", now=NOON, author="cat", age_hours=2))
    refresh(town)

    shown = contents(page_of(town, "cat", 30, exclude=("p4",)))

    assert set(shown) == set(posts(*(f"p{n}" for n in (0, *range(8, 30)))))


def test_blocked_authors_are_not_shown_whoever_made_the_block(town):
    app = town.store.app
    app.relationships.update_one({"followedUser": an_id("author 1")}, {"$set": {"blocking": True, "following": False}})
    app.relationships.insert_one(follow("author 3", "cat", at=NOON, following=False, blocking=True))
    app.relationships.insert_one(follow("cat", "author 4", at=NOON, following=False, blocked=True))

    page = page_of(town, "cat", 30)

    authors = {item.author for item in page.items}
    assert authors.isdisjoint(posts("author 1", "author 3", "author 4"))
    assert an_id("author 2") in authors


def test_posts_seen_according_to_a_clock_that_is_ahead_take_no_places_of_those_seen_today(town):
    ahead = [exposure("cat", f"elsewhere {n}", at=NOON + (9_000 + n) * HOUR) for n in range(3)]
    town.store.app.feeditems.insert_many([*ahead, exposure("cat", "p5", at=NOON + 8_000 * HOUR)])
    town.store.app.feeditems.insert_many([exposure("cat", f"p{n}", at=NOON - n * HOUR) for n in (1, 2, 3)])
    refresh(town)

    shown = set(contents(page_of(town, "cat", 40, options=replace(OPTIONS, seen_limit=3))))

    assert not shown & set(posts("p1", "p2", "p3")), "seen today"
    assert not shown & set(posts("p5")), "seen, whenever that was"
    assert shown >= set(posts("p4", "p6"))


def test_no_post_comes_twice_as_itself_and_as_a_copy(town):
    app = town.store.app
    copies = {"originalPost": {"_id": an_id("p1"), "author": {"id": an_id("author 1")}}}
    app.contents.insert_many(
        [
            post("recast", now=NOON, author="author 5", age_hours=0.5, isRecast=True, **copies),
            post("quote", now=NOON, author="author 2", age_hours=0.5, isQuote=True, **copies),
        ]
    )
    refresh(town)

    versions = set(posts("p1", "recast", "quote"))

    assert len(versions & set(contents(page_of(town, "cat", 40)))) == 1
    for excluded in ("p1", "recast", "quote"):
        assert not versions & set(contents(page_of(town, "cat", 40, exclude=(excluded,)))), "its text was seen"


def test_a_recast_of_a_missing_post_or_of_a_blocked_author_is_not_shown(town):
    app = town.store.app
    for name, original, author in (("orphan repost", "a gone post", "x"), ("of a blocked", "p3", "author 3")):
        of = {"_id": an_id(original), "author": {"id": an_id(author)}}
        app.contents.insert_one(post(name, now=NOON, author="author 1", age_hours=0.2, isRecast=True, originalPost=of))
    app.relationships.insert_one(follow("cat", "author 3", at=NOON, following=False, blocking=True))
    refresh(town)

    assert not set(contents(page_of(town, "cat", 40))) & set(posts("orphan repost", "of a blocked", "p3"))


def test_posts_of_users_who_are_hidden_are_not_shown(town):
    town.store.app.users.update_one({"_id": an_id("author 1")}, {"$set": {"visibility": "hidden"}})

    assert an_id("author 1") not in [item.author for item in page_of(town, "cat", 30).items]


def test_posts_withdrawn_since_the_index_was_built_are_not_shown(town):
    town.store.app.contents.update_one({"_id": an_id("p1")}, {"$set": {"visibility": "deleted"}})
    town.store.app.contents.delete_one({"_id": an_id("p2")})

    assert not set(contents(page_of(town, "cat", 30))) & set(posts("p1", "p2"))


def all_pages(network, who, limit, between=lambda: None, **named):
    """Every page until the cursor is empty; `between` is called between two pages."""
    feed_ranker = feed_ranker_of(network)
    shown = [page_of(network, who, limit, feed_ranker, **named)]
    while shown[-1].cursor:
        between()
        shown.append(page_of(network, who, limit, feed_ranker, cursor=shown[-1].cursor, **named))
    return shown


@pytest.mark.parametrize("limit", [1, 7, 10, 29, 30, 100])
def test_pages_follow_one_another_without_repetition_and_end_with_the_posts(town, limit):
    pages = all_pages(town, "cat", limit)

    assert [len(page.items) for page in pages] == [limit] * (30 // limit) + ([30 % limit] if 30 % limit else [])
    assert sorted(post for page in pages for post in contents(page)) == sorted(posts(*(f"p{n}" for n in range(30))))


def test_pages_are_full_however_few_candidates_a_source_gives(town):
    """Of each source only the first few are taken; most of those are recasts of the same post, or withdrawn."""
    app = town.store.app
    copies = {"originalPost": {"_id": an_id("p2"), "author": {"id": an_id("author 2")}}, "payload": {}}
    recasts = [post(f"r{n}", now=NOON, author="author 1", age_hours=0.1, isRecast=True, **copies) for n in range(20)]
    app.contents.insert_many(recasts)
    refresh(town)
    build_guest_feed.run(town.store, town.registry, replace(SHORT, rows_per_country=30), QUICK, now=NOON + HOUR)
    app.users.update_many({"_id": {"$in": posts(*(f"author {n}" for n in (0, 3, 6)))}}, {"$set": {"visibility": "no"}})
    options = replace(OPTIONS, trending=3, per_author=2, exploration_interval=0, new_author_max_engagements=0)

    for limit in (1, 5):
        pages = all_pages(town, "cat", limit, options=options)

        shown = [content for page in pages for content in contents(page)]
        recast_ids = posts(*(f"r{n}" for n in range(20)))
        versions = {an_id("p2") if content in recast_ids else content for content in shown}
        assert len(shown) == len(versions) == 21
        assert versions == set(posts(*(f"p{n}" for n in range(30) if n % 10 not in (0, 3, 6))))
        assert [len(page.items) for page in pages[:-1]] == [limit] * (len(pages) - 1)


def test_a_page_is_full_though_all_the_best_are_withdrawn_since_the_index_was_built(town):
    town.store.app.contents.update_many({"_id": {"$nin": posts("p7", "p18")}}, {"$set": {"visibility": "deleted"}})

    for limit in (1, 2, 25):
        page = page_of(town, "cat", limit)
        assert set(contents(page)) <= set(posts("p7", "p18"))
        assert (len(page.items), bool(page.cursor)) == (min(limit, 2), limit == 1)


def test_nothing_comes_twice_whatever_is_published_seen_or_withdrawn_between_pages(town):
    app, number = town.store.app, iter(range(100))

    def between():
        name = f"late {next(number)}"
        app.contents.insert_one(post(name, now=NOON, author="author 1", age_hours=0.01))
        app.feeditems.insert_one(exposure("cat", name, at=NOON))
        app.contents.update_one({"_id": an_id("p29")}, {"$set": {"visibility": "deleted"}})
        refresh(town)

    pages = all_pages(town, "cat", 6, between)

    shown = [content for page in pages for content in contents(page)]
    assert len(shown) == len(set(shown))
    assert set(posts(*(f"p{n}" for n in range(29)))) <= set(shown)


def test_a_cursor_that_is_used_twice_continues_from_its_own_page(town):
    first = page_of(town, "cat", 5)
    second = [page_of(town, "cat", 5, cursor=first.cursor) for _ in range(2)]
    longer = page_of(town, "cat", 9, cursor=first.cursor)

    assert contents(second[0]) == contents(second[1]) == contents(longer)[:5]
    assert contents(page_of(town, "cat", 4, cursor=second[0].cursor)) == contents(longer)[5:]


def test_a_cursor_stays_short_however_long_the_paging_goes(town):
    assert {len(page.cursor) for page in all_pages(town, "cat", 1)[:-1]} == {32}
    assert page_of(town, "cat", 30).cursor == "", "the last page is not stored"


def test_suggestions_keep_no_page(town):
    account, request = str(an_id("account of cat")), HomeRequest(max_results=3)

    assert recommend_home.run(feed_ranker_of(town), OPTIONS, account, request, paged=False, now=NOON).cursor == ""
    assert town.store.analytics.homePages.count_documents({}) == 0


def test_a_cursor_of_another_account_or_that_is_too_old_is_refused(town):
    cursor = page_of(town, "cat", 5).cursor

    with pytest.raises(BadEvent, match="cursor"):
        page_of(town, "nomad", 5, cursor=cursor)
    late = NOON + OPTIONS.cursor_valid
    request = HomeRequest(max_results=5, cursor=cursor)
    with pytest.raises(BadEvent, match="too old"):
        recommend_home.run(feed_ranker_of(town), OPTIONS, str(an_id("account of cat")), request, now=late)


BEST = {"ar": "p17", "th": "p4", "en": "p8"}


def test_an_account_that_moves_has_the_home_of_its_country_now(town):
    """The model of thai was trained in the country where it lived then."""
    app = town.store.app
    app.guestfeeditems.delete_many({})
    app.guestfeeditems.insert_many([{"countryCode": code, "content": an_id(best)} for code, best in BEST.items()])
    train_accounts(town)
    refresh(town)
    feed_ranker, options = (
        feed_ranker_of(town),
        replace(OPTIONS, alike=0, meaning=0, exploration_interval=0, new_author_max_engagements=0),
    )
    app.engagements.delete_many({"account": an_id("account of thai")})

    def trending_of(country):
        app.accounts.update_one({"_id": an_id("account of thai")}, {"$set": {"geolocation.countryCode": country}})
        viewer = feed_ranker.viewer(an_id("account of thai"))
        assert viewer.personal is not None
        items = page_of(town, "thai", 5, feed_ranker, options).items
        return [item.content for item in items if item.source == "trending"], COUNTRIES[viewer.country]

    assert trending_of("AR") == (posts("p17"), "ar")
    assert trending_of("th") == (posts("p4"), "th")
    assert trending_of(None) == (posts("p4"), "th"), "where nobody knows, it is where the model was trained"


def test_no_run_of_one_author_is_too_long(town):
    page = page_of(town, "cat", 20, options=replace(OPTIONS, max_consecutive=1, exploration_interval=0))

    authors = [item.author for item in page.items]
    assert all(author != following for author, following in pairwise(authors))


def test_no_run_of_one_topic_is_too_long(town):
    town.store.app.contentinfo.insert_many(
        [topics_of(f"p{n}", "cats" if n % 3 else "dogs", at=NOON) for n in range(30)]
    )
    refresh(town)

    shown = contents(page_of(town, "cat", 12, options=replace(OPTIONS, max_consecutive=2, exploration_interval=0)))

    cats = [content in set(posts(*(f"p{n}" for n in range(30) if n % 3))) for content in shown]
    assert not any(all(cats[at : at + 3]) for at in range(len(cats) - 2))


def test_every_nth_slot_explores_a_new_author(town):
    town.store.app.contents.insert_many(
        [post(f"n{n}", now=NOON, author=f"newcomer {n}", age_hours=3) for n in range(5)]
    )
    write_users(town.store.app, *(f"newcomer {n}" for n in range(5)), now=NOON)
    refresh(town)
    options = replace(OPTIONS, exploration_interval=4, new_author_max_engagements=0, trending=10)

    page = page_of(town, "cat", 12, options=options)

    sources = [item.source for item in page.items]
    assert [at for at, source in enumerate(sources) if source == "new"] == [3, 7, 11]
    without = page_of(town, "cat", 8, options=replace(options, exploration_interval=0))
    assert "new" not in [item.source for item in without.items]


def test_similar_items_and_similar_texts_find_posts_that_nobody_follows(town):
    """Those who liked what dog liked also liked p20; and p29 has the text of p5, which dog liked."""
    app = town.store.app
    write_users(app, "dog", *"abcdef", now=NOON)
    likes = [(who, name) for who in "abcdef" for name in ("p5", "p8", "p20")] + [("dog", "p5"), ("dog", "p8")]
    app.engagements.insert_many([engagement(who, name, at=NOON - HOUR) for who, name in likes])
    vectors = np.eye(30, EMBEDDING_SIZE, dtype=np.float32)
    vectors[29] = vectors[5]
    info = zip(range(30), packed(vectors), strict=True)
    app.contentinfo.insert_many([topics_of(f"p{n}", at=NOON, vector=vector) for n, vector in info])
    train_accounts(town)
    refresh(town)
    options = replace(OPTIONS, trending=0, exploration_interval=0, alike=1, meaning=1)

    sources = {item.content: item.source for item in page_of(town, "dog", 30, options=options).items}

    assert sources[an_id("p20")] == "alike"
    assert sources[an_id("p29")] == "meaning"


def test_two_accounts_with_different_profiles_have_different_pages(world):
    rows = world.store.analytics.mlArtifacts.find().sort("metrics.acts", -1).limit(2)
    first, second = [ObjectId(row["account"]) for row in rows]
    feed_ranker = feed_ranker_of(world)

    pages = [
        contents(recommend_home.run(feed_ranker, OPTIONS, str(who), HomeRequest(), now=NOON)) for who in (first, second)
    ]

    assert all(len(page) == 25 for page in pages)
    assert len(set(pages[0]) & set(pages[1])) < 20


def test_an_account_without_history_gets_the_trending_posts_of_its_country(town):
    page = page_of(town, "nomad", 10)

    assert {item.source for item in page.items} <= {"trending", "new"}
    assert len(page.items) == 10


def test_an_unknown_account_or_cursor_is_named(town):
    with pytest.raises(NotFound, match="accountId"):
        page_of(town, "a stranger")
    for cursor in ("!", "abc", "====", "a" * 32, "a" * 17):
        with pytest.raises(BadEvent, match="cursor"):
            page_of(town, "cat", cursor=cursor)


def test_without_a_post_index_the_page_is_unavailable(village):
    with pytest.raises(Unavailable, match="catalogue"):
        page_of(village, "thai")


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "accountId"),
        ({"accountId": {"$ne": None}}, "accountId"),
        ({"accountId": "65f0a1b2c3d4e5f60718293a", "maxResults": "25"}, "maxResults"),
        ({"accountId": "65f0a1b2c3d4e5f60718293a", "maxResults": 0}, "maxResults"),
        ({"accountId": "65f0a1b2c3d4e5f60718293a", "exclude": "p1"}, "exclude"),
        ({"accountId": "65f0a1b2c3d4e5f60718293a", "exclude": [{"$gt": ""}]}, "exclude"),
        ({"accountId": "65f0a1b2c3d4e5f60718293a", "cursor": 7}, "cursor"),
        ([], "event"),
    ],
)
def test_the_handler_answers_bad_input_with_an_empty_page_and_a_reason(deployed, event, field):
    answer = json.loads(json.dumps(handler(event, None)))

    assert (answer["code"], answer["items"], answer["cursor"]) == (1001, [], "")
    assert answer["reason"].startswith(field)
