"""Erasures that the newest moment does not tell."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from functions.feed import model_versions
from functions.feed.store.erasure_notes import ErasureNotes
from local.query_profile import profiled
from shared.store import schema
from tests.feed.test_compare_rankings import versions  # noqa: F401
from tests.networks import NOON, QUICK, Network


@pytest.mark.parametrize("ahead", [datetime(9999, 1, 1, tzinfo=UTC), NOON + timedelta(hours=2)])
def test_an_account_is_erased_again_beside_a_tombstone_of_the_future(versions: Network, ahead: datetime) -> None:  # noqa: F811
    erasures, account = versions.store.analytics.erasures, ObjectId()
    erasures.delete_many({})
    erasures.insert_many([{"_id": ObjectId(), "erasedAt": ahead}, {"_id": account, "erasedAt": NOON}])
    read = model_versions.open_network(versions.store, QUICK, now=NOON)

    erasures.update_one({"_id": account}, {"$set": {"erasedAt": NOON + timedelta(minutes=1)}})

    assert model_versions.open_network(versions.store, QUICK, now=NOON) is not read


def test_one_expires_while_another_is_erased_beside_a_tombstone_of_the_future(versions: Network) -> None:  # noqa: F811
    erasures, expiring = versions.store.analytics.erasures, ObjectId()
    erasures.delete_many({})
    ahead = datetime(9999, 1, 1, tzinfo=UTC)
    erasures.insert_many(
        [{"_id": ObjectId(), "erasedAt": ahead}, {"_id": expiring, "erasedAt": NOON - timedelta(days=90)}]
    )
    read = model_versions.open_network(versions.store, QUICK, now=NOON)

    erasures.delete_one({"_id": expiring})
    erasures.insert_one({"_id": ObjectId(), "erasedAt": NOON})

    assert model_versions.open_network(versions.store, QUICK, now=NOON) is not read


@pytest.mark.parametrize("malformed", [None, [NOON, NOON], "x", ObjectId()])
def test_the_newest_erasure_is_one_indexed_read_beside_a_malformed_one(versions: Network, malformed: object) -> None:  # noqa: F811
    database = versions.store.analytics
    database.erasures.delete_many({})
    schema.apply(versions.store.app, versions.store.analytics)
    database.erasures.insert_many([{"_id": ObjectId(), "erasedAt": NOON - timedelta(minutes=n)} for n in range(500)])
    if malformed:
        database.erasures.insert_one({"_id": ObjectId(), "erasedAt": malformed})

    with profiled(database) as operations:
        ErasureNotes(versions.store).latest(now=NOON)

    assert max(operation.examined for operation in operations) <= 10, operations
