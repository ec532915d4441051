"""Which hashtags live, and on how many people's shoulders."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId

from shared.config import HashtagStats
from shared.report import Report
from shared.store import Store, schema

NAME = "refresh_hashtag_stats"

Document = dict[str, Any]


def run(store: Store, options: HashtagStats, *, now: datetime) -> Report:
    """Total the hashtags of the window, write those with a post that changed, came or went, drop the unused.

    Safe to repeat: the same posts and the same `now` give the same rows.
    """
    with store.leases.hold(NAME):
        period = store.watermarks.period(NAME, options, now=now)
        if period.late:
            return Report.late()
        known = store.hashtag_stats.counts()
        rows = total(store.hashtag_stats.posts(options, now=now), options)
        outdated = rows if period.since is None else changed(rows, known, period.since)
        written = store.hashtag_stats.put(outdated.values(), options, now=now)
        removed = store.hashtag_stats.remove(known.keys() - rows.keys())
        removed += store.erasures.sweep(schema.HASHTAG_STATS)
        store.watermarks.advance(NAME, options, period, now=now)
        malformed = store.contents.malformed(period.since)
        read = store.contents.published(now - options.window, options.age_from, changed_since=period.since)
    return Report(read, written, removed, malformed=malformed)


def normal(name: str) -> str:
    """One spelling per hashtag: composed, lower case in every script.

    >>> normal("ĐàNẵng") == normal("đànẵng")
    True
    """
    return unicodedata.normalize("NFC", name).lower()


def total(posts: Iterable[Document], options: HashtagStats) -> dict[str, Document]:
    """The row of each hashtag, by name; a post counts once for a hashtag, however often it repeats it."""
    tagged: dict[str, list[Document]] = {}
    for post in posts:
        for name in {normal(written) for written in post["names"]}:
            tagged.setdefault(name, []).append(post)
    return {name: row(name, carriers, options) for name, carriers in tagged.items()}


def changed(rows: dict[str, Document], known: dict[str, tuple[int, int]], since: datetime) -> dict[str, Document]:
    """The hashtags with a post that changed since then, or with other posts than they are known for."""
    return {
        name: row
        for name, row in rows.items()
        if row["updatedAt"] >= since or known.get(name) != (row["useCount"], row["contributorCount"])
    }


def row(name: str, posts: list[Document], options: HashtagStats) -> Document:
    """The document of one hashtag, but for what depends on the time.

    hastagDiversityScore  contributors / uses, 0..1, 1 = nobody used it twice
    engagementScore       points of all posts that carry it
    """
    by_author: dict[ObjectId, list[ObjectId]] = {}
    for post in posts:
        by_author.setdefault(post["author"], []).append(post["_id"])
    busiest = sorted(by_author.items(), key=lambda item: (-len(item[1]), item[0]))[: options.max_contributors]
    contributions = [
        {"_id": author, "contributionCount": len(ids), "contents": sorted(ids, reverse=True)[: options.max_contents]}
        for author, ids in busiest
    ]
    return {
        "_id": name,
        "name": name,
        "__v": 0,
        "createdAt": min(post["createdAt"] for post in posts),
        "updatedAt": max(post["updatedAt"] for post in posts),
        "lastContentCreatedAt": max(post["createdAt"] for post in posts),
        "useCount": len(posts),
        "contributorCount": len(by_author),
        "aggregator": {
            "contributions": contributions,
            "hastagDiversityScore": len(by_author) / len(posts),
            "engagementScore": sum(post["points"] for post in posts),
        },
    }
