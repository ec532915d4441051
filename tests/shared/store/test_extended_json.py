"""Extended JSON: what is encoded is decoded again, and nonsense is refused."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from bson import (
    Binary,
    Code,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
    decode,
    encode,
    json_util,
)

from shared.errors import BadEvent
from shared.store.extended_json import DEEPEST, decoded, encoded
from tests.changes import nested

DOCUMENT = {
    "_id": ObjectId("6204bb1f5c1a4f0012a3b4c5"),
    "at": datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC),
    "early": datetime(1, 1, 1, tzinfo=UTC),
    "before 1970": datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
    "beyond": DatetimeMS(253402300800000),
    "far before": DatetimeMS(-(2**62)),
    "clock": Timestamp(1644477216, 2),
    "int": 5,
    "large": Int64(2**62),
    "float": 1.5,
    "minus zero": -0.0,
    "infinite": float("inf"),
    "decimal": Decimal128("1E+6000"),
    "text": "ประเทศไทย \x00 🙂",
    "none": None,
    "flag": True,
    "blob": Binary(b"\x00\xff", 128),
    "uuid": Binary.from_uuid(UUID("12345678123456781234567812345678")),
    "ref": DBRef("content", ObjectId("6204bb1f5c1a4f0012a3b4c5")),
    "regex": Regex("^a", "i"),
    "code": Code("x"),
    "ends": [MinKey(), MaxKey()],
    "nested": [{"a": [{"b": ObjectId("6204bb1f5c1a4f0012a3b4c5")}]}, [], {}],
}


@pytest.mark.parametrize(
    "options", [json_util.RELAXED_JSON_OPTIONS, json_util.CANONICAL_JSON_OPTIONS], ids=["relaxed", "canonical"]
)
def test_both_modes_give_back_what_was_stored(options):
    document = decoded(json.loads(json_util.dumps(DOCUMENT, json_options=options)))

    assert document == DOCUMENT
    assert document["at"].utcoffset() is not None


def test_what_we_write_is_read_back():
    assert decoded(json.loads(encoded(DOCUMENT))) == DOCUMENT


def test_text_is_written_as_it_is_and_briefly():
    assert encoded({"a": "ไทย", "n": Int64(5), "at": datetime(2026, 1, 1, tzinfo=UTC)}) == (
        '{"a":"ไทย","n":5,"at":{"$date":"2026-01-01T00:00:00Z"}}'
    )


@pytest.mark.parametrize(
    "plain", [None, 5, 1.5, True, "text", "$oid", [], {}, {"a": [1, {"b": None}]}, {"oid": 1}, "\ud800"], ids=ascii
)
def test_plain_json_stays_as_it_is(plain):
    assert decoded(plain) == plain


@pytest.mark.parametrize(
    "operator", [{"$ne": None}, {"$gt": ""}, {"$where": "1"}, {"$set": {"a": 1}}, {"$": 1}], ids=str
)
def test_what_looks_like_an_operator_is_an_object(operator):
    assert decoded(operator) == operator


def test_half_a_character_passes_whatever_it_stands_in():
    halves = {"\ud800": "\udfff", "deep": [{"\udc00": 1}]}

    assert decoded(halves) == halves
    assert decoded({"$symbol": "\ud800"}) == "\ud800"


def test_dates_beyond_the_calendar_are_values():
    assert decoded({"$date": {"$numberLong": "253402300800000"}}) == DatetimeMS(253402300800000)
    assert decoded({"$date": {"$numberLong": str(-(2**63))}}) == DatetimeMS(-(2**63))
    assert decoded({"$date": 0}) == datetime(1970, 1, 1, tzinfo=UTC)


def test_zones_are_moments_in_utc():
    date = decoded({"$date": "2026-01-01T07:00:00+07:00"})

    assert (date, date.utcoffset().total_seconds()) == (datetime(2026, 1, 1, tzinfo=UTC), 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"$oid": 5},
        {"$oid": "short"},
        {"$oid": None},
        {"$oid": "f" * 24, "more": 1},
        {"$date": "soon"},
        {"$date": "2026-13-01T00:00:00Z"},
        {"$date": "0001-01-01T00:00:00+14:00"},
        {"$date": []},
        {"$date": {"$numberLong": "x"}},
        {"$timestamp": 5},
        {"$timestamp": {"t": 1}},
        {"$timestamp": {"t": -1, "i": 1}},
        {"$timestamp": {"t": 2**32, "i": 1}},
        {"$timestamp": {"t": "1", "i": 1}},
        {"$numberInt": "1.5"},
        {"$numberLong": "9" * 5000},
        {"$numberDouble": "x"},
        {"$numberDecimal": "x"},
        {"$uuid": "x"},
        {"$uuid": 5},
        {"$binary": {"base64": "!", "subType": "zz"}},
        {"$binary": {"base64": 5, "subType": "00"}},
        {"$binary": {}},
        {"$binary": None, "$type": "00"},
        {"$binary": None, "$type": True},
        {"$regularExpression": "x"},
        {"$regularExpression": {"pattern": 1, "options": 1}},
        {"$dbPointer": "x"},
        {"$code": 5},
        {"$minKey": 2},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
@pytest.mark.parametrize("around", [lambda value: value, lambda value: {"a": [value]}], ids=["bare", "nested"])
def test_a_wrapper_that_holds_nonsense_is_refused_by_the_name_of_its_field(wrong, around):
    with pytest.raises(BadEvent, match=r"^here: a wrapper does not hold what it should$"):
        decoded(around(wrong), "here")


WRAPPERS = (
    "$oid", "$ref", "$date", "$regex", "$minKey", "$maxKey", "$binary", "$code", "$uuid", "$undefined", "$numberLong",
    "$timestamp", "$numberDecimal", "$dbPointer", "$regularExpression", "$symbol", "$numberInt", "$numberDouble",
)  # fmt: skip


def test_no_combination_of_wrappers_and_nonsense_ends_in_anything_else():
    wrappers = [*WRAPPERS, "$scope", "$type", "$options", "$db", "!", "a"]
    nonsense: list[Any] = [
        None,
        True,
        -1,
        1.5,
        2**70,
        "",
        "x",
        "\ud800",
        [],
        {},
        {"base64": 5, "subType": "zz"},
        {"pattern": "("},
    ]
    tried = refused = 0
    for keys, first, second in itertools.product(itertools.permutations(wrappers, 2), nonsense, nonsense[:8]):
        tried += 1
        try:
            decoded(dict(zip(keys, (first, second), strict=True)))
        except BadEvent:
            refused += 1

    assert 0 < refused < tried


def test_levels_are_counted_before_python_runs_out_of_them():
    assert decoded(nested(DEEPEST)) == nested(DEEPEST)
    for levels in (DEEPEST + 1, 100_000):
        with pytest.raises(BadEvent, match=f"^here: more than {DEEPEST} levels deep$"):
            decoded(nested(levels), "here")


def test_lists_are_levels_too():
    deepest: list[Any] = []
    for _ in range(10_000):
        deepest = [deepest]

    with pytest.raises(BadEvent, match="levels deep"):
        decoded(deepest)


def test_what_mongodb_can_store_is_not_too_deep():
    stored: dict[str, Any] = decode(encode(nested(100)))

    assert decoded(json.loads(encoded(stored))) == stored
