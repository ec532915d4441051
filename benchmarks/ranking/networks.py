"""The networks that rankers are compared on: demo worlds and Deskdrop, with every model trained on each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from benchmarks.bench_database import NOW, BenchDatabase, Tell, open_bench_database
from benchmarks.ranking.deskdrop import CUTS, open_deskdrop
from benchmarks.ranking.evaluation import Evaluation
from benchmarks.ranking.leaderboard import Leaderboard, leaderboard
from benchmarks.ranking.queries import PROTOCOLS, HeldOutEngagements
from benchmarks.ranking.rankers import (
    HINDSIGHT,
    ORACLE,
    PLANTED_HALF_LIFE,
    RANKERS,
    by_hindsight,
    by_popularity,
    by_truth,
)
from functions.coldstart import train_coldstart
from functions.feed import plan_personal_training, refresh_catalogue, train_members, train_personal
from functions.feed.options import Members
from local.deskdrop import Event
from local.world import WorldOptions
from local.world.browsing import HALF_LIFE
from shared.artifacts import Registry
from shared.artifacts.snapshots import Snapshots
from shared.ranking.decay import PopularityDecay
from shared.ranking.history import read_history
from shared.ranking.options import Coldstart

DESKDROP = "Deskdrop"  # name of the network


def train(bench: BenchDatabase, now: datetime, tell: Tell) -> None:
    """Train every model that members' feeds need, by the functions that train them in a deployment."""
    store, options, keys = bench.store, bench.settings.options, bench.settings.artifact_keys
    registry, snapshots = Registry(store.analytics, keys), Snapshots(store.analytics, keys)
    name = f"{bench.size} {bench.seed}"
    tell(f"{name}: train_coldstart")
    train_coldstart.run(store, registry, options.of(Coldstart), now=now)
    tell(f"{name}: refresh_catalogue")
    refresh_catalogue.run(store, registry, snapshots, options.of(Coldstart), options.of(Members), now=now)
    tell(f"{name}: train_members")
    train_members.run(store, registry, options.of(Coldstart), options.of(Members), now=now)
    messages: list[Mapping[str, Any]] = []
    plan_personal_training.run(store, registry, messages.extend, options.of(Members), options.of(Coldstart), now=now)
    trainer = train_personal.open_trainer(store, registry, options.of(Coldstart), options.of(Members), now=now)
    for number, message in enumerate(messages, 1):
        tell(f"{name}: train_personal, {number} of {len(messages)} messages")
        train_personal.run(
            store, trainer, registry, options.of(Coldstart), options.of(Members), message["accounts"], now=now
        )
    train_personal.forget()


def evaluate_world(bench: BenchDatabase, tell: Tell) -> list[Leaderboard]:
    """All rankers on a demo world whose models are trained, under each protocol."""
    history = read_history(bench.store, bench.settings.options.of(Coldstart), now=NOW, with_exposures=True)
    held_out = HeldOutEngagements.read(bench, history)
    half_life = PopularityDecay(bench.world.options.half_life_hours or HALF_LIFE / 3_600)
    rankers = {**RANKERS, PLANTED_HALF_LIFE: by_popularity(half_life), HINDSIGHT: by_hindsight, ORACLE: by_truth}
    leaderboards = []
    for number, (protocol, recent_ratio) in enumerate(PROTOCOLS.items()):
        queries = held_out.queries(history, recent_ratio, np.random.default_rng([bench.seed, number]))
        evaluation = Evaluation(bench, NOW, history, queries, bench.seed)
        if len(queries.account):
            leaderboards.append(leaderboard(evaluation, rankers, f"{bench.size} {bench.seed}", protocol, tell))
    return leaderboards


def evaluate_worlds(uri: str, size: str, options: WorldOptions, seeds: Sequence[int], tell: Tell) -> list[Leaderboard]:
    """All rankers on demo worlds of these options, one for each seed; their databases are dropped afterwards."""
    leaderboards = []
    for seed in seeds:
        with open_bench_database(uri, size, seed, tell, options) as bench:
            bench.add_text()
            train(bench, NOW, tell)
            leaderboards += evaluate_world(bench, tell)
    return leaderboards


def world_of(people: int, **others: Any) -> WorldOptions:
    """Options of a demo world of that many people, as busy as those of the sizes."""
    return WorldOptions(users=people, contents=5 * people, engagements=50 * people, feed_items=100 * people, **others)


def evaluate_deskdrop(uri: str, events: Sequence[Event], tell: Tell, cuts: Sequence[int] = CUTS) -> list[Leaderboard]:
    """All rankers on the events of a real network, at each cut evaluated on the tenth of the events after it.

    events  of the network, oldest first
    cuts    part of the events that is the past [%]
    """
    leaderboards = []
    for cut in cuts:
        with open_deskdrop(uri, events, cut, tell) as deskdrop:
            train(deskdrop.bench, deskdrop.now, tell)
            options = deskdrop.bench.settings.options.of(Coldstart)
            history = read_history(deskdrop.bench.store, options, now=deskdrop.now, with_exposures=True)
            for protocol, days in deskdrop.protocols.items():
                queries = deskdrop.queries(history, days)
                evaluation = Evaluation(deskdrop.bench, deskdrop.now, history, queries, 0)
                if len(queries.account):
                    leaderboards.append(leaderboard(evaluation, RANKERS, f"{DESKDROP} {cut}%", protocol, tell))
    return leaderboards
