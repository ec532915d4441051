"""A domain is its folder, and its line in serverless.yml.

Shown on a copy of the sources without one domain: without its folder, its sample events and its tests, and in
serverless.yml without its line and without its names under `custom.changes`. There every other module of functions,
shared, relay and local is imported by a new process; the descriptions of the service and of the watched collections
have the functions of the other domains and no more; the reference is written anew and then says what the code says; the
layers are kept, and there is no import cycle. Without the bots, the tests of the other domains that need no database
pass too, with the doctests, and each function's package holds what it held before, but for the files of the domain.

For every domain, that nothing outside imports it before it is used is read from the sources; benchmarks and tests are
not looked at. What one domain alone uses is no repository of `shared/store`.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from layers.build import ROOT
from layers.service import load_service
from relay.watched import watched
from shared.store import Store
from tests.contract.conftest import Deployment
from tests.contract.test_house_rules import sources

DOMAINS = sorted(path.parent.name for path in ROOT.glob("functions/*/serverless.yml"))
COPIED = ("functions", "shared", "console", "relay", "local", "layers", "benchmarks", "tests", "docs", "events")
COPIED_FILES = ("serverless.yml", "pyproject.toml")
LINKED = ("requirements", "node_modules", "layers/build", "package.json", "package-lock.json")  # to package a copy
SLOW = "tests/topics/test_classifier.py"  # of the tests without a database
STORE = re.compile(r"\b_?store(\(\))?$")  # an expression that is a store
RULES = "imports_point_down or drivers_stay_in_their_packages or cycle"

SURVEY = """
import importlib, json
from pathlib import Path

names = []
for package in ("functions", "shared", "console", "relay", "local"):
    for file in sorted(Path(package).rglob("*.py")):
        if file == Path("shared/store/schema/__main__.py"):
            continue  # a command, which runs when it is imported
        names.append(".".join(file.with_suffix("").parts).removesuffix(".__init__"))
        importlib.import_module(names[-1])

from layers.service import SERVICE, load_service
from local.functions import pipeline
from relay.watched import watched

assert SERVICE == Path.cwd() / "serverless.yml"
functions = sorted(load_service()["functions"])
changes = {entry.collection: entry.stems for entry in watched()}
print(json.dumps({"modules": names, "functions": functions, "changes": changes, "pipeline": pipeline()}))
"""

PACKAGE = """
from layers.package import package, sizes

