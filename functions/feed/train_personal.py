"""Trains the personal model of each account: its user profile, and a residual model where that helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from bson import ObjectId

from functions.feed import residual_model
from functions.feed.affinity_counters import AffinityCounters, follow_pairs, read_follows
from functions.feed.candidate_features import FEATURES
from functions.feed.global_personal_ranker import GlobalPersonalRanker, load_global_personal_ranker
from functions.feed.inputs import COUNTRY_RANKER, INPUTS, Inputs, digest_of_options
from functions.feed.item_embeddings import RECENT_POSTS, ItemEmbeddings
from functions.feed.options import Members
from functions.feed.user_profile import PERSONAL, PROFILE_FINGERPRINT, UserProfile, with_trees
from functions.feed.user_profile_builder import profiles_now
from shared.artifacts import Artifact, Manifest, Registry, version_at
from shared.columns import IntArray, id_array, object_ids
from shared.errors import StaleModel
from shared.ml import trees
from shared.provenance import MadeFrom
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.history import read_history
from shared.ranking.options import Coldstart
from shared.report import Report
from shared.store import Store, schema
from shared.store.tombstones import ErasureState
from shared.text import PREPARATION

FACTORS_STEP_HOURS = 120.0  # how long item factors are used for, among examples of a month
REFIT_RATIO = 1.2  # growth of an account's engagements after which its trees are fitted again


@dataclass(frozen=True, slots=True)
class Trainer:
    """What a container trains from: the network as of one moment, and the erasures until then.

    country_rankers  by country, which model ranks for it
    """

    affinities: AffinityCounters
    inputs: Inputs
    logits: CountryScores
    country_rankers: Mapping[str, str]
    ranker: GlobalPersonalRanker | None
    erased: ErasureState

    @property
    def read_at(self) -> datetime:
        """The moment that the network was read as of."""
        return self.affinities.history.now


_cached: list[Trainer] = []


def open_trainer(store: Store, registry: Registry, coldstart: Coldstart, options: Members, *, now: datetime) -> Trainer:
    """The trainer as of that moment, built once for all messages of one plan, and anew after an erasure."""
    if not _cached or _cached[0].read_at != now or _cached[0].erased != store.tombstones.state():
        erased = store.tombstones.state()
        history = read_history(store, coldstart, now=now, with_exposures=True)
        counters = Counters(history)
        item_embeddings = ItemEmbeddings(history, RECENT_POSTS, FACTORS_STEP_HOURS)
        follows = read_follows(store, history)
        affinities = AffinityCounters(history, counters, follow_pairs(history, follows), item_embeddings)
        rankers = Rankers(registry)
        logits = CountryScores(history, counters, np.empty(0, np.int64), rankers, coldstart)
        versions, ranker = rankers.versions(coldstart.base_country), load_global_personal_ranker(registry)[0]
        inputs = Inputs.of(history, follows, item_embeddings.recent)
        _cached[:] = [Trainer(affinities, inputs, logits, versions, ranker, erased)]
    return _cached[0]


def forget() -> None:
    """Drop the cached trainer, so that the next call reads the network again."""
    _cached.clear()


def run(
    store: Store,
    trainer: Trainer,
    registry: Registry,
    coldstart: Coldstart,
    options: Members,
    accounts: Sequence[str],
    *,
    now: datetime,
) -> Report:
    """Train the model of each of these accounts and make it live, unless a later one is. Safe to repeat.

    Accounts that do not exist any more, or are erased, lose their model. Engagements after the trainer read the network
    are left to the next plan: each model says until when it has learnt.
    """
    history = trainer.affinities.history
    erased = store.tombstones.among(map(ObjectId, accounts))
    numbers, _ = history.accounts.of(id_array(account for account in map(ObjectId, accounts) if account not in erased))
    trained = np.unique(numbers[numbers >= 0])
    keys = [str(account) for account in object_ids(history.accounts.ids[trained])]
    live = registry.current(PERSONAL, keys, PROFILE_FINGERPRINT)
    fitted_with = {"options": digest_of_options(coldstart, options), "preparation": str(PREPARATION)}
    profiles = {
        number: with_live_trees(profile, live.get(key), trainer, fitted_with)
        for number, key, profile in zip(trained.tolist(), keys, profiles_now(trainer.affinities, trained), strict=True)
    }
    due = np.array([number for number, profile in profiles.items() if needs_trees(profile, options)], np.int64)
    fitted = fit_trees(trainer, due, profiles, coldstart, options)
    profiles |= fitted
    artifacts = [
        make_artifact(key, profile, trainer.inputs.text(number), trainer, coldstart, fitted_with)
        for key, (number, profile) in zip(keys, profiles.items(), strict=True)
    ]
    written = registry.replace(artifacts, at=now) if artifacts else 0
    unknown = {account.lower() for account in accounts} - set(keys)
    removed = registry.remove(PERSONAL, unknown, version_at(trainer.read_at))
    if store.tombstones.state() != trainer.erased:  # an account or a post in the history was erased since it was read
        removed += store.erasures.sweep(schema.ACCOUNT_ARTIFACTS)
        store.erasures.outdate(map(ObjectId, keys))
    details = {
        "tried": len(due),
        "trees": sum(bool(profile.trees) for profile in fitted.values()),
        "unknown": int((numbers < 0).sum()),
        "erased": len(erased),
    }
    return Report(len(accounts), written, removed, details={name: count for name, count in details.items() if count})


def fit_trees(
    trainer: Trainer, accounts: IntArray, profiles: Mapping[int, UserProfile], coldstart: Coldstart, options: Members
) -> dict[int, UserProfile]:
    """The profiles of these accounts, (n,) numbers, with newly fitted trees, empty where those do not help; by account.

    Nothing without a global personal ranker, which the trees add to.
    """
    ranker = trainer.ranker
    if not len(accounts) or ranker is None:
        return {}
    examples = residual_model.examples_of(accounts, trainer.affinities, trainer.logits, ranker, coldstart)
    return {
        number: with_trees(profiles[number], residual_model.fit(own, options), ranker.version)
        for number, own in examples.items()
    }


def with_live_trees(
    profile: UserProfile, live: Artifact | None, trainer: Trainer, fitted_with: MadeFrom
) -> UserProfile:
    """The profile with the trees of the live model, if the rankers that they add to are still live, and the options,
    the preparation of texts and the country that they were fitted with are the same."""
    if live is None or trainer.ranker is None:
        return profile
    made_from = live.manifest.made_from
    if any(made_from.get(name) != value for name, value in {**fitted_with, "country": profile.country}.items()):
        return profile
    try:
        old = UserProfile.unpack(live.model)
    except StaleModel:
        return profile
    rankers = (old.base, made_from.get(COUNTRY_RANKER))
    if old.trees and rankers != (trainer.ranker.version, trainer.country_rankers[profile.country]):
        return profile
    return replace(profile, trees=old.trees, base=old.base, tried_at=old.tried_at)


def needs_trees(profile: UserProfile, options: Members) -> bool:
    """Whether there are enough engagements to fit trees, and enough more than when that was last tried."""
    return profile.acts >= max(options.trees_min_engagements, profile.tried_at * REFIT_RATIO)


def make_artifact(
    key: str, profile: UserProfile, inputs: str, trainer: Trainer, coldstart: Coldstart, fitted_with: MadeFrom
) -> Artifact:
    """The artifact of a profile; `inputs` is the digest of what the profile was made from."""
    at = trainer.read_at
    country_ranker = trainer.country_rankers[profile.country] if profile.trees else ""
    made_from = {**fitted_with, "ranker": profile.base, COUNTRY_RANKER: country_ranker, "country": profile.country}
    manifest = Manifest(
        family=PERSONAL,
        key=key,
        version=version_at(at),
        trained_at=at,
        window=(at - coldstart.window, at),
        features=FEATURES.names,
        fingerprint=PROFILE_FINGERPRINT,
        metrics={"acts": profile.acts, "trees": bool(profile.trees)},
        libraries={"xgboost": trees.version()},
        made_from=made_from | {INPUTS: inputs},
    )
    return Artifact(manifest, profile.pack())
