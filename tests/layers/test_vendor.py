"""What pages load in a browser is as package-lock.json says, and comes from nowhere else."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from base64 import b64decode
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest

from layers import vendor
from layers.build import ROOT
from layers.vendor import BROWSER_TESTS, PAGES, Selection
from shared.errors import Refused

LOCKED = json.loads((ROOT / "package-lock.json").read_text())
SELECTIONS = {"pages": PAGES, "tests in a browser": BROWSER_TESTS}
fetched_once = cache(vendor.fetched)


@pytest.fixture(autouse=True)
def few_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "fetched", fetched_once)


@pytest.fixture(params=list(SELECTIONS))
def selection(request: pytest.FixtureRequest, tmp_path: Path) -> Selection:
    """Each selection, written into a folder of this test."""
    written = replace(SELECTIONS[request.param], folder=tmp_path / "vendor")
    vendor.vendor(written)
    return written


@pytest.fixture
def htmx(tmp_path: Path) -> Selection:
    """One package, to be written into a folder of this test."""
    return Selection(tmp_path / "vendor", {"htmx.org": PAGES.members["htmx.org"]})


def manifest(selection: Selection) -> dict[str, dict[str, str]]:
    files: dict[str, dict[str, str]] = json.loads((selection.folder / "manifest.json").read_text())
    return files


def modified(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}


def test_every_file_is_that_of_a_package_of_the_lock_file(selection: Selection) -> None:
    files = manifest(selection)
    names_of = {entry["file"]: name for name, entry in files.items()}

    assert sorted(files) == sorted(name for members in selection.members.values() for name in members.values())
    for package, members in selection.members.items():
        locked = LOCKED["packages"][f"node_modules/{package}"]
        tarball = fetched_once(f"{package}@{locked['version']}")
        assert hashlib.sha512(tarball).digest() == b64decode(locked["integrity"].removeprefix("sha512-"))
        with tarfile.open(fileobj=BytesIO(tarball)) as archive:
            for path, name in members.items():
                packed = archive.extractfile(f"package/{path}")
                assert packed is not None
                content = (selection.folder / files[name]["file"]).read_bytes()
                if name.endswith(".css"):  # names other files as they are named here
                    paths = {name: path for path, name in members.items()}
                    for file in re.findall(rb"url\(([^)]+)\)", content):
                        path_of_file = paths[names_of[file.decode()]]
                        content = content.replace(file, f"./{path_of_file}".encode())
                    assert content.strip() in packed.read(), name  # without the fonts that are not taken
                    assert content.count(b"@font-face") == content.count(b"url(")
                else:
                    assert content == packed.read(), name


def test_a_name_holds_the_hash_of_its_content(selection: Selection) -> None:
    for name, entry in manifest(selection).items():
        digest = hashlib.sha512((selection.folder / entry["file"]).read_bytes()).hexdigest()
        stem, ending = name.rsplit(".", 1)
        assert (entry["file"], entry["sha512"]) == (f"{stem}.{digest[:12]}.{ending}", digest)


def test_no_style_sheet_names_another_origin(selection: Selection) -> None:
    for sheet in selection.folder.glob("*.css"):
        text = sheet.read_text()
        assert "@import" not in text
        assert "//" not in text
        assert {name for name in re.findall(r"url\(([^)]+)\)", text) if not (sheet.parent / name).is_file()} == set()


def test_no_script_evaluates_text_or_names_a_source_map() -> None:
    vendor.vendor()
    for script in PAGES.folder.glob("*.js"):
        assert re.findall(r"\beval\(|\bnew Function\(|sourceMappingURL", script.read_text()) == []


def test_the_lock_file_names_no_host_and_each_package_by_its_hash() -> None:
    assert LOCKED["lockfileVersion"] == 3
    for name, package in LOCKED["packages"].items():
        assert "resolved" not in package
        assert not name or package["integrity"].startswith("sha512-")
    wanted = json.loads((ROOT / "package.json").read_text())
    assert wanted["dependencies"].keys() == PAGES.members.keys()
    assert BROWSER_TESTS.members.keys() <= wanted["devDependencies"].keys()


def test_nothing_is_done_where_the_files_are_there(selection: Selection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "fetched", None)
    before = modified(selection.folder)

    vendor.vendor(selection)

    assert modified(selection.folder) == before


@pytest.mark.parametrize("harm", ["a changed file", "a missing file", "a file of before", "a run that was killed"])
def test_files_that_are_not_as_written_are_written_anew(htmx: Selection, harm: str) -> None:
    vendor.vendor(htmx)
    names = modified(htmx.folder).keys()
    file = htmx.folder / manifest(htmx)["htmx.js"]["file"]
    content = file.read_bytes()
    if harm == "a changed file":
        file.write_bytes(content[:-1])
    elif harm == "a missing file":
        file.unlink()
    elif harm == "a file of before":
        (htmx.folder / "htmx.000000000000.js").write_text("older")
    else:
        (htmx.folder / "stamp").unlink()
        (htmx.folder / "part").write_text("half of it")

    vendor.vendor(htmx)

    assert modified(htmx.folder).keys() == names
    assert file.read_bytes() == content


def test_two_at_once_write_one_result(htmx: Selection) -> None:
    threads = [Thread(target=vendor.vendor, args=(htmx,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    files = {entry["file"] for entry in manifest(htmx).values()}
    assert modified(htmx.folder).keys() == files | {"manifest.json", "stamp"}


def test_another_tarball_is_refused_and_nothing_is_written(htmx: Selection, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor.vendor(htmx)
    (htmx.folder / "stamp").unlink()
    before = modified(htmx.folder)
    genuine = fetched_once("htmx.org@4.0.1")
    monkeypatch.setattr(vendor, "fetched", lambda named: genuine[:-1] + b"x")

    with pytest.raises(Refused, match=r"^htmx\.org@4\.0\.1: its tarball is not the one of package-lock\.json"):
        vendor.vendor(htmx)

    assert modified(htmx.folder) == before


def test_a_version_without_a_file_is_refused(tmp_path: Path) -> None:
    selection = Selection(tmp_path / "vendor", {"uplot": {"dist/uPlot.gone.js": "uplot.js"}})

    with pytest.raises(Refused, match=r"^uplot: this version has no dist/uPlot\.gone\.js$"):
        vendor.vendor(selection)


VENDOR = """
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from layers import vendor
from shared import command_line
command_line.run(lambda: vendor.vendor(replace(vendor.PAGES, folder=Path(sys.argv[1]))))
"""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PATH": "/nothing/such"}, "this needs Node 20 or newer, with npm\n"),
        (
            {"npm_config_registry": "http://127.0.0.1:9", "npm_config_fetch_retries": "0"},
            "Unavailable: npm did not fetch htmx.org@4.0.1: ECONNREFUSED\n",
        ),
    ],
    ids=["no npm", "no network"],
)
def test_what_is_missing_is_said_in_a_sentence(environment: dict[str, str], said: str, tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", VENDOR, str(tmp_path / "vendor")],
        env={**os.environ, "npm_config_cache": str(tmp_path / "cache"), **environment},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (answer.returncode, answer.stderr) == (1, said)
