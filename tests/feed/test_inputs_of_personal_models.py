"""Every input of a personal model, changed alone, queues the accounts whose models it is an input of, and no others."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from functions.feed import inputs, plan_personal_training, residual_model, train_personal, user_profile
from functions.feed.inputs import COUNTRY_RANKER
from functions.feed.plan_personal_training import OTHER_SOURCES, SOURCES_OF_MODELS
from shared.ranking.country_ranker import Rankers
from shared.text import PREPARATION
from tests.factories import account, an_id, engagement, exposure, follow, topic, topics_of, user
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS

LATER = NOON + HOUR
EVERYBODY = ("american", "nomad", "thai")


def key_of(name):
    return {"account": an_id(f"account of {name}")}


def plan(network, now, members=QUICK_MEMBERS, coldstart=QUICK):
    messages: list[Any] = []
    plan_personal_training.run(network.store, network.registry, messages.extend, members, coldstart, now=now)
    return sorted(account for message in messages for account in message["accounts"])


def train(network, accounts, now):
    train_personal.forget()
    trainer = train_personal.open_trainer(network.store, network.registry, QUICK, QUICK_MEMBERS, now=now)
    train_personal.run(network.store, trainer, network.registry, QUICK, QUICK_MEMBERS, accounts, now=now)


def named(*names):
    return sorted(str(an_id(f"account of {name}")) for name in names)


@pytest.fixture
def trained(village):
    """Thai, American and nomad have models; the nomad alone engaged with p1, and a lurker has none."""
    app = village.store.app
    app.accounts.insert_one(account("account of lurker", now=NOON))
    app.engagements.insert_one(engagement("nomad", "p1", at=NOON - HOUR / 2))
    village.store.analytics.topics.insert_many([topic("sports"), topic("music")])
    app.contentinfo.insert_many([topics_of(f"p{n}", "sports", at=NOON - 2 * HOUR) for n in range(30)])
    train(village, plan(village, NOON), NOON)
    assert plan(village, NOON + HOUR / 2) == []
    return village


def engages(network, monkeypatch):
    network.store.app.engagements.insert_one(engagement("thai", "p2", at=LATER))


def follows(network, monkeypatch):
    network.store.app.relationships.insert_one(follow("american", "author 1", at=LATER))


def reads(network, monkeypatch):
    network.store.app.feeditems.insert_many([exposure(who, "p4", at=LATER) for who in ("thai", "lurker")])


def is_described_anew(network, monkeypatch):
    topics = {"topics": [an_id("topic music")], "updatedAt": LATER}
    network.store.app.contentinfo.update_one({"contentId": an_id("p1")}, {"$set": topics})
    network.store.app.contentinfo.update_one({"contentId": an_id("p2")}, {"$set": topics})  # nobody's


def moves(network, monkeypatch):
    """And another's account changes, but not its country."""
    accounts = network.store.app.accounts
    accounts.update_one(
        {"_id": an_id("account of thai")}, {"$set": {"geolocation.countryCode": "JP", "updatedAt": LATER}}
    )
    accounts.update_one({"_id": an_id("account of american")}, {"$set": {"preferences": {}, "updatedAt": LATER}})


def option_changes(network, monkeypatch):
    return {"members": replace(QUICK_MEMBERS, trees_min_engagements=7)}


def hyperparameter_changes(network, monkeypatch):
    monkeypatch.setattr(inputs, "HYPERPARAMETERS", residual_model.HYPERPARAMETERS | {"rounds": 31})


def history_of_profiles_changes(network, monkeypatch):
    monkeypatch.setattr(inputs, "RECENT_POSTS", 7)


def another_option_changes(network, monkeypatch):
    return {"members": replace(QUICK_MEMBERS, refresh_interval_s=7.0)}


def window_changes(network, monkeypatch):
    return {"coldstart": replace(QUICK, window=timedelta(days=9))}


def ranker_changes(network, monkeypatch):
    """One account has trees on top of a ranker that is not live any more."""
    trees = {"$set": {"madeFrom.ranker": "of yesterday"}}
    network.store.analytics.mlArtifacts.update_one(key_of("american"), trees)


def country_ranker_changes(network, monkeypatch):
    """One account has trees on top of a country's ranker that is not live any more, another on top of the live ones."""
    models, live = network.store.analytics.mlArtifacts, Rankers(network.registry).versions(QUICK.base_country)
    models.update_one(key_of("american"), {"$set": {f"madeFrom.{COUNTRY_RANKER}": "us: us of yesterday"}})
    models.update_one(key_of("thai"), {"$set": {f"madeFrom.{COUNTRY_RANKER}": live["th"]}})


def loses_an_engagement(network, monkeypatch):
    """Without a trace, so that it is found when models are compared."""
    network.store.app.engagements.delete_one({"user": an_id("american")})
    return {"members": replace(QUICK_MEMBERS, compare_every=HOUR)}


def comes_of_an_earlier_version(network, monkeypatch):
    network.store.analytics.mlArtifacts.update_one(key_of("nomad"), {"$unset": {"madeFrom.inputs": 1}})
    return {"members": replace(QUICK_MEMBERS, compare_every=HOUR)}


def is_damaged(network, monkeypatch):
    network.store.analytics.mlArtifacts.update_one(key_of("nomad"), {"$set": {"madeFrom.inputs": "no hex"}})
    return {"members": replace(QUICK_MEMBERS, compare_every=HOUR)}


