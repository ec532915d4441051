"""Texts that people have rated for harm: `labelledHarms`.

For example: {_id: ObjectId, text: "I will find you", language: "en", labels: {violence: 1, sexual: 0},
source: "reviews", updatedAt: 2026-01-01T00:00:00Z}; a label that is absent is not rated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING

from functions.moderation.labels import LABELS, Ratings
from shared.clock import SKEW
from shared.documents import Document
from shared.store import Store, schema
from shared.store.decoding import Malformed, as_document, as_moment, as_text, needed, optional


@dataclass(frozen=True, slots=True)
class LabelledHarm:
    """One text.

    language  ISO 639-1 code; None where it is not given
    source    who rated it: texts of one source are left out together where a model is evaluated
    """

    text: str
    language: str | None
    ratings: Ratings
    source: str
    updated_at: datetime


class LabelledHarms:
    def __init__(self, store: Store) -> None:
        self._harms = store.analytics[schema.LABELLED_HARMS.name]

    def newest(self, limit: int, *, now: datetime) -> tuple[list[LabelledHarm], Sequence[Any]]:
        """The last changed texts, newest first, and the ids of malformed ones and of those dated ahead of now; at most
        `limit` of each are read."""
        past, ahead = {"updatedAt": {"$not": {"$gt": now + SKEW}}}, {"updatedAt": {"$gt": now + SKEW}}
        malformed = [row["_id"] for row in self._harms.find(ahead, {"_id": 1}).limit(limit)]
        harms = []
        for row in self._harms.find(past).sort([("updatedAt", DESCENDING), ("_id", ASCENDING)]).limit(limit):
            try:
                harms.append(_labelled(row))
            except Malformed:
                malformed.append(row["_id"])
        return harms, malformed


def _labelled(row: Document) -> LabelledHarm:
    text, language = needed(as_text(row.get("text"))), row.get("language")
    return LabelledHarm(
        text=needed(text if text.strip() else None),
        language=None if language == "" else optional(language, as_text),
        ratings=dict(_rating(*rated) for rated in needed(as_document(row.get("labels"))).items()),
        source=needed(as_text(row.get("source"))),
        updated_at=needed(as_moment(row.get("updatedAt"))),
    )


def _rating(label: str, value: object) -> tuple[str, bool]:
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return needed(label if label in LABELS else None), needed(RATINGS.get(number))


RATINGS: Mapping[float | None, bool] = {0: False, 1: True}
