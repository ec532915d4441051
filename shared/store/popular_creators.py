"""Creators by what their recent posts earned, out of what refresh_creator_stats keeps; read only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.store import schema
from shared.store.creator_stats import TOTALS

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

    def ranked(self, countries: Sequence[str] | None, batch: int) -> Iterator[Creator]:
        """The most popular, the first ahead; only those whose country is spelt like one of these, of all for None.

        batch  how many are read at once, as they are asked for
        """
        query = {} if countries is None else {"geolocation.countryCode": {"$in": list(countries)}}
        with self._stats.find(query, _SHOWN, batch_size=max(batch, 2)).sort([("score", -1), ("_id", 1)]) as found:
            yield from (_creator(row) for row in found if isinstance(row["_id"], ObjectId))

    def among(self, users: Iterable[ObjectId]) -> dict[ObjectId, Creator]:
        """Those of these users who posted lately."""
        return {row["_id"]: _creator(row) for row in self._stats.find({"_id": {"$in": list(users)}}, _SHOWN)}


_SHOWN = {"score": 1, **dict.fromkeys(TOTALS.values(), 1)}


def _creator(row: Document) -> Creator:
    """What is no number of 0 or more, or is not finite, counts as 0: answers are JSON."""
    engagements = sum(int(_points(row.get(name))) for name in TOTALS.values())
    return Creator(row["_id"], _points(row.get("score")), engagements)


def _points(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < inf else 0.0
