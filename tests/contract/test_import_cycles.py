"""No module imports one that leads back to it, wherever in a file the import stands."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from layers.build import ROOT

PACKAGES = ("functions", "shared", "console", "batch", "relay", "local", "layers", "benchmarks")


def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = (path.relative_to(ROOT).with_suffix("").parts for path in paths)
    return {".".join(name).removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


def imports(tree: ast.Module, known: Mapping[str, object]) -> Iterator[str]:
    """The modules of ours that a file names; a package where the name is one of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (found for target in targets if (found := target if target in known else node.module) in known)


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle, each importing the next; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_there_is_no_import_cycle():
    known = modules()
    graph = {name: set(imports(ast.parse(path.read_text()), known)) - {name} for name, path in known.items()}

    assert len(graph) > 200
    assert cycle(graph) == []


@pytest.mark.parametrize(
    "source", ["import a.b", "from a import b", "from a.b import name", "def late():\n    from a.b import name"]
)
def test_every_form_of_an_import_is_seen(source):
    known = {"a": None, "a.b": None}

    assert set(imports(ast.parse(source), known)) == {"a.b"}
    assert cycle({"a.b": {"c"}, "c": {"a.b"}}) != []
