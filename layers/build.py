"""Build the layers: python -m layers.build --python 3.13

A layer is built again only if its requirements, the version of Python or this file have changed.
"""

import argparse
import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared import command_line

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "layers" / "build"
LAYERS = ("base", "numeric", "science", "text", "trees", "learn", "http", "console")
RUNTIME = "runtime"  # packages of Lambda's own runtime: built like a layer to run functions locally, never deployed
INFLATED = "text"  # the layer with model weights, which are stored uncompressed since every cold start reads them
FROM_SOURCE = "langdetect"  # pure Python, published without a wheel
PYTHON = "3.13"  # version of the runtime in serverless.yml
BUDGET_MB = 220  # size of a function with its layers, unzipped [1e6 bytes]

# Lambda's python3.13 has glibc 2.34, so wheels for any older one fit; pip needs each of them named.
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
# Endings of files that only a build, or a check of types, reads.
DEAD_WEIGHT = frozenset({".a", ".build", ".c", ".cpp", ".h", ".pxd", ".pyi", ".pyx", ".tp"})


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer for one version of Python: `folder/python` becomes /opt/python on Lambda; `archive` is its zip file."""

    name: str
    python: str

    @property
    def folder(self) -> Path:
        return OUTPUT / f"python{self.python}" / self.name

    @property
    def packages(self) -> Path:
        return self.folder / "python"

    @property
    def archive(self) -> Path:
        return self.folder.with_suffix(".zip")

    @property
    def stamp(self) -> Path:
        return self.folder / "stamp"

    @property
    def requirements(self) -> Path:
        return ROOT / "requirements" / f"{self.name}.txt"

    def recipe(self) -> str:
        """A digest of everything that the built layer depends on."""
        facts = hashlib.sha256(self.requirements.read_bytes() + Path(__file__).read_bytes())
        facts.update(f"{self.python} byte code: {interpreter(self.python) is not None}".encode())
        return facts.hexdigest()

    def is_fresh(self) -> bool:
        return self.archive.exists() and self.stamp.exists() and self.stamp.read_text() == self.recipe()

    def megabytes(self) -> float:
        return sum(file.stat().st_size for file in self.packages.rglob("*") if file.is_file()) / 1e6


@cache
def interpreter(version: str) -> Path | None:
    """An interpreter of that version: the present one, one on the PATH, or one of pyenv; None where there is none."""
    on_path = shutil.which(f"python{version}")
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in (Path(sys.executable), *([Path(on_path)] if on_path else []), *pyenv):
        # Its version is checked by running it: a pyenv shim exists for versions that are not active, too.
        command = [str(candidate), "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


@contextmanager
def lock(name: str) -> Iterator[None]:
    """A lock between processes, held inside the `with`: tests run in parallel, maybe beside `make package`."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with (OUTPUT / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_all(python: str = PYTHON) -> tuple[Layer, ...]:
    """Build every layer that is not up to date."""
    layers = tuple(built(name, python) for name in LAYERS)
    refuse_duplicates(layers)
    return layers


def built(name: str, python: str = PYTHON) -> Layer:
    """The layer, built if it is not up to date."""
    layer = Layer(name, python)
    with lock("layers"):
        if not layer.is_fresh():
            build(layer)
    return layer


def build(layer: Layer) -> None:
    shutil.rmtree(layer.folder, ignore_errors=True)
    layer.packages.mkdir(parents=True)
    install(layer)
    prune(layer.packages)
    if layer.name == INFLATED:
        inflate(layer.packages)
    add_byte_code(layer)
    pack(layer)
    layer.stamp.write_text(layer.recipe())  # last: an interrupted build does not count as fresh


def install(layer: Layer) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--only-binary=:all:", "--no-binary", FROM_SOURCE]
    command += ["--implementation", "cp", "--python-version", layer.python]
    command += [option for platform in PLATFORMS for option in ("--platform", platform)]
    command += ["--require-hashes", "--no-deps", "-r", str(layer.requirements), "--target", str(layer.packages)]
    subprocess.run(command, check=True)


def prune(packages: Path) -> None:
    shutil.rmtree(packages / "bin", ignore_errors=True)  # scripts that name this machine's interpreter
    for folder in [path for path in packages.rglob("tests") if path.is_dir()]:
        shutil.rmtree(folder, ignore_errors=True)  # ignore_errors: its parent may have been removed before
    for file in [path for path in packages.rglob("*") if path.suffix in DEAD_WEIGHT]:
        file.unlink()


def inflate(packages: Path) -> None:
    """Store the arrays of .npz files uncompressed, so that a cold start need not decompress them."""
    for file in packages.rglob("*.npz"):
        with zipfile.ZipFile(file) as archive:
            arrays = [(entry, archive.read(entry)) for entry in archive.infolist()]
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for entry, content in arrays:
                entry.compress_type = zipfile.ZIP_STORED
                archive.writestr(entry, content)


def add_byte_code(layer: Layer) -> None:
    """Add byte code that Python does not check against the sources: a zip file has no useful times, and /opt cannot
    change."""
    python = interpreter(layer.python)
    if python is None:
        return
    compile_all(python, "unchecked-hash", layer.packages, "/opt/python", layer.packages)


def add_our_byte_code(python: str = PYTHON) -> None:
    """Add byte code beside our sources, from where it is packaged, and delete that of sources that do not exist any
    more; Python checks it against the sources, since they change."""
    folders = ROOT / "functions", ROOT / "shared", ROOT / "console"
    for compiled in (path for folder in folders for path in folder.rglob("__pycache__/*.pyc")):
        if not (compiled.parents[1] / f"{compiled.name.partition('.')[0]}.py").exists():
            compiled.unlink(missing_ok=True)
    executable = interpreter(python)
    if executable is not None:
        compile_all(executable, "checked-hash", ROOT, "/var/task", *folders)


def compile_all(python: Path, validity: str, root: Path, deployed_root: str, *folders: Path) -> None:
    """Compile all sources in `folders` with that interpreter.

    validity       invalidation mode of compileall
    deployed_root  the path that stack traces show in place of `root`
    """
    command = [str(python), "-I", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", validity]
    subprocess.run([*command, "-s", str(root), "-p", deployed_root, *map(str, folders)], check=True)


def pack(layer: Layer) -> None:
    """Zip a layer reproducibly: equal files give equal bytes, so an unchanged layer is not uploaded again."""
    with zipfile.ZipFile(layer.archive, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in layer.packages.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(layer.folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def refuse_duplicates(layers: tuple[Layer, ...]) -> None:
    """End the program where two layers have a package of the same name."""
    layer_of: dict[str, str] = {}
    for layer in layers:
        for path in layer.packages.iterdir():
            if path.name == "__pycache__":
                continue  # byte code of single-file modules, which are compared by themselves
            other = layer_of.setdefault(path.name, layer.name)
            if other != layer.name:
                raise SystemExit(f"{path.name} is in two layers: {other} and {layer.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=PYTHON, help="version the layers are for (default: %(default)s)")
    python = parser.parse_args().python
    if not re.fullmatch(r"3\.\d{1,2}", python):
        parser.error(f"argument --python: {python!r} is no version such as {PYTHON}")
    command_line.run(lambda: build_and_report(python))


def build_and_report(python: str) -> None:
    layers = build_all(python)
    print(f"{'layer':<24}{'MB unzipped':>12}{'MB zipped':>12}")
    for layer in layers:
        print(f"{layer.name:<24}{layer.megabytes():>12.1f}{layer.archive.stat().st_size / 1e6:>12.1f}")


if __name__ == "__main__":
    main()
