"""Every command of README answers, so that none is broken by what it imports."""

import subprocess
import sys

import pytest

from layers.build import ROOT

COMMANDS = (
    "local",
    "relay",
    "local.rehearsal",
    "benchmarks",
    "benchmarks.capacity",
    "benchmarks.language",
    "benchmarks.scale",
    "benchmarks.topics",
    "layers.package",
)


@pytest.mark.parametrize("module", COMMANDS)
def test_a_command_says_what_it_does(module: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()
