"""Which accounts have something new since their model was trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from bson import ObjectId

from functions.feed.encounters import FEATURES
from functions.feed.taste import PERSONAL, Taste
from shared.artifacts import Registry
from shared.clock import epoch_ms
from shared.config import Members
from shared.report import Report
from shared.store import Store, schema
from shared.store.columns import distinct, id_array, id_keys, object_ids, positions
from shared.store.tombstones import Erased

NAME = "plan_personal_training"
MODELS_AT_ONCE = 1_000

Send = Callable[[Sequence[Mapping[str, Any]]], None]


def run(store: Store, registry: Registry, send: Send, options: Members, *, now: datetime) -> Report:
    """Queue every account that engaged with something, or followed someone, after its model had learnt, or whose model
    holds a post or an author that was erased since.

    A message says as of when its accounts are to be trained: delivered twice, or late, it makes the same models.
    """
    with store.leases.hold(NAME):
        period = store.watermarks.period(NAME, options, now=now)
        if period.late:
            return Report.late()
        touched = touched_since(store, period.since)
        learnt = registry.windows(PERSONAL, FEATURES.fingerprint, list(touched))
        new = {key for key, at in touched.items() if key not in learnt or at > epoch_ms(learnt[key])}
        erased = store.tombstones.state()
        due = new | registry.outdated(PERSONAL, FEATURES.fingerprint)
        due |= holders(store, registry, store.tombstones.unsearched())
        due -= set(map(str, store.tombstones.among(map(ObjectId, due))))
        pieces = batches(sorted(due), options.accounts_a_message)
        messages = [{"time": now.isoformat(), "accounts": some} for some in pieces]
        send(messages)
        store.tombstones.searched(erased, now=now)
        removed = store.erasures.sweep(schema.ACCOUNT_ARTIFACTS, schema.ARTIFACT_VERSIONS)
        store.watermarks.advance(NAME, options, period, now=now)
    return Report(len(touched), len(due), removed, details={"messages": len(messages)})


def holders(store: Store, registry: Registry, erased: Erased) -> set[str]:
    """Accounts whose model is made of a post or an author that is erased, or that is there no more."""
    if not erased:
        return set()
    found: set[str] = set()
    authors = np.setdiff1d(id_keys(store.people.users()["id"]), id_keys(id_array(erased.users)))
    tastes = registry.all_live(PERSONAL, FEATURES.fingerprint, lambda one: Taste.unpack(one.model))
    while some := dict(islice(tastes, MODELS_AT_ONCE)):
        posts = distinct(np.concatenate([taste.posts for taste in some.values()]))
        published = id_keys(store.posts.still_published(object_ids(posts)))
        published = np.setdiff1d(published, id_keys(id_array(erased.posts)))
        found |= {key for key, taste in some.items() if not taste.is_of(published, authors)}
    return found


def touched_since(store: Store, since: datetime | None) -> dict[str, int]:
    """Accounts that did something since then, ever for None, and when they last did [ms since 1970]."""
    users, acts, follows = store.people.users(), store.engagements.latest(since), store.follows.latest(since)
    ids = np.concatenate([acts["actor"], follows["user"]])
    at = np.concatenate([acts["at"], follows["at"]])
    owner = positions(id_keys(ids), id_keys(users["id"]))
    account = np.where(owner >= 0, users["account"][owner], ids) if len(users["id"]) else ids
    touched: dict[str, int] = {}
    for key, moment in zip(map(str, object_ids(account)), at.tolist(), strict=True):
        touched[key] = max(touched.get(key, 0), moment)
    return touched


def batches(accounts: list[str], size: int) -> Iterable[list[str]]:
    """The same in pieces of at most that size."""
    return (accounts[first : first + size] for first in range(0, len(accounts), size))
