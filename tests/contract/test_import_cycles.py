"""No import cycles, whether an import stands at the beginning of a module or in a function."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from layers.build import OUTPUT, ROOT

PACKAGES = ("functions", "shared", "console", "batch", "relay", "local", "layers", "benchmarks")


def modules() -> dict[str, Path]:
    """The path of every module of ours by its dotted name."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if OUTPUT not in path.parents]
    names = (path.relative_to(ROOT).with_suffix("").parts for path in paths)
    return {".".join(name).removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


def imports(tree: ast.Module, own: Mapping[str, object]) -> Iterator[str]:
    """The modules of ours that a file imports; for a name that a package defines, the package.

    own  all modules of ours, by name
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in own)
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for target in targets if (name := target if target in own else node.module) in own)


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules of one cycle, each importing the next; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_there_is_no_import_cycle():
    own = modules()
    graph = {name: set(imports(ast.parse(path.read_text()), own)) - {name} for name, path in own.items()}

    assert len(graph) > 200
    assert cycle(graph) == []


@pytest.mark.parametrize(
    "source", ["import a.b", "from a import b", "from a.b import name", "def late():\n    from a.b import name"]
)
def test_every_form_of_an_import_is_seen(source):
    own = {"a": None, "a.b": None}

    assert set(imports(ast.parse(source), own)) == {"a.b"}
    assert cycle({"a.b": {"c"}, "c": {"a.b"}}) != []
