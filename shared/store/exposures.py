"""Which post was on whose screen, and when; read only.

For example: {_id: ObjectId, viewer: ObjectId, content: ObjectId, seenAt: …, offScreenAt: …, seenCredential: ObjectId,
analytics: {source: "personal", score: 0.7, model: "personal 20260130T…"}}
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray
from pymongo.database import Database

from shared.clock import EPOCH, epoch_ms
from shared.columns import Columns, is_valid
from shared.config import Exposures as Names
from shared.documents import Credential, Document, credential_forms, either_form, object_id
from shared.store.batches import in_batches
from shared.store.column_kinds import KEY_BYTES, MALFORMED_CODE, Kind
from shared.store.column_reader import read_batches, read_columns
from shared.store.decoding import as_credential, name_other_types, name_undated, needed, sound
from shared.store.expressions import changed_at, changed_from, optional_type, period
from shared.store.expressions import object_id as object_id_of
from shared.store.write_behind import read_ahead


class Exposures:
    """Of the collection and the fields that the options name."""

    def __init__(self, app: Database[Document], names: Names) -> None:
        self._exposures, self._names = app[names.collection], names

    def of_viewers(self, viewers: Sequence[ObjectId], most: int) -> list[ObjectId]:
        """Posts that one of these, accounts or users, has seen; at most so many, the latest first."""
        query = {"viewer": {"$in": either_form(viewers)}, "seenAt": {"$type": "date"}}
        found = islice(self._exposures.find(query, {"content": 1}).sort("seenAt", -1).limit(most), most)
        return list(sound(self._exposures, found, lambda row: needed(object_id(row.get("content")))))

    def models(self, start: datetime, end: datetime) -> list[str]:
        """The names of models that chose what was shown in that time."""
        named = {"seenAt": {"$gte": start, "$lt": end}, "analytics.model": {"$type": "string"}}
        return sorted(one for one in self._exposures.distinct("analytics.model", named) if isinstance(one, str))

    def shown(
        self,
        start: datetime,
        end: datetime,
        sources: Sequence[str],
        models: Sequence[str],
    ) -> Columns:
        """As `between`, with source and model (n,), index into those that are given, -1 for none of them; without what
        came on the screen at the end itself."""
        query = {"seenAt": {"$gte": start, "$lt": end}}
        more: dict[str, tuple[Kind, Any]] = {
            "source": ("code", _place_among(sources, "$analytics.source")),
            "model": ("code", _place_among(models, "$analytics.model")),
        }
        return self._read(query, self._fields() | more)

    def between(self, start: datetime, end: datetime) -> Columns:
        """Exposures of that time: viewer (n,) ids of accounts or users; content (n,) ids; at and until (n,) when it
        came on the screen and, if that is known, left it [ms since 1970]. An exposure that is recorded twice is here
        twice: who counts asks `Actors.exposures`."""
        return self._read({"seenAt": {"$gte": start, "$lte": end}}, self._fields())

    def latest(self, since: datetime | None, *, now: datetime) -> Columns:
        """Who had something on the screen that was recorded since then, ever for None: viewer (n,) ids of accounts or
        users; at (n,) when that last was [ms since 1970]; ever, that is now where a record is dated
        ahead."""
        recorded = {"updatedAt": changed_from(EPOCH) if since is None else period(since, now)}
        by_viewer = {"_id": "$viewer", "at": {"$max": changed_at(now)}}
        fields: dict[str, tuple[Kind, Any]] = {"viewer": ("id", "$_id"), "at": ("moment", "$at")}
        found = read_columns(self._exposures, [{"$match": recorded}, {"$group": by_viewer}], fields)
        named = is_valid(found["viewer"])
        return {name: column[named] for name, column in found.items()}

    def touched(self, since: datetime) -> dict[Credential, set[ObjectId]]:
        """Credentials by whose exposures something was written from that moment on, each with the accounts or users
        whose these were, as far as they are known."""
        changed = {"updatedAt": changed_from(since)}
        name_other_types(self._exposures, self._names.credential, _CREDENTIALS, changed)
        return self._viewers_by_credential(changed)

    def viewers(self, credentials: Iterable[Credential]) -> dict[Credential, ObjectId]:
        """The account or user that each of these credentials was first used by, where that is known."""
        field, found = self._names.credential, dict[Credential, ObjectId]()
        first = {"viewer": {"$first": "$viewer"}, "seenAt": {"$first": "$seenAt"}}
        for some in in_batches(credentials):
            stages: list[Document] = [
                {"$match": {field: {"$in": credential_forms(some)}}},
                {"$sort": {field: 1, "seenAt": 1}},
                {"$group": {"_id": f"${field}"} | first},
                {"$match": {"viewer": {"$ne": None}}},
                {"$sort": {"seenAt": 1}},
                {"$group": {"_id": _as_one_form("$_id")} | first},
            ]
            named = ((as_credential(row["_id"]), object_id(row["viewer"])) for row in self._exposures.aggregate(stages))
            found |= {credential: viewer for credential, viewer in named if credential and viewer}
        return found

    def all_viewers(self, credentials: Iterable[Credential]) -> dict[Credential, set[ObjectId]]:
        """Every account or user that each of these credentials was ever used by, as far as they are known."""
        found: dict[Credential, set[ObjectId]] = {}
        for some in in_batches(credentials):
            found |= self._viewers_by_credential({self._names.credential: {"$in": credential_forms(some)}})
        return found

    def readings(self, credentials: Sequence[Credential] | None, start: datetime, end: datetime) -> Iterator[Columns]:
        """What these credentials, or all, had on their screens in that time, part by part: credential by credential,
        each in the order of time, whatever forms its id is stored in. Columns: credential (n,) keys; content (n,) ids;
        at and until (n,) when it came on the screen and left it [ms since 1970], 0 where that is not known, the end at
        the latest.
        """
        credential = self._names.credential
        if credentials is None:
            name_other_types(self._exposures, credential, _CREDENTIALS)
            name_undated(self._exposures, "seenAt", {credential: {"$exists": True}})
        forms = {"$type": list(_CREDENTIALS)} if credentials is None else {"$in": credential_forms(credentials)}
        shown = {"seenAt": {"$gte": start, "$lte": end}}
        several = self._in_several_forms({} if credentials is None else {credential: forms})
        apart = np.array([b"o" + str(one).encode() for one in several], f"S{KEY_BYTES + 1}")
        for batch in self._in_order([{"$match": {credential: forms} | shown}], end):
            yield _chosen(batch, ~np.isin(batch["credential"], apart)) if several else batch
        for some in in_batches(several):
            stored = [form for one in some for form in several[one]]
            stages: list[Document] = [
                {"$match": {credential: {"$in": stored}} | shown},
                {"$set": {credential: _as_one_form(f"${credential}")}},
            ]
            yield from self._in_order(stages, end)

    def _viewers_by_credential(self, query: Document) -> dict[Credential, set[ObjectId]]:
        """The viewers of the exposures of a query, by credential."""
        by_both = {"_id": {"credential": f"${self._names.credential}", "viewer": "$viewer"}}
        found: dict[Credential, set[ObjectId]] = {}
        for row in self._exposures.aggregate([{"$match": query}, {"$group": by_both}]):
            credential, viewer = as_credential(row["_id"].get("credential")), object_id(row["_id"].get("viewer"))
            if credential is not None:
                found.setdefault(credential, set()).update([viewer] if viewer else [])
        return found

    def _in_several_forms(self, query: Document) -> dict[ObjectId, list[Credential]]:
        """Credentials of a query whose exposures lie at several places of the index: in which forms they are stored.

        Read from place to place of the index (DISTINCT_SCAN), which a query for types would not be.
        """
        stages: list[Document] = [
            {"$match": query},
            {"$group": {"_id": f"${self._names.credential}"}},
            {"$group": {"_id": object_id_of("$_id"), "forms": {"$push": "$_id"}}},
            {"$match": {"_id": {"$ne": None}, "forms.1": {"$exists": True}}},
        ]
        return {row["_id"]: row["forms"] for row in self._exposures.aggregate(stages, allowDiskUse=True)}

    def _in_order(self, stages: list[Document], end: datetime) -> Iterator[Columns]:
        """Batches of the readings that these stages give; out of the index, where they leave the credential alone."""
        fields: dict[str, tuple[Kind, Any]] = {
            "credential": ("key", f"${self._names.credential}"),
            "content": ("id", "$content"),
            "at": ("moment", "$seenAt"),
            "until": ("moment", f"${self._names.off_screen}"),
        }
        in_order = {"$sort": {self._names.credential: 1, "seenAt": 1}}
        for batch in read_ahead(read_batches(self._exposures, [*stages, in_order], fields, optional={"until"})):
            known = (batch["at"] > 0) & (batch["credential"] != b"")
            yield _chosen(batch | {"until": np.minimum(batch["until"], epoch_ms(end))}, known)

    def _read(self, query: Document, fields: dict[str, tuple[Kind, Any]]) -> Columns:
        """Those with a moment."""
        name_undated(self._exposures, "seenAt")
        optional = {"viewer", "until", "source", "model"}
        found = read_columns(self._exposures, [{"$match": query}], fields, optional)
        return _chosen(found, found["at"] > 0)

    def _fields(self) -> dict[str, tuple[Kind, Any]]:
        return {
            "viewer": ("id", "$viewer"),
            "content": ("id", "$content"),
            "at": ("moment", "$seenAt"),
            "until": ("moment", f"${self._names.off_screen}"),
        }


_CREDENTIALS = ("objectId", "string")


def _place_among(names: Sequence[str], path: str) -> Document:
    place = {"$indexOfArray": [{"$literal": list(names)}, path]}
    return {"$cond": [optional_type(path, "string"), place, MALFORMED_CODE]}


def _as_one_form(path: str) -> Document:
    """A credential that may be an id in either form, or another text."""
    return {"$ifNull": [object_id_of(path), path]}


def _chosen(records: Columns, chosen: NDArray[np.bool_]) -> Columns:
    return records if chosen.all() else {name: column[chosen] for name, column in records.items()}
