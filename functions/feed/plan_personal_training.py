"""Which accounts have something new since their model was trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from functions.feed.candidate_features import read_follows
from functions.feed.global_personal_ranker import GLOBAL_PERSONAL_KEY, MEMBERS
from functions.feed.inputs import INPUTS, Inputs
from functions.feed.inputs import until as history_until
from functions.feed.item_embeddings import both
from functions.feed.item_embeddings import latest as latest_events
from functions.feed.user_profile import PERSONAL, PROFILE_FINGERPRINT, UserProfile, options_of
from shared.artifacts import Registry
from shared.clock import HOUR_MS, epoch_ms
from shared.columns import id_array, id_keys, lookup, object_ids, unique_ids
from shared.config import Coldstart, Members
from shared.countries import SPELLINGS, country_of
from shared.ranking.history import read_history
from shared.report import Report
from shared.store import Store, schema
from shared.store.decoding import as_moment
from shared.store.tombstones import Erased
from shared.text import PREPARATION

NAME = "plan_personal_training"
MODELS_AT_ONCE = 1_000
NO_TIME = timedelta(0)

Send = Callable[[Sequence[Mapping[str, Any]]], None]
Owners = Callable[[NDArray[np.void]], NDArray[np.void]]
# Who changed something since a moment, ever for None, and when [ms since 1970], both (n,). The second moment is the
# beginning of the time that models are made from.
Events = tuple[NDArray[np.void], NDArray[np.int64]]
Source = Callable[[Store, datetime | None, datetime, datetime], Events]

DEFAULT: Final = Coldstart()


def run(
    store: Store,
    registry: Registry,
    send: Send,
    options: Members,
    coldstart: Coldstart = DEFAULT,
    *,
    now: datetime,
) -> Report:
    """Queue every account whose model was made from something that is another now or holds a post or an author that was
    erased since, and everybody who engaged or followed and has none.

    Each run goes by what says when it changed; every `compare_every` one compares all that models were made from, which
    finds what was deleted, and what changed without a date. A message says as of when its accounts are to be trained:
    delivered twice, or late, it makes the same models.
    """
    with store.leases.hold(NAME):
        period = store.watermarks.period(NAME, options, now=now)
        if period.late:
            return Report.late()
        owner, start = owners(store), now - coldstart.window
        did = latest(owner, (read(store, period.since, start, now) for read in SOURCES_OF_MODELS.values()))
        met = dict[str, int]()
        if period.since or registry.has_any(PERSONAL):  # else there is no model that these could have changed
            met = latest(owner, (read(store, period.since, start, now) for read in OTHER_SOURCES.values()))
        learnt = registry.windows(PERSONAL, PROFILE_FINGERPRINT, list(did.keys() | met.keys()), now=now)
        until = {key: epoch_ms(moment) for key, moment in learnt.items()}
        new = {key for key, at in did.items() if at > until.get(key, -1)}
        new |= {key for key, at in met.items() if key in until and at > until[key]}
        made_from = {
            "options": [options_of(coldstart, options)],
            "preparation": [str(PREPARATION)],
            "ranker": ["", registry.live_version(MEMBERS, GLOBAL_PERSONAL_KEY) or ""],
        }
        new |= registry.outdated(PERSONAL, PROFILE_FINGERPRINT, made_from)
        compared = as_moment(period.cursor)
        comparing = compared is None or period.since is None or not NO_TIME <= now - compared < options.compare_every
        new |= moved_since(store, registry, None if comparing else period.since)
        if comparing:
            compared, new = now, new | made_of_others(store, registry, coldstart, options, now=now)
        erased = store.tombstones.state()
        new |= holders(store, registry, store.tombstones.unsearched())
        due = {key for key in new if ObjectId.is_valid(key)}
        due -= set(map(str, store.tombstones.among(map(ObjectId, due))))
        pieces = batches(sorted(due), options.accounts_a_message)
        messages = [{"time": now.isoformat(), "accounts": some} for some in pieces]
        send(messages)
        store.tombstones.searched(erased, now=now)
        removed = store.erasures.sweep(schema.ACCOUNT_ARTIFACTS, schema.ARTIFACT_VERSIONS)
        store.watermarks.advance(NAME, options, period, now=now, cursor=compared)
    return Report(len(did.keys() | met.keys()), len(due), removed, details={"messages": len(messages)})


def made_of_others(
    store: Store, registry: Registry, coldstart: Coldstart, options: Members, *, now: datetime
) -> set[str]:
    """Accounts of which the inputs of their model, within the window of now and until it had learnt, are not what they
    were, or not known; those that have a model and are there no more; and those that engaged or follow and have none.

    Nobody where there is no model yet: all are queued by what they did.
    """
    learnt = registry.learnt(PERSONAL, PROFILE_FINGERPRINT, INPUTS, now=now)
    if not learnt:
        return set()
    history = read_history(store, coldstart, now=now, with_exposures=True)
    keys = list(map(str, object_ids(history.accounts.ids)))
    number = {key: account for account, key in enumerate(keys)}
    before, moments = dict[int, str](), np.full(len(keys), -np.inf)
    for key, (until, text) in learnt.items():
        if key in number and text is not None:
            moments[number[key]] = (epoch_ms(until) - epoch_ms(now)) / HOUR_MS
            before[number[key]] = text
    then = history_until(history, moments)
    inputs = Inputs.of(then, read_follows(store, then), latest_events(both(then), options.recent_posts))
    start = epoch_ms(now - coldstart.window)
    others = {keys[account] for account in inputs.since(start).differing(Inputs.read(before).since(start)).tolist()}
    acted = {keys[account] for account in np.unique(history.engagements.account).tolist() if account >= 0}
    unknown = {key for key, (_, text) in learnt.items() if text is None or key not in number}
    return others | unknown | (acted - learnt.keys())


def holders(store: Store, registry: Registry, erased: Erased) -> set[str]:
    """Accounts whose model is made of a post or an author that is erased, or that is there no more."""
    if not erased:
        return set()
    found: set[str] = set()
    authors = np.setdiff1d(id_keys(store.people.users()["id"]), id_keys(id_array(erased.users)))
    profiles = registry.all_live(PERSONAL, PROFILE_FINGERPRINT, lambda one: UserProfile.unpack(one.model))
    while some := dict(islice(profiles, MODELS_AT_ONCE)):
        posts = unique_ids(np.concatenate([profile.posts for profile in some.values()]))
        published = id_keys(store.posts.still_published(object_ids(posts)))
        published = np.setdiff1d(published, id_keys(id_array(erased.posts)))
        found |= {key for key, profile in some.items() if not profile.is_of(published, authors)}
    return found


def owners(store: Store) -> Owners:
    """What turns ids of users into those of the accounts that own them, and leaves other ids as they are."""
    users = store.people.users()
    keys = id_keys(users["id"])

    def owner(ids: NDArray[np.void]) -> NDArray[np.void]:
        if not len(keys):
            return ids
        at = lookup(id_keys(ids), keys)
        return np.where(at >= 0, users["account"][at], ids)

    return owner


def engagements(store: Store, since: datetime | None, start: datetime, now: datetime) -> Events:
    """What was done with posts, or taken back."""
    found = store.engagements.latest(since, now=now)
    return found["actor"], found["at"]


def follows(store: Store, since: datetime | None, start: datetime, now: datetime) -> Events:
    """Who was followed, or not any more."""
    found = store.follows.latest(since, now=now)
    return found["user"], found["at"]


def exposures(store: Store, since: datetime | None, start: datetime, now: datetime) -> Events:
    """What was on a screen."""
    found = store.exposures.latest(since, now=now)
    return found["viewer"], found["at"]


def descriptions(store: Store, since: datetime | None, start: datetime, now: datetime) -> Events:
    """Language and topics of the posts that were engaged with from `start` on."""
    described = store.content_topics.latest(since, now=now)
    posts = None if since is None else object_ids(described["content"])
    acts = store.engagements.actors_on(posts, start)
    post = lookup(id_keys(acts["content"]), id_keys(described["content"]))
    return acts["actor"][post >= 0], described["at"][post[post >= 0]]


# What a model is made from of an account, by name; whoever has none gets one by the first of these alone.
SOURCES_OF_MODELS: Final[Mapping[str, Source]] = {"engagements": engagements, "follows": follows}
OTHER_SOURCES: Final[Mapping[str, Source]] = {"exposures": exposures, "descriptions": descriptions}


def latest(owner: Owners, events: Iterable[Events]) -> dict[str, int]:
    """By account, the latest moment of its events [ms since 1970]."""
    ids, moments = map(np.concatenate, zip(*events, strict=True))
    ids = owner(ids)
    _, first, account = np.unique(id_keys(ids), return_index=True, return_inverse=True)
    at = np.zeros(len(first), np.int64)
    np.maximum.at(at, account, moments)
    return dict(zip(map(str, object_ids(ids[first])), at.tolist(), strict=True))


def moved_since(store: Store, registry: Registry, since: datetime | None) -> set[str]:
    """Accounts that changed since then, all for None, and are of another country than their model says."""
    found = store.people.accounts(SPELLINGS, since)
    countries = [country_of(code) or "" for code in (*SPELLINGS, None)]  # the last one stands for -1
    keys = list(map(str, object_ids(found["id"])))
    learnt = registry.made_from(PERSONAL, keys, "country")
    country = dict(zip(keys, found["country"].tolist(), strict=True))
    return {key for key, before in learnt.items() if countries[country[key]] != before}


def batches(accounts: list[str], size: int) -> Iterable[list[str]]:
    """The same in pieces of at most that size."""
    return (accounts[first : first + size] for first in range(0, len(accounts), size))
