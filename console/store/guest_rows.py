"""Rows of the live guest feed, with what their scores are made of; read only, without numpy.

For example: {_id: ObjectId, content: ObjectId, score: 12.5, countryCode: "th", createdAt: …, author: ObjectId,
factors: {engagements: 12, decay: 0.9, …}}; `functions.coldstart.factors` describes the factors.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from bson import ObjectId

from console.store.guest_score import Factors, factors_of
from shared.documents import Document, either_form, object_id
from shared.store import Store, schema
from shared.store.decoding import (
    as_document,
    as_moment,
    as_number,
    as_text,
    first_sound,
    needed,
    optional,
    sound,
)
from shared.store.guest_items import generation

MAX_COUNTED = 100_000  # rows of one list

_FIELDS = {"content": 1, "score": 1, "createdAt": 1, "author": 1, "factors": 1, "countryCode": 1}


@dataclass(frozen=True, slots=True)
class GuestList:
    """The list of a country.

    rows       ranks that were given; later removals leave gaps
    built_at   the moment of the ranking; None where its first row does not tell
    first_age  of its first post, at that moment [hours]; None where it is not known
    """

    country: str
    rows: int
    built_at: datetime | None
    first_age: float | None


@dataclass(frozen=True, slots=True)
class GuestRow:
    """A row of a list.

    rank        now, from 1 on: malformed rows have ranks too, since guests see the posts of theirs
    built_rank  when the list was built, from 1 on
    factors     None for rows that are stored without
    """

    id: ObjectId
    content: ObjectId
    author: ObjectId | None
    score: float
    rank: int
    built_rank: int
    built_at: datetime
    factors: Factors | None


class GuestRows:
    def __init__(self, store: Store) -> None:
        self._rows = store.app[schema.GUEST_FEED.name]

    def generation(self, *, now: datetime) -> datetime | None:
        """The moment of the live feed; None where it is empty, malformed or dated ahead."""
        return generation(self._rows, now=now)

    def lists(self) -> dict[str, GuestList]:
        """The lists of the live feed, by country."""
        last_ids = self._of_each_country(-1, {"last": {"$first": "$_id"}})
        ranks = {row["_id"]: object_id(row["last"]) for row in last_ids if isinstance(row["_id"], str)}
        first = {"built": {"$first": "$createdAt"}, "age": {"$first": "$factors.ageHours"}}

        def decoded(group: Document) -> GuestList:
            country = needed(as_text(group["_id"]))
            rows = _rank(needed(ranks.get(country)))
            return GuestList(country, rows, as_moment(group["built"]), as_number(group["age"]))

        lists = sound(self._rows, self._of_each_country(1, first), decoded)
        return {guest_list.country: guest_list for guest_list in lists}

    def _of_each_country(self, order: int, fields: Document) -> Iterator[Document]:
        """Fields of the first row of each country by `_id`, 1 for ascending: one index step and document for each."""
        steps: list[Document] = [
            {"$sort": {"countryCode": order, "_id": order}},
            {"$group": {"_id": "$countryCode", **fields}},
        ]
        return iter(self._rows.aggregate(steps))

    def page(self, country: str, after: ObjectId | None, limit: int) -> list[GuestRow]:
        """At most `limit` rows of a list, from its first or behind the row `after`."""
        query: Document = {"countryCode": country} | ({} if after is None else {"_id": {"$gt": after}})
        rows = self._rows.find(query, _FIELDS).sort("_id", 1)
        ranks = count(1 if after is None else self._rank_now(country, after) + 1)
        return first_sound(self._rows, rows, lambda row: _row(row, next(ranks)), limit)

    def find(self, country: str, content: ObjectId) -> GuestRow | None:
        """The row of a post in a list; None where it has none."""
        rows = self._rows.find({"countryCode": country, "content": {"$in": either_form([content])}}, _FIELDS)
        return next(sound(self._rows, rows, lambda row: _row(row, self._rank_now(country, row["_id"]))), None)

    def above(self, country: str, row: GuestRow) -> GuestRow | None:
        """The row above; None for the first one."""
        rows = self._rows.find({"countryCode": country, "_id": {"$lt": row.id}}, _FIELDS).sort("_id", -1)
        ranks = count(row.rank - 1, -1)
        return next(iter(first_sound(self._rows, rows, lambda each: _row(each, next(ranks)), 1)), None)

    def _rank_now(self, country: str, row: ObjectId) -> int:
        """How many rows stand down to this one, itself included, at most MAX_COUNTED."""
        return self._rows.count_documents({"countryCode": country, "_id": {"$lte": row}}, limit=MAX_COUNTED)

    def number_with_more(self, country: str, score: float) -> int:
        """How many rows have a higher score, at most MAX_COUNTED."""
        return self._rows.count_documents({"countryCode": country, "score": {"$gt": score}}, limit=MAX_COUNTED)


def _row(row: Document, rank: int) -> GuestRow:
    """The row with this rank now; Malformed where that cannot be decoded."""
    stored = as_document(row.get("factors"))
    return GuestRow(
        needed(object_id(row["_id"])),
        needed(object_id(row.get("content"))),
        optional(row.get("author"), object_id),
        needed(as_number(row.get("score"))),
        rank,
        _rank(needed(object_id(row["_id"]))),
        needed(as_moment(row.get("createdAt"))),
        None if stored is None else factors_of(stored),
    )


def _rank(row: ObjectId) -> int:
    """The rank that the id of a row holds, from 1 on."""
    return int.from_bytes(row.binary[:4], "big") + 1
