"""The feed of guests, one list per country.

For example: {_id: ObjectId, content: ObjectId, score: 12.5, countryCode: "th", type: "content", createdAt: …,
updatedAt: …, author: ObjectId, originalContent: null, originalAuthor: null, factors: {engagements: 12, …}}

Only the first rows of a list have `factors`: what the score is made of, as `functions.coldstart.factors` describes it.

Readers page by `_id`, which ascends as the score descends within a country. Its bytes are rank (4), country (2),
seconds from the moment of the generation until 2106 (4), zero (2): unique to a generation, the same when a generation
is built again, and a cursor of an earlier generation goes on at the next rank of the live one.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray
from pymongo import WriteConcern
from pymongo.database import Database
from pymongo.errors import PyMongoError

from shared.columns import Columns, id_array, id_keys, object_ids, unique_ids
from shared.documents import Document, object_id
from shared.errors import Refused
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.column_kinds import Kind
from shared.store.column_reader import read_columns
from shared.store.deadline import DeadlineExecutor
from shared.store.decoding import needed, sound
from shared.store.guest_items import generation, remove_withdrawn, row_id, young_by_country
from shared.store.visibility import Visibility
from shared.store.write_behind import WriteBehind

STAGING = "guestfeeditemstemp"  # prefix of the collections of generations that are being built


class Entry(NamedTuple):
    """Ids of a post, its author, the post that it repeats or quotes, and the author of that."""

    content: ObjectId
    author: ObjectId | None
    original: ObjectId | None
    original_author: ObjectId | None


class GuestFeed:
    def __init__(self, app: Database[Document]) -> None:
        self._app, self._visibility = app, Visibility(app)

    def stage(self, at: datetime, holder: str) -> "Staging":
        """Begin a new generation in a collection of its own; drops the collections that killed runs left behind."""
        for name in self._staged():
            self._app.drop_collection(name)
        return Staging(self._app, f"{STAGING}_{holder}", at)

    def generation(self, *, now: datetime) -> datetime | None:
        """The moment of the live feed; None where it is empty, malformed or dated ahead."""
        return generation(self._app[schema.GUEST_FEED.name], now=now)

    def page(self, country: str, limit: int, after: ObjectId | None = None) -> tuple[list[ObjectId], ObjectId | None]:
        """The posts of at most `limit` rows of a country's list, from its first row or behind the row `after`; and the
        row to go on after, None at the end of the list."""
        feed = self._app[schema.GUEST_FEED.name]
        query: Document = {"countryCode": country} | ({} if after is None else {"_id": {"$gt": after}})
        rows = list(islice(feed.find(query, {"content": 1}).sort("_id", 1).limit(limit), limit))  # limit(0) is no limit
        posts = list(sound(feed, rows, lambda row: needed(object_id(row.get("content")))))
        return posts, rows[-1]["_id"] if rows and len(rows) == limit else None

    def young_by_country(self, start: datetime, clock: str) -> dict[str, int]:
        """The rows of the live feed by country, without those of posts whose date `clock` lies before `start`."""
        return young_by_country(self._app[schema.GUEST_FEED.name], self._app[schema.CONTENTS.name], start, clock)

    def remove_withdrawn_from_live(self) -> int:
        """Delete every row of the live feed whose post may no longer be shown; returns how many."""
        return remove_withdrawn(self._app[schema.GUEST_FEED.name], self._visibility)

    def remove_withdrawn(self) -> int:
        """Delete every row of a post that may no longer be shown; returns how many.

        Generations that are being built come before the live one: if one is published in between, its rows are deleted
        under either name; what is written to it later is checked by `Staging.check`. Safe to repeat, and beside others.
        """
        staged = sum(remove_withdrawn(self._app[name], self._visibility) for name in self._staged())
        return staged + self.remove_withdrawn_from_live()

    def _staged(self) -> list[str]:
        return self._app.list_collection_names(filter={"name": {"$regex": f"^{STAGING}"}})


class Staging:
    """A generation that is being built; `publish` makes it the live one. Unpublished rows are dropped at the end."""

    def __init__(self, app: Database[Document], name: str, at: datetime) -> None:
        self._app = app
        # Only the rename has to be durable: the log that makes it so holds the rows before it.
        self._rows = app.get_collection(name, write_concern=WriteConcern(w=1))
        self._at, self._visibility = at, Visibility(app)
        self._ahead = WriteBehind(threads=2)
        self._written: dict[str, NDArray[np.void]] = {}  # posts by country, in the order of rank

    def __enter__(self) -> "Staging":
        return self

    def __exit__(self, *failure: object) -> None:
        """Stop writing and drop the collection; where the server does not answer, the next run drops it."""
        self._ahead.abandon()
        with suppress(PyMongoError):
            self._rows.drop()

    def put(self, country: str, ranked: Iterable[tuple[Entry, float]], factors: Iterable[Document] = ()) -> int:
        """Begin to write a country's list of entries and scores, best first, and of the first ones what their scores
        are made of; returns its length.

        The write goes on behind the call; its error is raised by a later call.
        """
        rows: list[Document] = [
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
        for row, made_of in zip(rows, factors, strict=False):
            row["factors"] = made_of
        if rows:
            self._written[country] = id_array(row["content"] for row in rows)
            self._ahead(self._rows.insert_many, rows, ordered=False)
        return len(rows)

    def index(self) -> None:
        """Wait for the rows, then create every index of the live feed, so that readers never meet one without."""
        self._ahead.finish()
        models = [index.model() for index in schema.GUEST_FEED.indexes]
        with DeadlineExecutor(2) as builders:  # the server sorts each half on a core of its own
            list(builders.map(self._rows.create_indexes, (models[::2], models[1::2])))

    def check(self, min_rows: dict[str, int]) -> int:
        """Read back the rows, delete those of posts that may no longer be shown, and return how many may be published.

        min_rows  rows that each country must have; at least one where any country has rows
        Raises Refused where rows are missing, too few, out of order, or without a finite positive score.
        """
        rows = self._read_back()
        counts = Counter(rows["country"].tolist())
        for country, number in min_rows.items():
            needs = max(number, min(counts.total(), 1))
            if counts[country.encode()] < needs:
                raise Refused(f"guest feed: {country} has {counts[country.encode()]} rows and needs {needs}")
        if not (np.isfinite(rows["score"]) & (rows["score"] > 0)).all():
            raise Refused("guest feed: a score is not finite and positive")
        same_country = rows["country"][1:] == rows["country"][:-1]
        if (same_country & (rows["score"][1:] > rows["score"][:-1])).any():
            raise Refused("guest feed: the order of _id is not that of the scores")
        return len(rows["score"])

    def publish(self) -> None:
        """Make this generation live in one step: a reader sees the old or the new one."""
        self._app[self._rows.name].rename(schema.GUEST_FEED.name, dropTarget=True)

    def _shown(self) -> NDArray[np.uint64]:
        """Keys (n,) of the posts that were written and may be shown now."""
        written = unique_ids(np.concatenate([np.empty(0, "V12"), *self._written.values()]))
        return id_keys(id_array(self._visibility.posts(object_ids(written))))

    def _read_back(self) -> Columns:
        """Rows of posts that may be shown, in the order of country and rank: country (n,) two letters, score (n,).

        The other rows are deleted; Refused where any row that should be there is missing. The rule is asked after the
        rows are read, so that a row that was deleted before because its post was withdrawn is not expected.
        """
        fields: dict[str, tuple[Kind, Any]] = {
            "id": ("id", "$_id"),
            "content": ("id", "$content"),
            "score": ("number", "$score"),
        }
        rows = read_columns(self._rows, [], fields)
        shown = self._shown()
        stays = np.isin(id_keys(rows["content"]), shown)
        expected = sum(int(np.isin(id_keys(posts), shown).sum()) for posts in self._written.values())
        if int(stays.sum()) != expected:
            raise Refused("guest feed: not every row was written")
        for ids in in_batches(object_ids(rows["id"][~stays])):
            self._rows.delete_many({"_id": {"$in": ids}})
        letters = np.frombuffer(rows["id"][stays].tobytes(), np.uint8).reshape(-1, 12)
        rank = np.ascontiguousarray(letters[:, :4]).view(">u4").ravel()
        country = np.ascontiguousarray(letters[:, 4:6]).view("S2").ravel()
        order = np.lexsort((rank, country))
        return {"country": country[order], "score": rows["score"][stays][order]}
