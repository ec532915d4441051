"""Texts whose topics someone named: `labelledTexts`, read only here.

For example: {_id: ObjectId, text: "Two goals in the last five minutes", topics: ["sports/football"], language: "en",
updatedAt: 2026-01-01T00:00:00Z}
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from shared.clock import EPOCH, SKEW
from shared.documents import Document
from shared.store import schema
from shared.store.decoding import Malformed, as_list, as_moment, as_text, needed, optional
from shared.store.expressions import fingerprint, period


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One text.

    topics    paths of the taxonomy, at any level
    language  ISO 639-1; None where nobody named it
    """

    text: str
    topics: tuple[str, ...]
    language: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CollectionVersion:
    """How many there are, the moment of the latest change, None where there are none, and a fingerprint of which they
    are and what they say."""

    count: int
    until: datetime | None
    fingerprint: int


class LabelledTexts:
    def __init__(self, analytics: Database[Document]) -> None:
        self._texts = analytics[schema.LABELLED_TEXTS.name]

    def extent(self, *, now: datetime) -> CollectionVersion:
        """What a trained model is compared with, to see whether anything was added, changed or removed since.

        A date ahead of now is no moment, and would hide every change that comes before it.
        """
        newest = self._texts.find_one({"updatedAt": period(EPOCH, now)}, {"updatedAt": 1}, sort=_NEWEST_FIRST)
        total = {"_id": None, "count": {"$sum": 1}, "fingerprint": {"$sum": fingerprint("$$ROOT")}}
        found = next(iter(self._texts.aggregate([{"$group": total}])), {})
        return CollectionVersion(
            found.get("count", 0), newest["updatedAt"] if newest else None, found.get("fingerprint", 0)
        )

    def newest(self, most: int, *, now: datetime) -> tuple[list[LabelledText], Sequence[Any]]:
        """The texts that changed last, newest first, and the ids of those that are not as they should be, which those
        are that are dated ahead of now.

        A text that is there more than once with the same topics is one.
        """
        fields = {"text": 1, "topics": 1, "language": 1, "updatedAt": 1}
        found: dict[tuple[str, frozenset[str]], LabelledText] = {}
        past = {"updatedAt": {"$not": {"$gt": now + SKEW}}}
        malformed = [row["_id"] for row in self._texts.find({"updatedAt": {"$gt": now + SKEW}}, {"_id": 1}).limit(most)]
        for row in self._texts.find(past, fields).sort(_NEWEST_FIRST).limit(most):
            try:
                one = _labelled(row)
            except Malformed:
                malformed.append(row["_id"])
            else:
                found.setdefault((one.text, frozenset(one.topics)), one)
        return list(found.values()), malformed


def _labelled(row: Document) -> LabelledText:
    text, language = needed(as_text(row.get("text"))), row.get("language")
    return LabelledText(
        text=needed(text if text.strip() else None),
        topics=tuple(needed(as_text(path)) for path in needed(as_list(row.get("topics")))),
        language=None if language == "" else optional(language, as_text),
        updated_at=needed(as_moment(row.get("updatedAt"))),
    )


_NEWEST_FIRST = [("updatedAt", DESCENDING), ("_id", ASCENDING)]
