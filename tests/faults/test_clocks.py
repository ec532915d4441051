"""Dates ahead of now: none counts as newer than now, nothing waits for one, and no other document is affected."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.bots.options import Bots
from functions.bots.store.credential_features import CredentialFeatures
from functions.bots.store.suspects import Suspects
from functions.bots.store.verdicts import Verdicts
from functions.feed.options import Members
from functions.topics.store.labelled_texts import LabelledTexts
from local.functions import function
from shared.artifacts import Registry
from shared.documents import Document
from shared.errors import Conflict
from shared.store import Store
from shared.store.leases import MAX_RUN_TIME, Leases
from shared.store.watermarks import Period
from tests.factories import account, an_id, engagement, exposure, follow, post, user
from tests.networks import HOUR, NOON

AHEAD = NOON + timedelta(days=365 * 543)  # a phone on the Buddhist calendar
DAYS = timedelta(days=1)
STATISTICS = {
    "refresh_content_stats": "contentStats",
    "refresh_creator_stats": "creatorStats",
    "refresh_hashtag_stats": "hashtagStats",
    "refresh_engagement_stats": "userEngagementStats",
}
JOBS = (*STATISTICS, "build_guest_feed", "refresh_catalogue", "plan_personal_training", "extract_reading_features")


# A document of each collection, its dates, and what else makes it count.
ODD: dict[str, Document] = {
    "contents": post("odd", now=NOON, author="odd", age_hours=24 * 13, likes=9, payload={"message": "#odd"}),
    "users": user("odd", now=NOON),
    "accounts": account("account of odd", now=NOON),
    "engagements": engagement("odd", "p0", at=NOON - HOUR),
    "feeditems": exposure("odd", "p0", at=NOON - HOUR, seenCredential=an_id("odd"), offScreenAt=NOON - HOUR / 2),
    "relationships": follow("odd", "ann", at=NOON - HOUR),
}
FIELDS = sorted(
    {field for document in ODD.values() for field, value in document.items() if isinstance(value, datetime)}
)


def write_network(store: Store) -> None:
    people = ("ann", "bob", "cat")
    store.app.accounts.insert_many([account(f"account of {who}", now=NOON) for who in people])
    store.app.users.insert_many([user(who, now=NOON) for who in people])
    posts = [
        post(f"p{n}", now=NOON, age_hours=5 * n + 1, author=people[n % 2], likes=n, payload={"message": f"#tag{n % 3}"})
        for n in range(10)
    ]
    store.app.contents.insert_many(posts)
    store.app.engagements.insert_many([engagement("cat", f"p{n}", at=NOON - 2 * HOUR) for n in range(5)])
    store.app.feeditems.insert_many([exposure("cat", f"p{n}", at=NOON - HOUR) for n in range(5)])
    store.app.relationships.insert_one(follow("cat", "ann", at=NOON - HOUR))


def run_all(at: datetime) -> dict[str, Document]:
    return {stem: function(stem).invoke(at=at) for stem in JOBS}


def outputs(store: Store) -> dict[str, Any]:
    """The rows of every output, without those of the odd documents' people, posts and hashtag."""
    odd = {an_id("odd"), an_id("account of odd"), "odd"}
    by_name: dict[str, Any] = {
        name: [row for row in store.analytics[name].find().sort("_id", 1) if row["_id"] not in odd]
        for name in STATISTICS.values()
    }
    rows = store.app.guestfeeditems.find({"content": {"$nin": list(odd)}}).sort("_id", 1)
    by_name["guest feed"] = [(row["countryCode"], row["content"]) for row in rows]
    return by_name


@pytest.fixture
def expected(deployed: None, store: Store) -> dict[str, Any]:
    """The outputs where the odd documents have dates of the past."""
    write_network(store)
    for name, document in ODD.items():
        store.app[name].insert_one(document)
    run_all(NOON)
    rows = outputs(store)
    for name in (*STATISTICS.values(), "watermarks", "snapshots", "credentialfeatures"):
        store.analytics[name].delete_many({})
    store.app.guestfeeditems.delete_many({})
    return rows


