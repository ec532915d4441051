"""Posts, engagements and impressions as arrays, out of documents of every kind."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import DBRef, Decimal128
from bson.datetime_ms import DatetimeMS
from msgspec.structs import replace

from shared.columns import object_ids
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY
from shared.engagement_kinds import POSITIVE_KINDS
from shared.ranking.history import LANGUAGE_CODES, read_history
from shared.store import Store
from shared.store.options import ExposureFields
from shared.store.posts import OTHER_LANGUAGE, UNKNOWN_LANGUAGE
from tests.factories import account, an_id, engagement, exposure, post, topics_of, user
from tests.networks import HOUR, NOON, QUICK

ROOT = Path(__file__).parents[3]


def read(store, **options):
    return read_history(store, replace(QUICK, **options), now=NOON, with_exposures=True)


def country_name(number):
    return None if number == UNKNOWN_COUNTRY else COUNTRIES[number]


def engagements_of(history):
    """(post, country, kind, hours before now) of every engagement."""
    posts = object_ids(history.posts.ids)
    engagements = history.engagements
    rows = zip(
        engagements.post.tolist(),
        engagements.country.tolist(),
        engagements.kind.tolist(),
        engagements.at.tolist(),
        strict=True,
    )
    return sorted((posts[p], country_name(c) or "", POSITIVE_KINDS[k], round(-at, 3)) for p, c, k, at in rows)


def posts_of(history):
    return set(object_ids(history.posts.ids))


@pytest.fixture
def app(databases):
    return databases.app


def test_an_empty_database_is_an_empty_history(store):
    history = read(store)

    assert (len(history.posts), len(history.engagements), len(history.impressions)) == (0, 0, 0)


CODES = {
    "th": "th",
    "TH": "th",
    " Th ": "th",
    "XK": "xk",
    "UK": "gb",
    "AN": "cw",
    "zz": None,
    "": None,
    None: None,
    7: None,
    1.5: None,
    ("us",): None,
}


def test_a_country_is_read_as_it_is_spelt(store, app):
    for spelt in CODES:
        name, code = f"reader {spelt!r}", list(spelt) if isinstance(spelt, tuple) else spelt
        app.contents.insert_one(post(f"for {name}", now=NOON))
        app.accounts.insert_one(account(f"account of {name}", now=NOON, geolocation={"countryCode": code}))
        app.engagements.insert_one(engagement(name, f"for {name}", at=NOON - HOUR / 2))

    countries = {post_id: country or None for post_id, country, _, _ in engagements_of(read(store))}

    assert countries == {an_id(f"for reader {spelt!r}"): country for spelt, country in CODES.items()}


def test_an_account_without_a_country_is_still_an_account(store, app):
    app.contents.insert_one(post("p", now=NOON))
    locations: list[dict[str, Any]] = [{}, {"geolocation": None}, {"geolocation": "th"}, {"geolocation": {}}]
    for number, location in enumerate(locations):
        app.accounts.insert_one(account(f"account of {number}", now=NOON, country=None) | location)
        app.engagements.insert_one(engagement(str(number), "p", at=NOON - HOUR / 2))

    history = read(store)

    assert engagements_of(history) == [(an_id("p"), "", "like", 0.5)] * 4
    assert len(set(history.engagements.account.tolist()) - {-1}) == 4


def test_an_engagement_without_an_account_is_that_of_its_users_owner(store, app):
    app.contents.insert_one(post("p", now=NOON))
    app.accounts.insert_one(account("owner", now=NOON, country="JP"))
    app.users.insert_many([user(name, now=NOON, account="owner") for name in ("cat", "dog")])
    old = engagement("cat", "p", at=NOON - HOUR / 2)
    del old["account"]
    app.engagements.insert_many([old, engagement("dog", "p", at=NOON - HOUR / 2, kind="quote", account=None)])

    history = read(store)

    assert engagements_of(history) == [(an_id("p"), "jp", "like", 0.5), (an_id("p"), "jp", "quote", 0.5)]
    assert len(set(history.engagements.account.tolist())) == 1


@pytest.mark.parametrize("exists", [True, False], ids=["an account", "an account that is not there"])
@pytest.mark.parametrize("user_first", [True, False], ids=["by the user first", "by the account first"])
def test_what_an_account_and_its_user_record_of_one_event_is_one_event(store, app, exists, user_first):
    app.contents.insert_one(post("p", now=NOON))
    app.accounts.insert_one(account("owner" if exists else "another", now=NOON))
    app.users.insert_many([user(name, now=NOON, account="owner") for name in ("cat", "dog")])
    at, owner = NOON - HOUR / 2, an_id("owner")
    engagements = [engagement("cat", "p", at=at) | {"account": owner}, engagement("dog", "p", at=at, account=None)]
    different = [engagement("cat", "p", at=at, kind="quote") | {"account": owner}, engagement("eve", "p", at=at)]
    exposures = [exposure(who, "p", at=at, viewer=an_id(who)) for who in ("owner", "cat", "dog")]
    app.engagements.insert_many([*(engagements[::-1] if user_first else engagements), *different])
    app.feeditems.insert_many(exposures[::-1] if user_first else exposures)

    history = read(store)

    assert len(history.engagements) == 3
    assert len(history.impressions) == 1
    assert history.impressions.account.tolist() == ([0] if exists else [-1])


def test_only_engagements_that_stand_and_show_interest_count(store, app):
    app.contents.insert_one(post("p", now=NOON))
    at = NOON - HOUR / 2
    app.engagements.insert_many(
        [
            engagement("taken back", "p", at=at, visibility="deleted"),
            engagement("reporter", "p", at=at, kind="report"),
            engagement("seer", "p", at=at, kind="seen"),
            engagement("farmer", "p", at=at, kind="farm"),
            engagement("listed", "p", at=at, kind="listed", type=["like"]),
            engagement("critic", "p", at=at, targetRef=DBRef("comment", an_id("p"))),
            engagement("lost", "nowhere", at=at),
            *(engagement("cat", "p", at=at, kind=kind) for kind in POSITIVE_KINDS),
        ]
    )

    assert [kind for _, _, kind, _ in engagements_of(read(store))] == sorted(POSITIVE_KINDS)


STRANGE_DATES = {
    "1970": datetime(1970, 1, 1, tzinfo=UTC),
    "tomorrow": NOON + 24 * HOUR,
    "beyond the calendar": DatetimeMS(10**15),
    "text": "2026-01-31",
    "list": [NOON - HOUR],
    "number": 1769860800,
    "nothing": None,
}


def test_what_has_no_sensible_date_is_left_out_and_moves_nothing_else(store, app):
    app.contents.insert_one(post("p", now=NOON))
    app.engagements.insert_one(engagement("cat", "p", at=NOON - HOUR / 2))
    app.feeditems.insert_one(exposure("cat", "p", at=NOON - HOUR / 2))
    for name, date in STRANGE_DATES.items():
        app.contents.insert_one(post(name, now=NOON, createdAt=date))
        app.engagements.insert_one(engagement(name, "p", at=NOON - HOUR / 4, createdAt=date))
        app.feeditems.insert_one(exposure(name, "p", at=NOON, seenAt=date))

    history = read(store)

    assert posts_of(history) == {an_id("p")}
    assert engagements_of(history) == [(an_id("p"), "", "like", 0.5)]
    assert history.impressions.at.tolist() == [-0.5]


ODD_POSTS: dict[str, dict[str, Any]] = {
    "no author": {"author": None},
    "an author without an id": {"author": {"castcleId": "ann"}},
    "an author by name": {"author": {"id": "ann"}},
    "several authors": {"author": [{"id": an_id("ann")}]},
    "an id of another kind": {"_id": "odd"},
    "hidden": {"visibility": "hidden"},
    "deleted": {"visibility": "deleted"},
    "illegal": {"visibility": "illegal"},
    "no visibility": {"visibility": None},
}


def test_posts_that_cannot_be_shown_are_left_out(store, app):
    odd = [post(name, now=NOON, payload={"message": "#a"}) | fields for name, fields in ODD_POSTS.items()]
    app.contents.insert_many([post("p", now=NOON), *odd])

    assert posts_of(read(store)) == {an_id("p")}


def test_odd_contents_of_a_post_count_as_nothing(store, app):
    odd: dict[str, Any] = {
        "payload": {"message": 5, "photo": {"contents": "none"}},
        "originalPost": {},
        "isRecast": "yes",
    }
    app.contents.insert_many([post("odd", now=NOON, **odd), post("empty", now=NOON, payload=None)])
    app.contents.insert_one(post("quotes something malformed", now=NOON, originalPost="gone"))

    posts = read(store).posts

    assert posts.photos.tolist() == posts.characters.tolist() == [0, 0]
    assert posts.recast.tolist() == [False, False]


def test_an_age_may_be_counted_from_the_last_touch(store, app):
    app.contents.insert_one(post("p", now=NOON, age_hours=9, updatedAt=NOON - 2 * HOUR))

    assert read(store).posts.created.tolist() == [-9]
    assert read(store, age_from="updatedAt").posts.created.tolist() == [-2]


def test_only_the_window_is_read(store, app):
    app.contents.insert_many([post("new", now=NOON, age_hours=23), post("old", now=NOON, age_hours=25)])
    app.engagements.insert_many([engagement("cat", what, at=NOON - HOUR) for what in ("new", "old")])

    history = read(store, window=24 * HOUR)

    assert posts_of(history) == {an_id("new")}
    assert len(history.engagements) == 1


LANGUAGES = {
    "th": "th",
    "EN": "en",
    "zh-CN": "zh",
    "iw": "he",
    "nb": "no",
    "tlh": OTHER_LANGUAGE,
    "n/a": UNKNOWN_LANGUAGE,
    "N/A": UNKNOWN_LANGUAGE,
    "und": UNKNOWN_LANGUAGE,
    "": UNKNOWN_LANGUAGE,
    None: UNKNOWN_LANGUAGE,
    5: UNKNOWN_LANGUAGE,
    float("nan"): UNKNOWN_LANGUAGE,
}


@pytest.mark.parametrize("source", ["contentinfo", "contentfiltering"])
def test_a_language_is_understood_as_it_is_named(store, databases, source):
    collection = databases.app.contentinfo if source == "contentinfo" else databases.analytics.contentfiltering
    for named in LANGUAGES:
        databases.app.contents.insert_one(post(repr(named), now=NOON))
        collection.insert_one({"contentId": an_id(repr(named)), "language": named})

    posts = read(store).posts

    languages = dict(zip(object_ids(posts.ids), posts.language.tolist(), strict=True))
    expected = {n: LANGUAGE_CODES.index(m) if isinstance(m, str) else m for n, m in LANGUAGES.items()}
    assert {named: languages[an_id(repr(named))] for named in LANGUAGES} == expected


def test_contentinfo_knows_languages_better_than_the_filter(store, databases):
    databases.app.contents.insert_one(post("p", now=NOON))
    databases.app.contentinfo.insert_one({"contentId": an_id("p"), "language": "th"})
    databases.analytics.contentfiltering.insert_one({"contentId": an_id("p"), "language": "en"})

    assert read(store).posts.language.tolist() == [LANGUAGE_CODES.index("th")]


def test_topics_come_from_contentinfo_else_from_hashtags_in_use(store, app):
    tagged = [post(f"tag {n}", now=NOON, payload={"message": f"#Goal #goal #own{n}"}) for n in range(3)]
    with_topics = post("both", now=NOON, payload={"message": "#goal"})
    app.contents.insert_many([*tagged, with_topics, post("plain", now=NOON)])
    app.contentinfo.insert_one(topics_of("both", "music", "song", at=NOON))

    history = read(store, min_hashtag_posts=3)
    few = read(store, min_hashtag_posts=4)

    names = dict(enumerate(object_ids(history.posts.ids)))
    topics: dict[Any, set[int]] = {}
    for position, topic in zip(history.posts.topic_of.tolist(), history.posts.topic.tolist(), strict=True):
        topics.setdefault(names[position], set()).add(topic)
    assert set(topics) == {an_id("both"), *(an_id(f"tag {n}") for n in range(3))}
    assert len({frozenset(topics[an_id(f"tag {n}")]) for n in range(3)}) == 1
    assert len(topics[an_id("tag 0")]) == 1
    assert len(topics[an_id("both")]) == 2
    assert not topics[an_id("both")] & topics[an_id("tag 0")]
    assert len(few.posts.topic) == 2


@pytest.mark.parametrize(
    "kept", [["other"], ["a-b", "rock&#39;n", "39"], {"0": "a"}, [7, None], ["a" * 100_000], "a", []]
)
def test_hashtags_are_those_of_the_message_whatever_the_application_keeps_of_them(store, app, kept):
    texts = [
        "in der #Straße",
        "＃ＳＴＲＡＳＳＥ",
        "https://example.org/#strasse",
        "C#strasse &#39;",
        "press #\ufe0f\u20e3",
    ]
    said = [post(f"said {n}", now=NOON, payload={"message": text}, hashtags=kept) for n, text in enumerate(texts)]
    app.contents.insert_many([*said, post("untagged", now=NOON, hashtags=kept)])

    posts = read(store, min_hashtag_posts=1).posts

    tagged = {post_id for n, post_id in enumerate(object_ids(posts.ids)) if n in posts.topic_of}
    assert tagged == {an_id("said 0"), an_id("said 1")}
    assert len(set(posts.topic.tolist())) == 1


def test_hashtags_are_numbered_the_same_in_every_process(store, app, config):
    names = [f"#tag{number}" for number in range(20)]
    says = [{"message": " ".join(names[n:])} for n in range(20)]
    app.contents.insert_many([post(f"p{n}", now=NOON, age_hours=1 + n, payload=says[n]) for n in range(20)])
    program = (
        "from shared.store import open_store; from shared.ranking.history import read_history;"
        "from tests.networks import NOON, QUICK;"
        "print(read_history(open_store(), QUICK, now=NOON).posts.topic.tolist())"
    )
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MONGO_URI": config.mongo_uri}
    variables |= {"APP_DB": config.app_db, "ANALYTICS_DB": config.analytics_db}

    read_by = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=variables | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert read_by[0] == read_by[1]
    assert read_by[0].count(",") > 100


def test_malformed_people_take_nobody_elses_engagements(store, app):
    app.contents.insert_one(post("p", now=NOON))
    app.accounts.insert_many([account("a", now=NOON, country="us") | {"_id": "odd"}, account("b", now=NOON)])
    app.users.insert_many([user("u", now=NOON) | {"_id": 5, "ownerAccount": an_id("b")}])
    stranger = engagement("cat", "p", at=NOON - HOUR / 2, account="nobody")
    ownerless = user("dog", now=NOON, ownerAccount=Decimal128("1"))
    app.users.insert_one(ownerless)
    old = engagement("dog", "p", at=NOON - HOUR / 4, account=None)
    app.engagements.insert_many([stranger, old])

    history = read(store)

    assert history.engagements.account.tolist() == [-1, -1]
    assert history.engagements.country.tolist() == [UNKNOWN_COUNTRY, UNKNOWN_COUNTRY]


def test_exposures_may_lie_in_another_collection_and_name_users(store, app):
    app.contents.insert_one(post("p", now=NOON))
    app.accounts.insert_one(account("account of cat", now=NOON, country="fr"))
    app.users.insert_one(user("cat", now=NOON))
    app.feeditemv2.insert_one(exposure("cat", "p", at=NOON - HOUR / 2, viewer=an_id("cat")))

    elsewhere = Store(store.client, store.app.name, store.analytics.name, ExposureFields(collection="feeditemv2"))
    impressions = read(elsewhere).impressions

    assert impressions.account.tolist() == [0]
    assert [country_name(c) for c in impressions.country.tolist()] == ["fr"]


def test_a_description_under_an_id_as_text_counts_only_where_there_is_no_other(store):
    store.app.contents.insert_many([post(name, now=NOON) for name in ("p0", "p1", "p2")])
    info = store.app.contentinfo
    info.insert_many([topics_of("p0", at=NOON, language="en"), topics_of("p1", "music", at=NOON, language="en")])
    for name in ("p0", "p1", "p2"):
        row = topics_of(name, "sports", at=NOON, language="th")
        info.insert_one(row | {"_id": an_id(f"another of {name}"), "contentId": str(an_id(name))})

    posts = read(store).posts

    position = {name: object_ids(posts.ids).index(an_id(name)) for name in ("p0", "p1", "p2")}
    languages = {name: LANGUAGE_CODES[posts.language[at]] for name, at in position.items()}
    assert languages == {"p0": "en", "p1": "en", "p2": "th"}
    number = {name: (posts.topic_of == at).sum() for name, at in position.items()}
    assert number == {"p0": 0, "p1": 1, "p2": 1}
