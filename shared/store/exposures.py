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
from pymongo.database import Database

from shared.clock import EPOCH, epoch_ms
from shared.config import Exposures as Names
from shared.store.columns import MALFORMED_CODE, Columns, Kind, known, once, read_batches, read_columns
from shared.store.contents import in_batches
from shared.store.decoding import as_credential, name_other_types, name_undated, needed, sound
from shared.store.expressions import has_type, period
from shared.store.identity import credential_forms, either_form, object_id

Document = dict[str, Any]
Credential = ObjectId | str


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
        return _once(self._read(query, self._fields() | more))

    def between(self, start: datetime, end: datetime) -> Columns:
        """Exposures of that time: viewer (n,) ids of accounts or users; content (n,) ids; at and until (n,) when it
        came on the screen and, if that is known, left it [ms since 1970]."""
        return _once(self._read({"seenAt": {"$gte": start, "$lte": end}}, self._fields()))

    def latest(self, since: datetime | None, *, now: datetime) -> Columns:
        """Who had something on the screen that was recorded since then, ever for None: viewer (n,) ids of accounts or
        users; at (n,) when that last was [ms since 1970]."""
        recorded = {"updatedAt": period(since or EPOCH, now)}
        by_viewer = {"_id": "$viewer", "at": {"$max": "$updatedAt"}}
        fields: dict[str, tuple[Kind, Any]] = {"viewer": ("id", "$_id"), "at": ("moment", "$at")}
        found = read_columns(self._exposures, [{"$match": recorded}, {"$group": by_viewer}], fields)
        named = known(found["viewer"])
        return {name: column[named] for name, column in found.items()}

    def touched(self, since: datetime, *, now: datetime) -> list[Credential]:
        """Credentials by whose exposures something was written from that moment on."""
        changed: list[Document] = [
            {"$match": {"updatedAt": period(since, now)}},
            {"$group": {"_id": f"${self._names.credential}"}},
        ]
        found = [row["_id"] for row in self._exposures.aggregate(changed)]
        name_other_types(self._exposures, self._names.credential, _CREDENTIALS, {"updatedAt": period(since, now)})
        return list(dict.fromkeys(one for one in map(as_credential, found) if one is not None))

    def viewers(self, credentials: Iterable[Credential]) -> dict[Credential, ObjectId]:
        """The account or user that each of these credentials was first used by, where that is known."""
        field, found = self._names.credential, dict[Credential, ObjectId]()
        for some in in_batches(credentials):
            first = {"$group": {"_id": f"${field}", "viewer": {"$first": "$viewer"}}}
            stages: list[Document] = [
                {"$match": {field: {"$in": credential_forms(some)}}},
                {"$sort": {field: 1, "seenAt": 1}},
                first,
            ]
            named = ((as_credential(row["_id"]), object_id(row["viewer"])) for row in self._exposures.aggregate(stages))
            found |= {credential: viewer for credential, viewer in named if credential and viewer}
        return found

    def readings(self, credentials: Sequence[Credential] | None, start: datetime, end: datetime) -> Iterator[Columns]:
        """What these credentials, or all, had on their screens in that time, part by part: credential by credential,
        each in the order of time. Columns: credential (n,) keys; content (n,) ids; at and until (n,) when it came on
        the screen and left it [ms since 1970], 0 where that is not known, the end at the latest.

        What is recorded more than once stands side by side, the record with the latest end first.
        """
        credential, off_screen = self._names.credential, self._names.off_screen
        if credentials is None:
            name_other_types(self._exposures, credential, _CREDENTIALS)
            name_undated(self._exposures, "seenAt", {credential: {"$exists": True}})
        who = {"$type": list(_CREDENTIALS)} if credentials is None else {"$in": credential_forms(credentials)}
        order = {credential: 1, "seenAt": 1, "content": 1, off_screen: -1}
        stages: list[Document] = [
            {"$match": {credential: who, "seenAt": {"$gte": start, "$lte": end}}},
            {"$sort": order},
        ]
        fields: dict[str, tuple[Kind, Any]] = {
            "credential": ("key", f"${credential}"),
            "content": ("id", "$content"),
            "at": ("moment", "$seenAt"),
            "until": ("moment", f"${off_screen}"),
        }
        for batch in read_batches(self._exposures, stages, fields, optional={"until"}):
            known = (batch["at"] > 0) & (batch["credential"] != b"")
            batch = batch | {"until": np.minimum(batch["until"], epoch_ms(end))}
            yield batch if known.all() else {name: column[known] for name, column in batch.items()}

    def _read(self, query: Document, fields: dict[str, tuple[Kind, Any]]) -> Columns:
        """Those with a moment."""
        name_undated(self._exposures, "seenAt")
        optional = {"viewer", "until", "source", "model"}
        found = read_columns(self._exposures, [{"$match": query}], fields, optional)
        known = found["at"] > 0
        return found if known.all() else {name: column[known] for name, column in found.items()}

    def _fields(self) -> dict[str, tuple[Kind, Any]]:
        return {
            "viewer": ("id", "$viewer"),
            "content": ("id", "$content"),
            "at": ("moment", "$seenAt"),
            "until": ("moment", f"${self._names.off_screen}"),
        }


_CREDENTIALS = ("objectId", "string")


def _place_among(names: Sequence[str], path: str) -> Document:
    place = {"$indexOfArray": [list(names), path]}
    return {"$cond": [has_type(path, "string", "missing", "null"), place, MALFORMED_CODE]}


def _once(records: Columns) -> Columns:
    """One exposure of a post to a viewer at a moment, of its records that with the latest end."""
    return once(records, ("viewer", "content", "at"), -records["until"])
