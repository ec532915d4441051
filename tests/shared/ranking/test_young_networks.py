"""What the trainers of country and personal rankers report of a network that is hours or days old."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from functions.coldstart import train_coldstart
from functions.feed import train_members
from local.world import WorldOptions, build_world, write_world
from shared.report import Report
from tests.factories import account, engagement, post
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS, Network, opened


@pytest.fixture
def network(mongo_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Network]:
    with opened(mongo_uri, client) as empty:
        yield empty


def reports(network: Network) -> list[Report]:
    store, registry = network.store, network.registry
    return [
        train_coldstart.run(store, registry, QUICK, now=NOON),
        train_members.run(store, registry, QUICK, QUICK_MEMBERS, now=NOON),
    ]


@pytest.mark.parametrize("age", [12, 44, 60, 100])
def test_people_of_a_network_of_any_age_are_judged_by(network: Network, age: int) -> None:
    options = WorldOptions(
        users=120,
        contents=3 * age,
        engagements=20 * age,
        feed_items=10 * age,
        countries=2,
        days=age / 24,
        holdout_days=0,
        seed=5,
    )
    truth = network.store.client[f"{network.environment['DB_PREFIX']}truth"]
    write_world(build_world(options, now=NOON), network.store.app, network.store.analytics, truth)

    for report in reports(network):
        assert "skipped" not in report.details
        assert float(report.details["cuts"]) >= 1
        assert float(report.details["people"]) >= 10


def write_engagements(network: Network, *engagements: tuple[str, str, float, str]) -> None:
    """Forty posts, an hour apart, and engagements of cat and dan: (user, post, hours ago, kind)."""
    app = network.store.app
    app.contents.insert_many([post(f"p{age}", now=NOON, age_hours=age) for age in range(40)])
    app.accounts.insert_many([account(f"account of {who}", now=NOON) for who in ("cat", "dan")])
    if engagements:
        app.engagements.insert_many(
            [engagement(who, name, at=NOON - ago * HOUR, kind=kind) for who, name, ago, kind in engagements]
        )


@pytest.mark.parametrize(
    ("engagements", "reason"),
    [
        ([], "no engagement to learn from"),
        (
            [("cat", "p30", 1.0, "like"), ("dan", "p31", 1.0, "like"), ("dan", "p32", 1.0, "like")],
            "all engagements are of one moment",
        ),
        (
            [(who, "p30", ago, kind) for who in ("cat", "dan") for ago, kind in ((20.0, "like"), (1.0, "comment"))],
            "nobody engaged with anything new after a cut, so that there is nobody to judge by",
        ),
        (
            [("cat", "p20", 20.0 - 1e-6, "like"), ("dan", "p30", 1.0, "like")],
            "no engagement before the latest cut that examples can be made of",
        ),
    ],
    ids=["nothing", "one moment", "nothing new", "no example"],
)
def test_the_reason_why_nothing_is_trained_is_true(
    network: Network, engagements: list[tuple[str, str, float, str]], reason: str
) -> None:
    write_engagements(network, *engagements)

    assert [report.details["skipped"] for report in reports(network)] == [reason, reason]
