"""Which stored values are ids: to Python, to expressions of the server, to columns and to queries, all the same."""

import pytest
from bson import Code, ObjectId

from shared.columns import id_array, is_valid
from shared.documents import either_form, object_id
from shared.store import Store
from shared.store import expressions as server
from shared.store.column_reader import read_columns

ONE = ObjectId("65f0a1b2c3d4e5f60718293a")
DIGITS = str(ONE)
VALUES = (
    *(ONE, DIGITS, DIGITS.upper(), DIGITS.replace("a", "A", 1), DIGITS.upper().replace("A", "a", 1)),
    *("65 f0 a1 b2 c3 d4 e5 f6 ", f"{DIGITS} ", "twelve bytes", "", 7, None, True, [DIGITS], {"a": DIGITS}, b"id"),
    Code(DIGITS),
)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_reader_takes_the_same_values_for_an_id(store: Store, value: object) -> None:
    rows = store.analytics.ids
    rows.insert_one({"value": value})
    scalar = {"value": {"$in": either_form([ONE]), "$not": {"$type": "array"}}}

    (row,) = rows.aggregate([{"$project": {"id": server.object_id("$value"), "is_id": server.is_id("$value")}}])
    column = read_columns(rows, [], {"value": ("id", "$value")}, {"value"})["value"]

    expected = object_id(value)
    assert (row["id"], row["is_id"]) == (expected, expected is not None)
    assert is_valid(column).tolist() == [expected is not None]
    assert expected is None or column.tolist() == id_array([expected]).tolist()
    assert rows.count_documents(scalar) == (expected is not None)
