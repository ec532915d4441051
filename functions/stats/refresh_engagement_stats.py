"""Which topics each user engages with, and how."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from functions.stats.leaf_topics import LeafTopics, Parents
from shared.clock import epoch_ms
from shared.columns import Columns, deduplicate, id_array, id_keys, lookup, object_ids, unique_ids
from shared.config import EngagementStats
from shared.documents import NO_ID
from shared.provenance import digest
from shared.report import Report
from shared.store import Store, schema
from shared.store.deadline import DeadlineExecutor
from shared.store.engagement_stats import FIELDS, LAYOUT, Counts, changed
from shared.store.engagements import KINDS

NAME = "refresh_engagement_stats"

COMPARED_A_RUN = 500  # acts; so the time that it takes does not grow with the network

UserCounts = dict[ObjectId, Counts]


def run(store: Store, options: EngagementStats, *, now: datetime) -> Report:
    """Count the engagements of the users who did something, or took it back, since the last run; drop who has none.

    A full run counts everything and settles it. A run in between adds what came since to what is settled, settles a
    user anew only where something older changed, and compares the rows of the next users with what they did. Safe to
    repeat: the same data and `now` give the same rows.
    """
    with store.leases.hold(NAME), DeadlineExecutor(1) as aside:
        parents = store.content_topics.parents()
        made_from = {"layout": LAYOUT, "hierarchy": digest(sorted(parents.items()))}
        period = store.watermarks.period(NAME, options, made_from, now=now)
        if period.late:
            return Report.late()
        malformed = aside.submit(malformed_since, store, period.since, now)
        if period.since is None:
            read, written, removed = count_everything(store, parents, now=now)
            compared = None
        else:
            read, written, removed = count_changes(store, parents, period.since, period.full_at, now=now)
            after = period.cursor if isinstance(period.cursor, ObjectId) else NO_ID
            differing, surplus, compared = reconcile(store, parents, period.full_at, after=after, now=now)
            written, removed = written + differing, removed + surplus
        removed += store.erasures.sweep(schema.ENGAGEMENT_STATS)
        store.watermarks.advance(NAME, options, period, now=now, cursor=compared)
    return Report(read, written, removed, malformed=malformed.result())


def malformed_since(store: Store, since: datetime | None, now: datetime) -> list[object]:
    """Acts, and topics of posts, with a field that is not what it should be."""
    return [*store.engagements.malformed(since, now=now), *store.content_topics.malformed(since)]


def count_everything(store: Store, parents: Parents, *, now: datetime) -> tuple[int, int, int]:
    """Count and settle all users; returns how many acts were read, rows written and rows removed."""
    acts = store.engagements.on_contents(now=now)
    topics = LeafTopics.of(store.content_topics.pairs(), parents)
    settled, fresh = split(acts, topics, now)
    written = store.engagement_stats.put(rows(settled, fresh), now=now)
    return len(acts["at"]), written, store.engagement_stats.prune(now=now)


def count_changes(
    store: Store, parents: Parents, since: datetime, settled_at: datetime, *, now: datetime
) -> tuple[int, int, int]:
    """Count the users that something happened to since then; returns as `count_everything`."""
    acts = store.engagements.on_contents(now=now, updated_since=min(since, settled_at))
    retopiced = store.content_topics.changed_since(since)
    new = acts["touched"] >= epoch_ms(since)
    older = new & (acts["at"] < epoch_ms(settled_at))
    unsettled = ids_of(acts, older) | store.engagements.users_of(retopiced, before=settled_at, now=now)
    others = (ids_of(acts, new) | store.engagements.users_of(retopiced, before=now, now=now)) - unsettled
    recount = store.engagements.on_contents(now=now, users=unsettled)
    settled, fresh = split(recount, topics_of(store, parents, recount), settled_at)
    changes = of_users(acts, others)
    fresh |= split(changes, topics_of(store, parents, changes), settled_at)[1]
    settled |= dict(store.engagement_stats.settled(others))
    counted = list(rows(settled, fresh))
    written = store.engagement_stats.put(counted, now=now)
    gone = (unsettled | others) - {user for user, *_ in counted}
    return len(acts["at"]) + len(recount["at"]), written, store.engagement_stats.remove(gone)


def reconcile(
    store: Store, parents: Parents, settled_at: datetime, *, after: ObjectId, now: datetime
) -> tuple[int, int, ObjectId | None]:
    """Make the rows of the next users what a full run would, where acts or the topics of posts came, went or changed
    without a date that tells of it; returns how many rows were written and removed, and where the next run goes on.

    Of these users, with `COMPARED_A_RUN` acts together from the user `after` on, all acts are counted.
    """
    users, last = store.engagements.users_in_turn(after, COMPARED_A_RUN)
    users |= store.engagement_stats.users(after, last)
    acts = store.engagements.on_contents(now=now, users=users)
    topics = topics_of(store, parents, acts)
    counted = {user: (total, fresh) for user, total, fresh in rows(*split(acts, topics, settled_at))}
    stored = dict(store.engagement_stats.rows(users))
    differing = [(user, *counts) for user, counts in counted.items() if stored.get(user) != counts]
    written = store.engagement_stats.put(differing, now=now)
    return written, store.engagement_stats.remove(users - counted.keys()), last


def topics_of(store: Store, parents: Parents, acts: Columns) -> LeafTopics:
    """The topics of the posts of these acts."""
    posts = object_ids(unique_ids(acts["content"]))
    return LeafTopics.of(store.content_topics.pairs(posts), parents)


def split(acts: Columns, topics: LeafTopics, moment: datetime) -> tuple[UserCounts, UserCounts]:
    """What was done before that moment and what since, by user: what still stands, once though it is recorded twice."""
    standing = {name: column[acts["stands"] == 1] for name, column in acts.items()}
    standing = deduplicate(standing, ("user", "content", "kind", "at"), standing["touched"])
    before = standing["at"] < epoch_ms(moment)
    return count(standing, before, topics), count(standing, ~before, topics)


def count(acts: Columns, chosen: NDArray[np.bool_], topics: LeafTopics) -> UserCounts:
    """How often each user did each kind of thing to each topic, of the chosen acts."""
    ids = unique_ids(acts["user"][chosen])
    user = lookup(id_keys(acts["user"][chosen]), id_keys(ids))
    which, topic = topics.of_posts(id_keys(acts["content"][chosen]))
    width = max(len(topics.names), 1)
    cell = (user[which] * len(KINDS) + acts["kind"][chosen][which]) * width + topic
    cells, numbers = np.unique(cell, return_counts=True)
    people, found = object_ids(ids), UserCounts()
    for one, number in zip(cells.tolist(), numbers.tolist(), strict=True):
        head, topic_index = divmod(one, width)
        person, kind = divmod(head, len(KINDS))
        counts = found.setdefault(people[person], {})
        counts.setdefault(FIELDS[KINDS[kind]], {})[topics.names[topic_index]] = number
    return found


def rows(
    settled: Mapping[ObjectId, Counts], fresh: Mapping[ObjectId, Counts]
) -> Iterator[tuple[ObjectId, Counts, Counts]]:
    """(user, all counts, fresh counts) of every user who has any."""
    for user in sorted(settled.keys() | fresh.keys()):
        base, more = settled.get(user, {}), fresh.get(user, {})
        total = changed(base, more) if more else base
        if any(total.values()):
            yield user, total, more


def ids_of(acts: Columns, chosen: NDArray[np.bool_]) -> set[ObjectId]:
    """Users of the chosen acts."""
    return set(object_ids(unique_ids(acts["user"][chosen])))


def of_users(acts: Columns, users: set[ObjectId]) -> Columns:
    """The acts of these users only."""
    chosen = np.isin(id_keys(acts["user"]), id_keys(id_array(users)))
    return {name: column[chosen] for name, column in acts.items()}
