"""Handlers are small, decide nothing, and have a job, an event, a test and a key of the same name."""

import ast
from pathlib import Path

import pytest

from layers.build import ROOT
from layers.service import load_service
from tests.contract.conftest import handlers, key_of
from tests.contract.test_house_rules import sources

MAX_HANDLER_LINES = 25

each_handler = pytest.mark.parametrize("path", handlers(), ids=lambda path: path.stem)


@each_handler
def test_a_handler_fits_on_one_screen(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_HANDLER_LINES


@each_handler
def test_a_handler_says_trigger_reads_and_writes(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text())) or ""

    assert [word for word in ("Trigger", "Reads", "Writes") if f"\n{word} " not in said] == []


@each_handler
def test_a_handler_decides_nothing(path: Path) -> None:
    branches = (ast.If, ast.For, ast.While, ast.Try, ast.IfExp, ast.comprehension)

    assert [type(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, branches)] == []


@each_handler
def test_one_stem_stands_in_five_places(path: Path) -> None:
    folder, stem = path.parents[1], path.stem
    domain, keys = folder.name, load_service()["functions"]
    job = folder / ("app.py" if domain == "console" else f"{stem}.py")

    assert job.exists(), "the job"
    assert (ROOT / "events" / domain / f"{stem}.json").exists(), "the event"
    assert (ROOT / "tests" / domain / f"test_{stem}.py").exists(), "the test"
    assert keys[key_of(path)]["handler"] == f"{folder.relative_to(ROOT)}/handlers/{stem}.handler", (
        "the key in serverless.yml"
    )


def test_every_job_has_an_entry_point() -> None:
    jobs = [
        path
        for path in sources("functions")
        if len(path.parts) == 3
        and any(isinstance(n, ast.FunctionDef) and n.name == "run" for n in ast.parse((ROOT / path).read_text()).body)
    ]

    assert jobs
    assert [job for job in jobs if not (ROOT / job.parent / "handlers" / job.name).exists()] == []
