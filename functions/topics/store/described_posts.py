"""Annotations as people look at them: the topics of a post with their evidence, and the newest posts of a topic.

For the documents see `content_info.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from shared.documents import Document
from shared.store import Store, schema
from shared.store.decoding import as_document, as_list, as_moment, as_number, as_text, needed, optional, sound
from shared.store.expressions import NO_ARRAY
from shared.store.malformed import name_malformed

MAX_SHOWN = 50  # topics of a post that are read


@dataclass(frozen=True, slots=True)
class TopicScore:
    """A topic of a post; confidence 0..1, higher = surer."""

    path: str
    confidence: float


@dataclass(frozen=True, slots=True)
class TopicEvidence:
    """A topic that the classifier found, and why.

    phrase      of the topic, or of one below it, that is nearest to the text in meaning
    similarity  of text and phrase, -1..1, higher = nearer
    head        what labelled texts say, about 0 for no and 1 for yes; None where they are too few for the topic
    """

    path: str
    confidence: float
    phrase: str
    similarity: float
    head: float | None


@dataclass(frozen=True, slots=True)
class DescribedPost:
    """The annotation of a post; for `state` see `TextAnnotator.annotate`.

    topics      as they are now, whoever chose them
    evidence    for those that the classifier found; empty where that was not stored
    model       version of the annotator
    """

    post: ObjectId
    language: str
    language_confidence: float | None
    state: str
    topics: Sequence[TopicScore]
    evidence: Sequence[TopicEvidence]
    model: str
    updated_at: datetime | None


class DescribedPosts:
    """Annotations of posts; read only."""

    def __init__(self, store: Store) -> None:
        self._info = store.app[schema.CONTENT_INFO.name]

    def find(self, post: ObjectId) -> DescribedPost | None:
        """The annotation of a post; None for a post without one."""
        fields = dict.fromkeys(("vector", "clusterTime"), 0)
        rows = self._info.find({"contentId": post, "removedAt": {"$exists": False}}, fields).limit(1)
        return next(sound(self._info, rows, self._described), None)

    def newest(self, topic: ObjectId, before: ObjectId | None, limit: int) -> tuple[list[ObjectId], ObjectId | None]:
        """At most `limit` posts of a topic in descending order of their ids, and the last of them where there are more.

        before  ids below this one only; None to begin with the newest
        """
        query: Document = {
            "topics": topic,
            "contentId": ({"$lt": before} if before else {"$type": "objectId"}) | NO_ARRAY,
        }
        rows = self._info.find(query, {"contentId": 1, "_id": 0}).sort("contentId", -1).limit(limit + 1)
        posts = [row["contentId"] for row in rows]
        return posts[:limit], posts[limit - 1] if len(posts) > limit else None

    def _described(self, row: Document) -> DescribedPost:
        return DescribedPost(
            post=row["contentId"],
            language=as_text(row.get("language")) or "",
            language_confidence=optional(row.get("languageConfidence"), as_number),
            state=as_text(row.get("topicState")) or "",
            topics=list(self._elements(row, "topicScores", _score)),
            evidence=list(self._elements(row, "topicEvidence", _evidence)),
            model=as_text(row.get("model")) or "",
            updated_at=as_moment(row.get("updatedAt")),
        )

    def _elements(self, row: Document, field: str, decode: Any) -> Iterator[Any]:
        """The decoded elements of a list; the document is reported where one is malformed."""
        stored = row.get(field)
        if stored is not None and not isinstance(stored, list):
            name_malformed(self._info.name, row["_id"])
        documents = [{"_id": row["_id"], "element": element} for element in (as_list(stored) or ())[:MAX_SHOWN]]
        return sound(self._info, documents, lambda document: decode(needed(as_document(document["element"]))))


def _score(element: Document) -> TopicScore:
    return TopicScore(needed(as_text(element.get("path"))), needed(as_number(element.get("confidence"))))


def _evidence(element: Document) -> TopicEvidence:
    score = _score(element)
    return TopicEvidence(
        score.path,
        score.confidence,
        phrase=needed(as_text(element.get("phrase"))),
        similarity=needed(as_number(element.get("similarity"))),
        head=optional(element.get("head"), as_number),
    )
