"""Build the layers: python -m layers.build --python 3.13

A layer whose requirements, Python and builder did not change is kept as it is.
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
LAYERS = ("base", "numeric", "science", "text", "trees", "learn", "http")
RUNTIME = "runtime"  # what is there without us: built like a layer to run functions as Lambda does, never deployed
INFLATED = "text"  # the layer whose weights every cold start reads
FROM_SOURCE = "langdetect"  # pure Python, published without a wheel
PYTHON = "3.13"  # of the runtime in serverless.yml
BUDGET_MB = 220  # 1e6 bytes, unzipped, a function with its layers

# Lambda's python3.13 runs on glibc 2.34. pip does not know that a newer platform includes the older ones.
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
DEAD_WEIGHT = frozenset({".pyi", ".pxd", ".h"})


@dataclass(frozen=True, slots=True)
class Layer:
    """`folder/python` is what Lambda mounts as /opt/python; `archive` is the same, zipped."""

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
        """Changes when anything changes that the result depends on."""
        facts = hashlib.sha256(self.requirements.read_bytes() + Path(__file__).read_bytes())
        facts.update(f"{self.python} byte code: {interpreter(self.python) is not None}".encode())
        return facts.hexdigest()

    def is_fresh(self) -> bool:
        return self.archive.exists() and self.stamp.exists() and self.stamp.read_text() == self.recipe()

    def megabytes(self) -> float:
        return sum(file.stat().st_size for file in self.packages.rglob("*") if file.is_file()) / 1e6


@cache
def interpreter(version: str) -> Path | None:
    """An interpreter of that version: this one, one on the PATH, or one of pyenv's."""
    on_path = shutil.which(f"python{version}")
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in (Path(sys.executable), *([Path(on_path)] if on_path else []), *pyenv):
        # Asked, not trusted: a pyenv shim exists for versions that are not switched on.
        command = [str(candidate), "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


@contextmanager
def lock(name: str) -> Iterator[None]:
    """One process at a time: tests run in parallel, and `make package` may run beside them."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with (OUTPUT / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_all(python: str = PYTHON) -> tuple[Layer, ...]:
    layers = tuple(built(name, python) for name in LAYERS)
    refuse_duplicates(layers)
    return layers


def built(name: str, python: str = PYTHON) -> Layer:
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
    layer.stamp.write_text(layer.recipe())  # last: a build that was cut short is not fresh


def install(layer: Layer) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--only-binary=:all:", "--no-binary", FROM_SOURCE]
    command += ["--implementation", "cp", "--python-version", layer.python]
    command += [option for platform in PLATFORMS for option in ("--platform", platform)]
    command += ["--require-hashes", "--no-deps", "-r", str(layer.requirements), "--target", str(layer.packages)]
    subprocess.run(command, check=True)


def prune(packages: Path) -> None:
    shutil.rmtree(packages / "bin", ignore_errors=True)  # scripts that name the interpreter of this machine
    for folder in [path for path in packages.rglob("tests") if path.is_dir()]:
        shutil.rmtree(folder, ignore_errors=True)  # may have gone with its parent
    for file in [path for path in packages.rglob("*") if path.suffix in DEAD_WEIGHT]:
        file.unlink()


def inflate(packages: Path) -> None:
    """Weights that are compressed within the layer's archive would be unpacked again at every cold start."""
    for file in packages.rglob("*.npz"):
        with zipfile.ZipFile(file) as archive:
            arrays = [(entry, archive.read(entry)) for entry in archive.infolist()]
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for entry, content in arrays:
                entry.compress_type = zipfile.ZIP_STORED
                archive.writestr(entry, content)


def add_byte_code(layer: Layer) -> None:
    """Never checked against the sources: zip files keep no useful times, and /opt cannot change."""
    python = interpreter(layer.python)
    if python is None:
        return
    compile_all(python, "unchecked-hash", layer.packages, "/opt/python", layer.packages)


def add_our_byte_code(python: str = PYTHON) -> None:
    """Beside our sources, where packages are made of them; checked, since they stay here and change."""
    chosen = interpreter(python)
    if chosen is not None:
        compile_all(chosen, "checked-hash", ROOT, "/var/task", ROOT / "functions", ROOT / "shared")


def compile_all(python: Path, validity: str, here: Path, there: str, *folders: Path) -> None:
    """Byte code for that Python; traces name files as they will lie `there`."""
    command = [str(python), "-I", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", validity]
    subprocess.run([*command, "-s", str(here), "-p", there, *map(str, folders)], check=True)


def pack(layer: Layer) -> None:
    """The same files give the same bytes, so an unchanged layer is not uploaded again."""
    with zipfile.ZipFile(layer.archive, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in layer.packages.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(layer.folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def refuse_duplicates(layers: tuple[Layer, ...]) -> None:
    seen: dict[str, str] = {}
    for layer in layers:
        for path in layer.packages.iterdir():
            if path.name == "__pycache__":
                continue  # of single-file modules; they are themselves compared
            other = seen.setdefault(path.name, layer.name)
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
