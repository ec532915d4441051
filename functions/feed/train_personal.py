"""A small model for every account: what makes it different from its country."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from bson import ObjectId

from functions.feed import residual_model
from functions.feed.candidate_features import FEATURES, Tastes, follow_pairs, read_follows
from functions.feed.global_personal_ranker import MembersRanker, load_members
from functions.feed.inputs import INPUTS, Inputs
from functions.feed.item_embeddings import Alike
from functions.feed.user_profile import PERSONAL, TASTE_FINGERPRINT, Taste, options_of, tastes_now, with_trees
from shared.artifacts import Artifact, Manifest, Registry
from shared.columns import id_array
from shared.config import Coldstart, Members
from shared.errors import StaleModel
from shared.ml import trees
from shared.provenance import MadeFrom
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers
from shared.ranking.country_scores import Margins
from shared.ranking.history import read_history
from shared.report import Report
from shared.store import Store, schema
from shared.store.tombstones import State
from shared.text import PREPARATION

MOST = 2_000  # accounts of one message
ALIKE_HOURS = 120.0  # how long directions hold, among examples of a month


@dataclass(frozen=True, slots=True)
class Trainer:
    """What a container trains from: the network as it was at one moment, and who was erased by then."""

    tastes: Tastes
    inputs: Inputs
    margins: Margins
    ranker: MembersRanker | None
    erased: State

    @property
    def read_at(self) -> datetime:
        return self.tastes.history.now


_open: list[Trainer] = []


def open_trainer(store: Store, registry: Registry, coldstart: Coldstart, options: Members, *, now: datetime) -> Trainer:
    """The network as of that moment, read once for all messages of one plan."""
    if not _open or _open[0].read_at != now or _open[0].erased != store.tombstones.state():
        erased = store.tombstones.state()
        history = read_history(store, coldstart, now=now, with_exposures=True)
        counters = Counters(history)
        alike = Alike(history, options.recent_posts, ALIKE_HOURS)
        follows = read_follows(store, history)
        tastes = Tastes(history, counters, follow_pairs(history, follows), alike)
        margins = Margins(history, counters, np.empty(0, np.int64), Rankers(registry), coldstart)
        inputs = Inputs.of(history, follows, alike.recent)
        _open[:] = [Trainer(tastes, inputs, margins, load_members(registry)[0], erased)]
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
    history = trainer.tastes.history
    erased = store.tombstones.among(map(ObjectId, accounts))
    number, _ = history.actors.of(id_array(one for one in map(ObjectId, accounts) if one not in erased))
    chosen = np.unique(number[number >= 0])
    keys = [str(ObjectId(history.actors.ids[one].tobytes())) for one in chosen.tolist()]
    tastes = list(tastes_now(trainer.tastes, chosen))
    before = registry.current(PERSONAL, keys, TASTE_FINGERPRINT)
    fitted_with = {"options": options_of(coldstart, options), "preparation": str(PREPARATION)}
    tastes = [
        kept(taste, before.get(key), trainer.ranker, fitted_with) for taste, key in zip(tastes, keys, strict=True)
    ]
    due = {one for one, taste in zip(chosen.tolist(), tastes, strict=True) if wants_trees(taste, options)}
    fitted = 0
    if due and trainer.ranker:
        found = residual_model.examples_of(
            np.array(sorted(due)), trainer.tastes, trainer.margins, trainer.ranker, coldstart, options
        )
        for place, one in enumerate(chosen.tolist()):
            if one in found:
                tastes[place] = with_trees(
                    tastes[place], residual_model.fit(found[one], options), trainer.ranker.version
                )
        fitted = sum(bool(tastes[place].trees) for place, one in enumerate(chosen.tolist()) if one in found)
    artifacts = [
        artifact(key, taste, trainer.inputs.text(one), trainer, coldstart, fitted_with)
        for one, key, taste in zip(chosen.tolist(), keys, tastes, strict=True)
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


def kept(taste: Taste, before: Artifact | None, ranker: MembersRanker | None, fitted_with: MadeFrom) -> Taste:
    """The taste with the trees that the account had, as long as what they add to is live, and what they were fitted
    with is the same: options, preparation of texts, and the country."""
    if before is None or ranker is None:
        return taste
    told = before.manifest.made_from
    if any(told.get(name) != value for name, value in {**fitted_with, "country": taste.country}.items()):
        return taste
    try:
        old = Taste.unpack(before.model)
    except StaleModel:
        return taste
    if old.trees and old.base != ranker.version:
        return taste
    return replace(taste, trees=old.trees, base=old.base, tried_at=old.tried_at)


def wants_trees(taste: Taste, options: Members) -> bool:
    """Whether there is enough to fit trees on, and a fifth more than when that was last tried."""
    return taste.acts >= max(options.trees_least_acts, taste.tried_at * 1.2)


def artifact(
    key: str, taste: Taste, inputs: str, trainer: Trainer, coldstart: Coldstart, fitted_with: MadeFrom
) -> Artifact:
    """The taste, as it is kept."""
    at = trainer.read_at
    made_from = {**fitted_with, "ranker": taste.base, "country": taste.country}
    manifest = Manifest(
        family=PERSONAL,
        key=key,
        version=f"{at:%Y%m%dT%H%M%SZ}",
        trained_at=at,
        window=(at - coldstart.window, at),
        features=FEATURES.names,
        fingerprint=TASTE_FINGERPRINT,
        metrics={"acts": taste.acts, "trees": bool(taste.trees)},
        libraries={"xgboost": trees.version()},
        made_from=made_from | {INPUTS: inputs},
    )
    return Artifact(manifest, taste.pack())