print(*[size.function for size in sizes(package("prod"))])
"""


def stems_of(domain: str) -> set[str]:
    return {path.stem for path in ROOT.glob(f"functions/{domain}/handlers/[!_]*.py")}


def keys_of(domain: str) -> set[str]:
    functions: dict[str, Any] = load_service()["functions"]
    return {key for key, declared in functions.items() if declared["handler"].startswith(f"functions/{domain}/")}


def without(domain: str, service: str) -> str:
    """The text of serverless.yml without the line of a domain, and without its functions under `custom.changes`."""
    service = re.sub(rf".*file\(functions/{domain}/serverless\.yml\).*\n", "", service)
    functions = "|".join(keys_of(domain))
    service = re.sub(r"(?<=functions: \[)([^\]]*)(?=\])", lambda names: remaining(names[1], functions), service)
    return re.sub(r"    \w+:\n      functions: \[\]\n(      \w+: .*\n)+", "", service)


def remaining(names: str, removed: str) -> str:
    return ", ".join(name for name in names.split(", ") if not re.fullmatch(removed, name))


def copy_without(domain: str, folder: Path) -> Path:
    for name in COPIED:
        generated = shutil.ignore_patterns("__pycache__", "build")
        shutil.copytree(ROOT / name, folder / name, ignore=generated)
    for name in COPIED_FILES:
        shutil.copy(ROOT / name, folder / name)
    for name in ("functions", "events", "tests"):
        shutil.rmtree(folder / name / domain)
    shutil.rmtree(folder / "console" / "templates" / domain, ignore_errors=True)
    (folder / "console" / "views" / f"{domain}.py").unlink(missing_ok=True)
    service = folder / "serverless.yml"
    service.write_text(without(domain, service.read_text()))
    return folder


def run(folder: Path, *arguments: str) -> str:
    """What Python prints there; fails where it fails."""
    command = [sys.executable, "-B", *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("domain", ["bots", "topics"])
def test_without_a_domain_the_others_go_on(domain: str, tmp_path: Path) -> None:
    folder = copy_without(domain, tmp_path / "copy")

    survey: dict[str, Any] = json.loads(run(folder, "-c", SURVEY))
    run(folder, "-m", "local.reference")
    run(folder, "-m", "local.reference", "--check")
    rules = run(
        folder, "-m", "pytest", "-p", "no:cacheprovider", "--no-database", "-k", RULES,
        "tests/contract/test_house_rules.py", "tests/contract/test_import_cycles.py",
    )  # fmt: skip

    assert {f"functions.{other}" for other in DOMAINS} - set(survey["modules"]) == {f"functions.{domain}"}
    assert {"shared.store.client", "relay.follow", "local.reviews"} <= set(survey["modules"])
    assert survey["functions"] == sorted(load_service()["functions"].keys() - keys_of(domain))
    assert survey["pipeline"]
    assert not stems_of(domain) & set(survey["pipeline"])
    assert survey["changes"] == {
        entry.collection: stems
        for entry in watched()
        if (stems := [stem for stem in entry.stems if stem not in stems_of(domain)])
    }
    assert f"functions/{domain}/" not in (folder / "docs" / "functions.md").read_text()
    assert re.search(r"\d+ passed", rules)


@pytest.fixture(scope="module")
def without_bots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_without("bots", tmp_path_factory.mktemp("without") / "copy")


def domains_without(domain: str) -> list[str]:
    """The other domains whose tests use nothing of this one."""
    used = re.compile(rf"\b(functions|tests)\.{domain}\b")
    texts = {
        other: "".join(path.read_text() for path in (ROOT / "tests" / other).rglob("*.py"))
        for other in DOMAINS
        if other != domain
    }
    return [other for other, text in texts.items() if not used.search(text)]


def test_without_the_bots_the_tests_of_the_others_pass(without_bots: Path) -> None:
    domains = domains_without("bots")
    folders = [*(f"tests/{other}" for other in domains), "functions", "shared"]

    said = run(without_bots, "-m", "pytest", "-p", "no:cacheprovider", "--no-database", f"--ignore={SLOW}", *folders)

    assert set(domains) >= {"coldstart", "feed", "stats", "topics"}
    assert re.search(r"\d+ passed", said)


def test_without_the_bots_the_packages_of_the_others_hold_the_same(without_bots: Path, deployment: Deployment) -> None:
    for name in LINKED:
        (without_bots / name).symlink_to(ROOT / name)

    packaged = run(without_bots, "-c", PACKAGE).splitlines()[-1].split()

    assert sorted(packaged) == sorted(load_service()["functions"].keys() - keys_of("bots"))
    for function in packaged:
        before = files_in(deployment.folder / f"{function}.zip")
        after = files_in(without_bots / ".serverless" / f"{function}.zip")
        assert after == {name for name in before if not is_of_bots(name)}


def is_of_bots(name: str) -> bool:
    """Whether a file in a package is of the domain bots, or shows it in the console."""
    return name.startswith(
        ("functions/bots/", "console/templates/bots/", "console/views/bots.", "console/views/__pycache__/bots.")
    )


def files_in(archive: Path) -> set[str]:
    return set(zipfile.ZipFile(archive).namelist())


def imported_at_once(node: ast.AST) -> Iterator[str]:
    """What a module imports when it is imported itself: neither in its functions, nor for its types alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not isinstance(child, ast.FunctionDef) and not is_for_types(child):
            yield from imported_at_once(child)


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_nothing_imports_a_domain_before_it_is_used() -> None:
    """What the domains import of one another is refused by the house rule `imports_point_down`."""
    assert [
        f"{path} imports {name}"
        for path in sources("shared", "relay", "local", "layers")
        for name in imported_at_once(ast.parse((ROOT / path).read_text()))
        if name.startswith("functions.")
    ] == []


@pytest.mark.parametrize(
    ("at_once", "later"),
    [
        ("import functions.a", "def f():\n    import functions.a"),
        ("from functions.a import b", "def f():\n    from functions.a import b"),
        ("try:\n    import functions.a\nexcept ValueError: pass", "if TYPE_CHECKING:\n    import functions.a"),
        ("class A:\n    import functions.a", "class A:\n    def f(self):\n        import functions.a"),
    ],
)
def test_an_import_is_told_from_one_that_waits(at_once: str, later: str) -> None:
    assert list(imported_at_once(ast.parse(at_once)))
    assert list(imported_at_once(ast.parse(later))) == []


def users_of_repositories() -> dict[str, set[str]]:
    """By property of the store, the domains and other packages that read it."""
    users: dict[str, set[str]] = {
        name: set() for name, value in vars(Store).items() if isinstance(value, cached_property)
    }
    for path in sources("functions", "shared", "relay"):
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Attribute) and node.attr in users and STORE.search(ast.unparse(node.value)):
                users[node.attr].add(path.parts[1] if path.parts[0] == "functions" else path.parts[0])
    return users


def test_the_repositories_of_the_store_are_used_by_several_domains_or_by_what_they_share() -> None:
    users = users_of_repositories()

    assert users["leases"] >= {"stats", "feed", "bots"}
    assert {name: of for name, of in users.items() if len(of) < 2 and not of & {"shared", "relay"}} == {}
