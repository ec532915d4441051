"""F29: memory that runs out in the middle of a training."""

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

threading.stack_size(2**18)  # so that it is data that find no room, and not threads
from functions.coldstart.handlers.train_coldstart import handler
from shared.store import open_store

def pages(name):
    line = next(one for one in open("/proc/self/status") if one.startswith(name))
    return int(line.split()[1]) * 1024

open_store().client.admin.command("ping")
before, room = pages("VmSize"), int(sys.argv[2])
if room:
    resource.setrlimit(resource.RLIMIT_AS, (before + room, before + room))
report = handler({"time": sys.argv[1], "source": "aws.scheduler"}, None)
print(json.dumps({"report": report, "needed": pages("VmPeak") - before}))
"""

MODELS = (schema.COUNTRY_ARTIFACTS, schema.GLOBAL_ARTIFACTS, schema.ARTIFACT_VERSIONS)


def trained(at: datetime, room: int = 0) -> "subprocess.CompletedProcess[str]":
    """In a process of its own, with so much more memory than it has before it begins [bytes]; 0 for all there is."""
    command = [sys.executable, "-c", TRAIN, at.isoformat(), str(room)]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | {"MALLOC_ARENA_MAX": "1"}, capture_output=True, text=True, check=False
    )


def models(store: Store) -> dict[str, list[dict[str, Any]]]:
    return {one.name: list(store.analytics[one.name].find().sort("_id", 1)) for one in MODELS}


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit the address space")
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_training_that_runs_out_of_memory_fails_and_leaves_the_models_that_were_live(
    deployed: None, store: Store, databases: Databases, noon: datetime, part: float
) -> None:
    world = build_world(replace(SIZES["XS"], with_text=True), now=noon)
    write_world(world, databases.app, databases.analytics, databases.truth)
    first = trained(noon)
    assert first.returncode == 0, first.stderr
    needed, live = json.loads(first.stdout.splitlines()[-1])["needed"], models(store)

    starved = trained(noon, int(part * needed))
    if part < 0.5:  # with more it may just do, since much can be given back in time
        assert starved.returncode
    assert models(store) == live
    if '"message":"failed"' in starved.stdout:
        assert not store.analytics.leases.find_one()
    store.analytics.leases.delete_many({})  # of who was ended by a library in the middle: a quarter of an hour later

    again = trained(noon)
    assert again.returncode == 0, again.stderr
    assert "skipped" not in json.loads(again.stdout.splitlines()[-1])["report"]
