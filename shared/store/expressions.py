"""Aggregation expressions that several statistics share. Each gives a value for every document, however malformed."""

from datetime import UTC, datetime
from typing import Any

from shared.config import Weights

Expression = dict[str, Any]

HOUR_MS = 3_600_000
MOST_COUNTED = 10**15
FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)
LAST_DAY = datetime(9999, 1, 1, tzinfo=UTC)
ENGAGEMENTS = ("like", "comment", "recast", "quote")


def count(path: str) -> Expression:
    """The number at `path` as a long; 0 where it is missing, negative, not finite or not a number."""
    sound = {"$and": [{"$isNumber": path}, {"$gte": [path, 0]}, {"$lt": [path, MOST_COUNTED]}]}
    return {"$cond": [sound, {"$toLong": path}, 0]}


def text(path: str) -> Expression:
    """The string at `path`; empty where there is none."""
    return {"$cond": [{"$eq": [{"$type": path}, "string"]}, path, ""]}


def object_id(path: str) -> Expression:
    """The ObjectId at `path`, also where it was stored as 24 hex digits; null for anything else."""
    return {"$convert": {"input": path, "to": "objectId", "onError": None, "onNull": None}}


def moment(path: str, otherwise: str) -> Expression:
    """The date at `path`; the one at `otherwise` where there is none that a calendar can show."""
    sound = {"$and": [{"$eq": [{"$type": path}, "date"]}, {"$gte": [path, FIRST_DAY]}, {"$lt": [path, LAST_DAY]}]}
    return {"$cond": [sound, path, otherwise]}


def age_score(moment: str, now: datetime, half_life_hours: float) -> Expression:
    """0..1, halved every `half_life_hours` since the date at `moment`; 1 for a moment yet to come."""
    hours = {"$divide": [{"$subtract": [now, moment]}, HOUR_MS]}
    return {"$pow": [0.5, {"$divide": [{"$max": [hours, 0]}, half_life_hours]}]}


MOMENTS = {"createdAt": moment("$createdAt", "$updatedAt"), "updatedAt": moment("$updatedAt", "$createdAt")}


def weighted(weights: Weights, paths: dict[str, str]) -> Expression:
    """Points of the engagement counts found at `paths`, by kind [points]."""
    return {"$add": [{"$multiply": [getattr(weights, kind), path]} for kind, path in paths.items()]}
