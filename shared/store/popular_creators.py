"""Creators by what their recent posts earned, out of what refresh_creator_stats keeps; read only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.store import schema
from shared.store.creator_stats import TOTALS
from shared.store.decoding import as_count, as_number, needed, optional, own_id, sound

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Creator:
    """A user: `score` in points, higher is more popular; `engagements` with its recent posts."""

    user: ObjectId
    score: float
    engagements: int


class PopularCreators:
    """{_id: ObjectId, score: 2.59, geolocation: {countryCode: "th"}, creatorLikedCount: 5, …}"""

    def __init__(self, analytics: Database[Document]) -> None:
        self._stats = analytics[schema.CREATOR_STATS.name]

    def first(self, countries: Sequence[str] | None, most: int) -> list[Creator]:
        """The most popular, the first ahead; only those whose country is spelt like one of these, of all for None."""
        query: Document = {"score": {"$gt": -inf, "$lt": inf}}  # what is no number would come before all numbers
        if countries is not None:
            query["geolocation.countryCode"] = {"$in": list(countries)}
        found = self._stats.find(query, _SHOWN).sort([("score", -1), ("_id", 1)]).limit(most)
        return list(sound(self._stats, islice(found, most), _creator))

    def among(self, users: Iterable[ObjectId]) -> dict[ObjectId, Creator]:
        """Those of these users who posted lately."""
        found = self._stats.find({"_id": {"$in": list(users)}}, _SHOWN)
        return {one.user: one for one in sound(self._stats, found, _creator)}


_SHOWN = {"score": 1, **dict.fromkeys(TOTALS.values(), 1)}


def _creator(row: Document) -> Creator:
    engagements = sum(optional(row.get(name), as_count) or 0 for name in TOTALS.values())
    return Creator(own_id(row), max(needed(as_number(row.get("score"))), 0.0), engagements)
