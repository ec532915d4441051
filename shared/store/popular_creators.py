"""Creators by what their recent posts earned, out of what refresh_creator_stats keeps; read only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bson import ObjectId
from pymongo.database import Database

from shared.documents import Document
from shared.store import schema
from shared.store.creator_pipeline import TOTALS
from shared.store.decoding import as_count, as_number, own_id, sound
from shared.store.malformed import name_malformed


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
        with self._stats.find(query, _SHOWN, batch_size=max(batch, 2)).sort([("score", -1), ("_id", 1)]) as rows:
            yield from sound(self._stats, rows, self._creator)

    def among(self, users: Iterable[ObjectId]) -> dict[ObjectId, Creator]:
        """Those of these users who posted lately."""
        found = self._stats.find({"_id": {"$in": list(users)}}, _SHOWN)
        return {one.user: one for one in sound(self._stats, found, self._creator)}

    def _creator(self, row: Document) -> Creator:
        """What is no number counts as 0."""
        score, *acts = (row.get(name) for name in _NUMBERS)
        if any(as_number(one) is None for one in (score, *acts) if one is not None):
            name_malformed(self._stats.name, row["_id"])
        return Creator(own_id(row), max(as_number(score) or 0.0, 0.0), sum(as_count(one) or 0 for one in acts))


_NUMBERS = ("score", *TOTALS.values())
_SHOWN = dict.fromkeys(_NUMBERS, 1)
