"""Texts that people have rated for harm."""

from datetime import timedelta

import pytest
from bson import ObjectId

from functions.moderation.store.labelled_harms import LabelledHarm, LabelledHarms

SOUND = {"text": "words", "language": "en", "labels": {"hate": 1, "spam": 0}, "source": "reviews"}


def test_a_rating_is_a_number_of_any_type(store, noon):
    store.analytics.labelledHarms.insert_one(SOUND | {"labels": {"hate": 1.0, "spam": 0}, "updatedAt": noon})

    expected = LabelledHarm("words", "en", {"hate": True, "spam": False}, "reviews", noon)
    assert LabelledHarms(store).newest(10, now=noon) == ([expected], [])


@pytest.mark.parametrize(
    "junk",
    [
        {"text": " "},
        {"text": 7},
        {"language": 7},
        {"labels": None},
        {"labels": {"hate": True}},
        {"labels": {"hate": 2}},
        {"labels": {"hate": None}},
        {"labels": {"rudeness": 1}},
        {"source": None},
        {"updatedAt": "yesterday"},
    ],
    ids=str,
)
def test_a_malformed_document_is_left_out_and_named(store, noon, junk):
    key = ObjectId()
    store.analytics.labelledHarms.insert_many(
        [SOUND | {"updatedAt": noon}, SOUND | {"_id": key, "updatedAt": noon} | junk]
    )

    harms, malformed = LabelledHarms(store).newest(10, now=noon)

    assert (len(harms), malformed) == (1, [key])


def test_the_newest_come_first_and_what_is_dated_ahead_is_named(store, noon):
    ahead = ObjectId()
    moments = [noon - timedelta(days=days) for days in (3, 1, 2)]
    store.analytics.labelledHarms.insert_many([SOUND | {"updatedAt": moment} for moment in moments])
    store.analytics.labelledHarms.insert_one(SOUND | {"_id": ahead, "updatedAt": noon + timedelta(days=1)})

    harms, malformed = LabelledHarms(store).newest(2, now=noon)

    assert [harm.updated_at for harm in harms] == sorted(moments)[::-1][:2]
    assert malformed == [ahead]
