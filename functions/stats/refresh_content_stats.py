"""Keep the engagement score of every post of the window."""

from datetime import datetime

from functions.stats.options import ContentStats
from functions.stats.store.content_stats import LAYOUT, ContentStatistics
from shared.report import Report
from shared.store import Store, schema
from shared.store.deadline import DeadlineExecutor
from shared.store.decoding import as_moment

NAME = "refresh_content_stats"


def run(store: Store, options: ContentStats, *, now: datetime) -> Report:
    """Score the posts that changed since the last run, apply the decay to the others, and remove the rows of posts that
    have left the window or are no longer published.

    Safe to repeat: the same posts and the same `now` give the same rows.
    """
    content_stats = ContentStatistics(store)
    with store.leases.hold(NAME), DeadlineExecutor(1) as aside:
        period = store.watermarks.period(NAME, options, {"layout": LAYOUT}, now=now)
        if period.late:
            return Report.late()
        start = now - options.window
        malformed = aside.submit(store.contents.malformed, period.since, now=now)
        if period.since is None:
            read = written = content_stats.rebuild(options, now=now)
            removed = 0
        else:
            read = store.contents.published(start, options.age_from, now=now, changed_since=period.since)
            content_stats.refresh(options, period.since, now=now)
            written = read + content_stats.apply_decay(options, now=now)
            removed = content_stats.remove(store.contents.withdrawn_since(period.since))
        surplus, compared = content_stats.reconcile(options, before=as_moment(period.cursor), now=now)
        removed += surplus + store.erasures.sweep(schema.CONTENT_STATS)
        store.watermarks.advance(NAME, options, period, now=now, cursor=compared)
    return Report(read, written, removed, malformed=malformed.result())
