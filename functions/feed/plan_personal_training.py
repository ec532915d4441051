"""Queues the accounts whose personal model is missing, or was made from inputs that have changed since."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import numpy as np
from bson import ObjectId

from functions.feed.affinity_counters import read_follows
from functions.feed.global_personal_ranker import GLOBAL_PERSONAL_KEY, MEMBERS
from functions.feed.inputs import COUNTRY_RANKER, INPUTS, Inputs, digest_of_options, history_until
from functions.feed.item_embeddings import RECENT_POSTS, engagements_and_reads, latest_events
from functions.feed.options import Members
from functions.feed.store.erasure_notes import ErasureNotes
from functions.feed.store.follows import Follows
from functions.feed.user_profile import PERSONAL, PROFILE_FINGERPRINT, UserProfile
from shared.artifacts import Registry
from shared.clock import HOUR_MS, epoch_ms
from shared.columns import IdArray, IntArray, id_array, id_keys, lookup, object_ids, unique_ids
from shared.countries import SPELLINGS, country_of
from shared.documents import is_id
from shared.ranking.country_ranker import Rankers
from shared.ranking.history import read_history
from shared.ranking.options import Coldstart
from shared.report import Report
from shared.store import Store, schema
from shared.store.batches import in_batches
from shared.store.decoding import as_moment
from shared.store.erased import Erased
from shared.text import PREPARATION

NAME = "plan_personal_training"
MODELS_AT_ONCE = 1_000  # models in memory
NO_TIME = timedelta(0)

Send = Callable[[Sequence[Mapping[str, Any]]], None]
# Turns ids of users into those of the accounts that own them, (n,), and leaves other ids as they are.
OwnerLookup = Callable[[IdArray], IdArray]
# Ids of accounts or users that changed something, and when, (n,) both [ms since 1970].
Changes = tuple[IdArray, IntArray]
# Reads changes. Its moments: since when, always for None; the start of the window that models are made from; and now.
Source = Callable[[Store, datetime | None, datetime, datetime], Changes]


def run(
    store: Store,
    registry: Registry,
    send: Send,
    options: Members,
    coldstart: Coldstart,
    *,
    now: datetime,
) -> Report:
    """Queue every account whose model has inputs that changed since, or holds an erased post or author, and every
    account that engaged or followed and has no model.

    A run looks at the inputs whose changes are dated. Every `compare_every`, one compares the digests of all inputs,
    which finds deletions and undated changes. Each message says which moment its accounts are to be trained as of, so
    that a message that comes twice, or late, makes the same models.
    """
    with store.leases.hold(NAME):
        period = store.watermarks.period(NAME, options, now=now)
        if period.late:
            return Report.late()
        owner_of, start = owner_lookup(store), now - coldstart.window
        changed = latest_by_account(
            owner_of, (read(store, period.since, start, now) for read in SOURCES_OF_MODELS.values())
        )
        changed_if_trained = dict[str, int]()
        if period.since or registry.has_any(PERSONAL):  # else there is no model that these could have changed
            changed_if_trained = latest_by_account(
                owner_of, (read(store, period.since, start, now) for read in OTHER_SOURCES.values())
            )
        accounts = changed.keys() | changed_if_trained.keys()
        windows = registry.windows(PERSONAL, PROFILE_FINGERPRINT, list(accounts), now=now)
        learnt_until = {key: epoch_ms(moment) for key, moment in windows.items()}
        due = {key for key, at in changed.items() if at > learnt_until.get(key, -1)}
        due |= {key for key, at in changed_if_trained.items() if key in learnt_until and at > learnt_until[key]}
        made_from = {
            "options": [digest_of_options(coldstart, options)],
            "preparation": [str(PREPARATION)],
            COUNTRY_RANKER: ["", *Rankers(registry).versions(coldstart.base_country).values()],
            "ranker": ["", registry.live_version(MEMBERS, GLOBAL_PERSONAL_KEY) or ""],
        }
        due |= registry.outdated(PERSONAL, PROFILE_FINGERPRINT, made_from)
        compared = as_moment(period.cursor)
        comparing = compared is None or period.since is None or not NO_TIME <= now - compared < options.compare_every
        due |= moved_since(store, registry, None if comparing else period.since)
        if comparing:
            compared, due = now, due | accounts_with_changed_inputs(store, registry, coldstart, options, now=now)
        erased = store.tombstones.state()
        due |= accounts_with_erased_inputs(store, registry, store.tombstones.unsearched())
        due = {key for key in due if is_id(key)}
        due -= set(map(str, store.tombstones.among(map(ObjectId, due))))
        batches = in_batches(sorted(due), options.accounts_per_message)
        messages = [{"time": now.isoformat(), "accounts": batch} for batch in batches]
        send(messages)
        ErasureNotes(store).searched(erased, now=now)
        removed = store.erasures.sweep(schema.ACCOUNT_ARTIFACTS, schema.ARTIFACT_VERSIONS)
        store.watermarks.advance(NAME, options, period, now=now, cursor=compared)
    return Report(len(accounts), len(due), removed, details={"messages": len(messages)})


def accounts_with_changed_inputs(
    store: Store, registry: Registry, coldstart: Coldstart, options: Members, *, now: datetime
) -> set[str]:
    """Accounts whose model has inputs, within the window as of now and until it had learnt, that differ from those in
    its manifest or are not known; accounts with a model that do not exist any more; and accounts that engaged and have
    no model.

    Empty before there is any model: then all accounts are queued by their changes.
    """
    learnt = registry.learnt(PERSONAL, PROFILE_FINGERPRINT, INPUTS, now=now)
    if not learnt:
        return set()
    history = read_history(store, coldstart, now=now, with_exposures=True)
    keys = list(map(str, object_ids(history.accounts.ids)))
    number = {key: account for account, key in enumerate(keys)}
    stored_inputs, moments = dict[int, str](), np.full(len(keys), -np.inf)
    for key, (until, text) in learnt.items():
        if key in number and text is not None:
            moments[number[key]] = (epoch_ms(until) - epoch_ms(now)) / HOUR_MS
            stored_inputs[number[key]] = text
    learnt_history = history_until(history, moments)
    recent = latest_events(engagements_and_reads(learnt_history), RECENT_POSTS)
    inputs = Inputs.of(learnt_history, read_follows(store, learnt_history), recent)
    start = epoch_ms(now - coldstart.window)
    differing = inputs.since(start).differing(Inputs.read(stored_inputs).since(start))
    changed = {keys[account] for account in differing.tolist()}
    engaged = {keys[account] for account in np.unique(history.engagements.account).tolist() if account >= 0}
    unknown = {key for key, (_, text) in learnt.items() if text is None or key not in number}
    return changed | unknown | (engaged - learnt.keys())


def accounts_with_erased_inputs(store: Store, registry: Registry, erased: Erased) -> set[str]:
    """Accounts whose model is made from a post or an author that is erased, or does not exist any more; empty where
    nothing was erased."""
    if not erased:
        return set()
    accounts: set[str] = set()
    authors = np.setdiff1d(id_keys(store.people.users()["id"]), id_keys(id_array(erased.users)))
    profiles = registry.all_live(PERSONAL, PROFILE_FINGERPRINT, lambda artifact: UserProfile.unpack(artifact.model))
    while batch := dict(islice(profiles, MODELS_AT_ONCE)):
        posts = unique_ids(np.concatenate([profile.posts for profile in batch.values()]))
        published = id_keys(store.posts.still_published(object_ids(posts)))
        published = np.setdiff1d(published, id_keys(id_array(erased.posts)))
        accounts |= {key for key, profile in batch.items() if not profile.is_made_of(published, authors)}
    return accounts


def owner_lookup(store: Store) -> OwnerLookup:
    """A function that turns ids of users into those of their accounts, as the users are stored now."""
    users = store.people.users()
    keys = id_keys(users["id"])

    def owner_of(ids: IdArray) -> IdArray:
        if not len(keys):
            return ids
        at = lookup(id_keys(ids), keys)
        return np.where(at >= 0, users["account"][at], ids)

    return owner_of


def engagements(store: Store, since: datetime | None, start: datetime, now: datetime) -> Changes:
    """Engagements that were made or taken back, by account or user."""
    rows = store.engagements.latest(since, now=now)
    return rows["actor"], rows["at"]


def follows(store: Store, since: datetime | None, start: datetime, now: datetime) -> Changes:
    """Follows that were made or taken back, by the user that follows."""
    rows = Follows(store).latest(since, now=now)
    return rows["user"], rows["at"]


def exposures(store: Store, since: datetime | None, start: datetime, now: datetime) -> Changes:
    """Impressions, by viewer."""
    rows = store.exposures.latest(since, now=now)
    return rows["viewer"], rows["at"]


def descriptions(store: Store, since: datetime | None, start: datetime, now: datetime) -> Changes:
    """New languages and topics of posts, by each account or user that engaged with the post from `start` on."""
    described = store.content_topics.latest(since, now=now)
    posts = None if since is None else object_ids(described["content"])
    engaged = store.engagements.actors_on(posts, start)
    row = lookup(id_keys(engaged["content"]), id_keys(described["content"]))
    return engaged["actor"][row >= 0], described["at"][row[row >= 0]]


# Inputs of a model by name. Those of the first table make a model for an account that has none.
SOURCES_OF_MODELS: Final[Mapping[str, Source]] = {"engagements": engagements, "follows": follows}
OTHER_SOURCES: Final[Mapping[str, Source]] = {"exposures": exposures, "descriptions": descriptions}


def latest_by_account(owner_of: OwnerLookup, changes: Iterable[Changes]) -> dict[str, int]:
    """The time of the latest change of each account [ms since 1970]."""
    ids, moments = map(np.concatenate, zip(*changes, strict=True))
    ids = owner_of(ids)
    _, first, account = np.unique(id_keys(ids), return_index=True, return_inverse=True)
    latest = np.zeros(len(first), np.int64)
    np.maximum.at(latest, account, moments)
    return dict(zip(map(str, object_ids(ids[first])), latest.tolist(), strict=True))


def moved_since(store: Store, registry: Registry, since: datetime | None) -> set[str]:
    """Accounts that changed since a moment, all for None, and have another country than the manifest of their model."""
    accounts = store.people.accounts(SPELLINGS, since)
    countries = [country_of(code) or "" for code in (*SPELLINGS, None)]  # the last one is that of index -1
    keys = list(map(str, object_ids(accounts["id"])))
    trained_in = registry.made_from(PERSONAL, keys, "country")
    country = dict(zip(keys, accounts["country"].tolist(), strict=True))
    return {key for key, code in trained_in.items() if countries[country[key]] != code}
