"""Aggregation expressions and queries that several repositories share; each expression has a value for every document,
however malformed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.clock import HOUR_MS, SKEW
from shared.config import Weights
from shared.documents import Document

Expression = dict[str, Any]

MAX_COUNTED = 10**15  # a number from here on is no count
FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)
LAST_DAY = datetime(9999, 1, 1, tzinfo=UTC)  # a date from here on is malformed
NO_ARRAY: Document = {"$not": {"$type": "array"}}  # a query for a value also finds arrays that hold it
ABSENT = ("missing", "null")


def has_type(path: str | Expression, *types: str) -> Expression:
    """Whether the value at `path` is of one of these BSON types, of which "missing" is one; elements are not tested."""
    kind = {"$type": path}
    return {"$eq": [kind, types[0]]} if len(types) == 1 else {"$in": [kind, list(types)]}


def is_count(path: str) -> Expression:
    """Whether the value at `path` is a number that can be a count; BSON orders only numbers between numbers."""
    return {"$and": [{"$gte": [path, 0]}, {"$lt": [path, MAX_COUNTED]}]}


def is_moment(path: str, now: datetime) -> Expression:
    """Whether the value at `path` is a date from 1970 on that is ahead of now by no more than clocks may differ; BSON
    orders only dates between dates."""
    return {"$and": [{"$gte": [path, FIRST_DAY]}, {"$lte": [path, now + SKEW]}]}


def period(start: datetime, now: datetime) -> Document:
    """The query for a date from `start` until now, by clocks that may differ."""
    return {"$gte": start, "$lte": now + SKEW}


def changed_from(start: datetime) -> Document:
    """The query on `updatedAt` for documents that changed from `start` on; it includes all dates ahead of now, since it
    is unknown when these documents changed. They are few, and at the end of an index."""
    return {"$gte": start}


def optional(path: str, sound: Expression) -> Expression:
    """Whether the value at `path` is missing, null or `sound`."""
    return {"$or": [sound, has_type(path, *ABSENT)]}


def optional_type(path: str, *types: str) -> Expression:
    """Whether the value at `path` is missing, null or of one of these BSON types."""
    return has_type(path, *types, *ABSENT)


def count(path: str) -> Expression:
    """The number at `path` as a long; 0 where it is missing, negative, not finite or not a number."""
    return {"$cond": [is_count(path), {"$toLong": path}, 0]}


def text(path: str) -> Expression:
    """The string at `path`; an empty one for anything else."""
    return {"$cond": [has_type(path, "string"), path, ""]}


def array(path: str) -> Expression:
    """The array at `path`; an empty one for anything else."""
    return {"$cond": [{"$isArray": path}, path, []]}


def holds_any(text: str | Expression, parts: Sequence[str]) -> Expression:
    """Whether a string contains one of these parts, by bytes: regular expressions do not match invalid UTF-8."""
    any_part = {"$or": [{"$gte": [{"$indexOfBytes": ["$$text", part]}, 0]} for part in parts]}
    return {"$let": {"vars": {"text": text}, "in": any_part}}  # evaluated once


def is_in_one_case(path: str | Expression) -> Expression:
    """Whether the value at `path` is a string without lower-case or without upper-case letters, as those of stored ids
    are; queries for an id find no others."""
    in_one_case = {"$in": [path, [{"$toLower": path}, {"$toUpper": path}]]}
    return {"$cond": [has_type(path, "string"), in_one_case, False]}


def object_id(path: str | Expression) -> Expression:
    """The ObjectId at `path`, also where it was stored as 24 hex digits in one case; null for anything else."""
    converted = {"$convert": {"input": path, "to": "objectId", "onError": None}}
    in_digits = {"$cond": [is_in_one_case(path), converted, None]}
    return {"$cond": [has_type(path, "objectId"), path, in_digits]}  # a look at the type is faster


def is_id(path: str) -> Expression:
    """Whether the value at `path` is an ObjectId, or the hex digits of one."""
    return {"$or": [has_type(path, "objectId"), {"$ne": [object_id(path), None]}]}


def id_of_its_own() -> Expression:
    """The document's `_id` where it is an ObjectId, as all of the application's are; null for anything else."""
    return {"$cond": [has_type("$_id", "objectId"), "$_id", None]}


def moment(path: str, otherwise: str, now: datetime) -> Expression:
    """The date at `path`, else the one at `otherwise`, now at the latest; null where neither `is_moment`."""
    date = {"$cond": [is_moment(path, now), path, {"$cond": [is_moment(otherwise, now), otherwise, None]}]}
    return {"$cond": [{"$gt": [date, now]}, now, date]}


def moments(now: datetime) -> dict[str, Expression]:
    """The two dates of a document, by `moment`; each replaces the other where that is malformed."""
    return {"createdAt": moment("$createdAt", "$updatedAt", now), "updatedAt": moment("$updatedAt", "$createdAt", now)}


def changed_at(now: datetime) -> Expression:
    """When a document last changed, by its dates; now where `updatedAt` is ahead of now; null without a valid date."""
    is_ahead = {"$and": [has_type("$updatedAt", "date"), {"$gt": ["$updatedAt", now]}]}
    return {"$cond": [is_ahead, now, moments(now)["updatedAt"]]}


def fingerprint(path: str | Expression) -> Expression:
    """The hash of the value at `path`, 0..2⁴⁰ - 1, for a sum over documents that is a fingerprint of their values,
    whatever their order. Two sets of equal size share a fingerprint with a probability of 2⁻⁴⁰; the sum of eight
    million hashes fits in a long."""
    return {"$mod": [{"$toHashedIndexKey": path}, 2**40]}


def age_score(moment: str, now: datetime, half_life_hours: float) -> Expression:
    """0.5 ** (age / half-life), 0..1, of the date at `moment`; 1 for a date ahead of now, 0 for no date."""
    half_lives = {"$divide": [{"$subtract": [now, moment]}, HOUR_MS * half_life_hours]}
    return {"$cond": [has_type(moment, "date"), {"$pow": [0.5, {"$max": [half_lives, 0]}]}, 0]}


def weighted(weights: Weights, paths: Mapping[str, str | Expression]) -> Expression:
    """The weighted sum of the engagement counts at `paths`, by kind [points]."""
    return {"$add": [{"$multiply": [getattr(weights, kind), path]} for kind, path in paths.items()]}
