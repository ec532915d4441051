"""What came of each training of a model: whether it went live, and if not, why.

For example: {_id: "country/th 20261127T033100Z", family: "country", key: "th", version: "20261127T033100Z", at: …,
outcome: "not better", live: "20261120T033100Z", measures: {ndcg_model: 0.4251, ndcg_live: 0.4294, lists: 212}}
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from pymongo import ReplaceOne
from pymongo.database import Database

from shared.documents import Document
from shared.store import schema
from shared.store.batches import in_batches
from shared.store.decoding import as_document, as_moment, as_number, as_text, first_sound, needed, optional

Outcome = Literal["promoted", "not better", "too little data", "frozen", "given up", "overtaken"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What came of the training of one key.

    version   of the model that was trained, or would have been
    at        when it was trained
    outcome   promoted         it is live since then
              not better       than the live model, or than the one that is used in its place
              too little data  to train a model, or to judge it by
              frozen           it would have been promoted, or given up, and the key is frozen
              given up         the live one is worse than the one that is used in its place since then
              overtaken        another version was made live during the training, and stays so
    live      version of the live model when the training began; None where the key had none of its own
    measures  what decided, by name: NDCG@10 or ROC AUC 0..1 of the models, numbers of lists and engagements, and what
              was needed of them (`…_needed`)
    """

    family: str
    key: str
    version: str
    at: datetime
    outcome: Outcome
    live: str | None
    measures: Mapping[str, float] = field(default_factory=dict)


class TrainingOutcomes:
    """What came of trainings, for three months."""

    def __init__(self, analytics: Database[Document]) -> None:
        self._outcomes = analytics[schema.TRAINING_OUTCOMES.name]

    def add(self, outcomes: Iterable[TrainingOutcome]) -> None:
        """Store outcomes; one of the same version replaces the former one."""
        for batch in in_batches(outcomes):
            self._outcomes.bulk_write([_replacement(outcome) for outcome in batch], ordered=False)

    def newest(self, family: str, key: str, limit: int) -> list[TrainingOutcome]:
        """At most `limit` outcomes of a key, the newest first."""
        rows = self._outcomes.find({"family": family, "key": key}).sort("at", -1)
        return first_sound(self._outcomes, rows, _outcome, limit)

    def since(self, moment: datetime, limit: int) -> list[TrainingOutcome]:
        """At most `limit` outcomes of that moment and later, the newest first."""
        rows = self._outcomes.find({"at": {"$gte": moment}}).sort("at", -1)
        return first_sound(self._outcomes, rows, _outcome, limit)

    def numbers_since(self, moment: datetime, limit: int) -> Counter[Outcome]:
        """How many outcomes of that moment and later there are of each kind; at most `limit` are counted."""
        stages: list[Document] = [
            {"$match": {"at": {"$gte": moment}}},
            {"$limit": limit},
            {"$group": {"_id": "$outcome", "number": {"$sum": 1}}},
        ]
        numbers = {row["_id"]: row["number"] for row in self._outcomes.aggregate(stages) if isinstance(row["_id"], str)}
        return Counter({outcome: numbers[outcome] for outcome in OUTCOMES if outcome in numbers})


def outcome_of(promoted: bool, *, is_frozen: bool) -> Outcome:
    """What came of a training that compared its model with the live one.

    promoted   whether the model is live
    is_frozen  whether it is not, though it is better, since the key is frozen
    """
    return "promoted" if promoted else "frozen" if is_frozen else "not better"


def _replacement(outcome: TrainingOutcome) -> ReplaceOne[Document]:
    identity = f"{outcome.family}/{outcome.key} {outcome.version}"
    row: Document = {"family": outcome.family, "key": outcome.key, "version": outcome.version, "at": outcome.at}
    measures = {name: float(value) for name, value in outcome.measures.items()}
    row |= {"outcome": outcome.outcome, "live": outcome.live, "measures": measures}
    return ReplaceOne({"_id": identity}, row, upsert=True)


def _outcome(row: Document) -> TrainingOutcome:
    measures = as_document(row.get("measures")) or {}
    return TrainingOutcome(
        family=needed(as_text(row.get("family"))),
        key=needed(as_text(row.get("key"))),
        version=needed(as_text(row.get("version"))),
        at=needed(as_moment(row.get("at"))),
        outcome=needed(next((known for known in OUTCOMES if known == row.get("outcome")), None)),
        live=optional(row.get("live"), as_text),
        measures={name: number for name, value in measures.items() if (number := as_number(value)) is not None},
    )
