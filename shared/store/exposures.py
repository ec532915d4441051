"""Which post was on whose screen, and when; read only.

For example: {_id: ObjectId, viewer: ObjectId, content: ObjectId, seenAt: …, offScreenAt: …, seenCredential: ObjectId,
analytics: {source: "personal", score: 0.7, model: "personal 20260130T…"}}
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.config import Exposures as Names
from shared.store.columns import Columns, Kind, read_batches, read_columns
from shared.store.contents import in_batches
from shared.store.identity import object_id

Document = dict[str, Any]
Credential = ObjectId | str


class Exposures:
    """Of the collection and the fields that the options name."""

    def __init__(self, app: Database[Document], names: Names) -> None:
        self._exposures, self._names = app[names.collection], names

    def of_viewers(self, viewers: Sequence[ObjectId], most: int) -> list[ObjectId]:
        """Posts that one of these, accounts or users, has seen; at most so many, the latest first."""
        query = {"viewer": {"$in": list(viewers)}, "seenAt": {"$type": "date"}}
        found = self._exposures.find(query, {"content": 1, "_id": 0}).sort("seenAt", -1).limit(most)
        return [row["content"] for row in islice(found, most) if isinstance(row.get("content"), ObjectId)]

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
            "source": ("code", {"$indexOfArray": [list(sources), "$analytics.source"]}),
            "model": ("code", {"$indexOfArray": [list(models), "$analytics.model"]}),
        }
        return read_columns(self._exposures, [{"$match": query}], self._fields() | more)

    def between(self, start: datetime, end: datetime) -> Columns:
        """Exposures of that time: viewer (n,) ids of accounts or users; content (n,) ids; at and until (n,) when it
        came on the screen and, if that is known, left it [ms since 1970]."""
        return read_columns(
            self._exposures,
            [{"$match": {"seenAt": {"$gte": start, "$lte": end}}}],
            self._fields(),
        )

    def touched(self, since: datetime) -> list[Credential]:
        """Credentials by whose exposures something was written from that moment on."""
        changed: list[Document] = [
            {"$match": {"updatedAt": {"$gte": since}}},
            {"$group": {"_id": f"${self._names.credential}"}},
        ]
        return [row["_id"] for row in self._exposures.aggregate(changed) if isinstance(row["_id"], ObjectId | str)]

    def viewers(self, credentials: Iterable[Credential]) -> dict[Credential, ObjectId]:
        """The account or user that each of these credentials was first used by, where that is known."""
        field, found = self._names.credential, dict[Credential, ObjectId]()
        for some in in_batches(credentials):
            first = {"$group": {"_id": f"${field}", "viewer": {"$first": "$viewer"}}}
            stages: list[Document] = [{"$match": {field: {"$in": some}}}, {"$sort": {field: 1, "seenAt": 1}}, first]
            named = ((row["_id"], object_id(row["viewer"])) for row in self._exposures.aggregate(stages))
            found |= {credential: viewer for credential, viewer in named if viewer is not None}
        return found

    def readings(self, credentials: Sequence[Credential] | None, start: datetime, end: datetime) -> Iterator[Columns]:
        """What these credentials, or all, had on their screens in that time, part by part: credential by credential,
        each in the order of time. Columns: credential (n,) keys; at and until (n,) when it came on the screen and left
        it [ms since 1970], 0 where that is not known."""
        credential, off_screen = self._names.credential, self._names.off_screen
        who = {"$type": ["objectId", "string"]} if credentials is None else {"$in": list(credentials)}
        order = {credential: 1, "seenAt": 1, off_screen: 1}
        stages: list[Document] = [
            {"$match": {credential: who, "seenAt": {"$gte": start, "$lte": end}}},
            {"$sort": order},
        ]
        fields: dict[str, tuple[Kind, Any]] = {
            "credential": ("key", f"${credential}"),
            "at": ("moment", "$seenAt"),
            "until": ("moment", f"${off_screen}"),
        }
        yield from read_batches(self._exposures, stages, fields)

    def _fields(self) -> dict[str, tuple[Kind, Any]]:
        return {
            "viewer": ("id", "$viewer"),
            "content": ("id", "$content"),
            "at": ("moment", "$seenAt"),
            "until": ("moment", f"${self._names.off_screen}"),
        }
