"""Digests of inputs: of public names and values, whatever they are called in Python."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import numpy as np
import pytest
from bson import ObjectId
from msgspec import Struct, defstruct, field

from layers.build import ROOT
from shared.config import Section, Weights
from shared.provenance import digest
from shared.ranking.options import Coldstart


class Feed(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "feed"

    rows: int = 10
    max_age: timedelta = field(name="found_for", default=timedelta(days=7))


class RenamedInPython(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "feed"

    age_limit: timedelta = field(name="found_for", default=timedelta(days=7))  # and in another place
    n_rows: int = field(name="rows", default=10)


class RenamedInPublic(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "feed"

    rows: int = 10
    max_age: timedelta = timedelta(days=7)


class OtherDefault(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "feed"

    rows: int = 11
    max_age: timedelta = field(name="found_for", default=timedelta(days=7))


class Weighted(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "weighted"

    weights: Weights = Weights()


def test_a_name_in_python_changes_nothing():
    assert digest(RenamedInPython()) == digest(Feed())
    assert digest("a", [RenamedInPython(n_rows=3)]) == digest("a", [Feed(rows=3)]) != digest("a", [Feed()])


@pytest.mark.parametrize(
    "other", [OtherDefault(), RenamedInPublic(), Feed(rows=11), Feed(max_age=timedelta(days=7, microseconds=1))]
)
def test_a_value_a_default_or_a_public_name_changes_the_digest(other):
    assert digest(other) != digest(Feed())


def test_options_inside_options_count():
    assert digest(Weighted(weights=Weights(like=2.0))) != digest(Weighted())


@pytest.mark.parametrize(
    "other",
    [Coldstart(window=timedelta(1)), Coldstart(rounds=1), Coldstart(min_gain_se=0.5), Coldstart(base_country="th")],
)
def test_every_option_of_a_section_counts(other):
    assert digest(other) != digest(Coldstart())


def test_a_digest_is_the_same_in_every_process():
    code = (
        "from shared.ranking.options import Coldstart; from shared.provenance import digest; "
        "print(digest(Coldstart(), {1: 2}))"
    )
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert other.stdout.strip() == digest(Coldstart(), {1: 2})


def test_the_order_of_names_does_not_count():
    assert digest({"a": 1, "b": 2.0}) == digest({"b": 2.0, "a": 1}) != digest({"a": 1, "b": 2})


@dataclass(frozen=True)
class Plain:
    rows: int = 10


@pytest.mark.parametrize(
    "make",
    [Plain, object, lambda: {1, 2}, lambda: ObjectId(), lambda: np.int64(3), lambda: np.zeros(2), lambda: Plain],
    ids=["dataclass", "object", "set", "id", "number of numpy", "array", "class"],
)
def test_what_has_no_public_names_is_refused(make: Callable[[], object]):
    with pytest.raises(TypeError, match="no public names"):
        digest("a", {"b": [make()]})


def test_numbers_that_json_lacks_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        digest(float("nan"))


def test_a_struct_of_any_name_counts_by_its_fields():
    first, second = (defstruct(name, [("rows", int, 3)], bases=(Struct,)) for name in ("A", "B"))

    assert digest(first()) == digest(second())
