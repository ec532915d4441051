"""Topics of posts: `contentinfo` of the application's database, `topics` of ours; read only here.

For example: contentinfo {contentId: ObjectId, language: "th", topics: [ObjectId, …], updatedAt: …}
and topics {_id: ObjectId, slug: "football", parents: [{_id: ObjectId, slug: "sports"}], children: []}
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from shared.store import schema
from shared.store.columns import Columns, Kind, joined, known, read_columns
from shared.store.contents import in_batches
from shared.store.expressions import has_type, optional, period

Document = dict[str, Any]


class ContentTopics:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._info = app[schema.CONTENT_INFO.name]
        self._topics = analytics[schema.TOPICS.name]

    def pairs(self, contents: Iterable[ObjectId] | None = None) -> Columns:
        """Every topic of these posts, or of all: content (n,) ids, topic (n,) ids, all levels of the hierarchy.

        What is no id is left out.
        """
        if contents is None:
            return self._pairs({"topics.0": {"$exists": True}})
        parts = [self._pairs({"contentId": {"$in": batch}}) for batch in in_batches(contents)]
        return joined(parts or [self._pairs({"_id": None})])

    def _pairs(self, query: Document) -> Columns:
        fields: dict[str, tuple[Kind, str]] = {"content": ("id", "$contentId"), "topic": ("id", "$topics")}
        pairs = read_columns(self._info, [{"$match": query}, {"$unwind": "$topics"}], fields)
        sound = known(pairs["content"]) & known(pairs["topic"])
        return {name: column[sound] for name, column in pairs.items()}

    def parents(self) -> dict[ObjectId, list[ObjectId]]:
        """The topics directly above each topic."""
        found = self._topics.find({"parents.0": {"$exists": True}}, {"parents._id": 1})
        return {topic["_id"]: _ids(topic["parents"]) for topic in found}

    def changed_since(self, moment: datetime, *, now: datetime) -> list[ObjectId]:
        """Posts whose topics were set or replaced since then."""
        changed = {"updatedAt": period(moment, now), "contentId": {"$type": "objectId"}}
        return [row["contentId"] for row in self._info.find(changed, {"contentId": 1})]

    def malformed(self, changed_since: datetime | None, *, now: datetime) -> list[Any]:
        """Records without a post, or whose topics are no list of ids."""
        each = {"$map": {"input": "$topics", "in": has_type("$$this", "objectId")}}
        listed = {"$cond": [{"$isArray": "$topics"}, {"$allElementsTrue": [each]}, False]}
        sound = {"$and": [has_type("$contentId", "objectId"), optional("$topics", listed)]}
        changed = {} if changed_since is None else {"updatedAt": period(changed_since, now)}
        return [row["_id"] for row in self._info.find(changed | {"$expr": {"$not": [sound]}}, {"_id": 1})]


def _ids(parents: Any) -> list[ObjectId]:
    found = [parent.get("_id") for parent in parents if isinstance(parent, dict)]
    return [one for one in found if isinstance(one, ObjectId)]
