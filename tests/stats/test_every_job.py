"""What all jobs of the statistics have in common."""

from datetime import timedelta

import pytest

from shared.errors import Conflict
from tests.factories import an_id, engagement, post

MINUTES = timedelta(minutes=1)


def test_an_empty_database_is_a_quiet_success(store, job, noon):
    assert job.run(store, now=noon).as_dict() == {"read": 0, "written": 0}
    assert job.run(store, now=noon + 5 * MINUTES).as_dict() == {"read": 0, "written": 0}


def test_a_second_run_at_the_same_moment_changes_nothing(store, job, network, noon, snapshot):
    job.run(store, now=noon)
    before = snapshot()

    job.run(store, now=noon)

    assert snapshot() == before


def test_the_first_run_tells_what_it_did(store, job, network, rows, noon):
    report = job.run(store, now=noon)

    assert report.written == len(rows(job.collection)) > 0
    assert report.removed == 0
    assert not report.malformed


def test_where_nothing_changed_nothing_is_read_again(store, job, network, noon):
    job.run(store, now=noon)

    assert job.run(store, now=noon + 60 * MINUTES).read == 0


def test_a_late_run_changes_nothing(store, job, network, noon, snapshot):
    job.run(store, now=noon)
    network.app.contents.insert_one(post("later", now=noon, payload={"message": "#later"}))
    network.app.engagements.insert_one(engagement("bob", "match", at=noon - MINUTES))
    before = snapshot()

    report = job.run(store, now=noon - 5 * MINUTES)

    assert report.as_dict() == {"read": 0, "written": 0, "skipped": "a later run is done"}
    assert snapshot() == before


def test_two_runs_never_mix(store, job, network, noon, snapshot):
    before = snapshot()

    with store.leases.hold(job.name), pytest.raises(Conflict, match=job.name):
        job.run(store, now=noon)

    assert snapshot() == before


def test_a_lease_ends_with_its_run(store, job, network, noon):
    job.run(store, now=noon)

    assert network.analytics.leases.count_documents({}) == 0


def test_a_changed_option_computes_everything_anew(store, job, network, rows, noon):
    job.run(store, now=noon)
    network.analytics[job.collection].update_many({}, {"$set": {"score": -1.0, "countLikeContentTopic": {}}})
    other = timedelta(minutes=7)

    job.run(store, now=noon + 60 * MINUTES)
    untouched = rows(job.collection)
    job.run(store, now=noon + 61 * MINUTES, overlap=other)

    assert rows(job.collection) != untouched
    assert all(row.get("score", 0.0) >= 0 for row in rows(job.collection))
    assert [row for row in rows(job.collection) if row.get("countLikeContentTopic") == {}] == []


def test_what_rows_are_made_from_stands_in_the_mark_of_the_job(store, job, network, noon):
    job.run(store, now=noon)

    made_from = {"layout", "hierarchy"} if job.collection == "userEngagementStats" else {"layout"}
    assert network.analytics.watermarks.find_one({"_id": job.name})["madeFrom"].keys() == made_from


def test_another_layout_of_rows_computes_everything_anew(store, job, network, noon, monkeypatch):
    everything = job.run(store, now=noon).read

    monkeypatch.setattr(job.module, "LAYOUT", "of tomorrow")

    assert job.run(store, now=noon + 60 * MINUTES).read == everything
    assert job.run(store, now=noon + 120 * MINUTES).read == 0


def test_everything_is_computed_anew_once_a_day(store, job, network, noon):
    everything = job.run(store, now=noon).read

    assert job.run(store, now=noon + timedelta(hours=23)).read == 0
    assert job.run(store, now=noon + timedelta(hours=24)).read == everything


def test_rows_that_another_program_left_go_with_the_first_run(store, job, network, rows, noon):
    key = {"userEngagementStats": "userId"}.get(job.collection, "_id")
    network.analytics[job.collection].insert_one({"_id": an_id("stranger"), key: an_id("stranger"), "score": 5.0})

    job.run(store, now=noon)

    assert an_id("stranger") not in {row["_id"] for row in rows(job.collection)}


def test_a_document_under_the_digits_of_a_posts_id_is_no_post(store, job, network, rows, noon):
    job.run(store, now=noon)
    before = rows(job.collection)
    posts = list(network.app.contents.find())
    network.app.contents.insert_many([row | {"_id": str(row["_id"]), "updatedAt": noon - MINUTES} for row in posts])

    job.run(store, now=noon)
    after_changes = rows(job.collection)
    store.analytics.watermarks.delete_many({})
    job.run(store, now=noon)

    assert after_changes == before
    assert rows(job.collection) == before
