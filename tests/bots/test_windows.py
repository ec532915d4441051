"""Windows of readings, whatever the batches in which exposures are read."""

from itertools import pairwise

import numpy as np
import pytest

from functions.bots.windows import windows
from shared.columns import id_array, to_bson
from tests.factories import an_id


def keys(*names):
    return np.array([b"o" + str(an_id(name)).encode() for name in names], "S41")


def batch(*rows):
    """Exposures of (who, at, until) in seconds, each of another post, or of (who, at, until, post)."""
    who, at, until, posts = zip(*[(*row, f"post {n}")[:4] for n, row in enumerate(rows)], strict=True)
    return {
        "credential": keys(*who),
        "content": id_array(map(an_id, posts)),
        "at": np.array(at) * 1_000,
        "until": np.array([0 if end is None else end * 1_000 for end in until]),
    }


def cut(whole, *places):
    edges = [0, *places, len(whole["at"])]
    return [{name: column[first:last] for name, column in whole.items()} for first, last in pairwise(edges)]


def rows(groups):
    """(at, reading, gap, preceded_at) by credential."""
    return {
        str(credential): (group.at[row, : group.count[row]].tolist(), group.reading[row, : group.count[row]].tolist(),
                   group.gap[row, : group.count[row]].tolist(), int(group.preceded_at[row]))
        for group in groups
        for row, credential in enumerate(to_bson(group.credential))
    }  # fmt: skip


def test_a_reading_is_what_ends_after_it_began_and_its_gap_is_from_the_exposure_before():
    whole = batch(("a", 10, 11), ("a", 20, 22), ("a", 30, None), ("a", 45, 44), ("a", 60, 63), ("a", 70, 70))

    latest = rows(windows([whole], limit=10, min_readings=1))

    # The first has none before it; one never ended, one ended before it began: they make gaps, and no readings.
    assert latest == {str(an_id("a")): ([20, 60, 70], [2, 3, 0], [10, 15, 10], 10_000)}


def test_only_the_latest_count_and_only_of_those_who_read_enough():
    few = [("a", 10 * n, 10 * n + 1) for n in range(3)]
    more = [("b", 10 * n, 10 * n + 2) for n in range(6)]

    latest = rows(windows([batch(*few, *more)], limit=4, min_readings=3))

    assert latest == {str(an_id("b")): ([20, 30, 40, 50], [2] * 4, [10] * 4, 10_000)}


def test_what_is_no_credential_is_left_out():
    whole = batch(*[("a", 10 * n, 10 * n + 1) for n in range(4)])
    whole["credential"][:] = b""

    assert list(windows([whole], limit=4, min_readings=1)) == []


@pytest.mark.parametrize("seed", range(20))
def test_it_makes_no_difference_how_the_exposures_are_cut_into_batches(seed):
    rng = np.random.default_rng(seed)
    who = np.sort(rng.integers(0, 6, 80))
    at = rng.integers(0, 500, 80)
    order = np.lexsort((at, who))
    until = [None if rng.random() < 0.1 else int(begin + rng.integers(-2, 9)) for begin in at[order]]
    whole = batch(*zip([f"c{number}" for number in who], at[order].tolist(), until, strict=True))
    ordered = np.argsort(whole["credential"], kind="stable")
    whole = {name: column[ordered] for name, column in whole.items()}
    expected = rows(windows([whole], limit=7, min_readings=4))

    places = np.sort(rng.integers(0, 81, rng.integers(1, 30))).tolist()
    parts = [part for part in cut(whole, *places) if len(part["at"])]

    assert expected
    assert rows(windows(parts, limit=7, min_readings=4)) == expected


def test_of_nothing_there_is_nothing():
    assert list(windows([], limit=4, min_readings=1)) == []


def test_what_is_recorded_more_than_once_counts_once_wherever_the_batches_are_cut():
    first, second = sorted("qr", key=an_id)  # what begins at one moment stands in the order of the posts' ids
    once = [("a", 10, 11, "p"), ("a", 20, 22, first), ("a", 20, 23, second), ("a", 30, 35, "p"), ("b", 30, 35, "p")]
    unended = [(who, at, None, post) for who, at, _, post in once]
    # Within a moment the records may stand in any order, as those of a post whose id is stored in two forms.
    more = sorted([*unended, *once, *once, *unended], key=lambda row: row[:2])
    expected = rows(windows([batch(*once)], limit=10, min_readings=1))

    assert expected[str(an_id("a"))] == ([20, 20, 30], [2, 3, 5], [10, 0, 10], 10_000)
    for place in range(1, len(more)):
        assert rows(windows(cut(batch(*more), place), limit=10, min_readings=1)) == expected