def layout_changes(network, monkeypatch):
    monkeypatch.setattr(plan_personal_training, "PROFILE_FINGERPRINT", "of tomorrow")


def preparation_changes(network, monkeypatch):
    monkeypatch.setattr(plan_personal_training, "PREPARATION", PREPARATION + 1)


# By input: what changes it, and whose models are made again.
CHANGES = {
    "engagements": (engages, ("thai",)),
    "follows": (follows, ("american",)),
    "exposures": (reads, ("thai",)),
    "descriptions": (is_described_anew, ("nomad",)),
    "country": (moves, ("thai",)),
    "options": (option_changes, EVERYBODY),
    "ranker": (ranker_changes, ("american",)),
    COUNTRY_RANKER: (country_ranker_changes, ("american",)),
    "fingerprint": (layout_changes, EVERYBODY),
    "inputs": (loses_an_engagement, ("american",)),
    "preparation": (preparation_changes, EVERYBODY),
}
MORE = {
    "a hyper-parameter of trees": (hyperparameter_changes, EVERYBODY),
    "how far back profiles go": (history_of_profiles_changes, EVERYBODY),
    "an option of reading": (another_option_changes, ()),
    "an option of another section": (window_changes, EVERYBODY),
    "a model that does not say its inputs": (comes_of_an_earlier_version, ("nomad",)),
    "a model whose inputs cannot be read": (is_damaged, ("nomad",)),
}


def test_every_declared_input_has_a_change(trained):
    stored = trained.store.analytics.mlArtifacts.find_one()

    assert {*SOURCES_OF_MODELS, *OTHER_SOURCES, *stored["madeFrom"], "fingerprint"} == CHANGES.keys()


@pytest.mark.parametrize("name", [*CHANGES, *MORE])
def test_a_changed_input_queues_whose_it_is_and_no_others(trained, monkeypatch, name):
    change, whose = (CHANGES | MORE)[name]

    options = change(trained, monkeypatch) or {}

    assert plan(trained, NOON + 2 * HOUR, **options) == named(*whose)


def test_what_was_made_again_is_queued_no_more(trained, monkeypatch):
    for change in (engages, follows, reads, is_described_anew, moves):
        change(trained, monkeypatch)
    train(trained, plan(trained, NOON + 2 * HOUR), NOON + 2 * HOUR)

    assert plan(trained, NOON + 3 * HOUR) == []
    assert plan(trained, NOON + QUICK_MEMBERS.full_every + 2 * HOUR) == [], "everybody is looked at"


def test_models_are_compared_once_in_each_interval(trained, monkeypatch):
    assert plan(trained, NOON + HOUR) == []
    trained.store.app.engagements.delete_one({"user": an_id("american")})

    assert plan(trained, NOON + QUICK_MEMBERS.compare_every - HOUR) == []
    assert plan(trained, NOON + QUICK_MEMBERS.compare_every + HOUR) == named("american")
    assert plan(trained, NOON + QUICK_MEMBERS.compare_every + 2 * HOUR) == []


def test_a_user_that_moves_to_another_account_changes_the_models_of_both(village):
    """What it did before names no account."""
    app = village.store.app
    app.users.insert_one(user("page", now=NOON, account="account of thai"))
    app.engagements.insert_one(engagement("page", "p1", at=NOON - HOUR / 2, account=None))
    train(village, plan(village, NOON), NOON)

    owner = {"ownerAccount": an_id("account of nomad"), "updatedAt": LATER}
    app.users.update_one({"_id": an_id("page")}, {"$set": owner})

    assert plan(village, NOON + QUICK_MEMBERS.compare_every + HOUR) == named("nomad", "thai")


def test_what_leaves_the_window_queues_nobody(trained):
    """An account that does nothing any more keeps the profile of when it last did."""
    lately = NOON + QUICK.window - HOUR / 4

    assert plan(trained, lately) == []
    assert plan(trained, lately + 2 * QUICK.window) == []


def test_engagements_with_described_posts_are_found_however_they_refer_to_them(trained, monkeypatch):
    """Where an application writes references as text, or in another order."""
    engagements = trained.store.app.engagements
    for row in engagements.find({"user": an_id("nomad")}):
        reference = {"$id": str(row["targetRef"].id), "$ref": "content"}
        engagements.replace_one({"_id": row["_id"]}, row | {"targetRef": reference})
    is_described_anew(trained, monkeypatch)

    assert plan(trained, NOON + 2 * HOUR) == named("nomad")


def test_a_profile_has_the_topics_that_its_posts_have_now(trained, monkeypatch):
    is_described_anew(trained, monkeypatch)

    train(trained, plan(trained, NOON + 2 * HOUR), NOON + 2 * HOUR)

    profile, _ = trained.registry.load(
        user_profile.PERSONAL,
        named("nomad")[0],
        user_profile.PROFILE_FINGERPRINT,
        lambda artifact: user_profile.UserProfile.unpack(artifact.model),
    )
    assert len(profile.topics) == 2


def test_what_a_model_was_made_from_is_signed(trained):
    trained.store.analytics.mlArtifacts.update_one(key_of("thai"), {"$set": {"madeFrom.country": "us"}})

    artifact, refused = trained.registry.load(
        user_profile.PERSONAL, named("thai")[0], user_profile.PROFILE_FINGERPRINT, lambda artifact: artifact
    )

    assert artifact is None
    assert "signature" in refused[0]
