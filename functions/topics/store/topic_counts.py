"""How many published posts each topic has had lately: the field `posts` of the topics, see `topic_tree.py`."""

from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId
from pymongo import UpdateOne

from shared.clock import hours
from shared.documents import Document
from shared.store import Store, schema
from shared.store.contents import in_window, newest_first
from shared.store.expressions import array

WINDOW: Final = timedelta(days=7)


class TopicCounts:
    """Writer of the counts that `TopicTree` reads."""

    def __init__(self, store: Store) -> None:
        self._contents = store.app[schema.CONTENTS.name]
        self._topics = store.analytics[schema.TOPICS.name]

    def refresh(self, *, now: datetime) -> None:
        """Count the posts of the window until now, and of the one before it, for every topic.

        A post counts for all its topics, those above others included. Counts of a later moment stay.
        """
        counts = {row["_id"]: (row["recent"], row["before"]) for row in self._contents.aggregate(_stages(now))}
        stored = [row["_id"] for row in self._topics.find({"path": {"$exists": True}}, {"_id": 1})]
        writes = [
            UpdateOne({"_id": topic, "posts.asOf": {"$not": {"$gte": now}}}, {"$set": {"posts": _field(*of, now)}})
            for topic in stored
            if (of := counts.get(topic, (0, 0)) if isinstance(topic, ObjectId) else None) is not None
        ]
        if writes:
            self._topics.bulk_write(writes, ordered=False)


def _field(recent: int, before: int, now: datetime) -> Document:
    return {"recent": recent, "before": before, "hours": round(hours(WINDOW)), "asOf": now}


def _stages(now: datetime) -> list[Document]:
    """Rows {_id: topic, recent, before}."""
    annotation: Document = {"from": schema.CONTENT_INFO.name, "localField": "_id", "foreignField": "contentId"}
    annotation |= {
        "as": "info",
        "pipeline": [{"$project": {"_id": 0, "topics": {"$setUnion": [array("$topics"), []]}}}],
    }
    is_recent = {"$gte": ["$createdAt", now - WINDOW]}
    return [
        {"$match": in_window(now - 2 * WINDOW, "createdAt", now)},
        *newest_first("createdAt"),
        {"$project": {"createdAt": 1}},
        {"$lookup": annotation},
        {"$unwind": "$info"},
        {"$unwind": "$info.topics"},
        {"$match": {"info.topics": {"$type": "objectId"}}},
        {
            "$group": {
                "_id": "$info.topics",
                "recent": {"$sum": {"$cond": [is_recent, 1, 0]}},
                "before": {"$sum": {"$cond": [is_recent, 0, 1]}},
            }
        },
    ]