@pytest.mark.parametrize("fields", [FIELDS, *([field] for field in FIELDS)], ids=lambda fields: " ".join(fields))
def test_a_date_far_ahead_changes_no_other_row_and_makes_no_row_young(
    expected: dict[str, Any], store: Store, fields: list[str]
) -> None:
    for collection, document in ODD.items():
        ahead = {field: AHEAD for field in fields if field in document}
        if ahead:
            store.app[collection].update_one({"_id": document["_id"]}, {"$set": ahead})

    run_all(NOON)
    actual = outputs(store)
    assert actual.keys() == expected.keys()
    for name, rows in expected.items():
        assert actual[name] == rows, name

    answers = run_all(NOON + 14 * DAYS)
    assert not any("skipped" in answer for answer in answers.values()), "no run takes it for one of later"
    for name in ("contentStats", "creatorStats", "hashtagStats"):
        rows = store.analytics[name].find({"_id": {"$in": [an_id("odd"), "odd"]}})
        assert [row["_id"] for row in rows if row["aggregator"]["ageScore"] > 0.01] == []
    assert newest_date(store) <= NOON + 14 * DAYS


@pytest.mark.parametrize(("field", "read"), [("createdAt", 0), ("updatedAt", 1)])
def test_a_document_that_is_dated_ahead_is_reported_and_read_at_every_run_if_it_may_have_changed(
    deployed: None, store: Store, field: str, read: int
) -> None:
    write_network(store)
    store.app.contents.insert_one(ODD["contents"] | {field: AHEAD})
    for stem in STATISTICS:
        function(stem).invoke(at=NOON)

    again = function("refresh_content_stats").invoke(at=NOON + HOUR)

    assert (again["read"], again.get("malformed", 0)) == (read, read), "a post without a place in time is not read"
    assert function("refresh_content_stats").invoke(at=NOON + 2 * DAYS)["malformed"] == 1


def test_a_clock_that_is_seconds_ahead_counts_as_now(deployed: None, store: Store) -> None:
    write_network(store)
    soon = NOON + timedelta(seconds=30)
    store.app.users.insert_one(ODD["users"])
    store.app.accounts.insert_one(ODD["accounts"])
    store.app.contents.insert_one(ODD["contents"] | {"createdAt": soon, "updatedAt": soon})
    store.app.engagements.insert_one(ODD["engagements"] | {"createdAt": soon, "updatedAt": soon})

    answers = run_all(NOON)

    assert not any(answer.get("malformed") for answer in answers.values())
    for name, key in (("contentStats", an_id("odd")), ("creatorStats", an_id("odd")), ("hashtagStats", "odd")):
        row = store.analytics[name].find_one({"_id": key})
        assert row is not None
        assert row["aggregator"]["ageScore"] == 1.0
    assert newest_date(store) <= NOON


def newest_date(store: Store) -> datetime:
    """The newest date in all statistics."""
    fields = ("createdAt", "updatedAt", "lastContentCreatedAt", "lastContentUpdatedAt", "userCreatedAt")
    rows = (row for name in ("contentStats", "creatorStats", "hashtagStats") for row in store.analytics[name].find())
    dates: list[datetime] = [row[field] for row in rows for field in fields if row.get(field)]
    return max(dates)


def test_a_post_that_is_dated_ahead_is_not_ranked_as_new_for_ever(store: Store) -> None:
    store.app.contents.insert_many(
        [
            post("ahead", now=NOON, createdAt=AHEAD),
            post("both", now=NOON, createdAt=AHEAD, updatedAt=AHEAD),
            post("undated", now=NOON, createdAt="soon", updatedAt=None),
        ]
    )

    popularity = store.contents.popularity([an_id(name) for name in ("ahead", "both", "undated")], now=NOON)

    assert {moment for moment, _ in popularity.values()} == {NOON - HOUR, datetime.fromtimestamp(0, tz=NOON.tzinfo)}
    assert popularity[an_id("ahead")][0] == NOON - HOUR


