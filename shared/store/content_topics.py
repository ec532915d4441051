"""Topics of posts, read from `contentinfo` of the application's database and `topics` of ours.

For example: contentinfo {contentId: ObjectId, language: "th", topics: [ObjectId, …], updatedAt: …}
and topics {_id: ObjectId, slug: "football", parents: [{_id: ObjectId, slug: "sports"}], children: []}
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import numpy as np
from bson import ObjectId
from pymongo.collection import Collection
from pymongo.database import Database

from shared.clock import EPOCH
from shared.columns import Columns, concat, deduplicate, id_array, id_keys, is_valid, object_ids, unique_ids
from shared.documents import Document, either_form, object_id
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.column_kinds import Kind
from shared.store.column_reader import read_columns
from shared.store.decoding import as_list, needed, sound
from shared.store.expressions import NO_ARRAY, changed_at, changed_from, has_type, is_id, optional, period

_POST = {"contentId": 1, "_id": 0}


# A column: 1 for a row under an id stored as text, else 0.
AS_TEXT: Final[tuple[Kind, Any]] = ("code", {"$cond": [has_type("$contentId", "string"), 1, 0]})


def rows_that_count(info: Collection[Document], rows: Columns) -> Columns:
    """Rows of `contentinfo` without those under an id as text where there is a row under the ObjectId too.

    rows  columns with content (n,) ids, and as_text (n,) values of `AS_TEXT`, which the result does not have
    """
    as_text = rows.pop("as_text") == 1
    if not as_text.any():
        return rows
    written = object_ids(unique_ids(rows["content"][as_text]))
    posts = (
        row["contentId"]
        for ids in in_batches(written)
        for row in info.find({"contentId": {"$in": ids} | NO_ARRAY}, _POST)
    )
    stays = ~(as_text & np.isin(id_keys(rows["content"]), id_keys(id_array(posts))))
    return {name: column[stays] for name, column in rows.items()}


class ContentTopics:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._info = app[schema.CONTENT_INFO.name]
        self._topics = analytics[schema.TOPICS.name]

    def pairs(self, contents: Iterable[ObjectId] | None = None) -> Columns:
        """The topics of these posts, or of all, at all levels of the hierarchy: content (n,) ids, topic (n,) ids.

        Values that are no ids are left out, and each pair is there once.
        """
        if contents is None:
            return self._pairs({"topics.0": {"$exists": True}})
        parts = [self._pairs({"contentId": {"$in": either_form(batch)}}) for batch in in_batches(contents)]
        return concat(parts or [self._pairs({"_id": None})])

    def _pairs(self, query: Document) -> Columns:
        fields: dict[str, tuple[Kind, Any]] = {
            "content": ("id", "$contentId"),
            "topic": ("id", "$topics"),
            "as_text": AS_TEXT,
        }
        pairs = rows_that_count(
            self._info, read_columns(self._info, [{"$match": query}, {"$unwind": "$topics"}], fields)
        )
        sound = is_valid(pairs["content"]) & is_valid(pairs["topic"])
        pairs = {name: column[sound] for name, column in pairs.items()}
        return deduplicate(pairs, ("content", "topic"), np.zeros(len(pairs["topic"])))

    def parents(self) -> dict[ObjectId, list[ObjectId]]:
        """The parents of each topic that has any."""
        topics = self._topics.find({"parents": {"$nin": [None, []]}}, {"parents": 1})
        return dict(sound(self._topics, topics, _parents))

    def latest(self, since: datetime | None, *, now: datetime) -> Columns:
        """Posts whose annotation was set, replaced or withdrawn since then, at any time for None: content (n,) ids;
        at (n,) when it last was [ms since 1970]. A row that is dated ahead is read for None only, as changed now."""
        query: Document = {"updatedAt": changed_from(EPOCH) if since is None else period(since, now)}
        fields: dict[str, tuple[Kind, Any]] = {"content": ("id", "$contentId"), "at": ("moment", changed_at(now))}
        rows = read_columns(self._info, [{"$match": query}], fields)
        sound = is_valid(rows["content"])
        return {name: column[sound] for name, column in rows.items()}

    def changed_since(self, moment: datetime) -> list[ObjectId]:
        """Posts whose topics were set or replaced since then."""
        rows = self._info.find({"updatedAt": changed_from(moment)}, {"contentId": 1})
        return list(sound(self._info, rows, lambda row: needed(object_id(row.get("contentId")))))

    def malformed(self, changed_since: datetime | None) -> list[Any]:
        """Ids of rows without a post, or whose topics are no list of ids."""
        each = {"$map": {"input": "$topics", "in": is_id("$$this")}}
        listed = {"$cond": [{"$isArray": "$topics"}, {"$allElementsTrue": [each]}, False]}
        is_sound = {"$and": [is_id("$contentId"), optional("$topics", listed)]}
        changed = {} if changed_since is None else {"updatedAt": changed_from(changed_since)}
        return [row["_id"] for row in self._info.find(changed | {"$expr": {"$not": [is_sound]}}, {"_id": 1})]


def _parents(topic: Document) -> tuple[ObjectId, list[ObjectId]]:
    parents = needed(as_list(topic["parents"]))
    ids = [object_id(parent.get("_id")) if isinstance(parent, dict) else None for parent in parents]
    return needed(object_id(topic["_id"])), [needed(parent) for parent in ids]
