"""Texts that people have labelled with topics: `labelledTexts`; read only.

For example: {_id: ObjectId, text: "Two goals in the last five minutes", topics: ["sports/football"], language: "en",
updatedAt: 2026-01-01T00:00:00Z}
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING

from shared.clock import SKEW
from shared.documents import Document
from shared.store import Store, schema
from shared.store.collection_version import CollectionVersion
from shared.store.decoding import Malformed, as_list, as_moment, as_text, needed, optional


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One text.

    topics    paths of the taxonomy, at any level
    language  ISO 639-1 code; None where it is not given
    """

    text: str
    topics: tuple[str, ...]
    language: str | None
    updated_at: datetime


class LabelledTexts:
    def __init__(self, store: Store) -> None:
        self._texts = store.analytics[schema.LABELLED_TEXTS.name]

    def extent(self, *, now: datetime) -> CollectionVersion:
        """The present state, which differs from that of a trained model where a text was added, changed or removed."""
        return CollectionVersion.read(self._texts, {}, "updatedAt", "$$ROOT", now=now)

    def newest(self, limit: int, *, now: datetime) -> tuple[list[LabelledText], Sequence[Any]]:
        """The last changed texts, newest first, and the ids of malformed ones and of those dated ahead of now; at most
        `limit` of each are read.

        A text that is stored more than once with the same topics is returned once.
        """
        fields = {"text": 1, "topics": 1, "language": 1, "updatedAt": 1}
        texts: dict[tuple[str, frozenset[str]], LabelledText] = {}
        past, ahead = {"updatedAt": {"$not": {"$gt": now + SKEW}}}, {"updatedAt": {"$gt": now + SKEW}}
        malformed = [row["_id"] for row in self._texts.find(ahead, {"_id": 1}).limit(limit)]
        for row in self._texts.find(past, fields).sort(_NEWEST_FIRST).limit(limit):
            try:
                labelled = _labelled(row)
            except Malformed:
                malformed.append(row["_id"])
            else:
                texts.setdefault((labelled.text, frozenset(labelled.topics)), labelled)
        return list(texts.values()), malformed


def _labelled(row: Document) -> LabelledText:
    text, language = needed(as_text(row.get("text"))), row.get("language")
    return LabelledText(
        text=needed(text if text.strip() else None),
        topics=tuple(needed(as_text(path)) for path in needed(as_list(row.get("topics")))),
        language=None if language == "" else optional(language, as_text),
        updated_at=needed(as_moment(row.get("updatedAt"))),
    )


_NEWEST_FIRST = [("updatedAt", DESCENDING), ("_id", ASCENDING)]
