"""A small model for every account: what makes it different from its country."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from bson import ObjectId

from functions.feed import residual_model
from functions.feed.candidate_features import FEATURES, AffinityCounters, follow_pairs, read_follows
from functions.feed.global_personal_ranker import GlobalPersonalRanker, load_global_personal_ranker
from functions.feed.inputs import INPUTS, Inputs
from functions.feed.item_embeddings import ItemEmbeddings
from functions.feed.user_profile import PERSONAL, PROFILE_FINGERPRINT, UserProfile, options_of, profiles_now, with_trees
from shared.artifacts import Artifact, Manifest, Registry
from shared.columns import id_array
from shared.config import Coldstart, Members
from shared.errors import StaleModel
from shared.ml import trees
from shared.provenance import MadeFrom
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.history import read_history
from shared.report import Report
from shared.store import Store, schema
from shared.store.tombstones import ErasureState
from shared.text import PREPARATION

MAX_ACCOUNTS = 2_000  # accounts of one message
ALIKE_HOURS = 120.0  # how long directions hold, among examples of a month


@dataclass(frozen=True, slots=True)
class Trainer:
    """What a container trains from: the network as it was at one moment, and who was erased by then."""

    profiles: AffinityCounters
    inputs: Inputs
    logits: CountryScores
    ranker: GlobalPersonalRanker | None
    erased: ErasureState

    @property
    def read_at(self) -> datetime:
        return self.profiles.history.now


_open: list[Trainer] = []


def open_trainer(store: Store, registry: Registry, coldstart: Coldstart, options: Members, *, now: datetime) -> Trainer:
    """The network as of that moment, read once for all messages of one plan."""
    if not _open or _open[0].read_at != now or _open[0].erased != store.tombstones.state():
        erased = store.tombstones.state()
        history = read_history(store, coldstart, now=now, with_exposures=True)
        counters = Counters(history)
        item_embeddings = ItemEmbeddings(history, options.recent_posts, ALIKE_HOURS)
        follows = read_follows(store, history)
        profiles = AffinityCounters(history, counters, follow_pairs(history, follows), item_embeddings)
        logits = CountryScores(history, counters, np.empty(0, np.int64), Rankers(registry), coldstart)
        inputs = Inputs.of(history, follows, item_embeddings.recent)
        _open[:] = [Trainer(profiles, inputs, logits, load_global_personal_ranker(registry)[0], erased)]
    return _open[0]


def forget() -> None:
    """Read the network again at the next call."""
    _open.clear()


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

    Accounts that there are no more, or that were erased, are left without one. What was done after the trainer read the
    network is left to the next run, which is why each model says until when it has learnt.
    """
    history = trainer.profiles.history
    erased = store.tombstones.among(map(ObjectId, accounts))
    number, _ = history.accounts.of(id_array(one for one in map(ObjectId, accounts) if one not in erased))
    chosen = np.unique(number[number >= 0])
    keys = [str(ObjectId(history.accounts.ids[one].tobytes())) for one in chosen.tolist()]
    profiles = list(profiles_now(trainer.profiles, chosen))
    before = registry.current(PERSONAL, keys, PROFILE_FINGERPRINT)
    fitted_with = {"options": options_of(coldstart, options), "preparation": str(PREPARATION)}
    profiles = [
        kept(profile, before.get(key), trainer.ranker, fitted_with) for profile, key in zip(profiles, keys, strict=True)
    ]
    due = {one for one, profile in zip(chosen.tolist(), profiles, strict=True) if wants_trees(profile, options)}
    fitted = 0
    if due and trainer.ranker:
        found = residual_model.examples_of(
            np.array(sorted(due)), trainer.profiles, trainer.logits, trainer.ranker, coldstart, options
        )
        for place, one in enumerate(chosen.tolist()):
            if one in found:
                profiles[place] = with_trees(
                    profiles[place], residual_model.fit(found[one], options), trainer.ranker.version
                )
        fitted = sum(bool(profiles[place].trees) for place, one in enumerate(chosen.tolist()) if one in found)
    artifacts = [
        artifact(key, profile, trainer.inputs.text(one), trainer, coldstart, fitted_with)
        for one, key, profile in zip(chosen.tolist(), keys, profiles, strict=True)
    ]
    written = registry.replace(artifacts, at=now) if artifacts else 0
    unknown = {one.lower() for one in accounts} - set(keys)
    removed = registry.remove(PERSONAL, unknown, f"{trainer.read_at:%Y%m%dT%H%M%SZ}")
    if store.tombstones.state() != trainer.erased:  # somebody was erased who is in what was read
        removed += store.erasures.sweep(schema.ACCOUNT_ARTIFACTS)
        store.erasures.outdate(map(ObjectId, keys))
    left_out = {"unknown": int((number < 0).sum()), "erased": len(erased)}
    details = {"tried": len(due), "trees": fitted, **left_out}
    return Report(len(accounts), written, removed, details={name: value for name, value in details.items() if value})


def kept(
    profile: UserProfile, before: Artifact | None, ranker: GlobalPersonalRanker | None, fitted_with: MadeFrom
) -> UserProfile:
    """The taste with the trees that the account had, as long as what they add to is live, and what they were fitted
    with is the same: options, preparation of texts, and the country."""
    if before is None or ranker is None:
        return profile
    told = before.manifest.made_from
    if any(told.get(name) != value for name, value in {**fitted_with, "country": profile.country}.items()):
        return profile
    try:
        old = UserProfile.unpack(before.model)
    except StaleModel:
        return profile
    if old.trees and old.base != ranker.version:
        return profile
    return replace(profile, trees=old.trees, base=old.base, tried_at=old.tried_at)


def wants_trees(profile: UserProfile, options: Members) -> bool:
    """Whether there is enough to fit trees on, and a fifth more than when that was last tried."""
    return profile.acts >= max(options.trees_least_acts, profile.tried_at * 1.2)


def artifact(
    key: str, profile: UserProfile, inputs: str, trainer: Trainer, coldstart: Coldstart, fitted_with: MadeFrom
) -> Artifact:
    """The taste, as it is kept."""
    at = trainer.read_at
    made_from = {**fitted_with, "ranker": profile.base, "country": profile.country}
    manifest = Manifest(
        family=PERSONAL,
        key=key,
        version=f"{at:%Y%m%dT%H%M%SZ}",
        trained_at=at,
        window=(at - coldstart.window, at),
        features=FEATURES.names,
        fingerprint=PROFILE_FINGERPRINT,
        metrics={"acts": profile.acts, "trees": bool(profile.trees)},
        libraries={"xgboost": trees.version()},
        made_from=made_from | {INPUTS: inputs},
    )
    return Artifact(manifest, profile.pack())
