"""Jobs as they are measured: in a process of their own, on documents of which none is malformed."""

import pytest

from benchmarks.bench_database import NOW, BenchDatabase, databases
from benchmarks.load import jobs, readings
from benchmarks.load.jobs import Job
from local.world import SIZES, build_world
from shared.errors import Refused
from shared.store import schema
from tests.factories import post


def silent(step: str) -> None:
    pass


def test_every_exposure_of_the_readings_is_read(mongo_uri: str) -> None:
    (extracted,) = readings.measure(mongo_uri, silent, (readings.BATCH,))

    assert extracted.run.report["read"] == readings.BATCH * (readings.EXPOSURES - 1)
    assert extracted.run.report["written"] == readings.BATCH


def test_a_job_that_meets_a_malformed_document_is_not_measured(mongo_uri: str) -> None:
    with databases(mongo_uri, "malformed", {}) as (environment, settings, store):
        schema.apply(store.app, store.analytics)
        store.app.contents.insert_many([post("sound", now=NOW), post("malformed", now=NOW) | {"type": 7}])
        world = build_world(SIZES["XS"], now=NOW)
        bench = BenchDatabase("malformed", 0, world, environment, settings, store, store.app)

        with pytest.raises(Refused, match="malformed documents"):
            jobs.run(bench, Job("stats", "refresh_content_stats", (schema.CONTENT_STATS,)), NOW)
