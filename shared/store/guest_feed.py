"""The feed of guests, one list per country.

For example: {_id: ObjectId, content: ObjectId, score: 12.5, countryCode: "th", type: "content", createdAt: …,
updatedAt: …, author: ObjectId, originalContent: null, originalAuthor: null}

Readers page by `_id`, which ascends as the score descends within a country. Its bytes are rank (4), country (2),
seconds from the moment of the generation until 2106 (4), zero (2): unique to a generation, the same when a generation
is built again, and a cursor that outlives a generation goes on at the next rank of the new one.
"""

import math
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from bson import ObjectId
from pymongo import WriteConcern
from pymongo.database import Database
from pymongo.errors import PyMongoError

from shared.clock import MOST_AHEAD
from shared.errors import Refused
from shared.store import schema
from shared.store.ahead import Ahead
from shared.store.columns import Columns, Kind, distinct, id_array, id_keys, known, object_ids, read_columns
from shared.store.contents import PUBLISHED, in_batches
from shared.store.deadline import Threads
from shared.store.decoding import as_moment, needed, sound
from shared.store.identity import object_id

Document = dict[str, Any]

STAGING = "guestfeeditemstemp"
LAST_MOMENT = 2**32 - 1  # seconds since 1970


class Entry(NamedTuple):
    """One post as it stands in lists."""

    content: ObjectId
    author: ObjectId | None
    original: ObjectId | None
    original_author: ObjectId | None


class GuestFeed:
    def __init__(self, app: Database[Document]) -> None:
        self._app = app

    def stage(self, at: datetime, holder: str) -> "Staging":
        """A new generation, out of every reader's sight; what killed runs left behind is dropped."""
        for name in self._app.list_collection_names(filter={"name": {"$regex": f"^{STAGING}"}}):
            self._app.drop_collection(name)
        return Staging(self._app, f"{STAGING}_{holder}", at)

    def generation(self, *, now: datetime) -> datetime | None:
        """The moment of the live feed; None without one that our clocks can have made."""
        made = {"createdAt": {"$type": "date", "$lte": now + MOST_AHEAD}}
        row = self._app[schema.GUEST_FEED.name].find_one(made, {"createdAt": 1})
        return None if row is None else as_moment(row.get("createdAt"))

    def head(self, country: str, most: int) -> list[ObjectId]:
        """The first posts of a country's list, in its order."""
        feed = self._app[schema.GUEST_FEED.name]
        found = feed.find({"countryCode": country}, {"content": 1}).sort("_id", 1).limit(most)
        rows = islice(found, most)  # for the server, a limit of 0 is none
        return list(sound(feed, rows, lambda row: needed(object_id(row.get("content")))))

    def rows_by_country(self) -> dict[str, int]:
        """How many rows the live feed has for each country."""
        counts = self._app[schema.GUEST_FEED.name].aggregate([{"$group": {"_id": "$countryCode", "rows": {"$sum": 1}}}])
        return {group["_id"]: group["rows"] for group in counts if isinstance(group["_id"], str)}


