import json
from dataclasses import replace
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
from bson import ObjectId

from functions.coldstart import build_guest_feed
from functions.feed import recommend_home, refresh_catalogue
from functions.feed.recommend_home import HomeRequest
from shared.config import Home
from shared.countries import COUNTRIES
from shared.errors import BadEvent, NotFound, Unavailable
from shared.text.vectors import EMBEDDING_SIZE, packed
from tests.factories import an_id, engagement, exposure, follow, post, topics_of, write_users
from tests.feed.conftest import desk_of, train_accounts
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, SHORT

handler = import_module("functions.feed.handlers.recommend_home").handler
OPTIONS = Home()


def refresh(network):
    refresh_catalogue.run(network.store, network.registry, network.snapshots, QUICK, QUICK_MEMBERS, now=NOON)


def page_of(network, who, most=25, feed_ranker=None, options=OPTIONS, exclude=(), cursor=""):
    asked = HomeRequest(str(an_id(f"account of {who}")), most, [str(an_id(name)) for name in exclude], cursor)
    return recommend_home.run(feed_ranker or desk_of(network), options, asked, now=NOON)


def contents(page):
    return [one.content for one in page.items]


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

    sources = {one.content: one.source for one in page.items}
    assert set(sources) == set(posts(*(f"p{n}" for n in range(30))))
    assert {one for one, source in sources.items() if source == "following"} == set(
        posts("p1", "p11", "p21", "p2", "p12", "p22")
    )
    told = recommend_home.home(page)["items"]
    followed = next(one for one in told if one["source"] == "following")
    assert followed["aggregator"] == {"name": "following-cast", "user": [followed["author"]]}
    assert followed["reason"] == "by someone whom you follow"
    assert next(one for one in told if one["source"] == "trending")["aggregator"] == {"name": "trending"}


def test_nothing_is_shown_that_was_seen_engaged_with_excluded_or_written_by_oneself(town):
    app = town.store.app
    app.feeditems.insert_many([exposure("cat", "p1", at=NOON - HOUR), exposure("cat", "p5", at=NOON)])
    app.feeditems.insert_one(exposure("a user id", "p6", at=NOON, viewer=an_id("cat")))
    app.engagements.insert_one(engagement("cat", "p2", at=NOON - HOUR))
    app.engagements.insert_one(engagement("cat", "p3", at=NOON - HOUR, visibility="deleted"))
    app.engagements.insert_one(engagement("cat", "p7", at=NOON - HOUR, account=None))
    app.contents.insert_one(post("mine", now=NOON, author="cat", age_hours=2))
    refresh(town)

    found = contents(page_of(town, "cat", 30, exclude=("p4",)))

    assert set(found) == set(posts(*(f"p{n}" for n in (0, *range(8, 30)))))


def test_who_blocks_is_not_shown_whoever_made_the_block(town):
    app = town.store.app
    app.relationships.update_one({"followedUser": an_id("author 1")}, {"$set": {"blocking": True, "following": False}})
    app.relationships.insert_one(follow("author 3", "cat", at=NOON, following=False, blocking=True))
    app.relationships.insert_one(follow("cat", "author 4", at=NOON, following=False, blocked=True))

    page = page_of(town, "cat", 30)

    authors = {one.author for one in page.items}
    assert authors.isdisjoint(posts("author 1", "author 3", "author 4"))
    assert an_id("author 2") in authors


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
    for seen in ("p1", "recast", "quote"):
        assert not versions & set(contents(page_of(town, "cat", 40, exclude=(seen,)))), "its text was seen"


def test_a_repetition_of_what_is_gone_or_of_whom_one_blocks_is_not_shown(town):
    app = town.store.app
    for name, original, author in (("hollow", "a gone post", "x"), ("of a blocked", "p3", "author 3")):
        of = {"_id": an_id(original), "author": {"id": an_id(author)}}
        app.contents.insert_one(post(name, now=NOON, author="author 1", age_hours=0.2, isRecast=True, originalPost=of))
    app.relationships.insert_one(follow("cat", "author 3", at=NOON, following=False, blocking=True))
    refresh(town)

    assert not set(contents(page_of(town, "cat", 40))) & set(posts("hollow", "of a blocked", "p3"))


def test_posts_of_users_who_are_hidden_are_not_shown(town):
    town.store.app.users.update_one({"_id": an_id("author 1")}, {"$set": {"visibility": "hidden"}})

    assert an_id("author 1") not in [one.author for one in page_of(town, "cat", 30).items]


def test_what_was_withdrawn_since_the_catalogue_was_made_is_not_shown(town):
    town.store.app.contents.update_one({"_id": an_id("p1")}, {"$set": {"visibility": "deleted"}})
    town.store.app.contents.delete_one({"_id": an_id("p2")})

    assert not set(contents(page_of(town, "cat", 30))) & set(posts("p1", "p2"))


