"""A query for a value also finds documents that hold it in a list: none of them stops a job or counts as the value."""

from datetime import timedelta

import pytest
from bson import ObjectId

from functions.bots.store.credential_features import CredentialFeatures
from functions.bots.store.verdicts import GIVEN
from functions.stats import refresh_hashtag_stats
from functions.stats.options import HashtagStats
from functions.stats.store.engagement_stats import EngagementStatistics
from shared.store.collection_version import CollectionVersion
from tests.factories import an_id, post

HOUR = timedelta(hours=1)


def test_the_latest_change_is_a_date(store, databases, noon):
    texts = databases.analytics.labelledTexts
    texts.insert_many([{"updatedAt": noon - HOUR, "text": "a"}, {"updatedAt": [noon], "text": "b"}])

    state = CollectionVersion.read(texts, {}, "updatedAt", "$text", now=noon)

    assert (state.count, state.until) == (2, noon - HOUR)


@pytest.mark.parametrize("field", GIVEN)
def test_a_verdict_in_a_list_is_none(store, databases, noon, field):
    dates = dict.fromkeys(("verifiedAt", "firstSeenAt", "lastSeenAt"), noon)
    sound = {"verificationStatus": False, "seenCredential": an_id("c")} | dates
    odd = sound | {"seenCredential": an_id("d")}
    databases.app.suspiciouscredentials.insert_many([sound, odd | {field: [odd[field]]}])

    assert [row["_id"] for row in databases.app.suspiciouscredentials.find(GIVEN)] == [sound["_id"]]


def test_a_label_in_a_list_is_not_learnt_from(store, databases, noon):
    rows = databases.analytics.credentialfeatures
    rows.insert_one(
        {"_id": an_id("a"), "seenCredential": an_id("c"), "verifiedAt": noon, "verificationStatus": [False]}
    )

    assert CredentialFeatures(store).labelled(["gapLogStd"], 10, now=noon)[0] == []


def test_a_row_of_a_hashtag_with_totals_in_a_list_is_removed(store, databases, noon):
    databases.app.contents.insert_one(post("a", now=noon, payload={"message": "#a"}))
    totals = {"engagementScore": 1.0, "hastagDiversityScore": 0.5}
    odd = {"_id": "unused", "name": "unused", "aggregator": [totals], "scoredAt": noon - HOUR}
    databases.analytics.hashtagStats.insert_one(odd)

    refresh_hashtag_stats.run(store, HashtagStats(), now=noon)

    assert [row["_id"] for row in databases.analytics.hashtagStats.find()] == ["a"]


def test_a_row_of_users_in_a_list_is_of_no_user(store, databases, noon):
    databases.analytics.userEngagementStats.insert_many([{"userId": [an_id("a")]}, {"userId": an_id("b")}])

    assert EngagementStatistics(store).users(ObjectId("0" * 24), None) == {an_id("b")}
