"""Creators by popularity, from the rows that refresh_creator_stats writes; read only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bson import ObjectId

from shared.documents import Document
from shared.store import Store, schema
from shared.store.decoding import as_count, as_number, own_id, sound
from shared.store.malformed import name_malformed


@dataclass(frozen=True, slots=True)
class Creator:
    """A creator.

    score        points; higher = more popular, 0 or more
    engagements  with its posts of the window
    """

    user: ObjectId
    score: float
    engagements: int


class PopularCreators:
    """{_id: ObjectId, score: 2.59, geolocation: {countryCode: "th"}, creatorLikedCount: 5, …}"""

    def __init__(self, store: Store) -> None:
        self._stats = store.analytics[schema.CREATOR_STATS.name]

    def ranked(self, countries: Sequence[str] | None, batch: int) -> Iterator[Creator]:
        """The creators of these countries, of all for None, the most popular first.

        countries  in every spelling that counts
        batch      creators that are read from the server at once
        """
        query = {} if countries is None else {"geolocation.countryCode": {"$in": list(countries)}}
        with self._stats.find(query, _SHOWN, batch_size=max(batch, 2)).sort([("score", -1), ("_id", 1)]) as rows:
            yield from sound(self._stats, rows, self._creator)

    def among(self, users: Iterable[ObjectId]) -> dict[ObjectId, Creator]:
        """By id, those of these users who have a post in the window."""
        rows = self._stats.find({"_id": {"$in": list(users)}}, _SHOWN)
        return {creator.user: creator for creator in sound(self._stats, rows, self._creator)}

    def _creator(self, row: Document) -> Creator:
        """The creator of a row; a malformed number is read as 0."""
        score, *totals = (row.get(name) for name in NUMBERS)
        if any(as_number(value) is None for value in (score, *totals) if value is not None):
            name_malformed(self._stats.name, row["_id"])
        return Creator(own_id(row), max(as_number(score) or 0.0, 0.0), sum(as_count(total) or 0 for total in totals))


NUMBERS = ("score", "creatorLikedCount", "creatorCommentedCount", "creatorRecastedCount", "creatorQuotedCount")
_SHOWN = dict.fromkeys(NUMBERS, 1)
