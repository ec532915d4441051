"""Ids as text: what a model of a request takes, and what counts as an id elsewhere."""

import msgspec
from bson import ObjectId
from hypothesis import example, given, settings
from hypothesis.strategies import from_regex, integers, none, one_of, text

from shared.documents import Id, either_form, is_id, object_id

DIGITS = "65f0a1b2c3d4e5f60718293a"
LIKE_IDS = one_of(
    from_regex(r"\A[0-9a-fA-F]{22,26}\n?\Z"),
    text("0123456789abcdefABCDEF g\n０x", min_size=22, max_size=26),
    text(),
    integers(),
    none(),
)


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(value=LIKE_IDS)
@example(DIGITS)
@example(DIGITS.upper())
@example(f"{DIGITS}\n")
@example(f"{DIGITS[:-1]}\n")
@example(f" {DIGITS[1:]}")
@example("65 f0 a1 b2 c3 d4 e5 f6 ")
@example("０" * 24)
@example("\ud800" * 24)
@example(b"twelve bytes")
def test_a_model_of_a_request_takes_the_same_ids_as_the_function(value: object) -> None:
    try:
        taken = msgspec.convert(value, Id) == value
    except msgspec.ValidationError:
        taken = False

    assert taken == is_id(value)


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(value=LIKE_IDS)
@example(DIGITS)
@example(DIGITS.upper())
@example(DIGITS.replace("a", "A", 1))
def test_what_is_stored_is_an_id_where_a_query_for_that_id_finds_it(value: object) -> None:
    kept = is_id(value) and value in either_form([ObjectId(str(value))])

    assert kept == (object_id(value) is not None)


def test_ids_of_either_case_are_ids() -> None:
    assert is_id(DIGITS)
    assert is_id(DIGITS.upper())
