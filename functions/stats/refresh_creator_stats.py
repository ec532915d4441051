"""Keep the total engagement with the posts of every creator with a post in the window."""

from datetime import datetime

from bson import ObjectId

from functions.stats.options import CreatorStats
from functions.stats.store.creator_stats import LAYOUT, CreatorStatistics
from shared.documents import NO_ID
from shared.report import Report
from shared.store import Store, schema
from shared.store.deadline import DeadlineExecutor

NAME = "refresh_creator_stats"

REPEATED_A_RUN = 500  # posts; a constant, whatever the size of the network


def run(store: Store, options: CreatorStats, *, now: datetime, repeated_a_run: int = REPEATED_A_RUN) -> Report:
    """Total the creators whose posts, user or account changed, apply the decay to the others, and remove the rows of
    creators without a post in the window.

    A user or an account that was removed, or changed without a new date, is noticed because each run also totals the
    creators of `repeated_a_run` posts again, all in turn. Safe to repeat: the same posts and the same `now` give the
    same rows.
    """
    creator_stats = CreatorStatistics(store)
    with store.leases.hold(NAME), DeadlineExecutor(1) as aside:
        period = store.watermarks.period(NAME, options, {"layout": LAYOUT}, now=now)
        if period.late:
            return Report.late()
        malformed = aside.submit(malformed_since, store, options, period.since, now)
        creators, repeated = None, None
        if period.since is not None:
            after = period.cursor if isinstance(period.cursor, ObjectId) else NO_ID
            in_turn, repeated = creator_stats.in_turn(after, repeated_a_run)
            creators = (
                store.contents.changed_authors(period.since)
                | creator_stats.changed_users(period.since)
                | creator_stats.outdated(options, now=now)
                | in_turn
            )
        creator_stats.refresh(options, creators, now=now)
        removed = creator_stats.prune(creators, now=now)
        creator_stats.apply_decay(options, now=now)
        removed += store.erasures.sweep(schema.CREATOR_STATS)
        read = store.contents.published(now - options.window, options.age_from, now=now, changed_since=period.since)
        report = Report(read, creator_stats.written(now), removed, malformed=malformed.result())
        store.watermarks.advance(NAME, options, period, now=now, cursor=repeated)
    return report


def malformed_since(store: Store, options: CreatorStats, since: datetime | None, now: datetime) -> list[object]:
    """`_id`s of posts and users with a field of the wrong type or range."""
    start, clock = now - options.window, options.age_from
    posts = store.contents.malformed(start, clock, now=now, changed_since=since)
    return [*posts, *CreatorStatistics(store).malformed(since, now=now)]
