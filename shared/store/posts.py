"""Posts as arrays, with their language, topics, quality and embeddings; read only.

Contents of the application; language and topics from contentinfo, or language and quality from contentfiltering:
{contentId: ObjectId, language: "th", junkOutput: {class: "not junk", score: 0.9}, textDiversity: 0.8, prDetect: 1}
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray
from pymongo.database import Database

from shared.columns import Columns, concat, id_array, is_valid
from shared.documents import Document, object_id
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.column_kinds import MALFORMED_CODE, Kind
from shared.store.column_reader import read_columns
from shared.store.content_topics import AS_TEXT, rows_that_count
from shared.store.contents import newest_first
from shared.store.decoding import name_undated, needed, sound
from shared.store.expressions import has_type, id_of_its_own, is_id, optional, optional_type, text
from shared.store.malformed import name_malformed
from shared.store.post_hashtags import MAY_HAVE_HASHTAGS, MESSAGE, with_hashtags
from shared.store.visibility import PUBLISHED
from shared.text.vectors import STORED_BYTES, unpacked

OTHER_LANGUAGE = -2  # one that is not among the codes
UNKNOWN_LANGUAGE = -1
_EMBEDDINGS_A_BATCH = 5_000
_NO_LANGUAGE = re.compile("^(n/a|und)?$", re.IGNORECASE)


class Posts:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._info = app[schema.CONTENT_INFO.name]
        self._filtering = analytics[schema.CONTENT_FILTERING.name]

    def published(self, start: datetime, end: datetime, clock: str) -> Columns:
        """Published posts of that time, by the date field `clock`, that have an author, and no malformed reference to
        another post.

        id, author                 (n,) ids
        created                    (n,) [ms since 1970]
        photos, characters         (n,) counts
        recast                     (n,) 1 for a post that only repeats `original`, else 0
        original, original_author  (n,) ids of the post it repeats or quotes; zeros where there is none
        """
        photos = "$payload.photo.contents"
        message, repeats, original = "$payload.message", "$isRecast", "$originalPost._id"
        name_undated(self._contents, clock, {"visibility": PUBLISHED})
        query = {"visibility": PUBLISHED, clock: {"$gte": start, "$lte": end}}
        number = {"$cond": [{"$isArray": photos}, {"$size": photos}, 0]}
        refers = {"$and": [optional_type("$originalPost", "object"), optional(original, is_id(original))]}
        fields: dict[str, tuple[Kind, Any]] = {
            "id": ("id", id_of_its_own()),
            "author": ("id", "$author.id"),
            "created": ("moment", f"${clock}"),
            "photos": ("code", _or_malformed(photos, "array", number)),
            "characters": ("code", _or_malformed(message, "string", {"$strLenCP": text(message)})),
            "recast": ("code", _or_malformed(repeats, "bool", {"$cond": [{"$eq": [repeats, True]}, 1, 0]})),
            "refers": ("code", {"$cond": [refers, 0, MALFORMED_CODE]}),
            "original": ("id", original),
            "original_author": ("id", "$originalPost.author.id"),
        }
        stages = [{"$match": query}, *newest_first(clock)]
        posts = read_columns(self._contents, stages, fields, {"original", "original_author"})
        for name in ("photos", "characters"):
            posts[name] = np.maximum(posts[name], 0)
        sound = is_valid(posts["id"]) & is_valid(posts["author"]) & (posts["created"] > 0) & (posts.pop("refers") >= 0)
        return {name: column[sound] for name, column in posts.items()}

    def hashtags(self, start: datetime, end: datetime, clock: str) -> tuple[NDArray[np.void], list[list[str]]]:
        """The posts of that time that have hashtags: (n,) ids, and the spellings of the hashtags of each, each once."""
        query = {"visibility": PUBLISHED, clock: {"$gte": start, "$lte": end}, "_id": {"$type": "objectId"}}
        stages = [{"$match": query | MAY_HAVE_HASHTAGS}, *newest_first(clock), {"$project": {"message": MESSAGE}}]
        posts = self._contents.aggregate(stages)
        tagged = {post["_id"]: post["names"] for post in with_hashtags(posts)}
        return id_array(tagged), list(tagged.values())

    def languages(self, codes: Sequence[str]) -> tuple[Columns, Columns]:
        """Languages of posts, according to contentinfo and, less reliably, to contentfiltering; two sets of columns.

        content   (n,) ids
        language  (n,) index into `codes`, OTHER_LANGUAGE for one that is not among them; unknown ones are left out
        """
        primary = {"$first": {"$split": [{"$toLower": text("$language")}, "-"]}}
        index = {"$indexOfArray": [list(codes), primary]}
        number = _or_malformed("$language", "string", {"$cond": [{"$eq": [index, -1]}, OTHER_LANGUAGE, index]})
        named = [{"$match": {"language": {"$ne": None, "$not": _NO_LANGUAGE}}}]
        fields: dict[str, tuple[Kind, Any]] = {"content": ("id", "$contentId"), "language": ("code", number)}
        info = rows_that_count(self._info, read_columns(self._info, named, fields | {"as_text": AS_TEXT}))
        sources = (info, read_columns(self._filtering, named, fields))
        ours, upstream = (
            {name: column[rows["language"] != UNKNOWN_LANGUAGE] for name, column in rows.items()} for rows in sources
        )
        return ours, upstream

    def still_published(self, ids: Sequence[ObjectId]) -> NDArray[np.void]:
        """(n,) ids of those of these posts that are published, of whatever age."""
        fields: dict[str, tuple[Kind, Any]] = {"id": ("id", id_of_its_own())}
        query = {"visibility": PUBLISHED}
        parts = [
            read_columns(self._contents, [{"$match": {"_id": {"$in": batch}} | query}], fields)
            for batch in in_batches(ids)
        ]
        return concat(parts)["id"] if parts else np.empty(0, "V12")

    def quality(self) -> Columns:
        """Ratings by an upstream filter: content (n,) ids; junk (n,) 1 when the class is junk, 0 when not, -1 unknown;
        junk_score, diversity, promotion (n,) numbers, nan where missing."""
        is_junk = {"$cond": [{"$eq": ["$junkOutput.class", "junk"]}, 1, 0]}
        fields: dict[str, tuple[Kind, Any]] = {
            "content": ("id", "$contentId"),
            "junk": ("code", _or_malformed("$junkOutput.class", "string", is_junk, missing=-1)),
            "junk_score": ("number", "$junkOutput.score"),
            "diversity": ("number", "$textDiversity"),
            "promotion": ("number", "$prDetect"),
        }
        return read_columns(self._filtering, [], fields, {"junk_score", "diversity", "promotion"})

    def text_embeddings(self) -> Iterator[tuple[NDArray[np.void], NDArray[np.float32]]]:
        """Text embeddings of all posts that have one, batch by batch: (n,) ids and (n, 512) vectors."""
        rows = self._info.find({"vector": {"$exists": True, "$ne": None}}, {"contentId": 1, "vector": 1})
        embeddings = sound(self._info, rows, _embedding)
        while batch := list(islice(embeddings, _EMBEDDINGS_A_BATCH)):
            ids, vectors = id_array(content for _, content, _ in batch), unpacked(vector for *_, vector in batch)
            finite = np.isfinite(vectors).all(axis=1)
            name_malformed(self._info.name, *(batch[row][0] for row in np.flatnonzero(~finite).tolist()))
            yield ids[finite], vectors[finite]


def _or_malformed(path: str, kind: str, code: Any, missing: int = 0) -> Document:
    """`code` for a value of that BSON type, `missing` for a missing or null one, MALFORMED_CODE for any other."""
    absent = {"$cond": [has_type(path, "missing", "null"), missing, MALFORMED_CODE]}
    return {"$cond": [has_type(path, kind), code, absent]}


def _embedding(row: Document) -> tuple[Any, ObjectId, bytes]:
    """The row's id, the post, and the vector as it is stored."""
    vector = row["vector"]
    is_complete = isinstance(vector, bytes) and len(vector) == STORED_BYTES
    return row["_id"], needed(object_id(row.get("contentId"))), needed(vector if is_complete else None)
