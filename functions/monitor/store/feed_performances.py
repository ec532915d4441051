"""How often exposures led to engagements, day by day.

For example: {_id: 2026-01-29T04:45:00Z, personalize_content_feed_score_in_percent: 4.2,
coldstart_feed_score_in_percent: 2.1, overall_feed_score_in_percent: 3.3, calculatedAt: 2026-01-31T04:45:00Z,
windowFrom: …, windowTo: …, attributionHours: 24.0, overall: {seen: 1000, engaged: 33, part: 0.033, from: 0.024,
to: 0.046}, sources: [{name: "personal", seen: …}, …], models: [{name: "personal 20260130T…", seen: …}, …],
leftOut: {tooShort: 12, unknownViewer: 3, repeated: 50}}

`_id` is when the day began: a day that is measured again is replaced. `part` is 0..1; `from` and `to` are its 95 %
interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.documents import Document
from shared.store import Store, schema
from shared.store.decoding import Malformed, as_list, as_moment, as_number, as_text, first_sound, needed

MAX_NAMES = 200  # sources, and models, of a day that are read


@dataclass(frozen=True, slots=True)
class EngagementRate:
    """How many impressions led to an engagement.

    name       of the source or the model; empty for all impressions
    seen       impressions [count]
    engaged    those that an engagement followed [count]
    rate       0..1; None without impressions
    low, high  the 95 % interval of the rate, 0..1; None without impressions
    """

    name: str
    seen: int
    engaged: int
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class DayPerformance:
    """The performance of the day that began at `start`."""

    start: datetime
    overall: EngagementRate
    sources: Sequence[EngagementRate]
    models: Sequence[EngagementRate]


class FeedPerformances:
    def __init__(self, store: Store) -> None:
        self._performances = store.analytics[schema.FEED_PERFORMANCES.name]

    def put(self, day: Mapping[str, Any]) -> None:
        """Store the performance of a day, in place of an earlier one of that day."""
        self._performances.replace_one({"_id": day["windowFrom"]}, {"_id": day["windowFrom"], **day}, upsert=True)

    def newest(self, limit: int, before: datetime | None = None) -> list[DayPerformance]:
        """At most `limit` days, those that began before a moment if there is one, the newest first."""
        query: Document = {} if before is None else {"_id": {"$lt": before}}
        return first_sound(self._performances, self._performances.find(query).sort("_id", -1), _day, limit)


def _day(row: Document) -> DayPerformance:
    sources, models = (needed(as_list(row.get(name))) for name in ("sources", "models"))
    return DayPerformance(
        needed(as_moment(row["_id"])),
        _rate(row.get("overall")),
        [_rate(source) for source in sources[:MAX_NAMES]],
        [_rate(model) for model in models[:MAX_NAMES]],
    )


def _rate(value: Any) -> EngagementRate:
    if not isinstance(value, dict):
        raise Malformed
    seen, engaged = (int(needed(as_number(value.get(name)))) for name in ("seen", "engaged"))
    rate, low, high = (as_number(value.get(name)) for name in ("part", "from", "to"))
    return EngagementRate(as_text(value.get("name")) or "", seen, engaged, rate, low, high)