def test_labels_verdicts_and_suspects_of_the_future_delay_nothing(store: Store) -> None:
    texts, features = store.analytics.labelledTexts, store.analytics.credentialfeatures
    texts.insert_many(
        [{"text": f"text {n}", "topics": ["pets"], "updatedAt": at} for n, at in enumerate((NOON, AHEAD, "soon"))]
    )
    window = {"firstSeenAt": NOON - HOUR, "lastSeenAt": NOON}
    features.insert_one(
        {"seenCredential": an_id("x"), **window, "verificationStatus": True, "verifiedAt": AHEAD, "labelledAt": AHEAD,
         "flaggedAt": AHEAD, "sampled": False}
    )  # fmt: skip
    suspect = {"seenCredential": an_id("x"), **window, "model": "m", "sampled": False, "createdAt": AHEAD}
    row = store.app.suspiciouscredentials.insert_one(
        suspect | {"verificationStatus": False, "verifiedAt": NOON}
    ).inserted_id

    labelled_texts, judged, verdicts = LabelledTexts(store), CredentialFeatures(store), Verdicts(store)
    assert labelled_texts.extent(now=NOON).until == NOON
    labelled, malformed = labelled_texts.newest(10, now=NOON)
    assert ([text.text for text in labelled], len(malformed)) == (["text 0"], 2)
    assert judged.labels((), now=NOON).until is None
    assert judged.labelled_since(NOON - DAYS, now=NOON) == set()
    assert judged.flagged_and_labelled(NOON, sampled=False, now=NOON) == 0
    assert Suspects(store).flagged(NOON, sampled=False, now=NOON) == 0
    [verdict] = verdicts.given([row])
    person = Bots().verdict(bot=False)
    assert verdicts.take_over(verdict, person=person, now=NOON) == "changed", "the later verdict counts"


MARKS: list[Document] = [
    {"until": AHEAD, "fullAt": NOON, "options": "x"},
    {"until": NOON, "fullAt": AHEAD, "options": "x"},
    {"until": "soon", "fullAt": NOON, "options": "x"},
    {"until": NOON, "options": "x"},
    {"fullAt": NOON},
    {"until": NOON, "fullAt": None},
    {"cursor": 7},
    {},
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_that_is_damaged_or_dated_ahead_makes_the_next_run_a_full_one(store: Store, mark: Document) -> None:
    store.analytics.watermarks.insert_one({"_id": "job", **mark})

    period = store.watermarks.period("job", Members(), now=NOON)

    assert period == Period(None, NOON, late=False)
    store.watermarks.advance("job", Members(), period, now=NOON)
    assert store.watermarks.period("job", Members(), now=NOON + HOUR).since is not None


@pytest.fixture
def leases(store: Store) -> Leases:
    return Leases(store.analytics)


@pytest.mark.parametrize("until", [AHEAD, datetime(9999, 12, 31), "later", None, 2**62, [], {"$date": 1}, True])  # noqa: DTZ001
def test_a_lease_with_an_impossible_end_blocks_no_run(store: Store, leases: Leases, until: Any) -> None:
    store.analytics.leases.insert_one({"_id": "job", "holder": "nobody", "until": until})

    with leases.hold("job"), pytest.raises(Conflict), leases.hold("job"):
        pass


def test_a_lease_of_another_run_is_kept(store: Store, leases: Leases) -> None:
    until = {"$add": ["$$NOW", MAX_RUN_TIME // timedelta(milliseconds=1)]}
    store.analytics.leases.update_one({"_id": "job"}, [{"$set": {"holder": "another", "until": until}}], upsert=True)

    with pytest.raises(Conflict), leases.hold("job"):
        pass


def test_a_guest_feed_of_the_future_is_replaced_by_the_next_run(deployed: None, store: Store) -> None:
    write_network(store)
    function("build_guest_feed").invoke(at=NOON)
    store.app.guestfeeditems.update_many({}, {"$set": {"createdAt": AHEAD}})

    answer = function("build_guest_feed").invoke(at=NOON + HOUR)

    assert "skipped" not in answer
    assert store.guest_feed.generation(now=NOON + HOUR) == NOON + HOUR


def test_a_model_whose_window_ends_in_the_future_is_trained_again(store: Store) -> None:
    key = str(an_id("account of ann"))
    store.analytics.mlArtifacts.insert_many(
        [
            {"account": an_id("account of ann"), "family": "personal", "fingerprint": "x", "windowTo": AHEAD},
            {"account": an_id("account of bob"), "family": "personal", "fingerprint": "x"},
        ]
    )
    registry = Registry(store.analytics, [b"a key of this test"])

    assert registry.windows("personal", "x", [key, str(an_id("account of bob"))], now=NOON) == {}
