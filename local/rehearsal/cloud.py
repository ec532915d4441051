"""ministack in AWS's place: a process of its own, in an environment of its own, gone with the rehearsal."""

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

VERSION = python_of_the_runtime()  # the stand-in runs functions under its own interpreter


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running stand-in, where nothing is deployed at first."""

    endpoint: str
    log: Path

    def client(self, service: str) -> Any:
        """boto3's client of that service."""
        return _client(service, self.endpoint)

    def environment(self) -> dict[str, str]:
        """Of processes that take it for AWS."""
        return offline_environment(self.endpoint) | {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}

    def resources(self) -> dict[str, str]:
        """What is deployed: physical ids by logical ones; empty where nothing is."""
        try:
            pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
            found = [one for page in pages for one in page["StackResourceSummaries"]]
        except ClientError:
            return {}
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


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
    """A stand-in on a free loopback port."""
    python = environment_of_its_own()
    port, log = free_port(), HOME / "cloud.log"
    # None of our own variables: functions would inherit them, and find settings that nobody deployed.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    unreal = {"AWS_ACCESS_KEY_ID": "offline", "AWS_SECRET_ACCESS_KEY": "offline"}
    told = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_REGION": REGION, **unreal}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(python), "-m", "ministack"],
            cwd=HOME, env=kept | told, stdout=file, stderr=file, start_new_session=True,
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


def environment_of_its_own() -> Path:
    """The interpreter of an environment with what requirements/rehearsal.txt pins, made when that has changed."""
    folder = HOME / f"python{VERSION}"
    python, stamp = folder / "bin" / "python", folder / "stamp"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([str(interpreter(VERSION)), "-m", "venv", "--clear", str(folder)], check=True)
        install = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(REQUIREMENTS)]
        subprocess.run([str(python), "-m", "pip", *install], check=True)
        stamp.write_text(wanted)
    return python