class Staging:
    """A generation that is being built; `publish` makes it the live one. What is not published goes at the end."""

    def __init__(self, app: Database[Document], name: str, at: datetime) -> None:
        self._app = app
        # Only the rename has to be durable: it comes after the rows in the log that makes it so.
        self._rows = app.get_collection(name, write_concern=WriteConcern(w=1))
        self._at = at
        self._ahead = Ahead(threads=2)

    def __enter__(self) -> "Staging":
        return self

    def __exit__(self, *failure: object) -> None:
        """Stop writing and drop what is left; where the server does not answer, that is left to the next run."""
        self._ahead.abandon()
        with suppress(PyMongoError):
            self._rows.drop()

    def put(self, country: str, ranked: Iterable[tuple[Entry, float]]) -> int:
        """Begin to write a country's list of entries and scores, best first; returns its length.

        The next list is made while this one travels; what went wrong with a list is raised by a later call.
        """
        rows = [
            {
                "_id": row_id(rank, country, self._at),
                "content": entry.content,
                "score": score,
                "countryCode": country,
                "type": "content",
                "createdAt": self._at,
                "updatedAt": self._at,
                "author": entry.author,
                "originalContent": entry.original,
                "originalAuthor": entry.original_author,
            }
            for rank, (entry, score) in enumerate(ranked)
        ]
        if rows:
            self._ahead(self._rows.insert_many, rows, ordered=False)
        return len(rows)

    def index(self) -> None:
        """Wait for the rows, then make every index of the live feed, so that readers never meet an unindexed one."""
        self._ahead.finish()
        models = [index.model() for index in schema.GUEST_FEED.indexes]
        with Threads(2) as builders:  # the server sorts each half on a core of its own
            list(builders.map(self._rows.create_indexes, (models[::2], models[1::2])))

    def check(self, expected: dict[str, int], least: dict[str, int]) -> int:
        """Read back what was written and return how many rows may be published; Refused names what is wrong with them.

        Posts that were withdrawn while the lists were made are taken out of them first.
        expected  rows that were written for each country
        least     rows that each country must have
        """
        rows = self._read_back()
        if _by_country(rows) != {country: number for country, number in expected.items() if number}:
            raise Refused("guest feed: not every row was written")
        rows = self._without_withdrawn(rows)
        found = _by_country(rows)
        for country, number in least.items():
            if found.get(country, 0) < number:
                raise Refused(f"guest feed: {country} has {found.get(country, 0)} rows and needs {number}")
        if not (np.isfinite(rows["score"]) & (rows["score"] > 0)).all():
            raise Refused("guest feed: a score is not finite and positive")
        same_country = rows["country"][1:] == rows["country"][:-1]
        if (same_country & (rows["score"][1:] > rows["score"][:-1])).any():
            raise Refused("guest feed: the order of _id is not that of the scores")
        return len(rows["score"])

    def publish(self) -> None:
        """Make this generation live in one step: a reader sees the old or the new one."""
        self._app[self._rows.name].rename(schema.GUEST_FEED.name, dropTarget=True)

    def _without_withdrawn(self, rows: Columns) -> Columns:
        """Delete the rows of posts, and of quoted posts, that are not published any more; the others."""
        contents = self._app[schema.CONTENTS.name]
        withdrawn: set[ObjectId] = set()
        named = distinct(np.concatenate([rows["content"], rows["original"][known(rows["original"])]]))
        for ids in in_batches(object_ids(named)):
            shown = contents.find({"_id": {"$in": ids}, "visibility": PUBLISHED}, {"_id": 1})
            withdrawn.update(set(ids) - {post["_id"] for post in shown})
        if not withdrawn:
            return rows
        gone = id_keys(id_array(withdrawn))
        stays = ~(np.isin(id_keys(rows["content"]), gone) | np.isin(id_keys(rows["original"]), gone))
        for ids in in_batches(object_ids(rows["id"][~stays])):
            self._rows.delete_many({"_id": {"$in": ids}})
        return {name: column[stays] for name, column in rows.items()}

    def _read_back(self) -> Columns:
        """Rows in the order of country and rank: country (n,) two letters, content, original (n,) ids, score (n,)."""
        fields: dict[str, tuple[Kind, Any]] = {
            "id": ("id", "$_id"),
            "content": ("id", "$content"),
            "original": ("id", "$originalContent"),
            "score": ("number", "$score"),
        }
        rows = read_columns(self._rows, [], fields, optional={"original"})
        letters = np.frombuffer(rows["id"].tobytes(), np.uint8).reshape(-1, 12)
        rank = np.ascontiguousarray(letters[:, :4]).view(">u4").ravel()
        country = np.ascontiguousarray(letters[:, 4:6]).view("S2").ravel()
        order = np.lexsort((rank, country))
        ordered = {name: column[order] for name, column in rows.items()}
        return {"country": country[order], **ordered}


def _by_country(rows: Columns) -> dict[str, int]:
    countries, numbers = np.unique(rows["country"], return_counts=True)
    return {country.decode(): int(number) for country, number in zip(countries, numbers, strict=True)}


def row_id(rank: int, country: str, at: datetime) -> ObjectId:
    """The `_id` of a row.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> row_id(0, "th", now) < row_id(1, "th", now)
    True
    """
    left = LAST_MOMENT - int(at.timestamp())
    return ObjectId(rank.to_bytes(4, "big") + country.encode("ascii") + left.to_bytes(4, "big") + b"\0\0")


def least_rows(live: dict[str, int], countries: Iterable[str], ratio: float, most: int) -> dict[str, int]:
    """Rows that each country must have: one, or that part of what it has now, of which no more than `most` count.

    >>> least_rows({"th": 9, "us": 90}, ["th", "us", "jp"], 0.5, 10)
    {'th': 5, 'us': 5, 'jp': 1}
    """
    return {country: max(1, math.ceil(ratio * min(live.get(country, 0), most))) for country in countries}
