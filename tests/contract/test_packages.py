"""A function's package works with nothing but its own zip file, its layers and the standard library."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from layers import build
from layers.build import BUDGET_MB, INFLATED, LAYERS, PYTHON, ROOT, Layer, build_all, interpreter
from layers.package import Size, layer_name, sizes
from shared.config import sections
from tests.contract.conftest import Deployment, handlers, key_of

# The runtime's version of Python where this machine has it, else that of the tests; layers are built for it.
VERSION = PYTHON if interpreter(PYTHON) else f"{sys.version_info.major}.{sys.version_info.minor}"

DEPLOYING = (ROOT / "docs" / "deploying.md").read_text()
BESIDE_DEV = {"bench.txt", "browser.txt"}  # packages that only benchmarks or tests in a browser use, not all in dev.txt
BESIDE_ALL = {"rehearsal.txt"}  # for a separate environment, with versions of its own
REQUIREMENTS = sorted(path.name for path in ROOT.glob("requirements/*.txt"))

MAX_ADDED_BYTES = 1.5e6  # by the console, zipped; every function has `shared`

BEGIN = "import importlib, json, sys; sys.path[:0] = json.loads(sys.argv[1]);"
IMPORT = f"{BEGIN} importlib.import_module(sys.argv[2])"
LIST_SECTIONS = f"{BEGIN} from shared.config import sections; print(*sections())"

on_lambdas_platform = pytest.mark.skipif(sys.platform != "linux", reason="layers hold Linux binaries")


@pytest.fixture(scope="module")
def layers() -> dict[str, Layer]:
    return {layer.name: layer for layer in build_all(VERSION)}


def shipped(handler: Path, deployment: Deployment) -> zipfile.ZipFile:
    return zipfile.ZipFile(deployment.folder / f"{key_of(handler)}.zip")


def import_alone(
    module: str, handler: Path, deployment: Deployment, layers: dict[str, Layer], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Import `module` as Lambda would on behalf of `handler`."""
    return run_alone(IMPORT, module, handler, deployment, layers, folder)


