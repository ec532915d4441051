"""Models that no training may replace, by family and key, until a member of the console ends it.

For example: {_id: {family: "country", key: "th"}, reason: "engagement fell", by: "ana@example.org", at: …}
"""

from dataclasses import dataclass
from datetime import datetime

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from shared.documents import Document
from shared.errors import Conflict
from shared.store import schema
from shared.store.decoding import as_document, as_moment, as_text, first_sound, needed, sound


@dataclass(frozen=True, slots=True)
class FrozenModel:
    """The model of a key that is frozen.

    reason  in the words of the member
    by      the member of the console who froze it
    at      since when
    """

    family: str
    key: str
    reason: str
    by: str
    at: datetime


class FrozenModels:
    """Which keys are frozen, and freezing them."""

    def __init__(self, analytics: Database[Document]) -> None:
        self._frozen = analytics[schema.FROZEN_MODELS.name]

    def is_frozen(self, family: str, key: str) -> bool:
        """Whether the key is frozen, also where nothing else of the document can be read."""
        return self._frozen.count_documents({"_id": _id(family, key)}, limit=1) > 0

    def find(self, family: str, key: str) -> FrozenModel | None:
        """Why and since when the key is frozen; None where it is not."""
        return next(sound(self._frozen, self._frozen.find({"_id": _id(family, key)}), _frozen_model), None)

    def all(self, limit: int) -> list[FrozenModel]:
        """At most `limit` frozen keys, in the order of families and keys."""
        return first_sound(self._frozen, self._frozen.find({}).sort("_id", 1), _frozen_model, limit)

    def freeze(self, model: FrozenModel) -> None:
        """Freeze the key; Conflict where it is frozen already."""
        fields = {"reason": model.reason, "by": model.by, "at": model.at}
        try:
            self._frozen.insert_one({"_id": _id(model.family, model.key), **fields})
        except DuplicateKeyError:
            raise Conflict(f"{model.family}/{model.key}: is frozen already") from None

    def unfreeze(self, family: str, key: str) -> None:
        """Let trainings replace the model again; Conflict where the key is not frozen."""
        if not self._frozen.delete_one({"_id": _id(family, key)}).deleted_count:
            raise Conflict(f"{family}/{key}: is not frozen")


def _id(family: str, key: str) -> Document:
    return {"family": family, "key": key}


def _frozen_model(row: Document) -> FrozenModel:
    named = needed(as_document(row["_id"]))
    family, key, reason, by = (
        needed(as_text(value)) for value in (named.get("family"), named.get("key"), row.get("reason"), row.get("by"))
    )
    return FrozenModel(family, key, reason, by, needed(as_moment(row.get("at"))))
