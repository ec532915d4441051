"""Which version of a model was made live when, and by whom; and when a key gave its own model up for that of another.

For example: {_id: "country/th 20261127T033100Z 2026-11-28T09:12:44.120000+00:00", family: "country", key: "th",
version: "20261127T033100Z", at: …, by: "ana@example.org"}
"""

from dataclasses import dataclass
from datetime import datetime

from pymongo.database import Database

from shared.documents import Document
from shared.store import schema
from shared.store.decoding import as_moment, as_text, first_sound, needed, optional


@dataclass(frozen=True, slots=True)
class Promotion:
    """A change of what is live for a key.

    version  that was made live; None where the key gave its own model up
    by       who did it; empty for a training
    """

    family: str
    key: str
    version: str | None
    at: datetime
    by: str = ""


class Promotions:
    """The changes of the last 400 days; versions that are deleted since stay in them."""

    def __init__(self, analytics: Database[Document]) -> None:
        self._promotions = analytics[schema.MODEL_PROMOTIONS.name]

    def add(self, promotion: Promotion) -> None:
        """Note a change; one that is noted already stays as it is."""
        identity = f"{promotion.family}/{promotion.key} {promotion.version or 'none'} {promotion.at.isoformat()}"
        row: Document = {"family": promotion.family, "key": promotion.key, "version": promotion.version}
        row |= {"at": promotion.at, "by": promotion.by}
        self._promotions.update_one({"_id": identity}, {"$setOnInsert": row}, upsert=True)

    def newest(self, family: str, key: str, limit: int) -> list[Promotion]:
        """At most `limit` changes of a key, the newest first."""
        rows = self._promotions.find({"family": family, "key": key}).sort("at", -1)
        return first_sound(self._promotions, rows, _promotion, limit)


def _promotion(row: Document) -> Promotion:
    return Promotion(
        family=needed(as_text(row.get("family"))),
        key=needed(as_text(row.get("key"))),
        version=optional(row.get("version"), as_text),
        at=needed(as_moment(row.get("at"))),
        by=as_text(row.get("by")) or "",
    )