def run_alone(
    code: str, argument: str, handler: Path, deployment: Deployment, layers: dict[str, Layer], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run `code` with what `handler` finds on Lambda: /var/task first, then /opt/python."""
    with shipped(handler, deployment) as archive:
        archive.extractall(folder / "task")
    function = deployment.properties(key_of(handler), "LambdaFunction")
    reachable = [str(folder / "task")]
    reachable += [str(layers[layer_name(reference)].packages) for reference in function["Layers"]]
    return subprocess.run(
        [str(interpreter(VERSION)), "-I", "-S", "-B", "-c", code, json.dumps(reachable), argument],
        cwd=folder,
        env={name: str(value) for name, value in function["Environment"]["Variables"].items()},
        capture_output=True,
        text=True,
        check=False,
    )


@on_lambdas_platform
@pytest.mark.parametrize("handler", handlers(), ids=lambda path: path.stem)
def test_a_handler_imports_from_its_own_package(
    handler: Path, deployment: Deployment, layers: dict[str, Layer], tmp_path: Path
) -> None:
    module = deployment.functions[key_of(handler)]["handler"].removesuffix(".handler").replace("/", ".")

    outcome = import_alone(module, handler, deployment, layers, tmp_path)

    assert outcome.returncode == 0, outcome.stderr


@on_lambdas_platform
@pytest.mark.parametrize("handler", handlers(), ids=lambda path: path.stem)
def test_every_function_knows_the_options_of_all_domains(
    handler: Path, deployment: Deployment, layers: dict[str, Layer], tmp_path: Path
) -> None:
    outcome = run_alone(LIST_SECTIONS, "", handler, deployment, layers, tmp_path)

    assert outcome.stdout.split() == list(sections()), outcome.stderr


@on_lambdas_platform
@pytest.mark.parametrize("stranger", ["pytest", "boto3", "sklearn", "tests", "local", "layers"])
def test_what_is_not_shipped_is_out_of_reach(
    stranger: str, deployment: Deployment, layers: dict[str, Layer], tmp_path: Path
) -> None:
    outcome = import_alone(stranger, handlers()[0], deployment, layers, tmp_path)

    assert f"No module named '{stranger}'" in outcome.stderr


@pytest.mark.parametrize("handler", handlers(), ids=lambda path: path.stem)
def test_a_package_is_its_domain_what_is_shared_and_all_options(handler: Path, deployment: Deployment) -> None:
    folder = handler.parents[1].relative_to(ROOT).as_posix()
    of_all = r"functions/(\w+/)?(__init__|options)\.py|functions/(\w+/)?__pycache__/(__init__|options)\..+"
    folders = r"console|functions/\w+/store|functions/topics" if folder == "console" else folder
    ours = re.compile(rf"{of_all}|({folders})/.+|shared/.+")

    with shipped(handler, deployment) as archive:
        names = archive.namelist()

    assert handler.relative_to(ROOT).as_posix() in names
    assert [name for name in names if not ours.fullmatch(name)] == []
    assert [name for name in names if "/tests/" in name or name.endswith((".md", ".yml"))] == []
    assert sorted(name for name in names if name.endswith(".pyc")) == sorted(
        byte_code_of(name) for name in names if name.endswith(".py") if interpreter(PYTHON)
    )


def test_byte_code_of_sources_that_are_gone_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("functions", "shared", "console"):
        (tmp_path / name / "__pycache__").mkdir(parents=True)
    compiled = tmp_path / "shared" / "__pycache__"
    (tmp_path / "shared" / "here.py").touch()
    for name in ("here.cpython-313.pyc", "gone.cpython-313.pyc", "gone.cpython-311-pytest-9.2.0.pyc"):
        (compiled / name).touch()
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "interpreter", lambda python: None)

    build.add_our_byte_code()

    assert [path.name for path in compiled.iterdir()] == ["here.cpython-313.pyc"]


def byte_code_of(source: str) -> str:
    """
    >>> byte_code_of("shared/clock.py")
    'shared/__pycache__/clock.cpython-313.pyc'
    """
    folder, _, name = source.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.cpython-{PYTHON.replace('.', '')}.pyc"


@pytest.mark.parametrize("handler", handlers(), ids=lambda path: path.stem)
def test_a_function_with_its_layers_is_within_budget(handler: Path, deployment: Deployment) -> None:
    measured: dict[str, Size] = {size.function: size for size in sizes(build_all(), deployment.folder)}

    assert 0 < measured[key_of(handler)].total <= BUDGET_MB


def test_the_console_adds_little_to_what_is_uploaded(deployment: Deployment, layers: dict[str, Layer]) -> None:
    with shipped(ROOT / "console" / "handlers" / "serve_console.py", deployment) as archive:
        own = [entry for entry in archive.infolist() if not entry.filename.startswith("shared/")]

    added = layers["console"].archive.stat().st_size + sum(entry.compress_size for entry in own)

    assert 0.5e6 < added <= MAX_ADDED_BYTES


def test_the_page_shows_every_function_with_its_size(deployment: Deployment) -> None:
    shown = {words[0]: words[1:] for line in DEPLOYING.splitlines() if len(words := line.split()) > 3}
    measured = sizes(build_all(), deployment.folder)

    assert {size.function: list(size.layers) for size in measured} == {
        size.function: shown.get(size.function, [])[2:] for size in measured
    }
    if not interpreter(PYTHON):
        return  # without the runtime's Python there is no byte code, half of the size that the page shows
    as_shown = {size.function: pytest.approx(float(shown[size.function][1]), rel=0.1) for size in measured}
    assert {size.function: size.total for size in measured} == as_shown


@pytest.mark.parametrize("name", LAYERS)
def test_a_layers_archive_holds_what_was_tried(name: str, layers: dict[str, Layer]) -> None:
    layer = layers[name]
    with zipfile.ZipFile(layer.archive) as archive:
        shipped = set(archive.namelist())

    assert shipped == {
        file.relative_to(layer.folder).as_posix() for file in layer.packages.rglob("*") if file.is_file()
    }
    assert not any(entry.startswith(("python/functions/", "python/shared/", "python/bin/")) for entry in shipped)


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_are_pinned_hashed_and_the_same_everywhere(name: str) -> None:
    pins = pins_of(name)

    assert pins
    dev_pins = {} if name in BESIDE_ALL else pins_of("dev.txt")
    assert {package: pin for package, pin in pins.items() if package in dev_pins}.items() <= dev_pins.items()
    assert name in BESIDE_DEV | BESIDE_ALL or pins.keys() <= dev_pins.keys()
    assert "://" not in (ROOT / "requirements" / name).read_text(), "a host name"


def pins_of(name: str) -> dict[str, str]:
    """The version of each package; fails where a package has no hash."""
    text = (ROOT / "requirements" / name).read_text()
    pins = re.findall(r"^([a-z0-9._-]+)==([^\s;]+)(.*\\\n\s+--hash=sha256:)?", text, re.MULTILINE | re.IGNORECASE)
    assert [package for package, _, hashed in pins if not hashed] == []
    return {package: version for package, version, _ in pins}


def test_weights_are_shipped_as_they_are_read(layers: dict[str, Layer]) -> None:
    weights = list(layers[INFLATED].packages.rglob("*.npz"))

    assert weights
    for file in weights:
        with zipfile.ZipFile(file) as archive:
            assert archive.testzip() is None
            assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
