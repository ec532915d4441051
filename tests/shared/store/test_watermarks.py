"""How far each job has come, and what its next run has to compute."""

from datetime import timedelta

import pytest
from bson.datetime_ms import DatetimeMS
from msgspec import Struct

from shared.documents import object_id
from shared.store.watermarks import Period
from tests.factories import an_id

HOUR = timedelta(hours=1)


class JobOptions(Struct, frozen=True, kw_only=True):
    overlap: timedelta = timedelta(minutes=5)
    full_every: timedelta = timedelta(days=1)
    weight: float = 1.0


@pytest.fixture
def marks(store):
    return store.watermarks


def test_the_first_run_computes_everything(marks, noon):
    assert marks.period("job", JobOptions(), now=noon) == Period(None, noon, late=False)


def test_the_next_run_reads_back_to_the_last_one_and_a_little_further(marks, noon):
    marks.advance("job", JobOptions(), marks.period("job", JobOptions(), now=noon), now=noon)

    following = marks.period("job", JobOptions(), now=noon + HOUR)

    assert following == Period(noon - timedelta(minutes=5), noon, late=False)


def test_a_run_that_never_advanced_did_not_happen(marks, noon):
    marks.period("job", JobOptions(), now=noon)

    assert marks.period("job", JobOptions(), now=noon + HOUR).since is None


@pytest.mark.parametrize(
    ("options", "after"),
    [(JobOptions(), timedelta(days=1)), (JobOptions(weight=2.0), HOUR)],
    ids=["a day later", "other options"],
)
def test_everything_is_due_again(marks, noon, options, after):
    marks.advance("job", JobOptions(), marks.period("job", JobOptions(), now=noon), now=noon)

    assert marks.period("job", options, now=noon + after) == Period(None, noon + after, late=False)


@pytest.mark.parametrize("made_from", [{"layout": "2"}, {}, {"layout": "1", "hierarchy": "a"}])
def test_everything_is_due_again_where_results_are_made_from_something_else(marks, noon, made_from):
    marks.advance("job", JobOptions(), marks.period("job", JobOptions(), {"layout": "1"}, now=noon), now=noon)

    assert marks.period("job", JobOptions(), {"layout": "1"}, now=noon + HOUR).since is not None
    assert marks.period("job", JobOptions(), made_from, now=noon + HOUR).since is None


def test_runs_in_between_do_not_delay_the_full_one(marks, noon):
    marks.advance("job", JobOptions(), marks.period("job", JobOptions(), now=noon), now=noon)
    for hour in range(1, 24):
        now = noon + hour * HOUR
        period = marks.period("job", JobOptions(), now=now)
        assert (period.since, period.full_at) == (now - HOUR - timedelta(minutes=5), noon)
        marks.advance("job", JobOptions(), period, now=now)

    assert marks.period("job", JobOptions(), now=noon + 24 * HOUR).since is None


def test_an_older_run_is_late(marks, noon):
    marks.advance("job", JobOptions(), marks.period("job", JobOptions(), now=noon), now=noon)

    assert marks.period("job", JobOptions(), now=noon - HOUR).late
    assert not marks.period("job", JobOptions(), now=noon).late, "a retry of the same run is not"


def test_jobs_do_not_share_a_mark(marks, noon):
    marks.advance("job", JobOptions(), marks.period("job", JobOptions(), now=noon), now=noon)

    assert marks.period("other", JobOptions(), now=noon).since is None


def test_a_walk_begins_without_a_cursor_and_goes_on_at_its_own(marks, noon):
    assert marks.cursor("walk", object_id) is None

    marks.move("walk", an_id("here"), now=noon)
    marks.move("other walk", an_id("there"), now=noon)

    assert (marks.cursor("walk", object_id), marks.cursor("other walk", object_id)) == (an_id("here"), an_id("there"))


def test_a_walk_that_came_to_its_end_begins_anew(marks, databases, noon):
    marks.move("walk", an_id("here"), now=noon)
    marks.move("walk", None, now=noon + HOUR)

    assert marks.cursor("walk", object_id) is None
    assert databases.analytics.watermarks.find_one({"_id": "walk"}) == {
        "_id": "walk",
        "cursor": None,
        "until": noon + HOUR,
    }


def test_a_mark_without_a_cursor_is_no_cursor(marks, noon):
    marks.advance("job", JobOptions(), marks.period("job", JobOptions(), now=noon), now=noon)

    assert marks.cursor("job", object_id) is None


@pytest.mark.parametrize("field", ["until", "fullAt", "options"])
@pytest.mark.parametrize("junk", [None, "soon", 7, [], {"a": 1}, DatetimeMS(2**60)], ids=repr)
def test_after_a_malformed_mark_everything_is_computed(store, marks, noon, field, junk):
    marks.advance("job", JobOptions(), marks.period("job", JobOptions(), now=noon), now=noon)
    store.analytics.watermarks.update_one({"_id": "job"}, {"$set": {field: junk}})

    assert marks.period("job", JobOptions(), now=noon + HOUR) == Period(None, noon + HOUR, late=False)
