"""Keep the hashtags in use: how many posts and accounts use each, and its score."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import fsum
from operator import attrgetter

from bson import ObjectId

from functions.stats.options import HashtagStats
from functions.stats.store.hashtag_stats import LAYOUT, HashtagStatistics, fingerprint
from shared.clock import from_epoch_ms
from shared.documents import Document
from shared.report import Report
from shared.store import Store, schema
from shared.store.deadline import DeadlineExecutor

NAME = "refresh_hashtag_stats"

_binary = attrgetter("binary")  # the bytes of an id, which are compared much faster than ids


def run(store: Store, options: HashtagStats, *, now: datetime) -> Report:
    """Total the hashtags of the posts of the window, write the rows that differ, and remove those of unused hashtags.

    Safe to repeat: the same posts and the same `now` give the same rows.
    """
    hashtag_stats = HashtagStatistics(store)
    with store.leases.hold(NAME), DeadlineExecutor(1) as aside:
        period = store.watermarks.period(NAME, options, {"layout": LAYOUT}, now=now)
        if period.late:
            return Report.late()
        start, clock = now - options.window, options.age_from
        malformed = aside.submit(store.contents.malformed, start, clock, now=now, changed_since=period.since)
        read = aside.submit(store.contents.published, start, clock, now=now, changed_since=period.since)
        foreign = hashtag_stats.remove_foreign()
        stored = hashtag_stats.fingerprints()
        uses = total(hashtag_stats.posts(options, now=now))
        rows = (row(name, of_name, options) for name, of_name in uses.items())
        outdated = rows if period.since is None else changed(rows, stored)
        written = hashtag_stats.put(outdated, options, now=now)
        removed = foreign + hashtag_stats.remove(stored.keys() - uses.keys())
        removed += store.erasures.sweep(schema.HASHTAG_STATS)
        report = Report(read.result(), written, removed, malformed=malformed.result())
        store.watermarks.advance(NAME, options, period, now=now)
    return report


@dataclass(slots=True)
class Uses:
    """The posts that use one hashtag.

    created, updated  their dates [ms since 1970]
    points            their weighted engagements
    by_author         the ids of each author's posts, by the bytes of the author's id
    """

    created: list[int] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    points: list[float] = field(default_factory=list)
    by_author: dict[bytes, list[ObjectId]] = field(default_factory=dict)

    def add(self, post: Document) -> None:
        """Count a post, which was not added before."""
        self.created.append(post["createdAt"])
        self.updated.append(post["updatedAt"])
        self.points.append(post["points"])
        self.by_author.setdefault(post["author"].binary, []).append(post["_id"])


def total(posts: Iterable[Document]) -> dict[str, Uses]:
    """The uses of each hashtag, by name; a post counts once for a hashtag, however often it repeats it."""
    uses: dict[str, Uses] = {}
    for post in posts:
        for name in post["names"]:
            (uses.get(name) or uses.setdefault(name, Uses())).add(post)
    return uses


def changed(rows: Iterable[Document], stored: Mapping[str, str | None]) -> Iterator[Document]:
    """The rows that differ from the stored ones or are not stored.

    stored  fingerprint of each stored row, by name
    """
    return (row for row in rows if stored.get(row["_id"]) != row["contentFingerprint"])


def row(name: str, uses: Uses, options: HashtagStats) -> Document:
    """The row of one hashtag without the fields that depend on the time.

    hastagDiversityScore  contributors / uses, 0..1, 1 = no account used it twice
    engagementScore       weighted engagements of all its posts
    """
    busiest = sorted(uses.by_author.items(), key=lambda item: (-len(item[1]), item[0]))[: options.max_contributors]
    contributions = [
        {
            "_id": ObjectId(author),
            "contributionCount": len(ids),
            "contents": sorted(ids, key=_binary, reverse=True)[: options.max_contents],
        }
        for author, ids in busiest
    ]
    use_count, contributor_count = len(uses.created), len(uses.by_author)
    content = {
        "_id": name,
        "name": name,
        "__v": 0,
        "createdAt": from_epoch_ms(min(uses.created)),
        "updatedAt": from_epoch_ms(max(uses.updated)),
        "lastContentCreatedAt": from_epoch_ms(max(uses.created)),
        "useCount": use_count,
        "contributorCount": contributor_count,
        "aggregator": {
            "contributions": contributions,
            "hastagDiversityScore": contributor_count / use_count,
            "engagementScore": fsum(uses.points),
        },
    }
    return content | {"contentFingerprint": fingerprint(content)}
