"""Queries for the rows of statistics that can be scored again from their stored totals; rows with malformed totals wait
for the next full run."""

from shared.documents import Document
from shared.store.expressions import MAX_COUNTED, NO_ARRAY, Expression, has_type, is_count

_COUNT: Document = {"$gte": 0, "$lt": MAX_COUNTED, "$not": {"$type": "array"}}
_POINTS: Document = {"$type": "number", "$not": {"$type": "array"}}
_SUMMARY: Expression = {"$cond": [{"$isArray": "$summary"}, "$summary", [None]]}
_PART: Expression = {
    "$and": [has_type("$$this", "object"), is_count("$$this.typeCount"), {"$isNumber": "$$this.points"}]
}

OF_CONTENTS: Document = dict.fromkeys(("likeCount", "commentCount", "recastCount", "quoteCount"), _COUNT)
OF_CREATORS: Document = {
    "points": _POINTS,
    "contentCount": _COUNT | {"$gte": 1},
    "followerCount": _COUNT,
    "$expr": {"$allElementsTrue": {"$map": {"input": _SUMMARY, "in": _PART}}},
}
OF_HASHTAGS: Document = {
    "aggregator": NO_ARRAY,
    "aggregator.engagementScore": _POINTS,
    "aggregator.hastagDiversityScore": _POINTS,
}
