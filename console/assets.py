"""Files of the console that no page changes: styles, scripts, fonts.

Their addresses hold a hash of the content, so that browsers may keep them for ever.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.errors import BadConfig, NotFound

FOLDER = Path(__file__).parent / "static"
VENDOR = FOLDER / "vendor"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
PATH = "/console/static/"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, and its media type."""

    content: bytes
    media_type: str


def address(name: str) -> str:
    """The path of a file, such as "console.css" or, of another's, "htmx.js".

    BadConfig for a file that is not there: others' files are fetched by `python -m layers.vendor`.
    """
    if name not in _names():
        raise BadConfig(f"console/static: there is no {name}")
    return PATH + _names()[name]


@cache
def asset(file: str) -> Asset:
    """The file of an address; NotFound for any other."""
    if file not in _names().values():
        raise NotFound("path: there is no such file")
    return _read(file)


def _read(file: str) -> Asset:
    path = VENDOR / file
    if not path.exists():
        own = next(path for path in _own() if _hashed(path) == file)
        return Asset(own.read_bytes(), MEDIA_TYPES[own.suffix])
    return Asset(path.read_bytes(), MEDIA_TYPES[path.suffix])


def _own() -> list[Path]:
    return sorted(path for path in FOLDER.iterdir() if path.suffix in MEDIA_TYPES)


@cache
def _names() -> dict[str, str]:
    """The name of each file with the hash of its content, by its name without."""
    manifest = VENDOR / "manifest.json"
    vendored = json.loads(manifest.read_text()) if manifest.exists() else {}
    names = {name: entry["file"] for name, entry in vendored.items() if Path(entry["file"]).suffix in MEDIA_TYPES}
    return names | {path.name: _hashed(path) for path in _own()}


def _hashed(path: Path) -> str:
    return f"{path.stem}.{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}{path.suffix}"
