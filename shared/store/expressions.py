"""Aggregation expressions that several statistics share. Each gives a value for every document, however malformed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.clock import HOUR_MS, SKEW
from shared.config import Weights
from shared.documents import Document

Expression = dict[str, Any]

MAX_COUNTED = 10**15
FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)
LAST_DAY = datetime(9999, 1, 1, tzinfo=UTC)
NO_ARRAY: Document = {"$not": {"$type": "array"}}  # a query for a value also finds an array that holds it
ABSENT = ("missing", "null")
ENGAGEMENTS = ("like", "comment", "recast", "quote")


def has_type(path: str | Expression, *types: str) -> Expression:
    """Whether the value at `path` is of one of these BSON types; "missing" is one, and an array is not its elements."""
    kind = {"$type": path}
    return {"$eq": [kind, types[0]]} if len(types) == 1 else {"$in": [kind, list(types)]}


def is_count(path: str) -> Expression:
    """Whether there is a number that can be a count; in the order of BSON nothing but numbers lies between numbers."""
    return {"$and": [{"$gte": [path, 0]}, {"$lt": [path, MAX_COUNTED]}]}


def is_moment(path: str, now: datetime) -> Expression:
    """Whether there is a date that a calendar can show, and that is not ahead of now by more than clocks may differ;
    in the order of BSON nothing but dates lies between dates."""
    return {"$and": [{"$gte": [path, FIRST_DAY]}, {"$lte": [path, now + SKEW]}]}


def period(start: datetime, now: datetime) -> Document:
    """The query for a date from `start` until now; a date ahead of now comes into it once it has passed."""
    return {"$gte": start, "$lte": now + SKEW}


def changed_from(start: datetime) -> Document:
    """The query on `updatedAt` for what changed from `start` on: also what is dated ahead of now, by how much ever,
    since nobody knows when it changed; those are few, and at the end of an index."""
    return {"$gte": start}


def optional(path: str, sound: Expression) -> Expression:
    """Whether there is something sound at `path`, or nothing."""
    return {"$or": [sound, has_type(path, *ABSENT)]}


def optional_type(path: str, *types: str) -> Expression:
    """Whether there is a value of one of these BSON types at `path`, or nothing."""
    return has_type(path, *types, *ABSENT)


def count(path: str) -> Expression:
    """The number at `path` as a long; 0 where it is missing, negative, not finite or not a number."""
    return {"$cond": [is_count(path), {"$toLong": path}, 0]}


def text(path: str) -> Expression:
    """The string at `path`; empty where there is none."""
    return {"$cond": [has_type(path, "string"), path, ""]}


def array(path: str) -> Expression:
    """The array at `path`; an empty one where there is none."""
    return {"$cond": [{"$isArray": path}, path, []]}


def holds_any(text: str | Expression, parts: Sequence[str]) -> Expression:
    """Whether a string holds one of these; by its bytes, since a regular expression passes over invalid UTF-8."""
    return {"$or": [{"$gte": [{"$indexOfBytes": [text, part]}, 0]} for part in parts]}


def object_id(path: str | Expression) -> Expression:
    """The ObjectId at `path`, also where it was stored as 24 hex digits; null for anything else."""
    converted = {"$convert": {"input": path, "to": "objectId", "onError": None, "onNull": None}}
    return {"$cond": [has_type(path, "objectId"), path, converted]}  # to convert what is one takes longer than to look


def is_id(path: str) -> Expression:
    """Whether there is an id, in either form."""
    return {"$or": [has_type(path, "objectId"), {"$ne": [object_id(path), None]}]}


def id_of_its_own() -> Expression:
    """The document's `_id` where it is an ObjectId, as those of the application are; null for anything else."""
    return {"$cond": [has_type("$_id", "objectId"), "$_id", None]}


def moment(path: str, otherwise: str, now: datetime) -> Expression:
    """The date at `path`, else the one at `otherwise`, now at the latest; null where neither is one to go by."""
    found = {"$cond": [is_moment(path, now), path, {"$cond": [is_moment(otherwise, now), otherwise, None]}]}
    return {"$cond": [{"$gt": [found, now]}, now, found]}


def moments(now: datetime) -> dict[str, Expression]:
    """The two dates of a document, each standing in for the other where that is none to go by."""
    return {"createdAt": moment("$createdAt", "$updatedAt", now), "updatedAt": moment("$updatedAt", "$createdAt", now)}


def changed_at(now: datetime) -> Expression:
    """When a document last changed, as far as its dates tell; what is dated ahead of now may have changed just now."""
    is_ahead = {"$and": [has_type("$updatedAt", "date"), {"$gt": ["$updatedAt", now]}]}
    return {"$cond": [is_ahead, now, moments(now)["updatedAt"]]}


def fingerprint(path: str | Expression) -> Expression:
    """For an accumulator: summed over any number of documents, a fingerprint of which values stand at `path`, whatever
    their order. Two sets of equal size share one with a chance of 2⁻⁴⁰; the sum of eight million fits a long."""
    return {"$mod": [{"$toHashedIndexKey": path}, 2**40]}


def age_score(moment: str, now: datetime, half_life_hours: float) -> Expression:
    """0..1, halved every `half_life_hours` since the date at `moment`; 1 for a date yet to come, 0 for no date."""
    half_lives = {"$divide": [{"$subtract": [now, moment]}, HOUR_MS * half_life_hours]}
    return {"$cond": [has_type(moment, "date"), {"$pow": [0.5, {"$max": [half_lives, 0]}]}, 0]}


def weighted(weights: Weights, paths: Mapping[str, str | Expression]) -> Expression:
    """Points of the engagement counts found at `paths`, by kind [points]."""
    return {"$add": [{"$multiply": [getattr(weights, kind), path]} for kind, path in paths.items()]}
