"""Which hashtags live, and on how many people's shoulders."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId

from shared.config import HashtagStats
from shared.report import Report
from shared.store import Store

NAME = "refresh_hashtag_stats"

Use = dict[str, Any]


def run(store: Store, options: HashtagStats, *, now: datetime) -> Report:
    """Total the hashtags whose posts changed or left the window, let time pass for the others, drop the unused.

    Safe to repeat: the same posts and the same `now` give the same rows.
    """
    with store.leases.hold(NAME):
        period = store.watermarks.period(NAME, options, now=now)
        if period.late:
            return Report.late()
        if period.since is None or period.last is None:
            known = names = store.hashtag_stats.names()
            rows = total(store.hashtag_stats.uses(options, now=now), options)
        else:
            touched = store.hashtag_stats.touched(options, period.since, period.last, now=now)
            known = names = {normal(name) for name in touched}
            uses = store.hashtag_stats.uses(options, now=now) if names else iter(())
            rows = total((use for use in uses if normal(use["name"]) in names), options)
        written = store.hashtag_stats.put(rows.values(), options, now=now)
        removed = store.hashtag_stats.remove(known - rows.keys())
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


def total(uses: Iterable[Use], options: HashtagStats) -> dict[str, Use]:
    """One row per hashtag, by name, out of what each author made of each spelling.

    hastagDiversityScore  contributors / uses, 0..1, 1 = nobody used it twice
    engagementScore       points of all posts that carry it
    """
    by_author: dict[str, dict[ObjectId, Use]] = {}
    for use in uses:
        authors = by_author.setdefault(normal(use["name"]), {})
        known = authors.get(use["author"])
        authors[use["author"]] = merged(known, use, options.max_contents) if known else use
    return {name: row(name, list(authors.values()), options.max_contributors) for name, authors in by_author.items()}


def merged(one: Use, other: Use, most: int) -> Use:
    """Two spellings of one hashtag by one author, as if they were the same."""
    both = one | {clock: max(one[clock], other[clock]) for clock in ("updatedAt", "lastContentCreatedAt")}
    both["createdAt"] = min(one["createdAt"], other["createdAt"])
    both["contents"] = sorted({*one["contents"], *other["contents"]}, reverse=True)[:most]
    return both | {total: one[total] + other[total] for total in ("uses", "points")}


def row(name: str, uses: list[Use], most: int) -> Use:
    """The document of one hashtag, but for what depends on the time."""
    total_uses = sum(use["uses"] for use in uses)
    listed = sorted(uses, key=lambda use: (-use["uses"], use["author"]))[:most]
    contributions = [{"_id": u["author"], "contributionCount": u["uses"], "contents": u["contents"]} for u in listed]
    return {
        "_id": name,
        "name": name,
        "__v": 0,
        "createdAt": min(use["createdAt"] for use in uses),
        "updatedAt": max(use["updatedAt"] for use in uses),
        "lastContentCreatedAt": max(use["lastContentCreatedAt"] for use in uses),
        "useCount": total_uses,
        "contributorCount": len(uses),
        "aggregator": {
            "contributions": contributions,
            "hastagDiversityScore": len(uses) / total_uses,
            "engagementScore": sum(use["points"] for use in uses),
        },
    }
