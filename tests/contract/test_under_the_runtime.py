"""Every function answers its sample event from its package, under Lambda's runtime client and on a real MongoDB."""

import json
from pathlib import Path
from typing import Any

import pytest

from layers.build import ROOT, Layer, build_all
from local.sandbox import Sandbox, python_of_the_runtime, unpack
from local.waiting import slowness
from shared.store import Store
from tests.contract.conftest import Deployment, handlers, key_of

# Failures of functions whose samples name documents that do not exist: an AppError, not a crash.
NOT_THERE = {
    "build_guest_feed": "Refused",
    "compare_rankings": "Unavailable",
    "explain_ranking": "Unavailable",
    "promote_artifact": "NotFound",
}


@pytest.fixture(scope="module")
def layers() -> tuple[Layer, ...]:
    return build_all(python_of_the_runtime())


@pytest.mark.parametrize("handler", handlers(), ids=lambda path: path.stem)
def test_a_function_answers_from_its_package_alone(
    handler: Path,
    deployment: Deployment,
    layers: tuple[Layer, ...],
    store: Store,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    event = json.loads((ROOT / "events" / handler.parents[1].name / f"{handler.stem}.json").read_text())
    shipped = unpack(key_of(handler), deployment.folder, tmp_path, layers, environment, slowness=slowness())

    with Sandbox(shipped, tmp_path / "log") as sandbox:
        outcome = sandbox.invoke(event)

    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    assert outcome.error == NOT_THERE.get(handler.stem, ""), lines
    assert lines_with(lines, "done") or outcome.error, "one line says what was done"
    assert all(line.get("correlation_id") for line in lines if "message" in line)
    assert any("_aws" in line for line in lines) or outcome.error, "and metrics"


def lines_with(lines: list[dict[str, Any]], message: str) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("message") == message]
