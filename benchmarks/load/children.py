"""Measuring in a process of its own, so that what was measured before has warmed nothing up."""

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.bench_database import BenchDatabase
from local.functions import ROOT
from shared.errors import Refused


def measured(bench: BenchDatabase, module: str, kind: str) -> dict[str, Any]:
    """The JSON object that `python -m MODULE KIND` prints as its last line, with the environment of the network;
    Refused when it fails."""
    command = [sys.executable, "-m", module, kind]
    environment = {**os.environ, **bench.environment, "LOG_LEVEL": "WARNING", "POWERTOOLS_METRICS_DISABLED": "true"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Refused(f"{module} {kind}: {ended.stderr.strip()[-2000:]}")
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result
