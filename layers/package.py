"""Compile, lint and measure the deployment without a cloud: python -m layers.package --stage prod

Needs Node and the packages of requirements/dev.txt, but no credentials, and no network once npm and pip have installed
their packages. The result is in .serverless/.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from layers.build import BUDGET_MB, PYTHON, ROOT, Layer, add_our_byte_code, build_all, interpreter, lock
from layers.offline import cloudformation
from layers.service import load_service
from layers.vendor import npm, vendor
from shared import command_line

RESULT = ROOT / ".serverless"
TEMPLATE = "cloudformation-template-update-stack.json"


@dataclass(frozen=True, slots=True)
class Size:
    """Size of one function, unzipped [1e6 bytes].

    code    its own zip file
    layers  names of its layers
    total   its code and its layers
    """

    function: str
    code: float
    layers: tuple[str, ...]
    total: float


def package(stage: str, python: str = PYTHON) -> tuple[Layer, ...]:
    """Compile the deployment, template and zip files, into `RESULT`, and return its layers. The caller holds
    `lock("package")` for as long as it reads them."""
    layers = build_all(python)
    add_our_byte_code(python)
    vendor()
    with cloudformation() as endpoint:
        osls("package", stage, python, endpoint)
    return layers


def osls(command: str, stage: str, python: str, endpoint: str) -> None:
    """Run osls to its end.

    python    version of the functions' runtime
    endpoint  address of the stand-in for AWS
    """
    with start_osls(command, stage, python, endpoint) as process:
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, process.args)


def start_osls(
    command: str, stage: str, python: str, endpoint: str, output: IO[bytes] | None = None
) -> "subprocess.Popen[bytes]":
    """Start osls as `osls` does, and return its process."""
    install_osls()
    arguments = ["node", "node_modules/osls/bin/serverless.js", command, "--stage", stage]
    arguments += ["--param", f"runtime=python{python}", "--param", f"byteCode=cpython-{python.replace('.', '')}"]
    return subprocess.Popen(arguments, cwd=ROOT, env=offline_environment(endpoint), stdout=output, stderr=output)


def install_osls() -> None:
    """Install the packages of package-lock.json, unless that was done before."""
    executable = npm()
    digest = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    stamp = ROOT / "node_modules" / ".feedkeeper"
    if stamp.exists() and stamp.read_text() == digest:
        return
    subprocess.run([executable, "ci", "--no-audit", "--no-fund"], cwd=ROOT, check=True)
    stamp.write_text(digest)


def offline_environment(endpoint: str) -> dict[str, str]:
    """Environment variables of osls: no AWS account of this machine, made-up credentials, and the stand-in for AWS."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return environment | {
        "AWS_ACCESS_KEY_ID": "offline",
        "AWS_SECRET_ACCESS_KEY": "offline",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": endpoint,
    }


def lint(template: Path = RESULT / TEMPLATE) -> None:
    """Check a compiled template with cfn-lint; raises CalledProcessError where it finds something."""
    # W3005: a dependency that is stated twice, by osls and its plugin; harmless.
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    command = [str(cfn_lint), "--ignore-checks", "W3005", "--template", str(template)]
    subprocess.run(command, check=True)


def sizes(layers: tuple[Layer, ...], result: Path = RESULT) -> list[Size]:
    """The size of every function of the template in `result`."""
    template: dict[str, Any] = json.loads((result / TEMPLATE).read_text())
    megabytes = {layer.name: layer.megabytes() for layer in layers}
    return [
        size(resource["Properties"], result, megabytes)
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]


def size(function: dict[str, Any], result: Path, layer_megabytes: dict[str, float]) -> Size:
    archive = result / Path(function["Code"]["S3Key"]).name
    with zipfile.ZipFile(archive) as opened:
        code = sum(entry.file_size for entry in opened.infolist()) / 1e6
    names = tuple(layer_name(reference) for reference in function.get("Layers", ()))
    return Size(archive.stem, code, names, code + sum(layer_megabytes[name] for name in names))


def layer_name(reference: dict[str, str]) -> str:
    """`base` of `{"Ref": "BaseLambdaLayer"}`."""
    return reference["Ref"].removesuffix("LambdaLayer").lower()


def report(measured: list[Size], layers: tuple[Layer, ...]) -> None:
    """Print the sizes; ends the program where a function is above the budget."""
    print(f"\n{'layer':<26}{'MB unzipped':>12}")
    for layer in layers:
        print(f"{layer.name:<26}{layer.megabytes():>12.1f}")
    print(f"\n{'function':<26}{'MB code':>12}{'MB in all':>12}  layers")
    for row in measured:
        print(f"{row.function:<26}{row.code:>12.2f}{row.total:>12.1f}  {' '.join(row.layers)}")
    if interpreter(PYTHON) is None:
        print(f"\nno Python {PYTHON} here: without byte code, which makes packages up to twice as large")
    if too_large := [row.function for row in measured if row.total > BUDGET_MB]:
        raise SystemExit(f"above the budget of {BUDGET_MB} MB: {', '.join(too_large)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    stages = load_service()["params"].keys() - {"default"}
    parser.add_argument("--stage", default="prod", choices=sorted(stages), help="(default: %(default)s)")
    stage = parser.parse_args().stage
    command_line.run(lambda: package_and_report(stage))


def package_and_report(stage: str) -> None:
    with lock("package"):
        layers = package(stage)
        lint()
        report(sizes(layers), layers)


if __name__ == "__main__":
    main()
