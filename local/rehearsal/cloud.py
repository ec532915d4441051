"""ministack as a stand-in for AWS: a process with a Python environment of its own, ended with the rehearsal."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from layers.build import ROOT, interpreter
from layers.package import offline_environment
from local.mongod import dies_with_us, free_port
from local.sandbox import python_of_the_runtime
from local.waiting import allowed, wait_for

HOME = ROOT / ".rehearsal"
REQUIREMENTS = ROOT / "requirements" / "rehearsal.txt"
REGION, STAGE = "ap-southeast-1", "local"
STACK = f"feedkeeper-{STAGE}"

VERSION = python_of_the_runtime()  # of Python: the stand-in runs functions by its own interpreter


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running stand-in, empty at first."""

    endpoint: str
    log: Path

    def client(self, service: str) -> Any:
        """boto3's client of a service."""
        return _client(service, self.endpoint)

    def environment(self) -> dict[str, str]:
        """Environment variables of processes that use it as AWS."""
        return offline_environment(self.endpoint) | {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}

    def resources(self) -> dict[str, str]:
        """Physical ids of the deployed resources by logical id; empty where nothing is deployed."""
        try:
            pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
            summaries = [summary for page in pages for summary in page["StackResourceSummaries"]]
        except ClientError:
            return {}
        return {summary["LogicalResourceId"]: summary["PhysicalResourceId"] for summary in summaries}


@cache
def _client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="offline",
        aws_secret_access_key="offline",
        config=Config(read_timeout=900, retries={"total_max_attempts": 1}),
    )


@contextmanager
def cloud() -> Iterator[Cloud]:
    """Run a stand-in on a free loopback port while the body runs."""
    python = cloud_python()
    port, log = free_port(), HOME / "cloud.log"
    # No other variables of this process: functions would inherit them, and so settings that are not deployed.
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    credentials = {"AWS_ACCESS_KEY_ID": "offline", "AWS_SECRET_ACCESS_KEY": "offline"}
    variables = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_REGION": REGION, **credentials}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(python), "-m", "ministack"],
            cwd=HOME, env=inherited | variables, stdout=file, stderr=file, start_new_session=True,
            preexec_fn=dies_with_us(os.getpid()),
        )  # fmt: skip
    started = Cloud(f"http://127.0.0.1:{port}", log)

    def answers() -> bool:
        try:
            return bool(started.client("sts").get_caller_identity())
        except (BotoCoreError, ClientError):
            return False

    try:
        wait_for("the stand-in for AWS", answers, within_s=30)
        yield started
    finally:
        process.terminate()
        process.wait(timeout=allowed(20))


def cloud_python() -> Path:
    """The Python of an environment with the packages of requirements/rehearsal.txt, made anew when the file changes."""
    folder = HOME / f"python{VERSION}"
    python, stamp = folder / "bin" / "python", folder / "stamp"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        subprocess.run([str(interpreter(VERSION)), "-m", "venv", "--clear", str(folder)], check=True)
        install = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(REQUIREMENTS)]
        subprocess.run([str(python), "-m", "pip", *install], check=True)
        stamp.write_text(digest)
    return python
