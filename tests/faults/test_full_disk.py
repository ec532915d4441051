"""A function's disk is full. Results go from memory into the database; only the language model is unpacked to the disk,
and a function that needs it fails with the reason.
"""

import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from local.functions import pipeline
from local.world import SIZES, build_world, write_world
from shared.store import Store
from tests.conftest import Databases

FULL = """
import errno, os, sys

def full(event, args):
    if event == "open":
        path, mode, flags = args
        if (mode and set(mode) & set("wax+")) or (flags or 0) & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

sys.addaudithook(full)
from datetime import datetime
from local.functions import function
from shared.errors import Unavailable

def run(stem):
    report = function(stem).invoke(at=datetime.fromisoformat(sys.argv[1]))
    assert "another run" not in report.get("skipped", ""), (stem, report)

for stem in sys.argv[2:]:
    if stem != "reclassify_contents":
        run(stem)
        continue
    try:
        run(stem)
        raise SystemExit("it needs a disk")
    except Unavailable as error:
        assert "no room to unpack" in str(error)
try:
    open("anything", "w")
except OSError:
    print("full")
"""


def test_every_job_does_its_work_where_nothing_can_be_written_to_a_disk(
    store: Store, databases: Databases, environment: dict[str, str], noon: datetime, tmp_path: Path
) -> None:
    world = build_world(replace(SIZES["XS"], seed=7), now=noon)
    write_world(world, databases.app, databases.analytics, databases.truth)
    root = Path(__file__).parents[2]
    variables = environment | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "LOG_LEVEL": "ERROR"}
    variables["FEEDKEEPER_OPTIONS"] = '{"guest_feed": {"rows_per_country": 20}}'

    process = subprocess.run(
        [sys.executable, "-c", FULL, noon.isoformat(), *pipeline()],
        cwd=tmp_path, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert process.returncode == 0, process.stdout[-4_000:] + process.stderr[-2_000:]
    assert process.stdout.splitlines()[-1] == "full", "nothing could be written to the disk"
    assert databases.app.guestfeeditems.estimated_document_count() > 0
    assert databases.analytics.mlArtifacts_country.estimated_document_count() > 0
