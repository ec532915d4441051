"""Which accounts a plan queues, and that a plan that fails is made again."""

from typing import Any

import pytest

from functions.feed import plan_personal_training, train_personal
from shared.errors import Unavailable
from tests.factories import account, an_id, engagement, follow, user
from tests.networks import HOUR, NOON, QUICK, QUICK_MEMBERS


def plan(network, now=NOON, send=None, **options):
    messages: list[Any] = []
    report = plan_personal_training.run(
        network.store, network.registry, send or messages.extend, QUICK_MEMBERS, QUICK, now=now
    )
    return report, [account for message in messages for account in message["accounts"]]


def train(network, accounts, now=NOON):
    train_personal.forget()
    trainer = train_personal.open_trainer(network.store, network.registry, QUICK, QUICK_MEMBERS, now=now)
    return train_personal.run(network.store, trainer, network.registry, QUICK, QUICK_MEMBERS, accounts, now=now)


def named(*names):
    return sorted(str(an_id(f"account of {name}")) for name in names)


def test_everybody_who_ever_engaged_is_planned_at_first(village):
    village.store.app.accounts.insert_one(account("account of lurker", now=NOON))

    report, accounts = plan(village)

    assert sorted(accounts) == named("thai", "american", "nomad")
    assert report.as_dict() == {"read": 3, "written": 3, "messages": 1}


def test_sources_that_can_only_change_models_are_not_read_before_there_are_any(village, monkeypatch):
    names: list[str] = []

    def spied(name, source):
        def read(*arguments):
            names.append(name)
            return source(*arguments)

        return read

    sources = plan_personal_training.OTHER_SOURCES
    watched = {name: spied(name, source) for name, source in sources.items()}
    monkeypatch.setattr(plan_personal_training, "OTHER_SOURCES", watched)

    _, everyone = plan(village)
    assert names == []
    train(village, everyone)
    village.store.analytics.watermarks.delete_many({})
    plan(village, NOON + HOUR)

    assert names == list(sources)


def test_then_only_accounts_that_engaged_since_their_model_was_trained_are_planned(village):
    _, everyone = plan(village)
    train(village, everyone)
    village.store.app.engagements.insert_one(engagement("nomad", "p1", at=NOON + HOUR))

    _, accounts = plan(village, NOON + 2 * HOUR)

    assert accounts == named("nomad")


def test_withdrawn_engagements_and_new_follows_queue_their_accounts(village):
    _, everyone = plan(village)
    train(village, everyone)
    app, later = village.store.app, NOON + HOUR
    app.engagements.update_one(
        {"account": an_id("account of thai")}, {"$set": {"visibility": "deleted", "updatedAt": later}}
    )
    app.relationships.insert_one(follow("american", "author 1", at=later))

    _, accounts = plan(village, NOON + 2 * HOUR)

    assert sorted(accounts) == named("american", "thai")


def test_what_was_planned_but_never_trained_is_planned_again_by_the_next_full_run(village):
    plan(village)

    _, next_run = plan(village, NOON + HOUR)
    _, full_run = plan(village, NOON + QUICK_MEMBERS.full_every)

    assert next_run == []
    assert sorted(full_run) == named("american", "nomad", "thai")


def test_a_model_for_other_features_is_made_again(village):
    _, everyone = plan(village)
    train(village, everyone)
    old = {"account": an_id("account of thai")}
    village.store.analytics.mlArtifacts.update_one(old, {"$set": {"fingerprint": "of yesterday"}})

    _, accounts = plan(village, NOON + HOUR)

    assert accounts == named("thai")


def test_an_old_record_without_an_account_is_its_users_account(village):
    village.store.app.users.insert_one(user("old", now=NOON))
    old_engagement = engagement("old", "p1", at=NOON - HOUR)
    del old_engagement["account"]
    village.store.app.engagements.insert_one(old_engagement)

    _, accounts = plan(village)

    assert sorted(accounts) == named("american", "nomad", "old", "thai")


def test_many_accounts_go_in_several_messages(world):
    messages: list[Any] = []
    world.store.analytics.watermarks.delete_one({"_id": plan_personal_training.NAME})
    world.store.analytics.mlArtifacts.update_many({}, {"$set": {"windowTo": NOON - 100 * HOUR}})

    plan_personal_training.run(world.store, world.registry, messages.extend, QUICK_MEMBERS, QUICK, now=NOON)

    sizes = [len(message["accounts"]) for message in messages]
    assert max(sizes) == QUICK_MEMBERS.accounts_per_message
    assert sum(sizes) == len({account for message in messages for account in message["accounts"]})
    world.store.analytics.mlArtifacts.update_many({}, {"$set": {"windowTo": NOON}})


def test_where_nothing_can_be_sent_the_next_run_plans_the_same(village):
    def refuse(messages):
        raise Unavailable("SQS cannot be reached")

    with pytest.raises(Unavailable):
        plan(village, send=refuse)
    _, accounts = plan(village)

    assert sorted(accounts) == named("american", "nomad", "thai")
