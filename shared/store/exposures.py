"""Exposures: which post was on whose screen, and when; read only.

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

from shared.clock import EPOCH, SKEW, epoch_ms
from shared.columns import Columns, is_valid
from shared.documents import Credential, Document, credential_forms, either_form, object_id
from shared.store.batches import in_batches
from shared.store.column_kinds import KEY_BYTES, MALFORMED_CODE, Kind
from shared.store.column_reader import DOCUMENTS_A_BATCH, read_batches, read_columns
from shared.store.decoding import as_credential, name_other_types, name_undated, needed, sound
from shared.store.expressions import changed_at, changed_from, optional_type, period
from shared.store.expressions import object_id as object_id_of
from shared.store.options import ExposureFields
from shared.store.write_behind import read_ahead


class Exposures:
    """Exposures in the collection and the fields that the options name.

    batch_size  exposures in a batch of `readings`, at most
    """

    def __init__(self, app: Database[Document], names: ExposureFields, batch_size: int = DOCUMENTS_A_BATCH) -> None:
        self._exposures, self._names, self._batch_size = app[names.collection], names, batch_size

    def of_viewers(self, viewers: Sequence[ObjectId], limit: int, *, now: datetime) -> list[ObjectId]:
        """At most `limit` posts that one of these accounts or users has seen, the latest first, and then at most as
        many whose exposures are dated ahead, which take no places of the others."""
        until, posts = now + SKEW, list[ObjectId]()
        for seen_at, order in (({"$lte": until}, -1), ({"$gt": until}, 1)):
            query = {"viewer": {"$in": either_form(viewers)}, "seenAt": seen_at}
            rows = islice(self._exposures.find(query, {"content": 1}).sort("seenAt", order).limit(limit), limit)
            posts += sound(self._exposures, rows, lambda row: needed(object_id(row.get("content"))))
        return posts

    def models(self, start: datetime, end: datetime) -> list[str]:
        """The names of the models that ranked the exposures of that time."""
        named = {"seenAt": {"$gte": start, "$lt": end}, "analytics.model": {"$type": "string"}}
        return sorted(name for name in self._exposures.distinct("analytics.model", named) if isinstance(name, str))

    def shown(
        self,
        start: datetime,
        end: datetime,
        sources: Sequence[str],
        models: Sequence[str],
    ) -> Columns:
        """As `between`, with source and model (n,) indices into `sources` and `models`, -1 for others; without
        exposures that began at the end itself."""
        query = {"seenAt": {"$gte": start, "$lt": end}}
        analytics: dict[str, tuple[Kind, Any]] = {
            "source": ("code", _index_in(sources, "$analytics.source")),
            "model": ("code", _index_in(models, "$analytics.model")),
        }
        return self._read(query, self._fields() | analytics)

    def between(self, start: datetime, end: datetime) -> Columns:
        """Exposures of that time: viewer (n,) ids of accounts or users; content (n,) ids; at and until (n,) when it
        came on the screen and when it left it, 0 where that is unknown [ms since 1970]. One that is recorded twice is
        returned twice: see `Accounts.exposures` for counting."""
        return self._read({"seenAt": {"$gte": start, "$lte": end}}, self._fields())

    def latest(self, since: datetime | None, *, now: datetime) -> Columns:
        """Viewers of exposures that were recorded since then, at any time for None: viewer (n,) ids of accounts or
        users; at (n,) the last time [ms since 1970]. A record that is dated ahead is read for None only, as of now."""
        recorded = {"updatedAt": changed_from(EPOCH) if since is None else period(since, now)}
        by_viewer = {"_id": "$viewer", "at": {"$max": changed_at(now)}}
        fields: dict[str, tuple[Kind, Any]] = {"viewer": ("id", "$_id"), "at": ("moment", "$at")}
        viewers = read_columns(self._exposures, [{"$match": recorded}, {"$group": by_viewer}], fields)
        named = is_valid(viewers["viewer"])
        return {name: column[named] for name, column in viewers.items()}

    def changed_credentials(self, since: datetime) -> dict[Credential, set[ObjectId]]:
        """Credentials with exposures that were written from that moment on, each with the accounts or users of these
        exposures, as far as they are known."""
        changed = {"updatedAt": changed_from(since)}
        name_other_types(self._exposures, self._names.credential, _CREDENTIALS, changed)
        return self._viewers_by_credential(changed)

    def viewers(self, credentials: Iterable[Credential]) -> dict[Credential, ObjectId]:
        """The account or user that first used each of these credentials, where that is known."""
        field, viewers = self._names.credential, dict[Credential, ObjectId]()
        first = {"viewer": {"$first": "$viewer"}, "seenAt": {"$first": "$seenAt"}}
        for batch in in_batches(credentials):
            stages: list[Document] = [
                {"$match": {field: {"$in": credential_forms(batch)}}},
                {"$sort": {field: 1, "seenAt": 1}},
                {"$group": {"_id": f"${field}"} | first},
                {"$match": {"viewer": {"$ne": None}}},
                {"$sort": {"seenAt": 1}},
                {"$group": {"_id": _as_one_form("$_id")} | first},
            ]
            named = ((as_credential(row["_id"]), object_id(row["viewer"])) for row in self._exposures.aggregate(stages))
            viewers |= {credential: viewer for credential, viewer in named if credential and viewer}
        return viewers

    def all_viewers(self, credentials: Iterable[Credential]) -> dict[Credential, set[ObjectId]]:
        """Every account or user that ever used each of these credentials, as far as they are known."""
        viewers: dict[Credential, set[ObjectId]] = {}
        for batch in in_batches(credentials):
            viewers |= self._viewers_by_credential({self._names.credential: {"$in": credential_forms(batch)}})
        return viewers

    def readings(self, credentials: Sequence[Credential] | None, start: datetime, end: datetime) -> Iterator[Columns]:
        """The exposures of these credentials, of all for None, in that time, batch by batch: credential by credential,
        each in the order of time, whatever forms its id is stored in. Columns: credential (n,) keys; content (n,) ids;
        at and until (n,) when it came on the screen and left it [ms since 1970], until 0 where that is unknown, and
        the end at the latest.
        """
        credential = self._names.credential
        if credentials is None:
            name_other_types(self._exposures, credential, _CREDENTIALS)
            name_undated(self._exposures, "seenAt", {credential: {"$exists": True}})
        forms = {"$type": list(_CREDENTIALS)} if credentials is None else {"$in": credential_forms(credentials)}
        shown = {"seenAt": {"$gte": start, "$lte": end}}
        several = self._in_several_forms({} if credentials is None else {credential: forms})
        apart = np.array([b"o" + str(key).encode() for key in several], f"S{KEY_BYTES + 1}")
        for batch in self._in_order([{"$match": {credential: forms} | shown}], end):
            yield _selected(batch, ~np.isin(batch["credential"], apart)) if several else batch
        for keys in in_batches(several):
            stored = [form for key in keys for form in several[key]]
            stages: list[Document] = [
                {"$match": {credential: {"$in": stored}} | shown},
                {"$set": {credential: _as_one_form(f"${credential}")}},
            ]
            yield from self._in_order(stages, end)

    def _viewers_by_credential(self, query: Document) -> dict[Credential, set[ObjectId]]:
        """The viewers of the exposures of a query, by credential."""
        by_pair = {"_id": {"credential": f"${self._names.credential}", "viewer": "$viewer"}}
        viewers: dict[Credential, set[ObjectId]] = {}
        for row in self._exposures.aggregate([{"$match": query}, {"$group": by_pair}]):
            credential, viewer = as_credential(row["_id"].get("credential")), object_id(row["_id"].get("viewer"))
            if credential is not None:
                viewers.setdefault(credential, set()).update([viewer] if viewer else [])
        return viewers

    def _in_several_forms(self, query: Document) -> dict[ObjectId, list[Credential]]:
        """The credentials of a query whose id is stored in several forms, which the index orders apart: their forms.

        Reads only the distinct keys of the index (DISTINCT_SCAN), which a query for types would not.
        """
        stages: list[Document] = [
            {"$match": query},
            {"$group": {"_id": f"${self._names.credential}"}},
            {"$group": {"_id": object_id_of("$_id"), "forms": {"$push": "$_id"}}},
            {"$match": {"_id": {"$ne": None}, "forms.1": {"$exists": True}}},
        ]
        return {row["_id"]: row["forms"] for row in self._exposures.aggregate(stages, allowDiskUse=True)}

    def _in_order(self, stages: list[Document], end: datetime) -> Iterator[Columns]:
        """Batches of the exposures of these stages, sorted by an index unless the stages change the credential."""
        fields: dict[str, tuple[Kind, Any]] = {
            "credential": ("key", f"${self._names.credential}"),
            "content": ("id", "$content"),
            "at": ("moment", "$seenAt"),
            "until": ("moment", f"${self._names.off_screen}"),
        }
        in_order = {"$sort": {self._names.credential: 1, "seenAt": 1}}
        stages = [*stages, in_order]
        batches = read_batches(self._exposures, stages, fields, optional={"until"}, batch_size=self._batch_size)
        for batch in read_ahead(batches):
            is_sound = (batch["at"] > 0) & (batch["credential"] != b"")
            yield _selected(batch | {"until": np.minimum(batch["until"], epoch_ms(end))}, is_sound)

    def _read(self, query: Document, fields: dict[str, tuple[Kind, Any]]) -> Columns:
        """The exposures of a query that have a valid moment."""
        name_undated(self._exposures, "seenAt")
        optional = {"viewer", "until", "source", "model"}
        exposures = read_columns(self._exposures, [{"$match": query}], fields, optional)
        return _selected(exposures, exposures["at"] > 0)

    def _fields(self) -> dict[str, tuple[Kind, Any]]:
        return {
            "viewer": ("id", "$viewer"),
            "content": ("id", "$content"),
            "at": ("moment", "$seenAt"),
            "until": ("moment", f"${self._names.off_screen}"),
        }


_CREDENTIALS = ("objectId", "string")


def _index_in(names: Sequence[str], path: str) -> Document:
    index = {"$indexOfArray": [{"$literal": list(names)}, path]}
    return {"$cond": [optional_type(path, "string"), index, MALFORMED_CODE]}


def _as_one_form(path: str) -> Document:
    """The credential at `path`, an id always as an ObjectId."""
    return {"$ifNull": [object_id_of(path), path]}


def _selected(records: Columns, is_selected: NDArray[np.bool_]) -> Columns:
    return records if is_selected.all() else {name: column[is_selected] for name, column in records.items()}
