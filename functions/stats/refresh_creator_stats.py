"""What the posts of every creator of the window earn."""

from datetime import datetime

from shared.config import CreatorStats
from shared.report import Report
from shared.store import Store

NAME = "refresh_creator_stats"


def run(store: Store, options: CreatorStats, *, now: datetime) -> Report:
    """Total the creators whose posts, user or account changed, let time pass for the others, drop those that left.

    Safe to repeat: the same posts and the same `now` give the same rows.
    """
    with store.leases.hold(NAME):
        period = store.watermarks.period(NAME, options, now=now)
        if period.late:
            return Report.late()
        start = now - options.window
        creators = None
        if period.since is not None and period.last is not None:
            creators = store.contents.authors_touched(
                period.since, period.last - options.window, start, options.age_from
            ) | store.creator_stats.touched(period.since)
        store.creator_stats.refresh(options, creators, now=now)
        removed = store.creator_stats.prune(creators, now=now)
        store.creator_stats.redate(options, now=now)
        store.watermarks.advance(NAME, options, period, now=now)
        written = store.creator_stats.written(now)
        malformed = store.contents.malformed(period.since)
        read = store.contents.published(start, options.age_from, changed_since=period.since)
    return Report(read, written, removed, malformed=malformed)
