"""Every command that README names prints its help, so that none is broken by an import."""

import signal
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


def test_the_level_of_the_loggers_is_set_before_they_are_imported():
    script = "import sys, local.__main__; print('aws_lambda_powertools.logging' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False"


@pytest.mark.parametrize("words", [["local", "accounts"], ["relay", "run", "--to", "here"]], ids=lambda words: words[0])
def test_ctrl_c_while_a_program_is_imported_ends_it_without_a_trace(words):
    command = [sys.executable, "-X", "importtime", "-m", *words]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if "typer" in line:
                break
        process.send_signal(signal.SIGINT)
        written = process.stderr.read()

    assert process.returncode == -signal.SIGINT
    assert "Traceback" not in written
