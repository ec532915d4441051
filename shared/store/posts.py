"""Posts as arrays, with what is known of their language, topics and quality; read only.

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
from shared.store.decoding import name_undated, needed, sound
from shared.store.expressions import has_type, id_of_its_own, is_id, optional, optional_type, text
from shared.store.malformed import name_malformed
from shared.store.post_hashtags import MAY_HAVE_HASHTAGS, MESSAGE, with_hashtags
from shared.store.visibility import PUBLISHED
from shared.text.vectors import STORED_BYTES, unpacked

OTHER_LANGUAGE = -2
UNKNOWN_LANGUAGE = -1
_MEANINGS_AT_ONCE = 5_000
_NO_LANGUAGE = re.compile("^(n/a|und)?$", re.IGNORECASE)


class Posts:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._info = app[schema.CONTENT_INFO.name]
        self._filtering = analytics[schema.CONTENT_FILTERING.name]

    def published(self, start: datetime, end: datetime, clock: str) -> Columns:
        """Published posts of that time, each with an author; none whose reference to another is malformed.

        id, author                 (n,) ids
        created                    (n,) [ms since 1970]
        photos, characters         (n,) counts
        recast                     (n,) 1 for a mere repetition of `original`
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
        posts = read_columns(self._contents, [{"$match": query}], fields, {"original", "original_author"})
        for name in ("photos", "characters"):
            posts[name] = np.maximum(posts[name], 0)
        sound = is_valid(posts["id"]) & is_valid(posts["author"]) & (posts["created"] > 0) & (posts.pop("refers") >= 0)
        return {name: column[sound] for name, column in posts.items()}

    def hashtags(self, start: datetime, end: datetime, clock: str) -> tuple[NDArray[np.void], list[list[str]]]:
        """Posts of that time that have hashtags, (n,) ids, and the spellings of the hashtags of each, each once."""
        query = {"visibility": PUBLISHED, clock: {"$gte": start, "$lte": end}, "_id": {"$type": "objectId"}}
        posts = self._contents.find(query | MAY_HAVE_HASHTAGS, {"message": MESSAGE})
        tagged = {post["_id"]: post["names"] for post in with_hashtags(posts)}
        return id_array(tagged), list(tagged.values())

    def languages(self, codes: Sequence[str]) -> tuple[Columns, Columns]:
        """Languages as contentinfo and as contentfiltering name them; the first is the better informed.

        content   (n,) ids
        language  (n,) index into `codes`, OTHER_LANGUAGE for one that is not among them; unknown ones are left out
        """
        primary = {"$first": {"$split": [{"$toLower": text("$language")}, "-"]}}
        index = {"$indexOfArray": [list(codes), primary]}
        number = _or_malformed("$language", "string", {"$cond": [{"$eq": [index, -1]}, OTHER_LANGUAGE, index]})
        named = [{"$match": {"language": {"$ne": None, "$not": _NO_LANGUAGE}}}]
        fields: dict[str, tuple[Kind, Any]] = {"content": ("id", "$contentId"), "language": ("code", number)}
        info = rows_that_count(self._info, read_columns(self._info, named, fields | {"as_text": AS_TEXT}))
        both = (info, read_columns(self._filtering, named, fields))
        ours, others = (
            {name: column[one["language"] != UNKNOWN_LANGUAGE] for name, column in one.items()} for one in both
        )
        return ours, others

    def still_published(self, ids: Sequence[ObjectId]) -> NDArray[np.void]:
        """Those of the posts that are published, of whatever age."""
        fields: dict[str, tuple[Kind, Any]] = {"id": ("id", id_of_its_own())}
        query = {"visibility": PUBLISHED}
        parts = [
            read_columns(self._contents, [{"$match": {"_id": {"$in": batch}} | query}], fields)
            for batch in in_batches(ids)
        ]
        return concat(parts)["id"] if parts else np.empty(0, "V12")

    def quality(self) -> Columns:
        """What an upstream filter said: content (n,) ids; junk (n,) 1 when the class is junk, 0 when not, -1 unknown;
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
        """The meaning of every post that has one, part by part: (n,) ids and (n, 512) vectors."""
        rows = self._info.find({"vector": {"$exists": True, "$ne": None}}, {"contentId": 1, "vector": 1})
        found = sound(self._info, rows, _meaning)
        while some := list(islice(found, _MEANINGS_AT_ONCE)):
            ids, vectors = id_array(content for _, content, _ in some), unpacked(vector for *_, vector in some)
            finite = np.isfinite(vectors).all(axis=1)
            name_malformed(self._info.name, *(some[row][0] for row in np.flatnonzero(~finite).tolist()))
            yield ids[finite], vectors[finite]


def _or_malformed(path: str, kind: str, code: Any, missing: int = 0) -> Document:
    """A code where there is a value of that type, MALFORMED_CODE where there is one of another."""
    absent = {"$cond": [has_type(path, "missing", "null"), missing, MALFORMED_CODE]}
    return {"$cond": [has_type(path, kind), code, absent]}


def _meaning(row: Document) -> tuple[Any, ObjectId, bytes]:
    """The row's id, the post, and the vector as it is stored."""
    vector = row["vector"]
    whole = isinstance(vector, bytes) and len(vector) == STORED_BYTES
    return row["_id"], needed(object_id(row.get("contentId"))), needed(vector if whole else None)
