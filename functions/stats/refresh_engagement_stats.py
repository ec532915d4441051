"""Keep the counts of each user's engagements by topic and kind."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np
from bson import ObjectId

from functions.stats.leaf_topics import LeafTopics, Parents
from functions.stats.options import EngagementStats
from functions.stats.store.engagement_stats import FIELDS, LAYOUT, Counts, EngagementStatistics, changed
from shared.clock import epoch_ms
from shared.columns import BoolArray, Columns, deduplicate, id_array, id_keys, lookup, object_ids, unique_ids
from shared.documents import NO_ID
from shared.engagement_kinds import ENGAGEMENT_KINDS
from shared.provenance import digest
from shared.report import Report
from shared.store import Store, schema
from shared.store.deadline import DeadlineExecutor

NAME = "refresh_engagement_stats"

COMPARED_A_RUN = 500  # engagements; a constant, whatever the size of the network

UserCounts = dict[ObjectId, Counts]  # by user


def run(store: Store, options: EngagementStats, *, now: datetime, compared_a_run: int = COMPARED_A_RUN) -> Report:
    """Update the counts of the users with new or withdrawn engagements since the last run; remove rows without counts.

    A full run counts all engagements, which become the base counts. A run in between adds the newer engagements to the
    base counts as delta counts, recounts a user from the beginning only where an older engagement changed, and compares
    the rows of some users, all in turn, with their engagements, about `compared_a_run` together. Safe to repeat: the
    same data and `now` give the same rows.
    """
    with store.leases.hold(NAME), DeadlineExecutor(1) as aside:
        parents = store.content_topics.parents()
        made_from = {
            "layout": LAYOUT,
            "hierarchy": digest({str(topic): list(map(str, above)) for topic, above in parents.items()}),
        }
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
            differing, surplus, compared = reconcile(
                store, parents, period.full_at, after=after, limit=compared_a_run, now=now
            )
            written, removed = written + differing, removed + surplus
        removed += store.erasures.sweep(schema.ENGAGEMENT_STATS)
        report = Report(read, written, removed, malformed=malformed.result())
        store.watermarks.advance(NAME, options, period, now=now, cursor=compared)
    return report


def malformed_since(store: Store, since: datetime | None, now: datetime) -> list[object]:
    """`_id`s of engagements, and of topics of posts, with a field of the wrong type or range."""
    return [*store.engagements.malformed(since, now=now), *store.content_topics.malformed(since)]


def count_everything(store: Store, parents: Parents, *, now: datetime) -> tuple[int, int, int]:
    """Count the engagements of all users; returns how many engagements were read, rows written and rows removed."""
    engagements = store.engagements.on_contents(now=now)
    topics = LeafTopics.of(store.content_topics.pairs(), parents)
    base, delta = split(engagements, topics, now)
    engagement_stats = EngagementStatistics(store)
    written = engagement_stats.put(rows(base, delta), now=now)
    return len(engagements["at"]), written, engagement_stats.prune(now=now)


def count_changes(
    store: Store, parents: Parents, since: datetime, full_at: datetime, *, now: datetime
) -> tuple[int, int, int]:
    """Update the counts of the users with a changed engagement, or an engagement with a post of changed topics, since
    the last run; returns the same as `count_everything`.

    since    from which moment on changes count
    full_at  moment of the last full run, up to which the base counts reach
    """
    engagement_stats = EngagementStatistics(store)
    engagements = store.engagements.on_contents(now=now, updated_since=min(since, full_at))
    retopiced = store.content_topics.changed_since(since)
    is_changed = engagements["changed_at"] >= epoch_ms(since)
    in_base = is_changed & (engagements["at"] < epoch_ms(full_at))
    recounted = users_of(engagements, in_base) | store.engagements.users_of(retopiced, before=full_at, now=now)
    changed_users = users_of(engagements, is_changed) | store.engagements.users_of(retopiced, before=now, now=now)
    updated = changed_users - recounted
    recount = store.engagements.on_contents(now=now, users=recounted)
    base, delta = split(recount, topics_of(store, parents, recount), full_at)
    newer = by_users(engagements, updated)
    delta |= split(newer, topics_of(store, parents, newer), full_at)[1]
    base |= dict(engagement_stats.base_counts(updated))
    counted = list(rows(base, delta))
    written = engagement_stats.put(counted, now=now)
    gone = (recounted | updated) - {user for user, *_ in counted}
    return len(engagements["at"]) + len(recount["at"]), written, engagement_stats.remove(gone)


def reconcile(
    store: Store, parents: Parents, full_at: datetime, *, after: ObjectId, limit: int, now: datetime
) -> tuple[int, int, ObjectId | None]:
    """Recount the users whose turn it is and correct their rows, for engagements and topics of posts that were added,
    removed or changed without a new date; returns how many rows were written and removed, and the last user.

    full_at  moment of the last full run, up to which the base counts reach
    after    the last user of the run before; those behind it are recounted
    limit    about how many engagements they have together; there is at least one user
    """
    engagement_stats = EngagementStatistics(store)
    users, last = store.engagements.users_in_turn(after, limit)
    users |= engagement_stats.users(after, last)
    engagements = store.engagements.on_contents(now=now, users=users)
    topics = topics_of(store, parents, engagements)
    counted = {user: (total, delta) for user, total, delta in rows(*split(engagements, topics, full_at))}
    stored = dict(engagement_stats.rows(users))
    differing = [(user, *counts) for user, counts in counted.items() if stored.get(user) != counts]
    written = engagement_stats.put(differing, now=now)
    return written, engagement_stats.remove(users - counted.keys()), last


def topics_of(store: Store, parents: Parents, engagements: Columns) -> LeafTopics:
    """The most specific topics of the posts of these engagements."""
    posts = object_ids(unique_ids(engagements["content"]))
    return LeafTopics.of(store.content_topics.pairs(posts), parents)


def split(engagements: Columns, topics: LeafTopics, moment: datetime) -> tuple[UserCounts, UserCounts]:
    """The counts of the engagements before that moment and of those since; without those that were taken back, and
    each once though it is recorded twice."""
    standing = {name: column[engagements["stands"] == 1] for name, column in engagements.items()}
    standing = deduplicate(standing, ("user", "content", "kind", "at"), standing["changed_at"])
    before = standing["at"] < epoch_ms(moment)
    return count(standing, before, topics), count(standing, ~before, topics)


def count(engagements: Columns, selected: BoolArray, topics: LeafTopics) -> UserCounts:
    """The number of selected engagements of each user, by kind and topic of the post.

    selected  (n,)
    """
    ids = unique_ids(engagements["user"][selected])
    user = lookup(id_keys(engagements["user"][selected]), id_keys(ids))
    row, topic = topics.of_posts(id_keys(engagements["content"][selected]))
    n_topics = max(len(topics.names), 1)
    cell = (user[row] * len(ENGAGEMENT_KINDS) + engagements["kind"][selected][row]) * n_topics + topic
    cells, numbers = np.unique(cell, return_counts=True)
    users, counts = object_ids(ids), UserCounts()
    for index, number in zip(cells.tolist(), numbers.tolist(), strict=True):
        user_and_kind, topic_index = divmod(index, n_topics)
        user_index, kind = divmod(user_and_kind, len(ENGAGEMENT_KINDS))
        of_user = counts.setdefault(users[user_index], {})
        of_user.setdefault(FIELDS[ENGAGEMENT_KINDS[kind]], {})[topics.names[topic_index]] = number
    return counts


def rows(
    base_counts: Mapping[ObjectId, Counts], delta_counts: Mapping[ObjectId, Counts]
) -> Iterator[tuple[ObjectId, Counts, Counts]]:
    """(user, all counts, delta counts) of every user who has any."""
    for user in sorted(base_counts.keys() | delta_counts.keys()):
        base, delta = base_counts.get(user, {}), delta_counts.get(user, {})
        total = changed(base, delta) if delta else base
        if any(total.values()):
            yield user, total, delta


def users_of(engagements: Columns, selected: BoolArray) -> set[ObjectId]:
    """The users of the selected engagements; `selected` is (n,)."""
    return set(object_ids(unique_ids(engagements["user"][selected])))


def by_users(engagements: Columns, users: set[ObjectId]) -> Columns:
    """The engagements of these users only."""
    selected = np.isin(id_keys(engagements["user"]), id_keys(id_array(users)))
    return {name: column[selected] for name, column in engagements.items()}
