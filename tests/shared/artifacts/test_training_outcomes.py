"""What came of trainings is stored once for each version, and read by key and by time."""

from datetime import timedelta

from shared.artifacts import TrainingOutcome, TrainingOutcomes
from shared.store import Store, schema
from tests.networks import NOON

DAY = timedelta(days=1)


def outcome(key: str, days: int, **fields: float) -> TrainingOutcome:
    at = NOON - days * DAY
    return TrainingOutcome("country", key, f"{at:%Y%m%dT%H%M%SZ}", at, "not better", "v1", fields)


def test_a_repeated_training_replaces_what_it_said(store: Store) -> None:
    outcomes = TrainingOutcomes(store.analytics)
    outcomes.add([outcome("th", 1, gain=0.1), outcome("jp", 1)])
    outcomes.add([outcome("th", 1, gain=0.2)])
    outcomes.add([])

    assert outcomes.newest("country", "th", 10) == [outcome("th", 1, gain=0.2)]


def test_the_newest_come_first_and_are_bounded(store: Store) -> None:
    outcomes = TrainingOutcomes(store.analytics)
    outcomes.add(outcome("th", days) for days in (3, 1, 2))

    assert outcomes.newest("country", "th", 2) == [outcome("th", 1), outcome("th", 2)]
    assert list(outcomes.since(NOON - 2 * DAY, 10)) == [outcome("th", 1), outcome("th", 2)]


def test_an_odd_document_is_left_out(store: Store) -> None:
    outcomes, rows = TrainingOutcomes(store.analytics), store.analytics[schema.TRAINING_OUTCOMES.name]
    outcomes.add([outcome("th", 1, gain=0.1)])
    row = rows.find_one({}, {"_id": 0}) or {}
    rows.insert_many([row | fields for fields in ({"outcome": "excellent"}, {"at": "yesterday"}, {"version": 7})])
    rows.insert_one(row | {"at": NOON, "measures": {"gain": float("nan"), "lists": "many"}})

    assert outcomes.numbers_since(NOON - 2 * DAY, 10) == {"not better": 3}
    assert outcomes.numbers_since(NOON - 2 * DAY, 2).total() <= 2
    assert [dict(read.measures) for read in outcomes.newest("country", "th", 10)] == [{}, {"gain": 0.1}]
