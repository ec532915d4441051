"""The deployment, packaged once per test session for all workers."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from layers.build import ROOT, lock
from layers.package import RESULT, TEMPLATE, package

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What `make package` makes: `folder` holds the template and one zip per function."""

    folder: Path

    @property
    def resources(self) -> dict[str, Json]:
        resources: dict[str, Json] = json.loads((self.folder / TEMPLATE).read_text())["Resources"]
        return resources

    @property
    def functions(self) -> dict[str, Json]:
        """The functions of serverless.yml by key, with variables filled in."""
        state = json.loads((self.folder / "serverless-state.json").read_text())
        functions: dict[str, Json] = state["service"]["functions"]
        return functions

    def properties(self, key: str, suffix: str) -> Json:
        """Properties of the resource that osls names after the function with this key."""
        properties: Json = self.resources[key[0].upper() + key[1:] + suffix]["Properties"]
        return properties


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    temporary = tmp_path_factory.getbasetemp()
    in_parallel = hasattr(request.config, "workerinput")  # then each worker has a folder below the session's
    folder = (temporary.parent if in_parallel else temporary) / "deployment"
    with lock("package"):
        if not folder.exists():
            package("prod")
            shutil.copytree(RESULT, folder)
    return Deployment(folder)


def handlers() -> list[Path]:
    return sorted([*ROOT.glob("functions/*/handlers/[!_]*.py"), *ROOT.glob("console/handlers/[!_]*.py")])


def key_of(handler: Path) -> str:
    """
    >>> key_of(Path("functions/stats/handlers/refresh_content_stats.py"))
    'refreshContentStats'
    """
    first, *following = handler.stem.split("_")
    return first + "".join(word.capitalize() for word in following)
