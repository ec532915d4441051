"""Posts as arrays, with what is known of their language, topics and quality; read only.

Contents of the application; language and topics from contentinfo, or language and quality from contentfiltering:
{contentId: ObjectId, language: "th", junkOutput: {class: "not junk", score: 0.9}, textDiversity: 0.8, prDetect: 1}
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray
from pymongo.database import Database

from shared.store import schema
from shared.store.columns import Columns, Kind, id_array, known, read_columns
from shared.store.contents import PUBLISHED
from shared.store.expressions import text

Document = dict[str, Any]

OTHER_LANGUAGE = -2
UNKNOWN_LANGUAGE = -1
_NO_LANGUAGE = re.compile("^(n/a|und)?$", re.IGNORECASE)


class Posts:
    def __init__(self, app: Database[Document], analytics: Database[Document]) -> None:
        self._contents = app[schema.CONTENTS.name]
        self._info = app[schema.CONTENT_INFO.name]
        self._filtering = analytics[schema.CONTENT_FILTERING.name]

    def published(self, start: datetime, end: datetime, clock: str) -> Columns:
        """Published posts of that time, each with an author.

        id, author                 (n,) ids
        created                    (n,) [ms since 1970]
        photos, characters         (n,) counts
        recast                     (n,) 1 for a mere repetition of `original`
        original, original_author  (n,) ids of the post it repeats or quotes; zeros where there is none
        """
        photos = "$payload.photo.contents"
        query = {"visibility": PUBLISHED, clock: {"$gte": start, "$lte": end}, "author.id": {"$type": "objectId"}}
        fields: dict[str, tuple[Kind, Any]] = {
            "id": ("id", "$_id"),
            "author": ("id", "$author.id"),
            "created": ("moment", f"${clock}"),
            "photos": ("code", {"$cond": [{"$isArray": photos}, {"$size": photos}, 0]}),
            "characters": ("code", {"$strLenCP": text("$payload.message")}),
            "recast": ("code", {"$cond": [{"$eq": ["$isRecast", True]}, 1, 0]}),
            "original": ("id", "$originalPost._id"),
            "original_author": ("id", "$originalPost.author.id"),
        }
        posts = read_columns(self._contents, [{"$match": query}], fields)
        sound = known(posts["id"]) & known(posts["author"]) & (posts["created"] > 0)
        return {name: column[sound] for name, column in posts.items()}

    def hashtags(self, start: datetime, end: datetime, clock: str) -> tuple[NDArray[np.void], list[list[str]]]:
        """Posts of that time that have hashtags, (n,) ids, and the hashtags of each, in lower case."""
        query = {"visibility": PUBLISHED, clock: {"$gte": start, "$lte": end}, "hashtags.0": {"$exists": True}}
        found = [post for post in self._contents.find(query, {"hashtags": 1}) if isinstance(post["_id"], ObjectId)]
        names = [[tag.lower() for tag in post["hashtags"] if isinstance(tag, str)] for post in found]
        return id_array(post["_id"] for post in found), names

    def languages(self, codes: Sequence[str]) -> tuple[Columns, Columns]:
        """Languages as contentinfo and as contentfiltering name them; the first is the better informed.

        content   (n,) ids
        language  (n,) index into `codes`, OTHER_LANGUAGE for one that is not among them; unknown ones are left out
        """
        primary = {"$first": {"$split": [{"$toLower": text("$language")}, "-"]}}
        index = {"$indexOfArray": [list(codes), primary]}
        known = {"$cond": [{"$eq": [index, -1]}, OTHER_LANGUAGE, index]}
        named = [{"$match": {"language": {"$type": "string", "$not": _NO_LANGUAGE}}}]
        fields: dict[str, tuple[Kind, Any]] = {"content": ("id", "$contentId"), "language": ("code", known)}
        return read_columns(self._info, named, fields), read_columns(self._filtering, named, fields)

    def quality(self) -> Columns:
        """What an upstream filter said: content (n,) ids; junk (n,) 1 when the class is junk, 0 when not, -1 unknown;
        junk_score, diversity, promotion (n,) numbers, nan where missing."""
        is_junk = {"$cond": [{"$eq": ["$junkOutput.class", "junk"]}, 1, 0]}
        fields: dict[str, tuple[Kind, Any]] = {
            "content": ("id", "$contentId"),
            "junk": ("code", {"$cond": [{"$eq": [{"$type": "$junkOutput.class"}, "string"]}, is_junk, -1]}),
            "junk_score": ("number", "$junkOutput.score"),
            "diversity": ("number", "$textDiversity"),
            "promotion": ("number", "$prDetect"),
        }
        return read_columns(self._filtering, [], fields)
