"""The erasure of an account finds everything of ours, whatever the account did and however little, even if the
application has deleted some or all of its documents before."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from shared.store import schema
from tests.bots.conftest import like_a_bot, readings, suspect
from tests.factories import an_id, reading, user
from tests.privacy.conftest import HOUR, NOW, WRITTEN, Town
from tests.privacy.test_nothing_is_left import LATER, NEXT

PEOPLE = ("accounts", "users")
DEEDS = ("contents", "engagements", "relationships", "feeditems")
MINUTE = HOUR / 60
REBUILT = {"snapshots", "mlArtifacts"}


def only_engages(town: Town) -> None:
    """Ann likes and follows, and never wrote or read anything."""
    app, written = town.store.app, list(map(an_id, WRITTEN))
    town.delete("contents", "feeditems")
    app.contents.delete_many({"originalPost._id": {"$in": written}})
    app.engagements.delete_many({"targetRef.$id": {"$in": written}})
    app.feeditems.delete_many({"content": {"$in": written}})
    town.store.analytics.auditLog.delete_many({})  # nobody looked at what she never wrote


def only_reads_as_a_user(town: Town) -> None:
    """The viewer of her exposures is her user, and one of the devices is bob's too."""
    only_engages(town)
    app = town.store.app
    town.delete("engagements", "relationships")
    app.accounts.update_one({"_id": an_id("account of ann")}, {"$unset": {"credentials": ""}})
    names = {"device of ann": ("ann",), "tablet of ann": ("account of bob", "ann")}
    items = [
        reading(device, at=NOW - (n + 1) * MINUTE, seconds=2.0, viewer=an_id(viewers[n % len(viewers)]))
        for device, viewers in names.items()
        for n in range(600)
    ]
    app.feeditems.insert_many([item | {"_id": an_id(f"seen {n}")} for n, item in enumerate(items)])
    town.call("extract_reading_features")
    app.suspiciouscredentials.insert_many([suspect(town.store, device, at=NOW) for device in names])


def is_withdrawn(town: Town) -> None:
    """Her users and her account are no longer published."""
    town.run(NOW)
    withdrawn = {"$set": {"visibility": "deleted", "updatedAt": NOW}}
    town.store.app.users.update_many({"_id": {"$in": [an_id("ann"), an_id("page of ann")]}}, withdrawn)
    town.store.app.accounts.update_one({"_id": an_id("account of ann")}, withdrawn)


EVERY_LIFE = pytest.mark.parametrize(
    ("life", "traces"),
    [
        (only_engages, {"userEngagementStats"}),
        (only_reads_as_a_user, {"credentialfeatures", "suspiciouscredentials"}),
        (is_withdrawn, {"contentinfo", "hashtagStats", "contentStats"}),
    ],
)


@EVERY_LIFE
@pytest.mark.parametrize("first", [PEOPLE, DEEDS, PEOPLE + DEEDS], ids=["people", "deeds", "everything"])
def test_what_the_application_has_deleted_is_still_found(
    town: Town, life: Callable[[Town], None], traces: set[str], first: tuple[str, ...]
) -> None:
    town.prepare(change=life)
    assert town.remaining() >= traces

    town.delete(*first)
    town.erase()
    assert town.remaining() <= REBUILT
    town.run(NEXT)
    assert town.remaining() == set()


@pytest.mark.parametrize("changed", [NOW, NOW.replace(year=NOW.year + 543)], ids=["now", "ahead"])
def test_links_follow_a_user_to_another_account(town: Town, changed: datetime) -> None:
    town.fill()
    town.call("extract_reading_features")
    moved = {"ownerAccount": an_id("account of bob"), "updatedAt": changed}
    town.store.app.users.update_one({"_id": an_id("page of ann")}, {"$set": moved})
    town.call("extract_reading_features")

    links = town.store.analytics[schema.ACCOUNT_LINKS.name]
    assert [link["account"] for link in links.find({"user": an_id("page of ann")})] == [an_id("account of bob")]
    town.erase()
    assert links.count_documents({"user": an_id("page of ann")}) == 1
    assert links.count_documents({"user": an_id("ann")}) == 0


def test_a_credential_is_linked_though_its_exposures_are_recorded_ahead(town: Town) -> None:
    town.fill()
    town.call("extract_reading_features")
    items = readings("phone of ann", *like_a_bot(np.random.default_rng(3), 200), until=NOW)
    ahead = {"viewer": an_id("account of ann"), "updatedAt": NOW.replace(year=NOW.year + 543)}
    town.store.app.feeditems.insert_many([item | ahead for item in items])

    town.call("extract_reading_features")

    link = town.store.analytics[schema.ACCOUNT_LINKS.name].find_one({"credential": an_id("phone of ann")})
    assert link is not None
    assert link["account"] == an_id("account of ann")


def test_links_of_who_is_erased_do_not_come_back(town: Town) -> None:
    town.fill()
    town.erase()
    town.store.app.users.insert_one(user("another page", now=NOW, account="account of ann"))

    town.call("extract_reading_features", at=LATER)

    links = town.store.analytics[schema.ACCOUNT_LINKS.name]
    assert links.distinct("account") == [an_id("account of bob")]
    assert links.distinct("user") == [an_id("bob")]
