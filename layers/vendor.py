"""Vendor what pages load in a browser: python -m layers.vendor

Packages of package-lock.json, fetched by npm. A tarball that is not the one of the lock file, by its SHA-512, is
refused. Each file has a hash of its content in its name, so that a browser may keep it for ever; `manifest.json` names
them: {"htmx.js": {"file": "htmx.0123456789ab.js", "sha512": "0123456789ab…"}, …}.

Nothing is done where the files are those of the present lock file.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from layers.build import OUTPUT, ROOT, lock
from shared import command_line
from shared.errors import BadConfig, Refused, Unavailable

LOCK_FILE = ROOT / "package-lock.json"
HASH_DIGITS = 12  # of the SHA-512 of a file, in its name
FONTS = ("thai",)  # what a machine may lack; Latin letters are of its own font, which saves half of a first visit
FONT_FACE = re.compile(r"(?:/\*[^*]*\*/\s*)?@font-face \{[^}]*\}\s*")
OF_PACKAGE = re.compile(r"url\(\./files/([\w.-]+)\)")  # how a style sheet of fontsource names its files


@dataclass(frozen=True, slots=True)
class Selection:
    """Files of npm packages, and where they are written.

    members  by package: the name of each file in our manifest, by its path in the package; a style sheet stands behind
             the files that it names
    """

    folder: Path
    members: Mapping[str, Mapping[str, str]]


PAGES = Selection(
    ROOT / "console" / "static" / "vendor",
    {
        "htmx.org": {"dist/htmx.min.js": "htmx.js", "LICENSE": "htmx.LICENSE.txt"},
        "uplot": {
            "dist/uPlot.iife.min.js": "uplot.js",
            "dist/uPlot.min.css": "uplot.css",
            "LICENSE": "uplot.LICENSE.txt",
        },
        "@fontsource-variable/noto-sans-thai": {
            **{f"files/noto-sans-thai-{part}-wght-normal.woff2": f"noto-sans-thai-{part}.woff2" for part in FONTS},
            "wght.css": "noto-sans-thai.css",
            "LICENSE": "noto-sans-thai.LICENSE.txt",
        },
    },
)
# What tests run in a browser, and no page loads.
BROWSER_TESTS = Selection(OUTPUT / "browser", {"axe-core": {"axe.min.js": "axe.js", "LICENSE": "axe.LICENSE.txt"}})


def vendor(selection: Selection = PAGES) -> None:
    """Write the files of a selection, unless they are there."""
    with lock("vendor"):
        stamp = selection.folder / "stamp"
        if not stamp.exists() or stamp.read_text() != recipe(selection.folder):
            write(selection.folder, contents(selection))
            replace(stamp, recipe(selection.folder).encode())  # last: an interrupted run is repeated


def recipe(folder: Path) -> str:
    """A digest of what the files are made from, and of the files themselves."""
    facts = hashlib.sha256(LOCK_FILE.read_bytes() + Path(__file__).read_bytes())
    for file in sorted(folder.iterdir()):
        if file.name != "stamp":
            facts.update(file.name.encode() + file.read_bytes())
    return facts.hexdigest()


def contents(selection: Selection) -> dict[str, bytes]:
    """The content of each file, by its name in the manifest. In style sheets, files have the names that they get."""
    files: dict[str, bytes] = {}
    for package, members in selection.members.items():
        with tarfile.open(fileobj=BytesIO(tarball(package))) as archive:
            for path, name in members.items():
                content = content_of(archive, package, path)
                files[name] = with_our_names(content, members, files) if name.endswith(".css") else content
    return files


def content_of(archive: tarfile.TarFile, package: str, path: str) -> bytes:
    try:
        member = archive.extractfile(f"package/{path}")
    except KeyError:
        raise Refused(f"{package}: this version has no {path}") from None
    return member.read() if member else b""


def with_our_names(sheet: bytes, members: Mapping[str, str], files: Mapping[str, bytes]) -> bytes:
    """The style sheet with the names that files get, without the fonts that are not taken."""

    def ours(match: re.Match[str]) -> str:
        name = members[f"files/{match[1]}"]
        return f"url({hashed(name, files[name])})"

    def taken(match: re.Match[str]) -> str:
        return match[0] if all(f"files/{file}" in members for file in OF_PACKAGE.findall(match[0])) else ""

    return OF_PACKAGE.sub(ours, FONT_FACE.sub(taken, sheet.decode())).encode()


def hashed(name: str, content: bytes) -> str:
    """The name of a file, with the hash of its content.

    >>> hashed("htmx.js", b"")
    'htmx.cf83e1357eef.js'
    """
    stem, _, ending = name.rpartition(".")
    return f"{stem}.{hashlib.sha512(content).hexdigest()[:HASH_DIGITS]}.{ending}"


def tarball(package: str) -> bytes:
    """The package as npm publishes it; Refused where it is not the one of the lock file."""
    locked = json.loads(LOCK_FILE.read_text())["packages"].get(f"node_modules/{package}")
    if locked is None:
        raise BadConfig(f"package-lock.json: has no {package}")
    named = f"{package}@{locked['version']}"
    content = fetched(named)
    if locked["integrity"] != f"sha512-{b64encode(hashlib.sha512(content).digest()).decode()}":
        raise Refused(f"{named}: its tarball is not the one of package-lock.json, by its SHA-512")
    return content


def fetched(named: str) -> bytes:
    """The tarball of a package, named with its version: npm's own copy, or that of the registry."""
    with TemporaryDirectory() as folder:
        command = [npm(), "pack", named, "--prefer-offline", "--pack-destination", folder]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        files = list(Path(folder).iterdir())
        if answer.returncode or not files:
            reason = re.search(r"code (\w+)", answer.stderr)
            raise Unavailable(f"npm did not fetch {named}: {reason[1] if reason else 'no reason given'}")
        return files[0].read_bytes()


def npm() -> str:
    """The path of npm; ends the program where there is none."""
    path = shutil.which("npm")
    if path is None:
        raise SystemExit("this needs Node 20 or newer, with npm")
    return path


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files and then their manifest, so that at any time it names files that are there; delete others."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {hashed(name, content): content for name, content in files.items()}
    manifest = {
        name: {"file": hashed(name, content), "sha512": hashlib.sha512(content).hexdigest()}
        for name, content in files.items()
    }
    for name, content in (named | {"manifest.json": json.dumps(manifest, indent=1).encode()}).items():
        replace(folder / name, content)
    for file in folder.iterdir():
        if file.name not in named and file.name != "manifest.json":
            file.unlink()


def replace(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = file.with_name("part")
    part.write_bytes(content)
    os.replace(part, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browser-tests", action="store_true", help="what tests in a browser run instead")
    selection = BROWSER_TESTS if parser.parse_args().browser_tests else PAGES
    command_line.run(lambda: vendor(selection))


if __name__ == "__main__":
    main()
