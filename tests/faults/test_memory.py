"""Memory that runs out in the middle of a training."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from layers.build import ROOT
from local.world import SIZES, build_world, write_world
from shared.store import Store, schema
from tests.conftest import Databases

TRAIN = """
import json, resource, sys, threading

threading.stack_size(2**18)  # so that memory is lacking for data, and not for threads
from functions.coldstart.handlers.train_coldstart import handler
from shared.store import open_store

def pages(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) * 1024

open_store().client.admin.command("ping")
before, extra = pages("VmSize"), int(sys.argv[2])
if extra:
    resource.setrlimit(resource.RLIMIT_AS, (before + extra, before + extra))
report = handler({"time": sys.argv[1], "source": "aws.scheduler"}, None)
print(json.dumps({"report": report, "needed": pages("VmPeak") - before}))
"""

MODELS = (schema.COUNTRY_ARTIFACTS, schema.GLOBAL_ARTIFACTS, schema.ARTIFACT_VERSIONS)


def trained(at: datetime, extra: int = 0) -> "subprocess.CompletedProcess[str]":
    """Train in a process of its own.

    extra  memory that it may take beyond what it has before it begins [bytes]; 0 for no limit
    """
    command = [sys.executable, "-c", TRAIN, at.isoformat(), str(extra)]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | {"MALLOC_ARENA_MAX": "1"}, capture_output=True, text=True, check=False
    )


def models(store: Store) -> dict[str, list[dict[str, Any]]]:
    return {table.name: list(store.analytics[table.name].find().sort("_id", 1)) for table in MODELS}


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit the address space")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_training_that_runs_out_of_memory_fails_and_leaves_the_models_that_were_live(
    deployed: None, store: Store, databases: Databases, noon: datetime, share: float
) -> None:
    world = build_world(replace(SIZES["XS"], with_text=True), now=noon)
    write_world(world, databases.app, databases.analytics, databases.truth)
    first = trained(noon)
    assert first.returncode == 0, first.stderr
    needed, live = json.loads(first.stdout.splitlines()[-1])["needed"], models(store)

    starved = trained(noon, int(share * needed))
    if share < 0.5:  # more may be enough, since much of the memory can be freed in time
        assert starved.returncode
    assert models(store) == live
    if '"message":"failed"' in starved.stdout:
        assert not store.analytics.leases.find_one()
    store.analytics.leases.delete_many({})  # as a quarter of an hour later: a library may end the process in the middle

    again = trained(noon)
    assert again.returncode == 0, again.stderr
    assert "skipped" not in json.loads(again.stdout.splitlines()[-1])["report"]