def all_pages(network, who, most, between=lambda: None, **named):
    """Every page until the cursor is empty, and what happens between two of them."""
    feed_ranker = desk_of(network)
    pages = [page_of(network, who, most, feed_ranker, **named)]
    while pages[-1].cursor:
        between()
        pages.append(page_of(network, who, most, feed_ranker, cursor=pages[-1].cursor, **named))
    return pages


@pytest.mark.parametrize("most", [1, 7, 10, 29, 30, 100])
def test_pages_follow_one_another_without_repetition_and_end_with_the_posts(town, most):
    pages = all_pages(town, "cat", most)

    assert [len(one.items) for one in pages] == [most] * (30 // most) + ([30 % most] if 30 % most else [])
    assert sorted(post for one in pages for post in contents(one)) == sorted(posts(*(f"p{n}" for n in range(30))))


def test_pages_are_full_whatever_the_places_are_cut_at(town):
    """Of each place only the first few are taken, and of those most are the same post in other words, or withdrawn."""
    app = town.store.app
    copies = {"originalPost": {"_id": an_id("p2"), "author": {"id": an_id("author 2")}}, "payload": {}}
    again = [post(f"r{n}", now=NOON, author="author 1", age_hours=0.1, isRecast=True, **copies) for n in range(20)]
    app.contents.insert_many(again)
    refresh(town)
    build_guest_feed.run(town.store, town.registry, replace(SHORT, rows_per_country=30), QUICK, now=NOON + HOUR)
    app.users.update_many({"_id": {"$in": posts(*(f"author {n}" for n in (0, 3, 6)))}}, {"$set": {"visibility": "no"}})
    options = replace(OPTIONS, trending=3, per_author=2, explore_every=0, few_acts=0)

    for most in (1, 5):
        pages = all_pages(town, "cat", most, options=options)

        found = [one for page in pages for one in contents(page)]
        versions = {an_id("p2") if one in posts(*(f"r{n}" for n in range(20))) else one for one in found}
        assert len(found) == len(versions) == 21
        assert versions == set(posts(*(f"p{n}" for n in range(30) if n % 10 not in (0, 3, 6))))
        assert [len(one.items) for one in pages[:-1]] == [most] * (len(pages) - 1)


def test_a_page_is_full_though_all_the_best_are_withdrawn_since_the_catalogue_was_made(town):
    town.store.app.contents.update_many({"_id": {"$nin": posts("p7", "p18")}}, {"$set": {"visibility": "deleted"}})

    for most in (1, 2, 25):
        page = page_of(town, "cat", most)
        assert set(contents(page)) <= set(posts("p7", "p18"))
        assert (len(page.items), bool(page.cursor)) == (min(most, 2), most == 1)


def test_nothing_comes_twice_whatever_is_published_seen_or_withdrawn_between_pages(town):
    app, number = town.store.app, iter(range(100))

    def between():
        name = f"late {next(number)}"
        app.contents.insert_one(post(name, now=NOON, author="author 1", age_hours=0.01))
        app.feeditems.insert_one(exposure("cat", name, at=NOON))
        app.contents.update_one({"_id": an_id("p29")}, {"$set": {"visibility": "deleted"}})
        refresh(town)

    pages = all_pages(town, "cat", 6, between)

    found = [one for page in pages for one in contents(page)]
    assert len(found) == len(set(found))
    assert set(posts(*(f"p{n}" for n in range(29)))) <= set(found)


def test_a_cursor_asked_again_and_in_two_ways_goes_on_from_what_it_stands_for(town):
    first = page_of(town, "cat", 5)
    again = [page_of(town, "cat", 5, cursor=first.cursor) for _ in range(2)]
    other = page_of(town, "cat", 9, cursor=first.cursor)

    assert contents(again[0]) == contents(again[1]) == contents(other)[:5]
    assert contents(page_of(town, "cat", 4, cursor=again[0].cursor)) == contents(other)[5:]


def test_a_cursor_stays_short_however_long_the_paging_goes(town):
    assert {len(page.cursor) for page in all_pages(town, "cat", 1)[:-1]} == {32}
    assert page_of(town, "cat", 30).cursor == "", "nothing is kept of a page that is the last"


def test_suggestions_keep_no_page(town):
    asked = HomeRequest(str(an_id("account of cat")), 3, paged=False)

    assert recommend_home.run(desk_of(town), OPTIONS, asked, now=NOON).cursor == ""
    assert town.store.analytics.homePages.count_documents({}) == 0


def test_a_cursor_of_another_account_or_that_is_too_old_is_refused(town):
    cursor = page_of(town, "cat", 5).cursor

    with pytest.raises(BadEvent, match="cursor"):
        page_of(town, "nomad", 5, cursor=cursor)
    late = NOON + OPTIONS.cursor_valid
    with pytest.raises(BadEvent, match="too old"):
        recommend_home.run(
            desk_of(town), OPTIONS, HomeRequest(str(an_id("account of cat")), 5, cursor=cursor), now=late
        )


BEST = {"ar": "p17", "th": "p4", "en": "p8"}


def test_who_moves_has_the_home_of_the_country_that_it_lives_in_now(town):
    """Thai has a model that was trained where it lived then."""
    app = town.store.app
    app.guestfeeditems.delete_many({})
    app.guestfeeditems.insert_many([{"countryCode": code, "content": an_id(best)} for code, best in BEST.items()])
    train_accounts(town)
    refresh(town)
    feed_ranker, options = desk_of(town), replace(OPTIONS, alike=0, meaning=0, explore_every=0, few_acts=0)
    app.engagements.delete_many({"account": an_id("account of thai")})

    def trending_of(country):
        app.accounts.update_one({"_id": an_id("account of thai")}, {"$set": {"geolocation.countryCode": country}})
        viewer = feed_ranker.viewer(an_id("account of thai"))
        assert viewer.personal is not None
        found = page_of(town, "thai", 5, feed_ranker, options)
        return [one.content for one in found.items if one.source == "trending"], COUNTRIES[viewer.country]

    assert trending_of("AR") == (posts("p17"), "ar")
    assert trending_of("th") == (posts("p4"), "th")
    assert trending_of(None) == (posts("p4"), "th"), "where nobody knows, it is where the model was trained"


def test_no_author_tires(town):
    page = page_of(town, "cat", 20, options=replace(OPTIONS, in_a_row=1, explore_every=0))

    authors = [one.author for one in page.items]
    assert all(one != other for one, other in pairwise(authors))


def test_no_topic_tires(town):
    town.store.app.contentinfo.insert_many(
        [topics_of(f"p{n}", "cats" if n % 3 else "dogs", at=NOON) for n in range(30)]
    )
    refresh(town)

    found = contents(page_of(town, "cat", 12, options=replace(OPTIONS, in_a_row=2, explore_every=0)))

    cats = [one in set(posts(*(f"p{n}" for n in range(30) if n % 3))) for one in found]
    assert not any(all(cats[at : at + 3]) for at in range(len(cats) - 2))


def test_now_and_then_comes_somebody_whom_few_know(town):
    town.store.app.contents.insert_many(
        [post(f"n{n}", now=NOON, author=f"newcomer {n}", age_hours=3) for n in range(5)]
    )
    write_users(town.store.app, *(f"newcomer {n}" for n in range(5)), now=NOON)
    refresh(town)
    options = replace(OPTIONS, explore_every=4, few_acts=0, trending=10)

    page = page_of(town, "cat", 12, options=options)

    sources = [one.source for one in page.items]
    assert [at for at, source in enumerate(sources) if source == "new"] == [3, 7, 11]
    assert "new" not in [one.source for one in page_of(town, "cat", 8, options=replace(options, explore_every=0)).items]


def test_people_alike_and_meanings_alike_find_what_nobody_follows(town):
    """Dog liked what the others liked who also liked p20; and p29 says what p5 says, which dog liked."""
    app = town.store.app
    write_users(app, "dog", *"abcdef", now=NOON)
    acts = [(who, name) for who in "abcdef" for name in ("p5", "p8", "p20")] + [("dog", "p5"), ("dog", "p8")]
    app.engagements.insert_many([engagement(who, name, at=NOON - HOUR) for who, name in acts])
    vectors = np.eye(30, EMBEDDING_SIZE, dtype=np.float32)
    vectors[29] = vectors[5]
    info = zip(range(30), packed(vectors), strict=True)
    app.contentinfo.insert_many([topics_of(f"p{n}", at=NOON, vector=vector) for n, vector in info])
    train_accounts(town)
    refresh(town)
    options = replace(OPTIONS, trending=0, explore_every=0, alike=1, meaning=1)

    found = {one.content: one.source for one in page_of(town, "dog", 30, options=options).items}

    assert found[an_id("p20")] == "alike"
    assert found[an_id("p29")] == "meaning"


def test_two_accounts_of_different_taste_have_different_pages(world):
    first, second = [
        ObjectId(one["account"]) for one in world.store.analytics.mlArtifacts.find().sort("metrics.acts", -1).limit(2)
    ]
    feed_ranker = desk_of(world)

    pages = [
        [one.content for one in recommend_home.run(feed_ranker, OPTIONS, HomeRequest(str(who), 25), now=NOON).items]
        for who in (first, second)
    ]

    assert all(len(page) == 25 for page in pages)
    assert len(set(pages[0]) & set(pages[1])) < 20


def test_an_account_without_anything_gets_what_its_country_likes(town):
    page = page_of(town, "nomad", 10)

    assert {one.source for one in page.items} <= {"trending", "new"}
    assert len(page.items) == 10


def test_what_cannot_be_asked_is_said(town):
    with pytest.raises(NotFound, match="accountId"):
        page_of(town, "a stranger")
    for cursor in ("!", "abc", "====", "a" * 32, "a" * 17):
        with pytest.raises(BadEvent, match="cursor"):
            page_of(town, "cat", cursor=cursor)


def test_before_there_is_a_catalogue_the_page_is_unavailable(village):
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
