"""Which post was on whose screen, and when; read only.

For example: {_id: ObjectId, viewer: ObjectId, content: ObjectId, seenAt: …, offScreenAt: …}
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.store.columns import Columns, read_columns

Document = dict[str, Any]


class Exposures:
    def __init__(self, app: Database[Document]) -> None:
        self._app = app

    def of_viewers(self, viewers: Sequence[ObjectId], collection: str, most: int) -> list[ObjectId]:
        """Posts that one of these, accounts or users, has seen; at most so many, the latest first."""
        query = {"viewer": {"$in": list(viewers)}, "seenAt": {"$type": "date"}}
        found = self._app[collection].find(query, {"content": 1, "_id": 0}).sort("seenAt", -1).limit(most)
        return [row["content"] for row in islice(found, most) if isinstance(row.get("content"), ObjectId)]

    def between(self, start: datetime, end: datetime, collection: str, off_screen: str) -> Columns:
        """Exposures of that time: viewer (n,) ids of accounts or users; content (n,) ids; at and until (n,) when it
        came on the screen and, if that is known, left it, by the field `off_screen` [ms since 1970]."""
        return read_columns(
            self._app[collection],
            [{"$match": {"seenAt": {"$gte": start, "$lte": end}}}],
            {
                "viewer": ("id", "$viewer"),
                "content": ("id", "$content"),
                "at": ("moment", "$seenAt"),
                "until": ("moment", f"${off_screen}"),
            },
        )
