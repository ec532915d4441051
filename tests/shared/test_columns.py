"""Columns of ids, keys, moments and numbers, as they are read and as arrays."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from bson import Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS

from shared.clock import epoch_ms
from shared.columns import (
    expand_ranges,
    id_array,
    id_keys,
    is_valid,
    lookup,
    object_ids,
    rank_within,
    to_bson,
    unique_ids,
)
from shared.documents import NO_ID, object_id
from shared.engagement_kinds import ENGAGEMENT_KINDS
from shared.store.column_kinds import Kind
from shared.store.column_reader import read_batches, read_columns
from shared.store.malformed import MAX_IDS, collecting

MOMENT = datetime(2026, 1, 31, 11, 0, 0, 123000, tzinfo=UTC)
AN_ID = ObjectId(b"an object id")
JUNK: list[Any] = [
    None,
    "7",
    "",
    7,
    -1,
    2.5,
    float("inf"),
    Int64(2**40),
    Decimal128("1.5"),
    Decimal128("9E+6000"),
    True,
    MOMENT,
]
JUNK += [datetime(1960, 1, 1, tzinfo=UTC), DatetimeMS(568_971_820_800_000), AN_ID, str(AN_ID), [AN_ID], {"a": 1}, b"x"]


def neutral_or(kind, value):
    """What a value should be read as."""
    if kind == "id":
        return object_id(value) or NO_ID  # also of an id that was stored as hex digits
    if kind == "moment":
        return epoch_ms(value) if isinstance(value, datetime) and value.year >= 1970 else 0
    if isinstance(value, Decimal128):
        number = float(value.to_decimal())
        return number if math.isfinite(number) else math.nan
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if number else math.nan


@pytest.mark.parametrize("kind", ["id", "moment", "number"])
def test_columns_say_what_documents_say_and_are_neutral_about_the_rest(store, kind):
    store.app.things.insert_many([{"_id": i, "x": value} for i, value in enumerate(JUNK)] + [{"_id": 99}])

    read = read_columns(store.app.things, [{"$sort": {"_id": 1}}], {"x": (kind, "$x")})["x"]

    column = object_ids(read) if kind == "id" else read.tolist()
    expected = [neutral_or(kind, value) for value in [*JUNK, None]]
    assert column == pytest.approx(expected, nan_ok=True) if kind == "number" else column == expected


LONG = "ก" * 14  # 42 bytes, one too many for a key
KEYS: list[Any] = [AN_ID, str(AN_ID), "8f1c2d3e-0000-4000-8000-0123456789ab", "x", "ก" * 13, "x" * 40, "a  "]


def test_a_key_is_an_id_or_a_short_text_and_empty_for_anything_else(store):
    no_keys = [value for value in JUNK if not isinstance(value, str | ObjectId)]
    values = [*KEYS, "x" * 41, LONG, "", *no_keys]
    store.app.things.insert_many([{"_id": i, "x": value} for i, value in enumerate(values)] + [{"_id": 99}])

    read = read_columns(store.app.things, [{"$sort": {"_id": 1}}], {"x": ("key", "$x"), "n": ("number", "$_id")})

    assert to_bson(read["x"][: len(KEYS)]) == [AN_ID, *(object_id(key) or key for key in KEYS[1:])]
    assert set(read["x"][len(KEYS) :].tolist()) == {b""}
    assert read["n"].tolist() == [*range(len(values)), 99], "a column after a key is read correctly"


@pytest.mark.parametrize("kind", ["id", "key", "moment", "number"])
def test_what_is_malformed_is_named_and_what_is_missing_only_where_it_is_needed(store, kind):
    sound = {"id": AN_ID, "key": "x", "moment": MOMENT, "number": 7}[kind]
    wrong = [[sound], {"a": sound}, True, DatetimeMS(2**60), float("nan"), Decimal128("NaN"), "x" * 41]
    values = [sound, None, *wrong]
    store.app.things.insert_many([{"_id": i, "x": value} for i, value in enumerate(values)] + [{"_id": 99}])

    with collecting() as strictly:
        read_columns(store.app.things, [], {"x": (kind, "$x"), "n": ("number", "$_id")})
    with collecting() as leniently:
        read_columns(store.app.things, [], {"x": (kind, "$x"), "n": ("number", "$_id")}, {"x"})

    assert sorted(leniently.ids) == list(range(2, 2 + len(wrong)))
    assert sorted(strictly.ids) == [1, *leniently.ids, 99]


def test_a_flood_of_malformed_documents_is_counted_and_only_some_are_named(store):
    store.app.things.insert_many([{"_id": i, "x": "seven"} for i in range(MAX_IDS + 15)])

    with collecting() as malformed:
        read_columns(store.app.things, [], {"x": ("number", "$x")})

    assert (len(malformed.ids), malformed.more, malformed.counts) == (MAX_IDS, 15, {"things": MAX_IDS + 15})


def test_parts_are_the_whole_cut_in_pieces(store):
    store.app.things.insert_many([{"_id": i, "x": f"key {i}"} for i in range(10)])

    parts = list(read_batches(store.app.things, [{"$sort": {"_id": 1}}], {"x": ("key", "$x")}, batch_size=3))

    assert [len(part["x"]) for part in parts] == [3, 3, 3, 1]
    assert to_bson(np.concatenate([part["x"] for part in parts])) == [f"key {i}" for i in range(10)]
    assert list(read_batches(store.app.nothing, [], {"x": ("key", "$x")})) == []


def test_codes_are_what_an_expression_says(store):
    store.app.things.insert_many([{"_id": i, "x": word} for i, word in enumerate(["b", "a", "z", None, 3, ["a"]])])
    code = {"$indexOfArray": [["a", "b"], "$x"]}

    read = read_columns(store.app.things, [{"$sort": {"_id": 1}}], {"x": ("code", code)})

    assert read["x"].tolist() == [1, 0, -1, -1, -1, -1]


def test_columns_of_one_document_stand_in_one_row_however_many_batches(store):
    rows = [{"_id": ObjectId(), "at": MOMENT, "n": float(i)} for i in range(50)]
    store.app.things.insert_many(rows)
    fields: dict[str, tuple[Kind, str]] = {"id": ("id", "$_id"), "at": ("moment", "$at"), "n": ("number", "$n")}

    read = read_columns(store.app.things, [], fields, batch_size=7)

    by_id = dict(zip(object_ids(read["id"]), zip(read["at"], read["n"], strict=True), strict=True))
    assert by_id == {row["_id"]: (epoch_ms(MOMENT), row["n"]) for row in rows}


def test_columns_of_every_kind_are_what_find_gives(store, monkeypatch):
    monkeypatch.setattr("shared.store.column_reader.DOCUMENTS_A_BATCH", 30)
    rng = np.random.default_rng(8)
    store.app.things.insert_many(
        {
            "of": ObjectId(rng.bytes(12)),
            "by": ObjectId(rng.bytes(12)) if rng.random() < 0.5 else f"credential {rng.integers(99)}",
            "at": MOMENT + timedelta(milliseconds=int(rng.integers(-(10**12), 10**12))),
            "seconds": [float(rng.normal()), int(rng.integers(-9, 9)), Int64(2**40)][rng.integers(3)],
            "type": str(rng.choice(ENGAGEMENT_KINDS)),
        }
        for _ in range(200)
    )
    fields: dict[str, tuple[Kind, Any]] = {
        "of": ("id", "$of"),
        "by": ("key", "$by"),
        "at": ("moment", "$at"),
        "seconds": ("number", "$seconds"),
        "type": ("code", {"$indexOfArray": [list(ENGAGEMENT_KINDS), "$type"]}),
    }

    read = read_columns(store.app.things, [{"$sort": {"_id": 1}}], fields)

    rows = list(store.app.things.find().sort("_id", 1))
    assert object_ids(read["of"]) == [row["of"] for row in rows]
    assert to_bson(read["by"]) == [row["by"] for row in rows]
    assert [datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at) for at in read["at"].tolist()] == [
        row["at"] for row in rows
    ]
    assert read["seconds"].tolist() == [row["seconds"] for row in rows]
    assert [ENGAGEMENT_KINDS[code] for code in read["type"].tolist()] == [row["type"] for row in rows]


def test_nothing_read_is_empty_columns_of_the_right_kinds(store):
    fields: dict[str, tuple[Kind, str]] = {
        "id": ("id", "$_id"),
        "at": ("moment", "$at"),
        "n": ("number", "$n"),
        "c": ("code", "$c"),
    }

    read = read_columns(store.app.things, [], fields)

    assert {name: (len(column), column.dtype.str) for name, column in read.items()} == {
        "id": (0, "|V12"),
        "at": (0, "<i8"),
        "n": (0, "<f8"),
        "c": (0, "<i4"),
    }


def test_ids_survive_the_way_there_and_back():
    ids = [ObjectId() for _ in range(100)]

    assert object_ids(id_array(ids)) == ids
    assert sorted(object_ids(unique_ids(id_array(ids + ids)))) == sorted(ids)
    assert object_ids(id_array([])) == []


def test_different_ids_have_different_keys():
    ids = [ObjectId(f"{n:024x}") for n in range(2000)] + [ObjectId(f"{n:08x}{'0' * 16}") for n in range(1, 2000)]

    assert len(np.unique(id_keys(id_array(ids)))) == len(ids)


def test_an_id_of_zeros_is_no_id():
    assert is_valid(id_array([NO_ID, AN_ID])).tolist() == [False, True]


def test_keys_are_not_found_in_an_empty_table():
    assert lookup(np.array([1, 2], "u8"), np.array([], "u8")).tolist() == [-1, -1]
    assert lookup(np.array([], "u8"), np.array([1], "u8")).tolist() == []


@pytest.mark.parametrize("seed", range(20))
def test_ranks_within_groups_and_expanded_ranges_are_those_of_a_loop(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 30))
    groups = rng.integers(0, 3, n)
    first, count = rng.integers(0, 50, n), rng.integers(0, 4, n)

    ranks = [row - max((at + 1 for at in range(row) if groups[at] != groups[row]), default=0) for row in range(n)]
    positions = [(number, first[number] + step) for number in range(n) for step in range(count[number])]
    assert rank_within(groups).tolist() == ranks
    assert [tuple(pair) for pair in np.stack(expand_ranges(first, count), axis=1).tolist()] == positions


def test_bytes_of_a_key_that_are_not_utf_8_are_replaced_as_by_the_driver():
    keys = np.array([b"sann", b"s\xff\xfe b", b"o" + str(AN_ID).encode()], "S41")

    assert to_bson(keys) == ["ann", "\ufffd\ufffd b", AN_ID]
