"""Which post was on whose screen, and when; read only.

For example: {_id: ObjectId, viewer: ObjectId, content: ObjectId, seenAt: …, offScreenAt: …,
analytics: {source: "personal", score: 0.7, model: "personal 20260130T…"}}
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.store.columns import Columns, Kind, read_columns

Document = dict[str, Any]


class Exposures:
    def __init__(self, app: Database[Document]) -> None:
        self._app = app

    def of_viewers(self, viewers: Sequence[ObjectId], collection: str, most: int) -> list[ObjectId]:
        """Posts that one of these, accounts or users, has seen; at most so many, the latest first."""
        query = {"viewer": {"$in": list(viewers)}, "seenAt": {"$type": "date"}}
        found = self._app[collection].find(query, {"content": 1, "_id": 0}).sort("seenAt", -1).limit(most)
        return [row["content"] for row in islice(found, most) if isinstance(row.get("content"), ObjectId)]

    def models(self, start: datetime, end: datetime, collection: str) -> list[str]:
        """The names of models that chose what was shown in that time."""
        named = {"seenAt": {"$gte": start, "$lt": end}, "analytics.model": {"$type": "string"}}
        return sorted(one for one in self._app[collection].distinct("analytics.model", named) if isinstance(one, str))

    def shown(
        self,
        start: datetime,
        end: datetime,
        collection: str,
        off_screen: str,
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
        return read_columns(self._app[collection], [{"$match": query}], _fields(off_screen) | more)

    def between(self, start: datetime, end: datetime, collection: str, off_screen: str) -> Columns:
        """Exposures of that time: viewer (n,) ids of accounts or users; content (n,) ids; at and until (n,) when it
        came on the screen and, if that is known, left it, by the field `off_screen` [ms since 1970]."""
        return read_columns(
            self._app[collection],
            [{"$match": {"seenAt": {"$gte": start, "$lte": end}}}],
            _fields(off_screen),
        )


def _fields(off_screen: str) -> dict[str, tuple[Kind, Any]]:
    return {
        "viewer": ("id", "$viewer"),
        "content": ("id", "$content"),
        "at": ("moment", "$seenAt"),
        "until": ("moment", f"${off_screen}"),
    }
