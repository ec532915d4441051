"""Keep the engagement score of every post of the window."""

from datetime import datetime

from functions.stats.options import ContentStats
from functions.stats.store.content_stats import LAYOUT, ContentStatistics
from shared.report import Report
from shared.store import Store, schema
from shared.store.deadline import DeadlineExecutor
from shared.store.decoding import as_moment

NAME = "refresh_content_stats"

COMPARED_A_RUN = 1_000  # posts; so that the time of a run does not grow with the network


def run(store: Store, options: ContentStats, *, now: datetime, compared_a_run: int = COMPARED_A_RUN) -> Report:
    """Score the posts that changed since the last run, apply the decay to the others, and remove the rows of posts that
    have left the window or are no longer published.

    A post that was added, removed or hidden without a new date is noticed by the number of posts, and because each run
    compares the ids of `compared_a_run` posts with those of the rows, all in turn. Safe to repeat: the same posts and
    the same `now` give the same rows.
    """
    content_stats = ContentStatistics(store)
    with store.leases.hold(NAME), DeadlineExecutor(1) as aside:
        period = store.watermarks.period(NAME, options, {"layout": LAYOUT}, now=now)
        if period.late:
            return Report.late()
        start, clock = now - options.window, options.age_from
        malformed = aside.submit(store.contents.malformed, start, clock, now=now, changed_since=period.since)
        if period.since is None:
            read = written = content_stats.rebuild(options, now=now)
            removed = 0
        else:
            read = store.contents.published(start, clock, now=now, changed_since=period.since)
            content_stats.refresh(options, period.since, now=now)
            written = read + content_stats.apply_decay(options, now=now)
            removed = content_stats.remove(store.contents.withdrawn_since(period.since))
        before = as_moment(period.cursor)
        surplus, compared = content_stats.reconcile(options, before=before, posts_compared=compared_a_run, now=now)
        removed += surplus + store.erasures.sweep(schema.CONTENT_STATS)
        report = Report(read, written, removed, malformed=malformed.result())
        store.watermarks.advance(NAME, options, period, now=now, cursor=compared)
    return report
