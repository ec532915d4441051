"""How often exposures led to engagements, day by day.

For example: {_id: 2026-01-29T04:45:00Z, personalize_content_feed_score_in_percent: 4.2,
coldstart_feed_score_in_percent: 2.1, overall_feed_score_in_percent: 3.3, calculatedAt: 2026-01-31T04:45:00Z,
windowFrom: …, windowTo: …, attributionHours: 24.0, overall: {seen: 1000, engaged: 33, part: 0.033, from: 0.024,
to: 0.046}, sources: [{name: "personal", seen: …}, …], models: [{name: "personal 20260130T…", seen: …}, …],
leftOut: {tooShort: 12, unknownViewer: 3, repeated: 50}}

`_id` is when the day began: a day that is measured again is replaced. `part` is 0..1; `from` and `to` are its 95 %
interval.
"""

from collections.abc import Mapping
from typing import Any

from shared.store import Store, schema


class FeedPerformances:
    def __init__(self, store: Store) -> None:
        self._performances = store.analytics[schema.FEED_PERFORMANCES.name]

    def put(self, day: Mapping[str, Any]) -> None:
        """Store the performance of a day, in place of an earlier one of that day."""
        self._performances.replace_one({"_id": day["windowFrom"]}, {"_id": day["windowFrom"], **day}, upsert=True)
